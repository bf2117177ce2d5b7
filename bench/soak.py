"""`python -m bench.soak`: thousands of cenvs under Zipf traffic, with memory, descriptors and the hit rate of the connection cache."""

from __future__ import annotations

import argparse
import bisect
import http.client
import itertools
import json
import multiprocessing
import random
import re
import sqlite3
import statistics
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from bench import wce_target
from bench.processes import free_port, python, serving
from wce.core.tokens import Tokens, token_hash

SECRET: Final = "soak-" * 8
SESSION: Final = "0" * 32
ROWS: Final = 200
WRITES: Final = 0.05  # of all requests
_HOLE: Final = "0" * 64  # where the hash of a token goes
_DAY: Final = 86_400
_CREATE: Final = (
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, title TEXT NOT NULL)",
    "CREATE INDEX notes_owner ON notes (owner_id)",
)
_READ: Final = "SELECT id, owner_id, title FROM notes WHERE id = ?"
_WRITE: Final = "UPDATE notes SET title = ? WHERE id = ?"


@dataclass(frozen=True)
class Login:
    """A cenv and the token of its user."""

    cenv: str
    token: str


@dataclass(frozen=True)
class Look:
    """What the server's processes held at one moment."""

    at: float
    mib: float
    descriptors: int


@dataclass(frozen=True)
class Traffic:
    """Milliseconds of every request and how many were refused."""

    times: list[float]
    errors: dict[int, int]


def _environment(server: str, folder: Path, port: int) -> dict[str, str]:
    return {
        **wce_target.ENVIRONMENT,
        "WCE_PORT": str(port),
        "WCE_STORAGE_DIR": str(folder / "cenvs"),
        "WCE_SERVER": server,
        "WCE_PROCESSES": "2" if server == "granian" else "1",
        "WCE_JWT_SECRET": SECRET,
        "WCE_LOG_FILE": str(folder / "wce.log"),
    }


def _model(folder: Path) -> tuple[Path, int]:
    """One cenv made through the API, closed, with a single session whose hash is a hole; and its user's id."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with serving(python("app.py"), f"{base}/health/live", _environment("waitress", folder, port), folder / "model.out"):
        cenv = wce_target.new_cenv(base)
        owner = wce_target.Client(base, cenv, "owner", wce_target.PASSWORD)
        for statement in _CREATE:
            owner.query(statement)
        user = {"username": "soak_user", "password": wce_target.PASSWORD, "role": "editor"}
        user_id = owner.call("POST", "/admin/users", user)["user_id"]
        owner.query(f"INSERT INTO notes SELECT value, {user_id}, 'Note ' || value FROM json_each(?)", json.dumps(list(range(ROWS))))
        owner.call("POST", "/admin/permissions", {"user_id": user_id, "table_name": "notes", "can_read": True, "can_write": True})
        for kind in ("read", "write"):
            policy = {"table_name": "notes", "policy_type": kind, "sql_condition": "owner_id = $user_id"}
            owner.call("POST", "/admin/policies", policy)
    path = folder / "cenvs" / f"{cenv}.db"
    now = int(time.time())
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM _wce_sessions")
    session = (SESSION, user_id, _HOLE, now, now + _DAY, now)
    connection.execute(
        "INSERT INTO _wce_sessions (session_id, user_id, token_hash, created_at, expires_at, last_used) VALUES (?, ?, ?, ?, ?, ?)", session
    )
    connection.commit()
    connection.execute("VACUUM")
    connection.close()
    return path, user_id


def _copies(folder: Path, count: int) -> list[Login]:
    """So many cenvs, each a copy of the model with its own token; no server runs yet."""
    path, user_id = _model(folder)
    model = path.read_bytes()
    path.unlink()
    tokens = Tokens(SECRET)
    now = time.time()
    logins = []
    for _ in range(count):
        cenv = str(uuid.uuid4())
        token = tokens.issue(cenv, user_id, SESSION, now, int(now) + _DAY)
        # The hash stands in the row and in the one-row index; a text of the same length moves nothing in the file.
        copy = path.with_name(f"{cenv}.db")
        copy.write_bytes(model.replace(_HOLE.encode(), token_hash(token).encode()))
        copy.chmod(0o600)
        logins.append(Login(cenv, token))
    return logins


def _visit(place: tuple[str, int], logins: Sequence[Login], shares: Sequence[float], end: float, seed: int, into: Traffic) -> None:
    """One connection: cenvs drawn by their share, mostly reads."""
    rng = random.Random(seed)
    connection = http.client.HTTPConnection(*place, timeout=60)
    times: list[float] = []
    while (start := time.monotonic()) < end:
        login = logins[bisect.bisect(shares, rng.random() * shares[-1])]
        number = rng.randrange(ROWS)
        statement = {"sql": _WRITE, "params": [f"Note {start}", number]} if rng.random() < WRITES else {"sql": _READ, "params": [number]}
        headers = {"Authorization": f"Bearer {login.token}", "Content-Type": "application/json"}
        connection.request("POST", f"/{login.cenv}/query", json.dumps(statement), headers)
        answer = connection.getresponse()
        answer.read()
        times.append((time.monotonic() - start) * 1e3)
        if answer.status != http.HTTPStatus.OK:
            into.errors[answer.status] = into.errors.get(answer.status, 0) + 1
    connection.close()
    into.times.extend(times)


def _client(base: str, logins: list[Login], seconds: float, threads: int, said: multiprocessing.SimpleQueue[Traffic]) -> None:
    """The whole traffic, in a process of its own."""
    url = urlsplit(base)
    shares = list(itertools.accumulate(1 / rank for rank in range(1, len(logins) + 1)))
    traffic = Traffic([], {})
    end = time.monotonic() + seconds
    place = (url.hostname or "", url.port or 80)
    visitors = [threading.Thread(target=_visit, args=(place, logins, shares, end, seed, traffic)) for seed in range(threads)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    said.put(traffic)


def _look(pid: int, at: float) -> Look:
    parent = psutil.Process(pid)
    tree = [parent, *parent.children(recursive=True)]
    return Look(at, sum(one.memory_info().rss for one in tree) / 2**20, sum(one.num_fds() for one in tree))


def _counted(base: str, name: str) -> float | None:
    """One figure of /metrics, where all processes count together; None where there is no such figure."""
    with urllib.request.urlopen(f"{base}/metrics") as answer:
        found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    return None if found is None else float(found.group(1))


def _hit_rate(base: str) -> str:
    opens, uses = _counted(base, "wce_connection_opens_total"), _counted(base, "wce_connection_uses_total")
    return f"{1 - opens / uses:.1%}" if opens is not None and uses else "not counted"


def _row(server: str, limit: int | None, traffic: Traffic, looks: list[Look], hits: str, seconds: float) -> str:
    cuts = statistics.quantiles(traffic.times, n=1000)
    held = " → ".join(f"{look.mib:.0f}" for look in looks)
    descriptors = " → ".join(f"{look.descriptors}" for look in looks)
    refused = ", ".join(f"{count} × {status}" for status, count in sorted(traffic.errors.items())) or "0"
    return (
        f"| {server} | {limit or 'as it is'} | {len(traffic.times) / seconds:,.0f} | {cuts[499]:.2f} | {cuts[989]:.2f} | {cuts[998]:.1f} | "
        f"{held} | {descriptors} | {hits} | {refused} |"
    )


def _run(server: str, folder: Path, logins: list[Login], seconds: float, limit: int | None, threads: int) -> str:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = python("app.py")
    if limit is not None:
        command = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(limit), *command]
    context = multiprocessing.get_context("spawn")
    said: multiprocessing.SimpleQueue[Traffic] = context.SimpleQueue()
    with serving(command, f"{base}/health/live", _environment(server, folder, port), folder / "soak.out") as pid:
        client = context.Process(target=_client, args=(base, logins, seconds, threads, said))
        client.start()
        started = time.monotonic()
        looks = []
        for moment in sorted({min(10.0, seconds / 6), min(30.0, seconds / 2), seconds * 0.98}):
            time.sleep(max(0.0, started + moment - time.monotonic()))
            looks.append(_look(pid, moment))
        traffic = said.get()
        client.join()
        hits = _hit_rate(base)
    return _row(server, limit, traffic, looks, hits, seconds)


def section(
    servers: Sequence[str], *, count: int = 10_000, seconds: float = 60.0, limits: Sequence[int | None] = (None, 2000), threads: int = 8
) -> str:
    """Make the cenvs once, then run every server under every descriptor limit; returns the table."""
    lines = [
        f"## {count:,} cenvs, Zipf traffic for {seconds:g} s",
        "",
        f"{threads} connections, {WRITES:.0%} writes, the rest reads by key, each as an ordinary user under two row policies. Memory and "
        "descriptors are",
        "those of all processes of the server after a sixth of the time (at most 10 s), half of it (at most 30 s) and at the end.",
        "",
        "| server | descriptor limit | requests/s | p50 ms | p99 ms | p99.9 ms | MiB | descriptors | connection cache hits | refused |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cenvs").mkdir(mode=0o700)
        logins = _copies(folder, count)
        for server in servers:
            for limit in limits:
                lines.append(_run(server, folder, logins, seconds, limit, threads))
                print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--server", choices=("waitress", "granian"), action="append", help="default: both")
    parser.add_argument("--cenvs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--limit", type=int, action="append", help="RLIMIT_NOFILE; default: as it is, and 2000")
    arguments = parser.parse_args()
    options = {"count": arguments.cenvs, "seconds": arguments.seconds, "threads": arguments.connections}
    print(section(arguments.server or ["waitress", "granian"], limits=arguments.limit or (None, 2000), **options))


if __name__ == "__main__":
    main()
