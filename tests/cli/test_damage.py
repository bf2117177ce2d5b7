"""What an operator can do about a cenv whose file is damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from wce.core.replacing import COUNTERS
from wce.errors import WceError


@pytest.fixture
def damaged(ask, store, cenv) -> str:
    """A cenv with a table, a backup of that, and a file that nobody can read any more, which a server has met."""
    with store.session(cenv) as session:
        session.execute("CREATE TABLE notes (text TEXT)")
        session.execute("INSERT INTO notes VALUES ('kept')")
    ask("backup", cenv)
    with closing(sqlite3.connect(store.path(cenv))) as last:
        store.connections.close()
        last.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with store.path(cenv).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 20 * 4096)
    with pytest.raises(WceError, match="damaged"), store.session(cenv) as session:
        session.all("SELECT * FROM notes")
    return cenv


def test_its_backups_are_listed_and_one_is_brought_back_beside_a_running_server(ask, run, store, damaged):
    broken, counted = store.path(damaged).read_bytes(), 1_000_000_000
    (kept,) = ask("backup", damaged, "--list")["backups"]

    assert run("restore", damaged, kept["id"]).exit_code == 0

    with store.session(damaged) as session:
        assert session.all("SELECT text FROM notes") == [("kept",)]
        assert session.all("PRAGMA integrity_check") == [("ok",)]
        assert (
            min(session.one(f"SELECT {', '.join(COUNTERS)} FROM _wce_state") or (0,)) > counted
        )  # what is cached of the one before is old
    assert ask("verify-audit", damaged)["ok"] is True
    assert (store.folder.path / f"{damaged}.db.damaged").read_bytes() == broken
    assert store.cenvs() == [damaged]


def test_what_is_wrong_with_it_is_told(run, damaged):
    told = run("info", damaged).stderr.splitlines()[-1]

    assert told == "wce: The file of this cenv is damaged (cenv_damaged): SQLITE_CORRUPT database disk image is malformed"


def test_a_backup_that_is_not_there_changes_nothing(run, store, damaged):
    broken = store.path(damaged).read_bytes()

    assert run("restore", damaged, "20260101T000000Z-manual-00000000").exit_code == 1

    assert store.path(damaged).read_bytes() == broken


def test_it_is_deleted_and_comes_back_as_it_was(ask, run, store, damaged):
    broken = store.path(damaged).read_bytes()

    assert ask("delete", damaged, "--yes")["cenv_id"] == damaged

    assert store.cenvs() == []
    assert [item["cenv_id"] for item in ask("undelete")["deleted"]] == [damaged]
    assert ask("undelete", damaged)["cenv_id"] == damaged
    assert store.path(damaged).read_bytes() == broken
    assert run("delete", damaged, "--yes").exit_code == 0
