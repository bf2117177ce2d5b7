"""Copies of a cenv while others write to it, and a copy put in its place."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from wce.errors import WceError
from wce.store.copies import TRANSIENT, clean_copy, overwrite
from wce.store.folder import Folder
from wce.store.session import Session
from wce.store.sqlite import connect
from wce.store.store import Store


def ask(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def spooled(store: Store) -> list[str]:
    return [path.name for path in store.folder.path.iterdir() if path.name.startswith(".wce.spool")]


def test_a_copy_is_one_whole_file_that_only_its_owner_may_read(store, cenv, add_note):
    add_note("one")

    with clean_copy(store, cenv) as path:
        assert ask(path, "SELECT title FROM notes") == [("one",)]
        assert ask(path, "PRAGMA integrity_check") == [("ok",)]
        assert ask(path, "PRAGMA journal_mode") == [("delete",)]
        assert path.stat().st_mode & 0o777 == 0o600

    assert spooled(store) == []


def test_a_copy_has_no_sessions_and_no_trace_of_what_was_deleted(store, cenv, actor):
    with store.session(cenv) as session, session.transaction(actor) as transaction:
        for number in range(300):
            transaction.execute("INSERT INTO notes (title) VALUES (?)", (f"deleted secret {number}",))
        transaction.execute("INSERT INTO _wce_revoked_tokens VALUES ('deleted secret token', 9)")
    with store.session(cenv) as session, session.transaction(actor) as transaction:
        transaction.execute("DELETE FROM notes")

    with clean_copy(store, cenv) as path:
        assert b"deleted secret" not in path.read_bytes()
        assert [ask(path, f"SELECT count(*) FROM {table}") for table in TRANSIENT] == [[(0,)]] * 3


def test_rows_keep_their_numbers(store, cenv, actor):
    with store.session(cenv) as session, session.transaction(actor) as transaction:
        transaction.execute("CREATE TABLE plain (title TEXT)")
        transaction.execute("INSERT INTO plain (rowid, title) VALUES (7, 'seven'), (90, 'ninety')")

    with clean_copy(store, cenv) as path:
        assert ask(path, "SELECT rowid, title FROM plain") == [(7, "seven"), (90, "ninety")]


def test_a_copy_is_of_one_moment_while_others_write(store, cenv, actor):
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with store.session(cenv) as session, session.transaction(actor) as transaction:
                transaction.execute("INSERT INTO notes (title) VALUES ('left'), ('right')")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        counts = []
        for _ in range(5):
            with clean_copy(store, cenv) as path:
                counts += ask(path, "SELECT count(*) % 2, count(*) FROM notes")
    finally:
        stop.set()
        writer.join()

    assert {odd for odd, _ in counts} == {0}
    assert counts == sorted(counts)


def test_a_full_disk_is_told_and_leaves_nothing(make_store, settings, store, cenv):
    from dataclasses import replace

    full = make_store(replace(settings, min_free_mb=1_000_000))

    with pytest.raises(WceError) as caught, clean_copy(full, cenv):
        pass

    assert caught.value.code == "disk_full"
    assert spooled(store) == []


def test_a_copy_that_the_disk_has_no_room_for_is_not_begun(store, cenv, actor, monkeypatch):
    with store.session(cenv) as session, session.transaction(actor) as transaction:
        transaction.execute("INSERT INTO notes (title) VALUES (hex(zeroblob(2500000)))")
    floor = store.settings.min_free_mb << 20
    monkeypatch.setattr(Folder, "free_bytes", lambda _: floor + (8 << 20))  # of 5 MB two are made

    with pytest.raises(WceError) as caught, clean_copy(store, cenv):
        pass

    assert caught.value.code == "disk_full"
    assert spooled(store) == []
    monkeypatch.setattr(Folder, "free_bytes", lambda _: floor + (12 << 20))
    with clean_copy(store, cenv) as path:
        assert ask(path, "SELECT length(title) FROM notes") == [(5_000_000,)]
        assert len(spooled(store)) == 1


def test_a_spool_that_a_crash_left_is_swept_at_the_next_start(make_store, folder):
    folder.mkdir()
    (folder / ".wce.spool.0123").write_bytes(b"half")
    (folder / ".wce.spool.0123-journal").write_bytes(b"half")

    make_store()

    assert [path.name for path in folder.iterdir() if "spool" in path.name] == []


def test_a_copy_put_in_the_place_is_one_commit_for_everybody(make_store, store, cenv, add_note, counted):
    other = make_store()
    with other.session(cenv) as session:
        assert session.all("SELECT count(*) FROM notes") == [(0,)]
    with clean_copy(store, cenv) as path:
        add_note("after")
        with store.session(cenv) as session, store.exclusive(cenv) as holder:
            overwrite(session, holder, path)

    assert counted() == 0
    with other.session(cenv) as session:
        assert session.all("SELECT count(*) FROM notes") == [(0,)]
        assert session.all("PRAGMA journal_mode") == [("wal",)]
        assert session.all("PRAGMA integrity_check") == [("ok",)]


def test_nobody_in_another_process_writes_to_what_is_about_to_be_replaced(make_store, store, cenv, actor):
    other = make_store()

    with (
        store.exclusive(cenv),
        other.session(cenv) as session,
        pytest.raises(WceError) as caught,
        other.transaction(session, actor, 0.0),
    ):
        pass

    assert caught.value.code == "busy"


def test_whoever_writes_for_long_in_another_process_is_waited_for(make_store, store, cenv, monkeypatch):
    """Longer than SQLite waits by itself."""
    monkeypatch.setattr(store, "_connect", lambda cenv: connect(store.path(cenv), deadline_ms=10))
    with make_store().session(cenv) as session:
        session.execute("BEGIN IMMEDIATE")
        session.execute("INSERT INTO notes (title) VALUES ('long')")
        timer = threading.Timer(0.2, session.execute, ["COMMIT"])
        timer.start()
        try:
            with store.exclusive(cenv) as holder:
                assert holder.all("SELECT title FROM notes") == [("long",)]
        finally:
            timer.join()


def test_who_writes_at_the_last_moment_keeps_what_he_wrote(make_store, store, cenv, add_note, actor):
    class LettingIn(Session):
        """Lets somebody write between its own lock and the next one."""

        def execute(self, sql, params=()):
            cursor = super().execute(sql, params)
            with other.session(cenv) as session, session.transaction(actor) as transaction:
                transaction.execute("INSERT INTO notes (title) VALUES ('late')")
            return cursor

    other = make_store()
    with clean_copy(store, cenv) as path, store.session(cenv) as session, store.exclusive(cenv) as holder:
        late = LettingIn(cenv, holder.connection, store.transaction, store.explain)
        with pytest.raises(WceError) as caught:
            overwrite(session, late, path)

    assert (caught.value.code, caught.value.retry_after) == ("busy", 1)
    with store.session(cenv) as session:
        assert session.all("SELECT title FROM notes") == [("late",)]


def test_a_visitor_shares_the_folder_with_a_server_and_keeps_another_from_starting(make_store, settings, store, cenv, run):
    from dataclasses import replace

    from wce.config import SettingError
    from wce.metrics import Metrics

    visitor = Store(replace(settings, instance="visitor"), Metrics())
    visitor.visit()
    try:
        assert visitor.cenvs() == [cenv]
        store.close()
        with pytest.raises(SettingError, match="in use"):
            make_store(replace(settings, instance="another"))
    finally:
        visitor.close()


def test_a_visitor_waits_for_a_server_that_is_starting(folder, settings, store):
    import fcntl
    from dataclasses import replace

    from wce.config import SettingError
    from wce.metrics import Metrics

    store.close()
    with (folder / ".wce.lock").open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SettingError, match="starting"):
            Store(replace(settings, instance="visitor"), Metrics()).visit()
