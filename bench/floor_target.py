"""The floor app with its data, on waitress or granian."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import jwt

from bench import data, floor
from bench.load import Request
from bench.processes import free_port, python, serving
from bench.target import Target

PASSWORD = "correct horse"


def fill(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE users (user_id INTEGER PRIMARY KEY, username TEXT UNIQUE, password_hash TEXT)")
    connection.execute("CREATE TABLE sessions (session_id TEXT PRIMARY KEY, user_id INTEGER)")
    connection.execute(
        "INSERT INTO users VALUES (?, 'user', ?)", (data.MINE, bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode())
    )
    connection.execute("INSERT INTO sessions VALUES ('bench', ?)", (data.MINE,))
    for statement in data.CREATE:
        connection.execute(statement)
    connection.executemany("INSERT INTO notes VALUES (?, ?, ?, ?, ?)", data.rows(list(range(data.OWNERS))))
    connection.commit()
    connection.close()


def _command(server: str, port: int, processes: int) -> list[str]:
    if server == "granian":
        options = ("--interface", "wsgi", "--factory", "--workers", str(processes), "--blocking-threads", "8", "--no-log", "--no-ws")
        return python("-m", "granian", "--host", "127.0.0.1", "--port", str(port), *options, "bench.floor:create_app")
    return python("-m", "waitress", "--call", "--threads=8", f"--listen=127.0.0.1:{port}", "--asyncore-use-poll", "bench.floor:create_app")


def requests() -> dict[str, Request]:
    """The tasks in the floor's form."""
    token = jwt.encode({"sub": str(data.MINE), "jti": "bench"}, floor.SECRET, "HS256")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def query(sql: str, choices: list[list[object]]) -> Request:
        return Request("POST", headers, [("/query", json.dumps({"sql": sql, "params": params})) for params in choices])

    ids = data.own_ids()
    login = json.dumps({"username": "user", "password": PASSWORD})
    return {
        "read by key": query(data.READ, [[i] for i in ids]),
        "list of 100": query(data.LIST, [[data.MINE]]),
        "insert": query(data.INSERT, [[data.MINE, "New note", "text", 1]]),
        "update": query(data.UPDATE, [[i] for i in ids]),
        "aggregate 100,000": query(data.AGGREGATE, [[0]]),
        "read by key, run each time": query(data.READ, [[i] for i in ids]),
        "list of 100, run each time": query(data.LIST, [[data.MINE]]),
        "aggregate 100,000, run each time": query(data.AGGREGATE, [[0]]),
        "login": Request("POST", {"Content-Type": "application/json"}, [("/login", login)]),
        "/me": Request("GET", headers, [("/me", "")]),
        "page": Request("GET", {}, [("/plain", "")]),
        "cached page": Request("GET", {}, [("/plain", "")]),
        "script": Request("GET", {}, [("/plain", "")]),
        "script, run each time": Request("GET", {}, [("/plain", "")]),
    }


@contextmanager
def running(server: str, processes: int, folder: Path) -> Iterator[Target]:
    """The floor app, filled and serving."""
    path = folder / "floor.sqlite"
    fill(path)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environment = {"FLOOR_DATABASE": str(path)}
    with serving(_command(server, port, processes), f"{base}/plain", environment, folder / "floor.log") as pid:
        yield Target(f"floor on {server}", base, pid, requests())
