"""What tells that nobody has committed: it may never say so when somebody has."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wce.store import walindex
from wce.store.sqlite import connect
from wce.store.walindex import WalIndex

INSERT = "INSERT INTO notes (title) VALUES ('x')"
COUNT = "SELECT count(*), max(title) FROM notes"


@pytest.fixture
def index(store, cenv):
    with store.session(cenv) as session:
        session.one(COUNT)
        yield WalIndex(store.path(cenv))


def test_the_mark_stays_while_people_read(store, cenv, index):
    mark = index.mark()
    with store.session(cenv) as session:
        session.all("SELECT * FROM notes")
        session.execute("BEGIN")
        session.execute(INSERT)
        session.execute("ROLLBACK")

    assert mark
    assert index.mark() == mark


def test_every_commit_changes_it_also_one_of_another_process(cenv, index, add_note, run):
    seen = {index.mark()}
    add_note("one")
    seen.add(index.mark())
    run("with store.session(sys.argv[2]) as session: session.execute(\"INSERT INTO notes (title) VALUES ('two')\")", cenv)
    seen.add(index.mark())

    assert len(seen) == 3


def test_a_checkpoint_may_change_it_and_the_commit_after_it_does(store, cenv, index, add_note):
    add_note("one")
    with store.session(cenv) as session:
        session.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    mark = index.mark()
    add_note("two")

    assert index.mark() != mark


def test_nothing_is_opened_for_it_that_would_have_to_be_closed(index):
    before = os.listdir("/proc/self/fd")
    index.mark()

    assert os.listdir("/proc/self/fd") == before


def test_it_is_not_looked_for_before_it_pays(store, cenv, index, monkeypatch):
    monkeypatch.setattr(walindex, "_WORTH", 3)

    assert [bool(index.mark()) for _ in range(4)] == [False, False, True, True]


def test_a_file_that_nobody_has_open_has_no_mark(tmp_path):
    (tmp_path / "a.db-shm").write_bytes(bytes(32_768))

    assert WalIndex(tmp_path / "a.db").mark() == b""
    assert WalIndex(tmp_path / "b.db").mark() == b""


@pytest.mark.parametrize(
    "header", [b"", bytes(96), b"x" * 48, b"x" * 48 + b"y" * 48, b"x" * 95], ids=["empty", "new", "half", "torn", "short"]
)
def test_a_header_that_is_not_whole_is_no_mark(tmp_path, header):
    path = tmp_path / "a.db-shm"
    path.write_bytes(header)
    with path.open("rb"):
        assert WalIndex(tmp_path / "a.db").mark() == b""
    path.write_bytes(b"x" * 96)
    with path.open("rb"):
        assert WalIndex(tmp_path / "a.db").mark() == b"x" * 96


def test_a_descriptor_that_is_gone_is_no_mark(tmp_path):
    path = tmp_path / "a.db-shm"
    path.write_bytes(b"x" * 96)
    index = WalIndex(tmp_path / "a.db")
    with path.open("rb"):
        assert index.mark()

    assert index.mark() == b""


STEPS = st.lists(st.sampled_from(["here", "other", "thread", "rollback", "checkpoint", "open", "schema"]), min_size=1, max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_row_that_was_kept_is_always_the_one_that_sqlite_has(store, make_store, cenv, steps):
    """Whoever commits in between, and however: on this connection, on another one, in another store, in an open transaction."""
    with store.session(cenv) as session, make_store().session(cenv) as other:
        for step in steps:
            if step == "open":
                session.execute("BEGIN")
                session.execute(INSERT)
                assert session.kept(COUNT) == session.one(COUNT)
                session.execute("COMMIT")
            elif step == "rollback":
                session.execute("BEGIN")
                session.execute(INSERT)
                assert session.kept(COUNT) == session.one(COUNT)
                session.execute("ROLLBACK")
            elif step == "checkpoint":
                other.execute("PRAGMA wal_checkpoint(PASSIVE)")
            elif step == "schema":
                other.execute("CREATE TABLE IF NOT EXISTS more (x)")
                other.execute("DROP TABLE more")
            elif step == "thread":
                thread = threading.Thread(target=_insert, args=(store, cenv))
                thread.start()
                thread.join()
            else:
                (session if step == "here" else other).execute(INSERT)
            assert session.kept(COUNT) == other.one(COUNT)
            assert session.kept(COUNT) == other.one(COUNT)


def _insert(store, cenv):
    with store.session(cenv) as session:
        session.execute(INSERT)


def test_a_row_is_asked_for_once_until_somebody_commits(store, cenv, add_note):
    with store.session(cenv) as session:
        asked: list[str] = []
        session.connection.set_trace_callback(asked.append)
        answers = [session.kept("SELECT count(*) FROM notes WHERE id > ?", (number,)) for number in (0, 0, 1, 0)]
        session.connection.set_trace_callback(None)
        add_note("one")
        again = session.kept("SELECT count(*) FROM notes WHERE id > ?", (0,))

    assert answers == [(0,)] * 4
    assert len(asked) == 2
    assert again == (1,)


def test_what_a_cursor_that_is_still_held_sees_is_not_kept(store, make_store, cenv):
    """It keeps its connection at the moment that it reads from, for the other statements, too."""
    with store.session(cenv) as session, make_store().session(cenv) as other:
        cursor = session.execute("SELECT 1 UNION ALL SELECT count(*) FROM notes UNION ALL SELECT 3")
        cursor.fetchone()
        other.execute(INSERT)
        session.kept(COUNT)
        del cursor

        assert session.kept(COUNT) == (1, "x")


def test_there_is_an_end_to_the_rows_that_are_kept(store, cenv):
    with store.session(cenv) as session:
        for number in range(1_000):
            assert session.kept("SELECT ?", (number,)) == (number,)

        assert len(session._rows) <= 100


def test_readers_beside_writers_never_see_less_than_what_was_committed(store, make_store, cenv, actor):
    """Each commit is announced after it; whoever reads then sees it."""
    committed, fewer, stop = [0], [], threading.Event()

    def write():
        with make_store().session(cenv) as session:
            for _ in range(300):
                session.execute(INSERT)
                committed[0] += 1
        stop.set()

    def read():
        with store.session(cenv) as session:
            while not stop.is_set():
                least = committed[0]
                row = session.kept(COUNT)
                if row is None or row[0] < least:
                    fewer.append((least, row))

    threads = [threading.Thread(target=read) for _ in range(2)] + [threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert committed == [300]
    assert fewer == []


def test_what_a_visitor_makes_long_is_not_kept(store, cenv):
    with store.session(cenv) as session:
        for number in range(200):
            path = f"{number}" + "x" * 60_000
            assert session.kept("SELECT length(?)", (path,)) == (len(path),)

        assert session._rows == {}


@pytest.mark.parametrize("page_bytes", [512, 4096, 65_536])
def test_it_tells_how_long_the_log_is(tmp_path, page_bytes, monkeypatch):
    monkeypatch.setattr(walindex, "_WORTH", 1)
    connection = connect(tmp_path / "x", mode="rwc")
    connection.execute(f"PRAGMA page_size={page_bytes}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (x)")
    for _ in range(5):
        connection.execute("INSERT INTO t VALUES (randomblob(3000))")

    frames, length = WalIndex(tmp_path / "x").log()
    assert length == (tmp_path / "x-wal").stat().st_size == 32 + frames * (page_bytes + 24)
    connection.close()
    assert WalIndex(tmp_path / "x").log() == (-1, -1)


def test_it_tells_whether_another_process_writes(store, cenv, monkeypatch):
    monkeypatch.setattr(walindex, "_WORTH", 2)
    script = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('writes', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    with store.session(cenv) as session:
        session.one(COUNT)
        index = WalIndex(store.path(cenv))
        told = [index.taken(), index.taken()]
        session.execute("BEGIN IMMEDIATE")  # ours, which others of this process wait for elsewhere
        told.append(index.taken())
        session.execute("COMMIT")
        command = [sys.executable, "-c", script, str(store.path(cenv))]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            other.stdout.readline()
            told.append(index.taken())
            other.stdin.close()
        told.append(index.taken())

    assert told == [None, False, False, True, False]


def test_of_a_descriptor_that_is_gone_it_is_not_known_who_writes(store, cenv, index, monkeypatch):
    monkeypatch.setattr(walindex, "_WORTH", 1)
    assert index.taken() is False
    index._descriptor = 10_000
    assert index.taken() is None
