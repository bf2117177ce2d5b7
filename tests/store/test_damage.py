from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from wce.errors import WceError
from wce.store.session import Session
from wce.store.sqlite import attach, connect, sqlite3
from wce.store.store import Store


def code(store: Store, cenv: str) -> str:
    """The error that opening a cenv gives."""
    with pytest.raises(WceError) as caught, store.session(cenv):
        pass
    return caught.value.code


def empty(session: Session) -> None:
    """A cenv without tables of its own."""


def mend(path: Path, content: bytes) -> None:
    """Replace a file as an operator would."""
    fresh = path.with_suffix(".mended")
    fresh.write_bytes(content)
    fresh.rename(path)


@pytest.fixture
def intact(store, cenv, add_note) -> bytes:
    """The content of the closed file before the test spoils it."""
    add_note("kept")
    store.connections.close()
    return store.path(cenv).read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: b"not a database" * 1000,
        lambda content: content[:1000],
        lambda content: b"x" + content[1:],
        lambda content: content[:100] + b"\xff" * 3996 + content[4096:],
    ],
    ids=["empty", "text", "cut short", "bad magic", "bad first page"],
)
def test_a_damaged_file_answers_so(store, cenv, intact, spoil):
    mend(store.path(cenv), spoil(intact))

    assert code(store, cenv) == "cenv_damaged"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (os.mkfifo, "cenv_damaged"),
        (os.mkdir, "cenv_damaged"),
        (lambda path: os.symlink("/dev/zero", path), "cenv_damaged"),
        (lambda path: os.symlink("/dev/ptmx", path), "cenv_damaged"),
        (lambda path: os.symlink(path, path), "no_such_cenv"),
        (lambda path: os.symlink("/no/where", path), "no_such_cenv"),
    ],
    ids=["fifo", "folder", "zeros", "terminal", "circle", "nothing"],
)
def test_what_is_no_file_answers_so_and_hangs_nobody(store, cenv, make, expected):
    name = str(uuid.uuid4())
    make(store.path(cenv).with_name(f"{name}.db"))

    assert code(store, name) == expected


def test_it_is_not_opened_again_until_it_has_changed(store, cenv, intact, counted):
    mend(store.path(cenv), b"text" * 5000)
    opened: list[str] = []
    open_session = store._open_session
    store._open_session = lambda name: opened.append(name) or open_session(name)

    codes = [code(store, cenv) for _ in range(5)]
    mend(store.path(cenv), intact)

    assert codes == ["cenv_damaged"] * 5
    assert counted() == 1
    assert len(opened) == 2


def test_the_others_never_notice(store, cenv, intact, actor):
    other = store.create(empty, actor)
    mend(store.path(cenv), b"text" * 5000)
    assert code(store, cenv) == "cenv_damaged"

    with store.session(other) as session, session.transaction(actor):
        assert session.one("SELECT 1") == (1,)


def test_a_page_that_breaks_while_the_file_is_open_is_found_by_who_reads_it(store, cenv, actor, intact):
    with store.session(cenv) as session:
        root = session.one("SELECT rootpage FROM sqlite_schema WHERE name = 'notes'")[0]
    store.connections.close()
    broken = intact[: (root - 1) * 4096] + b"\xff" * 4096 + intact[root * 4096 :]
    mend(store.path(cenv), broken)

    with pytest.raises(WceError) as read, store.session(cenv) as session:
        session.all("SELECT * FROM notes")
    again = code(store, cenv)

    assert (read.value.code, again) == ("cenv_damaged", "cenv_damaged")


def test_a_write_that_finds_it_is_undone(store, cenv, actor, intact):
    with store.session(cenv) as session:
        root = session.one("SELECT rootpage FROM sqlite_schema WHERE name = 'notes'")[0]
    store.connections.close()
    mend(store.path(cenv), intact[: (root - 1) * 4096] + b"\xff" * 4096 + intact[root * 4096 :])

    with pytest.raises(WceError) as caught, store.session(cenv) as session, session.transaction(actor) as transaction:
        transaction.execute("INSERT INTO notes (title) VALUES ('x')")

    assert caught.value.code == "cenv_damaged"
    assert len(store.connections) == 0


def test_an_index_of_words_out_of_step_is_an_error_of_the_sql_and_shuts_nothing(store, cenv, counted):
    with store.session(cenv) as session:
        session.execute("CREATE VIRTUAL TABLE ft USING fts5(title, content='notes', content_rowid='id')")
        session.execute("INSERT INTO ft (rowid, title) VALUES (1, 'hello')")

        with pytest.raises(sqlite3.DatabaseError, match=r"malformed|missing row"):
            session.all("SELECT title FROM ft WHERE ft MATCH 'hello'")

    assert counted() == 0


def test_only_our_own_connection_can_shut_a_file(store, cenv, actor, counted):
    class Guarded:
        """A connection that sees the file under another name, where a view that names a database does not parse."""

        def __init__(self) -> None:
            self.cenv, self.index = cenv, None
            self.connection = connect("", mode="memory")

        def execute(self, sql: str, params: object = ()) -> object:
            if sql == "BEGIN IMMEDIATE":
                attach(self.connection, store.path(cenv), "w0")
            return self.connection.execute(sql, params)

    with store.session(cenv) as session:
        session.execute("CREATE VIEW bad AS SELECT * FROM main.notes")
    guarded = Guarded()

    with pytest.raises(WceError) as caught, store.transaction(guarded, actor):
        pass
    guarded.connection.close()

    assert caught.value.code == "cenv_damaged"
    assert counted() == 0


def test_a_damaged_cenv_can_be_removed(store, cenv, intact):
    mend(store.path(cenv), b"text" * 5000)
    assert code(store, cenv) == "cenv_damaged"

    store.remove(cenv)

    assert store.cenvs() == []


def test_the_memory_of_damage_is_bounded(store, monkeypatch):
    monkeypatch.setattr("wce.store.quarantine._MOST", 3)

    for _ in range(10):
        store.quarantine(str(uuid.uuid4()), "test")

    assert len(store._damaged._damaged) <= 3
