"""A command that is killed at any moment leaves a cenv as it was or as it was to become, and nothing that cannot be used."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = 30_000
PATIENCE = 60
NEVER = 1_000_000


@pytest.fixture
def filled(store, cenv) -> str:
    with store.session(cenv) as session:
        session.execute("CREATE TABLE old (id INTEGER PRIMARY KEY, text TEXT)")
        session.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
            " INSERT INTO old SELECT i, hex(randomblob(60)) FROM n"
        )
    store.connections.close()
    return cenv


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    path = tmp_path / "incoming.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE new (id INTEGER PRIMARY KEY, text TEXT)")
    connection.executemany("INSERT INTO new (text) VALUES (?)", ((f"{n:060}",) for n in range(ROWS)))
    connection.commit()
    connection.close()
    return path


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    environ = {"PATH": os.environ["PATH"], "WCE_STORAGE_DIR": str(folder), "WCE_MIN_FREE_MB": "0"}
    return subprocess.Popen([sys.executable, "-m", "wce", *words], cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def look(folder: Path) -> dict[str, int]:
    found = {}
    for path in folder.rglob("*"):
        try:
            found[str(path)] = path.stat().st_size
        except FileNotFoundError:  # it went while we looked
            found[str(path)] = -1
    return found


def kill_after(process: subprocess.Popen[bytes], folder: Path, changes: int) -> None:
    """Kill it when so many changes of the folder have been seen; it may have ended before."""
    seen, deadline = look(folder), time.monotonic() + PATIENCE
    while changes and process.poll() is None:
        assert time.monotonic() < deadline
        now = look(folder)
        changes -= now != seen
        seen = now
        time.sleep(0.001)
    process.kill()
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("changes", [1, 4, 12, 30, NEVER])
def test_an_import_over_a_cenv(changes: int, store, filled: str, incoming: Path, folder: Path) -> None:
    kill_after(start(folder, "import", str(incoming), "--into", filled), folder, changes)

    with store.session(filled) as session:
        names = {name for (name,) in session.all("SELECT name FROM sqlite_schema WHERE name IN ('old', 'new')")}
        (table,) = names
        assert table == "new" or changes != NEVER
        assert session.one(f"SELECT count(*) FROM {table}") == (ROWS,)
        assert session.all("PRAGMA integrity_check") == [("ok",)]
        assert session.one("SELECT count(*) FROM _wce_users WHERE role = 'owner'") == (1,)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [1, 3])
def test_a_backup(changes: int, ask, run, store, filled: str, folder: Path) -> None:
    kill_after(start(folder, "backup", filled), folder, changes)

    kept = ask("backup", filled, "--list")["backups"]
    assert all(run("restore", filled, item["id"]).exit_code == 0 for item in kept)
    assert len(ask("backup", filled)["backups"]) == 1
    with store.session(filled) as session:
        assert session.one("SELECT count(*) FROM old") == (ROWS,)
        assert session.all("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.slow
@pytest.mark.parametrize("changes", [1, 5])
def test_a_restore(changes: int, ask, run, store, filled: str, folder: Path) -> None:
    (made,) = ask("backup", filled)["backups"]
    with store.session(filled) as session:
        session.execute("CREATE TABLE later AS SELECT * FROM old")
    store.connections.close()

    kill_after(start(folder, "restore", filled, made["id"]), folder, changes)

    with store.session(filled) as session:
        assert session.one("SELECT count(*) FROM old") == (ROWS,)
        assert session.all("SELECT count(*) FROM sqlite_schema WHERE name = 'later'") in ([(0,)], [(1,)])
        assert session.all("PRAGMA integrity_check") == [("ok",)]
    assert run("restore", filled, made["id"]).exit_code == 0
    with store.session(filled) as session:
        assert session.all("SELECT name FROM sqlite_schema WHERE name = 'later'") == []
