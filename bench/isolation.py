"""`python -m bench.isolation`: what a plain read on one cenv waits while another cenv does its worst without pause.

Its worst are the heaviest queries that are allowed, and scripts that run away. Beside them stands what a process that has nothing to do
with WCE costs the same reads: the machine's own share, which no server can take away.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bench import wce_target
from bench.load import Sample, measure
from bench.target import Target

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

WANTED: Final = 3.0
WANTED_BESIDE_SCRIPTS: Final = 2.0
# Each ends by itself within about a second, so that nothing of it still runs in the quiet part of the next round. A bound that is no whole
# number keeps WCE from giving the answer of the last time again.
HEAVY: Final = {
    "recursive CTE": "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000)"
    " SELECT count(*), sum(n) FROM c LIMIT ?",
    "cross join": "SELECT count(*) FROM big a CROSS JOIN (SELECT id FROM big LIMIT 50) b WHERE a.n <> b.id LIMIT ?",
    "10,000 wide rows": "SELECT * FROM wide LIMIT ?",
    "sort": "SELECT id, title, n FROM big ORDER BY title || n DESC, n LIMIT ?",
    "text functions": "SELECT sum(length(replace(upper(title), 'A', 'bc'))) FROM big WHERE title LIKE '%e%9%' LIMIT ?",
}
# Each is ended by a limit and begun again; the sixth of a minute that a script may be suspended for counts as rest.
RUNAWAYS: Final = {
    "script that loops": "for i in range(1000000000):\n        for j in range(1000000000):\n            pass",
    "script that allocates": "x = []\n    for i in range(100000000):\n        x.append('w' * 1000 + str(i))",
    "script that prints": "for i in range(1000000000):\n        print('w' * 1000)",
}
STRANGER: Final = "nothing; a process of somebody else loops"
_STOPPED: Final = (http.HTTPStatus.BAD_GATEWAY, http.HTTPStatus.SERVICE_UNAVAILABLE, http.HTTPStatus.GATEWAY_TIMEOUT)
_MOST_ROWS: Final = {"sort": 10.0}
_REST_SECONDS: Final = 0.05
_COLUMNS: Final = 20
_FILL: Final = (
    "CREATE TABLE big (id INTEGER PRIMARY KEY, title TEXT NOT NULL, n INTEGER NOT NULL)",
    "CREATE TABLE wide (" + ", ".join(f"c{k} TEXT" for k in range(_COLUMNS)) + ")",
    "INSERT INTO big SELECT NULL, hex(randomblob(20)), abs(random()) % 1000"
    " FROM (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 200000) SELECT n FROM c)",
    "INSERT INTO wide SELECT " + ", ".join("hex(randomblob(35))" for _ in range(_COLUMNS)) + " FROM big LIMIT 10000",
)


@dataclass(frozen=True)
class Round:
    """A quiet run and the one under load that followed it; `runs` heavy statements ended in the meantime."""

    quiet: Sample
    loaded: Sample
    runs: int

    @property
    def ratio(self) -> float:
        return float(self.loaded.p99 / self.quiet.p99)


def _drive(base: str, token: str, name: str, stop: Event, runs: Synchronized[int]) -> None:
    """Ask for one thing again and again; runs in a process of its own, away from the client that is measured."""
    if name == STRANGER:
        _loop(stop, runs)
        return
    allowed = (http.HTTPStatus.OK,) if name in HEAVY else _STOPPED
    place = urlsplit(base)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    while not stop.is_set():
        if name in HEAVY:
            connection.request(
                "POST", f"{place.path}/query", json.dumps({"sql": HEAVY[name], "params": [_MOST_ROWS.get(name, 1e6)]}), headers
            )
        else:
            connection.request("GET", f"{place.path}/api/{list(RUNAWAYS).index(name)}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status not in allowed:
            raise RuntimeError(f"{answer.status}: {body[:300]!r}")
        if answer.status == http.HTTPStatus.SERVICE_UNAVAILABLE:
            stop.wait(_REST_SECONDS)
        with runs.get_lock():
            runs.value += 1
    connection.close()


def _loop(stop: Event, runs: Synchronized[int]) -> None:
    while not stop.is_set():
        sum(range(1_000_000))
        with runs.get_lock():
            runs.value += 1


@contextmanager
def heavy(owner: wce_target.Client, name: str, clients: int) -> Iterator[Synchronized[int]]:
    """So many clients that do one of HEAVY or RUNAWAYS on the owner's cenv, or STRANGERs; yields how often it has ended so far."""
    context = multiprocessing.get_context("spawn")
    stop, runs = context.Event(), context.Value("i", 0)
    drivers = [context.Process(target=_drive, args=(owner.base, owner.token, name, stop, runs)) for _ in range(clients)]
    for driver in drivers:
        driver.start()
    try:
        while not runs.value and all(driver.is_alive() for driver in drivers):
            stop.wait(0.05)
        yield runs
    finally:
        stop.set()
        for driver in drivers:
            driver.join()
    if any(driver.exitcode for driver in drivers):
        raise RuntimeError(f"the server refused: {name}")


def neighbour(base: str) -> wce_target.Client:
    """The owner of a fresh cenv with large tables and scripts that run away."""
    owner = wce_target.Client(base, wce_target.new_cenv(base), "owner", wce_target.PASSWORD)
    for statement in _FILL:
        owner.query(statement)
    owner.call("PUT", "/admin/config", {"script_timeout_seconds": 1})
    for number, lines in enumerate(RUNAWAYS.values()):
        script = f"def handler(request):\n    {lines}\n"
        owner.call("POST", "/admin/endpoints", {"path": f"/{number}", "method": "GET", "access": "public", "script": script})
    return owner


def rounds(target: Target, names: list[str], count: int, seconds: float, readers: int, clients: int) -> dict[str, list[Round]]:
    """Interleaved: every round measures each heavy statement right after a quiet run."""
    owner = neighbour(target.base)
    read = target.requests["read by key, run each time"]
    found: dict[str, list[Round]] = {name: [] for name in names}
    measure(target.base, target.pid, read, seconds=1, connections=readers)
    for _ in range(count):
        for name in names:
            quiet = measure(target.base, target.pid, read, seconds=seconds, connections=readers)
            with heavy(owner, name, clients) as runs:
                before = runs.value
                loaded = measure(target.base, target.pid, read, seconds=seconds, connections=readers)
                found[name].append(Round(quiet, loaded, runs.value - before))
    return found


def _row(name: str, found: list[Round], seconds: float) -> str:
    def middle(part: str, field: str) -> float:
        return statistics.median(getattr(getattr(one, part), field) for one in found)

    ratios = [one.ratio for one in found]
    median = statistics.median(ratios)
    wanted = WANTED_BESIDE_SCRIPTS if name in RUNAWAYS else WANTED
    verdict = "" if name == STRANGER else f"≤ {wanted:g} {'met' if median <= wanted else '**missed**'}"
    failed = sum(one.quiet.errors + one.loaded.errors for one in found)
    return (
        f"| {name} | {middle('quiet', 'p50'):.2f} | {middle('quiet', 'p99'):.2f} | {middle('quiet', 'per_second'):,.0f} | "
        f"{middle('loaded', 'p50'):.2f} | {middle('loaded', 'p99'):.2f} | {middle('loaded', 'per_second'):,.0f} | "
        f"{sum(one.runs for one in found) / len(found) / seconds:.1f} | {failed} | {median:.1f} ({min(ratios):.1f}–{max(ratios):.1f}) | "
        f"{verdict} |"
    )


def table(server: str, found: dict[str, list[Round]], seconds: float, readers: int, clients: int) -> str:
    lines = [
        f"## A neighbour that does its worst, on {server}",
        "",
        f"{readers} reader(s) by key on one cenv, {clients} client(s) that do this on another one.",
        "",
        "| neighbour runs | quiet p50 ms | p99 ms | reads/s | beside it p50 ms | p99 ms | reads/s | heavy runs/s | errors "
        "| p99 ÷ quiet (spread) | wanted |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*lines, *(_row(name, each, seconds) for name, each in found.items())])


def section(
    server: str, *, names: list[str] | None = None, count: int = 3, seconds: float = 3.0, readers: int = 2, clients: int = 1
) -> str:
    """Start a server, measure, and return the table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        wce_target.running(server, 2 if server == "granian" else 1, Path(folder)) as target,
    ):
        found = rounds(target, names or [STRANGER, *HEAVY, *RUNAWAYS], count, seconds, readers, clients)
    return table(server, found, seconds, readers, clients)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.isolation", description=__doc__)
    parser.add_argument("--server", choices=("waitress", "granian"), action="append", help="default: both")
    parser.add_argument("--query", choices=[STRANGER, *HEAVY, *RUNAWAYS], action="append", help="default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one run")
    parser.add_argument("--readers", type=int, default=2, help="connections of the measured client")
    parser.add_argument("--heavy", type=int, default=1, help="connections that run the heavy statement")
    arguments = parser.parse_args()
    for server in arguments.server or ["waitress", "granian"]:
        options = {"count": arguments.rounds, "seconds": arguments.seconds, "readers": arguments.readers, "clients": arguments.heavy}
        print(section(server, names=arguments.query, **options), flush=True)


if __name__ == "__main__":
    main()
