"""The WAL comes into the file beside those who write, and who reads for long does not let it grow without end."""

from __future__ import annotations

import os
import sys

import pytest

from tests.store.conftest import OWNER
from wce import lane
from wce.errors import WceError
from wce.store import emptying, sqlite, walindex
from wce.store.sqlite import connect


def test_a_long_reader_makes_writers_wait_and_not_the_log_grow(store, cenv, monkeypatch):
    monkeypatch.setattr(emptying, "LONGEST_BYTES", 500_000)
    monkeypatch.setattr(sqlite, "LOG_KEPT_BYTES", 200_000)
    store.connections.close_cenv(cenv)

    def write(times: int = 1) -> None:
        for _ in range(times):
            with store.session(cenv) as session, session.transaction(OWNER) as transaction:
                transaction.execute("INSERT OR REPLACE INTO notes VALUES (1, hex(zeroblob(50000)))")

    write()
    reader = connect(store.path(cenv))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM notes").fetchall()
    with pytest.raises(WceError, match="Long-running reads") as refused:
        write(20)
    longest = store.folder.log_bytes(cenv)
    reader.close()
    write()

    assert refused.value.code == "busy"
    assert longest < 800_000
    assert store.folder.log_bytes(cenv) < 500_000


def test_without_a_log_nothing_is_long(store):
    assert store.folder.log_bytes("00000000-0000-4000-8000-000000000000") == 0


@pytest.fixture
def turns(store, cenv, monkeypatch):
    """How many write to the cenv, for each time that a thread has said that it will wait."""
    monkeypatch.setattr(emptying, "_FRAMES", 50)
    monkeypatch.setattr(walindex, "_WORTH", 1)
    found: list[int] = []
    monkeypatch.setattr(lane, "waiting", lambda: found.append(len(store.writers)))
    return found


def in_file(session):
    """How many frames of the log are in the file (sqlite.org/walformat.html, "WAL-Index Format")."""
    assert session.index.mark()
    return int.from_bytes(os.pread(session.index._descriptor, 4, 96), sys.byteorder)


def test_what_fills_the_log_is_brought_into_the_file_without_the_turn(store, cenv, add_note, turns):
    with store.session(cenv) as session:
        add_note("one")
        assert in_file(session) == 0
        while not turns:
            add_note("more")

        assert turns == [0]
        assert in_file(session) == session.index.log()[0] > 40


def test_that_is_done_once_for_so_many_frames(store, cenv, add_note, turns):
    with store.session(cenv) as session:
        for number in range(100):
            add_note(str(number))
            session.one("SELECT count(*) FROM notes")
        frames, _ = session.index.log()

    assert 0 < len(turns) < 10
    assert 0 <= frames < 100


def test_a_log_that_cannot_be_brought_in_now_loses_no_commit(store, cenv, add_note, turns, caplog):
    add_note("one")
    add_note("two")
    with store.session(cenv) as session:
        open_one = session.execute("SELECT * FROM notes")
        open_one.fetchone()
        for number in range(60):
            with session.transaction(OWNER) as transaction:
                transaction.execute("INSERT INTO notes (title) VALUES (?)", (str(number),))
        del open_one

        assert session.one("SELECT count(*) FROM notes") == (62,)
    assert "log not brought into the file" in caplog.messages
