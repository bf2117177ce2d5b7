"""WCE with the same notes: a normal user under two row policies, everything that protects switched on."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import data
from bench.load import Request
from bench.processes import free_port, python, serving
from bench.target import Target

PASSWORD = "correct horse"
BATCH = 5_000
# The limits stay on and are counted; they are only set too high to be reached by one machine.
ENVIRONMENT = {
    "WCE_CENV_RATE_LIMIT_IP": "1000000 per second",
    "WCE_CENV_RATE_LIMIT_CENV": "1000000 per second",
    "WCE_CENV_RATE_LIMIT_USER": "1000000 per second",
    "WCE_RATE_LIMIT_LOGIN": "1000000 per second",
    "WCE_RATE_LIMIT_NEW": "1000000 per second",
}


# What PocketBase's routes do, for everybody who asks.
SCRIPTS = {
    "/trivial": 'def handler(request):\n    return {"ok": True}\n',
    "/read/{id}": "def handler(request):\n"
    "    return db.query_one('SELECT id, title, n FROM notes WHERE id = ?', [int(request.params['id'])])\n",
    "/loop": "def handler(request):\n    n = 0\n    for i in range(10000):\n        n = (n + i) % 7\n    return {'n': n}\n",
    # These ask for the time, so that no answer of theirs can be kept.
    "/trivial-now": 'def handler(request):\n    return {"ok": time.now() > 0}\n',
    "/read-now/{id}": "def handler(request):\n"
    "    found = db.query_one('SELECT id, title, n FROM notes WHERE id = ?', [int(request.params['id'])])\n"
    "    found['at'] = time.now()\n    return found\n",
    "/loop-now": "def handler(request):\n    n = 0\n    for i in range(10000):\n        n = (n + i) % 7\n"
    "    return {'n': n, 'at': time.now()}\n",
}


_ROWS = (
    "<ul>{% for note in query('SELECT id, title, n FROM notes LIMIT 20') %}"
    "<li>{{ note.id }} {{ note.title }} {{ note.n }}</li>{% endfor %}</ul>"
)
# The second asks what its visitor has sent, so it is made for every one anew.
TEMPLATES = {
    "cached": "<!doctype html><title>notes</title>" + _ROWS,
    "made": "<!doctype html><title>{{ request.query.q }}</title>" + _ROWS,
}


class Client:
    """A signed-in user of one cenv."""

    def __init__(self, base: str, cenv: str, username: str, password: str) -> None:
        self.base = f"{base}/{cenv}"
        self.token = ""
        self.token = self.call("POST", "/login", {"username": username, "password": password})["token"]

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(self.base + path, method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or b"null")

    def query(self, sql: str, *params: object) -> Any:
        return self.call("POST", "/query", {"sql": sql, "params": params})


def new_cenv(base: str) -> str:
    request = urllib.request.Request(f"{base}/new", data=json.dumps({"username": "owner", "password": PASSWORD}).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return str(json.loads(answer.read())["cenv_id"])


def fill(base: str, cenv: str) -> Client:
    """Load the notes through the API and return the measured user, who may see one owner's rows."""
    owner = Client(base, cenv, "owner", PASSWORD)
    for statement in data.CREATE:
        owner.query(statement)
    user_id = owner.call("POST", "/admin/users", {"username": "bench_user", "password": PASSWORD, "role": "editor"})["user_id"]
    owners: list[int | str] = [user_id if k == data.MINE else 1000 + k for k in range(data.OWNERS)]
    # Of its own, for the twentieth login ends the first session of a user.
    owner.call("POST", "/admin/users", {"username": "bench_login", "password": PASSWORD, "role": "viewer"})
    rows = data.rows(owners)
    many = "INSERT INTO notes SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?)"
    for start in range(0, len(rows), BATCH):
        owner.query(many, json.dumps(rows[start : start + BATCH]))
    owner.call("POST", "/admin/permissions", {"user_id": user_id, "table_name": "notes", "can_read": True, "can_write": True})
    for kind in ("read", "write"):
        policy = {"table_name": "notes", "policy_type": kind, "sql_condition": "owner_id = $user_id"}
        owner.call("POST", "/admin/policies", policy)
    for path, script in SCRIPTS.items():
        endpoint = {"method": "GET", "path": path, "access": "public", "run_as": "definer", "script": script}
        owner.call("POST", "/admin/endpoints", endpoint)
    for name, content in TEMPLATES.items():
        template = {"name": name, "syntax": "jinja", "content": content, "published": True, "access": "public", "run_as": "definer"}
        owner.call("POST", "/admin/templates", template)
    return Client(base, cenv, "bench_user", PASSWORD)


def requests_of(user: Client) -> dict[str, Request]:
    me = user.call("GET", "/me")["user_id"]
    cenv = "/" + user.base.rsplit("/", 1)[1]
    headers = {"Authorization": f"Bearer {user.token}", "Content-Type": "application/json"}

    def query(sql: str, choices: list[list[object]]) -> Request:
        return Request("POST", headers, [(f"{cenv}/query", json.dumps({"sql": sql, "params": params})) for params in choices])

    ids = data.own_ids()
    login = json.dumps({"username": "bench_login", "password": PASSWORD})
    return {
        "read by key": query(data.READ, [[i] for i in ids]),
        "list of 100": query(data.LIST, [[me]]),
        "insert": query(data.INSERT, [[me, "New note", "text", 1]]),
        "update": query(data.UPDATE, [[i] for i in ids]),
        "aggregate 100,000": query(data.AGGREGATE, [[0]]),
        # The same rows, but no number that is not a whole one is a question whose answer is kept.
        "read by key, run each time": query(data.READ, [[float(i)] for i in ids]),
        "list of 100, run each time": query(data.LIST, [[float(me)]]),
        "aggregate 100,000, run each time": query(data.AGGREGATE, [[0.0]]),
        "login": Request("POST", {"Content-Type": "application/json"}, [(f"{cenv}/login", login)]),
        "/me": Request("GET", headers, [(f"{cenv}/me", "")]),
        "page": Request("GET", {"Accept": "text/html"}, [("/", "")]),
        "cached page": Request("GET", {}, [(f"{cenv}/pages/cached", "")]),
        "page made of 20 rows": Request("GET", {}, [(f"{cenv}/pages/made", "")]),
        "script": Request("GET", {}, [(f"{cenv}/api/trivial", "")]),
        "script with a query": Request("GET", {}, [(f"{cenv}/api/read/{i}", "") for i in data.popular_ids()]),
        "script with a loop": Request("GET", {}, [(f"{cenv}/api/loop", "")]),
        "script, run each time": Request("GET", {}, [(f"{cenv}/api/trivial-now", "")]),
        "script with a loop, run each time": Request("GET", {}, [(f"{cenv}/api/loop-now", "")]),
        "script with a query, run each time": Request("GET", {}, [(f"{cenv}/api/read-now/{i}", "") for i in data.popular_ids()]),
    }


@contextmanager
def running(server: str, processes: int, folder: Path) -> Iterator[Target]:
    """WCE, filled and serving."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environment = {
        **ENVIRONMENT,
        "WCE_PORT": str(port),
        "WCE_STORAGE_DIR": str(folder / f"cenvs-{server}"),
        "WCE_SERVER": server,
        "WCE_PROCESSES": str(processes),
        "WCE_JWT_SECRET": "bench-" * 8,
        "WCE_LOG_FILE": str(folder / "wce.log"),
    }
    with serving(python("app.py"), f"{base}/health/live", environment, folder / "wce.out") as pid:
        yield Target(f"WCE on {server}", base, pid, requests_of(fill(base, new_cenv(base))))
