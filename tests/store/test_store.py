from __future__ import annotations

import os
import resource
import shutil
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from wce.config import SettingError
from wce.core.logins import anonymous
from wce.errors import WceError
from wce.model import Actor, Commit, Role
from wce.store import migrate
from wce.store.session import Session
from wce.store.sqlite import connect, sqlite3
from wce.store.store import Store


def code(store: Store, cenv: str) -> str:
    """The error that opening a cenv gives."""
    with pytest.raises(WceError) as caught, store.session(cenv):
        pass
    return caught.value.code


def nothing(session: Session) -> None:
    """A cenv without tables of its own."""


def files(store: Store) -> set[str]:
    return {path.name for path in store.folder.path.iterdir()}


class TestCreate:
    def test_gives_a_file_named_by_a_uuid_that_only_its_owner_reads(self, store, actor):
        cenv = store.create(nothing, actor)

        assert cenv == str(uuid.UUID(cenv))
        assert store.path(cenv).stat().st_mode & 0o777 == 0o600
        assert files(store) == {f"{cenv}.db", ".wce.lock"}

    def test_the_companions_of_an_open_file_are_private_too(self, store, cenv, add_note):
        add_note("a")

        assert {path.stat().st_mode & 0o777 for path in store.folder.path.iterdir()} == {0o600}

    def test_the_file_is_whole_and_in_wal_mode(self, store, cenv):
        with store.session(cenv) as session:
            assert session.one("PRAGMA journal_mode") == ("wal",)
            assert session.one("PRAGMA user_version") == (len(migrate.load()),)
            assert session.all("PRAGMA integrity_check") == [("ok",)]

    def test_is_one_transaction_with_what_fill_does(self, store, actor):
        told: list[Commit] = []
        store.hooks.add("test", told.append)

        def fill(session: Session) -> None:
            with session.transaction(actor) as transaction:
                transaction.execute("INSERT INTO _wce_config VALUES ('a', '1', ?, NULL)", (transaction.at,))
                transaction.touch("_wce_config", 1)
                transaction.before_commit(lambda open_: open_.touch("late"))

        cenv = store.create(fill, actor)

        assert [(commit.cenv, dict(commit.tables), commit.number) for commit in told] == [(cenv, {"_wce_config": 1, "late": 0}, 1)]
        assert store.path(cenv).exists()

    @pytest.mark.parametrize("kind", [LookupError, KeyboardInterrupt, WceError])
    def test_leaves_nothing_behind_when_fill_fails(self, store, actor, kind):
        def fill(session: Session) -> None:
            session.execute("CREATE TABLE t (a)")
            raise WceError("busy") if kind is WceError else kind

        with pytest.raises(kind):
            store.create(fill, actor)

        assert files(store) == {".wce.lock"}

    def test_tells_a_disk_that_is_full_before_anything_is_filled_in(self, store, actor, monkeypatch):
        def prepare(_: object) -> None:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = 13
            raise error

        monkeypatch.setattr("wce.store.store.prepare", prepare)

        with pytest.raises(WceError) as caught:
            store.create(nothing, actor)

        assert caught.value.code == "disk_full"
        assert files(store) == {".wce.lock"}

    def test_leaves_nothing_behind_when_the_sql_is_wrong(self, store, actor):
        with pytest.raises(sqlite3.OperationalError):
            store.create(lambda session: session.execute("CREATE TABLE t (a"), actor)

        assert files(store) == {".wce.lock"}

    def test_leaves_nothing_behind_when_the_name_cannot_be_given(self, store, actor):
        def fill(session: Session) -> None:
            (store.folder.path / f"{session.cenv}.db").mkdir()

        with pytest.raises(OSError, match="directory"):
            store.create(fill, actor)

        assert [path for path in store.folder.path.iterdir() if path.is_file()] == [store.folder.path / ".wce.lock"]

    def test_is_refused_when_the_disk_is_nearly_full(self, make_store, settings, actor):
        store = make_store(replace(settings, min_free_mb=1_000_000_000))

        with pytest.raises(WceError) as caught:
            store.create(nothing, actor)

        assert caught.value.code == "disk_full"
        assert store.cenvs() == []


class TestOpen:
    def test_makes_a_private_folder(self, make_store, settings, tmp_path):
        make_store(replace(settings, storage_dir=tmp_path / "a" / "b"))

        assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700

    def test_keeps_a_second_server_off(self, store, make_store, settings):
        with pytest.raises(SettingError, match="in use by another server"):
            make_store(replace(settings, instance="another"))

    def test_lets_another_process_of_the_same_server_in(self, store, cenv, make_store):
        with make_store().session(cenv) as session:
            assert session.all("SELECT * FROM notes") == []

    def test_deletes_the_drafts_of_a_crash(self, folder, make_store):
        folder.mkdir()
        draft = folder / f"{uuid.uuid4()}.db.new"
        draft.touch()

        make_store()

        assert not draft.exists()

    def test_leaves_the_drafts_of_its_sibling_processes(self, store, make_store, actor):
        def fill(session: Session) -> None:
            make_store()

        assert store.create(fill, actor) in store.cenvs()

    def test_close_lets_go_of_everything(self, settings, make_store, cenv, add_note, store):
        add_note("a")

        store.close()

        assert files(store) == {f"{cenv}.db", ".wce.lock"}  # the last connection has folded the log into the file
        make_store(replace(settings, instance="another"))

    def test_a_store_can_be_opened_again(self, store, cenv, counted):
        store.close()
        store.open()

        assert counted() == 0


class TestSession:
    def test_is_the_same_for_a_thread_and_another_for_another(self, store, cenv):
        def mine() -> Session:
            with store.session(cenv) as session:
                return session

        with ThreadPoolExecutor(1) as pool:
            assert mine() is mine()
            assert pool.submit(mine).result() is not mine()

    @pytest.mark.parametrize("name", ["0f8fad5b-d9cb-469f-a165-70867728950e", "../secret", "", "NOTES", "a\0b"])
    def test_there_is_none_for_what_is_no_cenv(self, store, name):
        assert code(store, name) == "no_such_cenv"

    def test_the_file_must_be_marked(self, store, cenv):
        with store.session(cenv) as session:
            session.execute("PRAGMA application_id=1")
        store.connections.close()

        assert code(store, cenv) == "cenv_damaged"

    def test_a_file_that_cannot_be_opened_is_busy_and_not_internal(self, store, cenv):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
        try:
            answer = code(store, cenv)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

        assert answer == "busy"

    def test_a_connection_that_cannot_roll_back_is_not_used_again(self, store, cenv, actor, counted):
        with store.session(cenv) as session, pytest.raises(sqlite3.ProgrammingError), session.transaction(actor):
            session.connection.close()

        assert counted() == 0

    def test_a_newer_file_is_refused_and_not_changed(self, store, cenv):
        with store.session(cenv) as session:
            session.execute("PRAGMA user_version=99")
        store.connections.close()
        before = store.path(cenv).read_bytes()

        assert code(store, cenv) == "newer_schema"
        assert store.path(cenv).read_bytes() == before

    def test_a_file_without_wal_gets_it_back(self, store, cenv):
        store.connections.close()
        other = sqlite3.connect(store.path(cenv))
        other.execute("PRAGMA journal_mode=DELETE")
        other.close()

        with store.session(cenv) as session:
            assert session.one("PRAGMA journal_mode") == ("wal",)

    def test_full_durability_waits_for_the_disk(self, make_store, settings, cenv):
        with make_store(replace(settings, durability="full")).session(cenv) as session:
            assert session.one("PRAGMA synchronous") == (2,)

    def test_an_older_file_is_brought_up_to_date(self, store, cenv, make_store):
        newer = (*migrate.load(), migrate.Migration(len(migrate.load()) + 1, "more", ("CREATE TABLE more (a)",)))

        with make_store(migrations=newer).session(cenv) as session:
            assert session.all("SELECT * FROM more") == []

    def test_many_threads_may_find_an_older_file_at_once(self, store, cenv, make_store):
        known = migrate.load()
        more = migrate.Migration(len(known) + 1, "more", ("CREATE TABLE more (a)",))
        most = migrate.Migration(len(known) + 2, "most", ("INSERT INTO more VALUES (1)",))
        stores = [make_store(migrations=(*known, more, most)) for _ in range(3)]

        def look(number: int) -> list[tuple[int]]:
            with stores[number % 3].session(cenv) as session:
                return session.all("SELECT * FROM more")

        with ThreadPoolExecutor(12) as pool:
            assert list(pool.map(look, range(24))) == [[(1,)]] * 24

    def test_a_step_that_fails_leaves_the_file_to_the_older_server(self, store, cenv, make_store, counted):
        broken = (*migrate.load(), migrate.Migration(len(migrate.load()) + 1, "broken", ("CREATE TABLE more (a)", "SELECT no_such_column")))

        with pytest.raises(sqlite3.OperationalError), make_store(migrations=broken).session(cenv):
            pass

        assert counted() == 0

    def test_two_connections_of_one_thread_do_not_wait_for_each_other(self, store, cenv, actor):
        def open_() -> Session:
            return store._open_session(cenv)

        with (
            store.session(cenv) as session,
            store.connections.use(cenv, "second", open_) as second,
            session.transaction(actor),
            pytest.raises(RuntimeError, match="already writes"),
            store.transaction(second, actor),
        ):
            pass


class TestRemove:
    def test_nothing_stays(self, store, cenv, add_note):
        add_note("a")

        store.remove(cenv)

        assert files(store) == {".wce.lock"}
        assert code(store, cenv) == "no_such_cenv"

    def test_a_cenv_that_is_not_there_is_not_found(self, store):
        with pytest.raises(WceError) as caught:
            store.remove(str(uuid.uuid4()))

        assert caught.value.code == "no_such_cenv"

    def test_who_reads_may_finish(self, store, cenv, add_note):
        add_note("a")

        with store.session(cenv) as session:
            store.remove(cenv)
            assert session.all("SELECT title FROM notes") == [("a",)]

        assert code(store, cenv) == "no_such_cenv"

    def test_who_waits_to_write_does_not_write_into_the_void(self, store, cenv, actor):
        def write() -> str:
            with store.session(cenv) as session:
                ready.set()
                with pytest.raises(WceError) as caught, session.transaction(actor):
                    pass
            return caught.value.code

        ready = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            with store.writers.hold(cenv, 1):
                waiting = pool.submit(write)
                assert ready.wait(5)
                store.folder.delete(cenv)
            assert waiting.result() == "no_such_cenv"

    def test_who_waits_to_write_is_sent_to_the_file_that_took_its_place(self, store, cenv, actor):
        store.connections.close()
        copy = store.path(cenv).read_bytes()

        with store.session(cenv) as session:
            store.folder.delete(cenv)
            (store.folder.path / f"{cenv}.db").write_bytes(copy)
            with pytest.raises(WceError) as caught, session.transaction(actor):
                pass

        assert (caught.value.code, caught.value.retry_after) == ("busy", 1)

    def test_it_waits_for_a_writer_of_another_process_and_gives_up_in_the_end(self, store, cenv, monkeypatch):
        monkeypatch.setattr("wce.store.store.connect", partial(connect, deadline_ms=50))
        other = connect(store.path(cenv))
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(WceError) as caught:
            store.remove(cenv)
        other.close()

        assert caught.value.code == "busy"
        assert store.cenvs() == [cenv]

    def test_another_process_notices(self, store, cenv, make_store, monkeypatch):
        monkeypatch.setattr("wce.store.connections._CHECK_SECONDS", 0.0)
        sibling = make_store()
        with sibling.session(cenv) as session:
            session.one("SELECT 1")

        store.remove(cenv)

        assert code(sibling, cenv) == "no_such_cenv"

    def test_nobody_writes_any_more_while_a_copy_is_laid_aside(self, store, cenv, make_store, actor):
        def write_elsewhere() -> None:
            with sibling.session(cenv) as session, sibling.transaction(session, actor, 0.0):
                pass

        sibling, refusals = make_store(), []

        def lay_aside() -> None:
            with pytest.raises(WceError) as caught:
                write_elsewhere()
            refusals.append(caught.value.code)

        store.remove(cenv, lay_aside)

        assert refusals == ["busy"]

    def test_who_has_it_open_in_another_process_sees_it_with_the_next_read(self, store, cenv, make_store):
        with make_store().session(cenv) as session:
            assert anonymous(session).actor.role is Role.PUBLIC

            store.remove(cenv)

            with pytest.raises(WceError) as caught:
                anonymous(session)
        assert caught.value.code == "no_such_cenv"

    def test_a_file_put_in_its_place_is_found(self, store, cenv, counted, add_note, monkeypatch):
        monkeypatch.setattr("wce.store.connections._CHECK_SECONDS", 0.0)
        store.connections.close()
        copy = store.path(cenv).read_bytes()
        add_note("a")
        assert counted() == 1

        store.folder.delete(cenv)
        (store.folder.path / f"{cenv}.db").write_bytes(copy)

        assert counted() == 0


class TestCopies:
    def test_a_cenv_copied_to_another_server_runs_there(self, store, cenv, add_note, make_store, settings, tmp_path):
        add_note("a")
        store.close()
        other = make_store(replace(settings, storage_dir=tmp_path / "elsewhere", instance="other"))
        shutil.copy(store.folder.path / f"{cenv}.db", other.folder.path)

        with other.session(cenv) as session:
            assert session.all("SELECT title FROM notes") == [("a",)]

    def test_cenvs_are_listed_in_order(self, store, actor):
        made = sorted(store.create(nothing, actor) for _ in range(3))

        assert store.cenvs() == made

    def test_writes_are_refused_when_the_disk_is_nearly_full(self, make_store, settings, cenv):
        store = make_store(replace(settings, min_free_mb=1_000_000_000))

        with store.session(cenv) as session:
            with pytest.raises(WceError) as caught, session.transaction(Actor(1, "ada", Role.OWNER)):
                pass
            assert session.all("SELECT * FROM notes") == []

        assert caught.value.code == "disk_full"
