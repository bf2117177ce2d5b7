# ruff: noqa: PT012 # a block that is undone has several steps, and the exception comes out of its end
from __future__ import annotations

import logging
import threading
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wce.errors import WceError
from wce.log import LOGGER
from wce.model import Commit
from wce.store.sqlite import sqlite3

INSERT = "INSERT INTO notes (title) VALUES (?)"


@pytest.fixture
def session(store, cenv):
    with store.session(cenv) as opened:
        yield opened


@pytest.fixture
def commits(store) -> list[Commit]:
    """What the hooks are told."""
    told: list[Commit] = []
    store.hooks.add("test", told.append)
    return told


def titles(session) -> list[str]:
    return [title for (title,) in session.all("SELECT title FROM notes ORDER BY id")]


def test_what_is_done_stays(session, actor):
    with session.transaction(actor) as transaction:
        transaction.execute(INSERT, ("a",))

    assert titles(session) == ["a"]
    assert not session.connection.in_transaction


@pytest.mark.parametrize("kind", [LookupError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_any_exception_undoes_everything(session, actor, kind):
    with pytest.raises(kind), session.transaction(actor) as transaction:
        transaction.execute(INSERT, ("a",))
        raise kind

    assert titles(session) == []
    assert not session.connection.in_transaction


def test_the_transaction_knows_who_and_when(store, session, actor):
    store.now = lambda: 1234.9

    with session.transaction(actor) as transaction:
        assert (transaction.actor, transaction.at, transaction.cenv) == (actor, 1234, session.cenv)


def test_a_failed_block_inside_takes_only_its_own_work_back(session, actor):
    with session.transaction(actor) as outer:
        outer.execute(INSERT, ("a",))
        with pytest.raises(LookupError), session.transaction(actor) as inner:
            inner.execute(INSERT, ("b",))
            with session.transaction(actor) as innermost:
                innermost.execute(INSERT, ("c",))
            raise LookupError
        with session.transaction(actor) as inner:
            assert inner is outer
            inner.execute(INSERT, ("d",))

    assert titles(session) == ["a", "d"]


def test_a_failed_block_outside_takes_all_back(session, actor):
    with pytest.raises(LookupError), session.transaction(actor):
        with session.transaction(actor) as inner:
            inner.execute(INSERT, ("a",))
        raise LookupError

    assert titles(session) == []


# A program: a number is written, a list is a block inside, and a block that begins with None fails at its end.
programs = st.recursive(st.integers(0, 99), lambda inner: st.lists(st.one_of(st.none(), inner), max_size=4), max_leaves=12)


def expected(program: object) -> list[str]:
    if not isinstance(program, list):
        return [str(program)]
    if program and program[0] is None:
        return []
    return [title for part in program if part is not None for title in expected(part)]


def perform(session, actor, program: object) -> None:
    if not isinstance(program, list):
        session.execute(INSERT, (str(program),))
        return
    with suppress(LookupError), session.transaction(actor) as transaction:
        for part in program:
            if part is not None:
                perform(session, actor, part)
        transaction.touch("notes", 1)
        if program and program[0] is None:
            raise LookupError


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.none(), programs), min_size=1, max_size=5))
def test_blocks_within_blocks_keep_exactly_what_succeeded(session, actor, program):
    session.execute("DELETE FROM notes")

    perform(session, actor, program)

    assert titles(session) == expected(program)
    assert not session.connection.in_transaction


def test_the_commit_tells_the_tables_the_rows_and_the_number(session, actor, commits):
    before = session.one("SELECT commits FROM _wce_state")[0]

    with session.transaction(actor) as transaction:
        transaction.touch("notes", 2)
        transaction.touch("notes", 3)
        transaction.touch("log")

    (commit,) = commits
    assert dict(commit.tables) == {"notes": 5, "log": 0}
    assert (commit.cenv, commit.actor, commit.number) == (session.cenv, actor, before + 1)
    assert session.one("SELECT commits FROM _wce_state") == (before + 1,)


def test_the_tables_of_a_commit_cannot_be_changed(session, actor, commits):
    with session.transaction(actor) as transaction:
        transaction.touch("notes", 1)

    with pytest.raises(TypeError):
        commits[0].tables["notes"] = 2


def test_what_was_rolled_back_inside_is_not_told(session, actor, commits):
    asked: list[str] = []

    with session.transaction(actor) as outer:
        outer.touch("notes", 1)
        outer.before_commit(lambda _: asked.append("outer"))
        with pytest.raises(LookupError), session.transaction(actor) as inner:
            inner.touch("notes", 1)
            inner.touch("log", 1)
            inner.before_commit(lambda _: asked.append("inner"))
            raise LookupError

    assert dict(commits[0].tables) == {"notes": 1}
    assert asked == ["outer"]


def test_callbacks_run_before_the_commit_in_order_and_may_write(session, actor):
    with session.transaction(actor) as transaction:
        transaction.before_commit(lambda open_: open_.execute(INSERT, ("first",)))
        transaction.before_commit(lambda open_: open_.before_commit(lambda again: again.execute(INSERT, ("third",))))
        transaction.execute(INSERT, ("zeroth",))
        transaction.before_commit(lambda open_: open_.execute(INSERT, ("second",)))

    assert titles(session) == ["zeroth", "first", "second", "third"]


def test_a_part_of_every_commit_comes_last_and_sees_all_of_it(store, session, actor):
    seen = []
    store.hooks.before("test", lambda open_: seen.append((dict(open_.tables), open_.number, open_.actor)))
    before = session.one("SELECT commits FROM _wce_state")[0]

    with session.transaction(actor) as transaction:
        transaction.touch("notes", 1)
        transaction.before_commit(lambda open_: open_.touch("late"))

    assert seen == [({"notes": 1, "late": 0}, before + 1, actor)]


def test_a_part_of_every_commit_writes_in_its_transaction(store, session, actor):
    store.hooks.before("test", lambda open_: open_.execute(INSERT, (f"by {open_.depth}",)) and None)

    with session.transaction(actor) as transaction:
        transaction.depth = 3

    assert titles(session) == ["by 3"]


def test_a_part_of_every_commit_that_fails_undoes_everything(store, session, actor, commits):
    def refuse(_: object) -> None:
        raise LookupError

    store.hooks.before("test", refuse)

    with pytest.raises(LookupError), session.transaction(actor) as transaction:
        transaction.execute(INSERT, ("a",))

    assert titles(session) == []
    assert commits == []


def test_the_counter_of_scripts_is_that_of_the_transaction(store, session, actor):
    told = []
    store.hooks.before("test", lambda open_: told.append(open_.endpoints))

    for name in ("a", "b"):
        with session.transaction(actor) as transaction:
            transaction.execute("INSERT INTO _wce_hooks (name, script, created_at, modified_at) VALUES (?, '', 1, 1)", (name,))

    assert told == [1, 2]


def test_a_callback_that_fails_undoes_everything(session, actor, commits):
    def refuse(_: object) -> None:
        raise WceError("last_owner")

    with pytest.raises(WceError), session.transaction(actor) as transaction:
        transaction.execute(INSERT, ("a",))
        transaction.before_commit(refuse)

    assert titles(session) == []
    assert commits == []


def test_callbacks_do_not_run_when_all_is_undone(session, actor):
    asked: list[str] = []

    with pytest.raises(LookupError), session.transaction(actor) as transaction:
        transaction.before_commit(lambda _: asked.append("x"))
        raise LookupError

    assert asked == []


def test_a_constraint_that_fails_at_the_commit_undoes_everything(session, actor, commits):
    session.execute("CREATE TABLE parts (note INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)")

    with pytest.raises(sqlite3.IntegrityError), session.transaction(actor) as transaction:
        transaction.execute("INSERT INTO parts VALUES (99)")

    assert session.all("SELECT * FROM parts") == []
    assert not session.connection.in_transaction
    assert commits == []


def test_the_quota_undoes_everything_and_says_so(session, actor):
    pages = session.one("PRAGMA page_count")[0]
    session.execute(f"PRAGMA max_page_count={pages + 20}")

    with pytest.raises(WceError) as caught, session.transaction(actor) as transaction:
        transaction.execute(INSERT, ("a",))
        transaction.execute("INSERT INTO notes (title) VALUES (zeroblob(200000))")

    assert caught.value.code == "quota_exceeded"
    assert titles(session) == []


def test_nothing_runs_in_a_transaction_that_sqlite_has_ended(session, actor):
    session.execute("CREATE TRIGGER stop BEFORE INSERT ON notes WHEN new.title = 'x' BEGIN SELECT RAISE(ROLLBACK, 'no'); END")

    with pytest.raises(WceError, match="rolled back"), session.transaction(actor) as transaction:
        with pytest.raises(sqlite3.IntegrityError), session.transaction(actor) as inner:
            inner.execute(INSERT, ("x",))
        transaction.execute(INSERT, ("outside of any transaction",))

    assert titles(session) == []


def test_a_swallowed_rollback_still_fails_the_commit(session, actor, commits):
    session.execute("CREATE TRIGGER stop BEFORE INSERT ON notes WHEN new.title = 'x' BEGIN SELECT RAISE(ROLLBACK, 'no'); END")

    with pytest.raises(WceError, match="rolled back"), session.transaction(actor) as transaction:
        transaction.execute(INSERT, ("a",))
        with pytest.raises(sqlite3.IntegrityError):
            transaction.execute(INSERT, ("x",))

    assert titles(session) == []
    assert commits == []


def test_hooks_run_in_order_after_the_commit_and_may_write_themselves(store, session, actor):
    seen: list[object] = []

    def read_back(commit: Commit) -> None:
        seen.append(titles(session))

    def write(commit: Commit) -> None:
        if "log" not in commit.tables:
            with session.transaction(actor) as transaction:
                transaction.execute(INSERT, ("by the hook",))
                transaction.touch("log")

    store.hooks.add("first", read_back)
    store.hooks.add("second", write)

    with session.transaction(actor) as transaction:
        transaction.execute(INSERT, ("a",))
        transaction.touch("notes", 1)

    assert seen == [["a"], ["a", "by the hook"]]


def test_a_hook_that_fails_is_logged_and_counted_and_stops_nobody(store, session, actor, commits):
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    LOGGER.addHandler(handler)
    store.hooks.add("broken", lambda commit: 1 / 0)
    store.hooks.add("after", commits.append)

    with session.transaction(actor) as transaction:
        transaction.execute(INSERT, ("a",))
    LOGGER.removeHandler(handler)

    assert titles(session) == ["a"]
    assert len(commits) == 2
    assert [(record.hook, record.exc_info is not None) for record in records] == [("broken", True)]
    assert store.metrics.registry.get_sample_value("wce_hook_failures_total", {"hook": "broken"}) == 1


def test_hooks_run_outside_the_writer_lock(store, cenv, actor):
    done = threading.Event()

    def other_thread_writes(commit: Commit) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        thread = threading.Thread(target=write)
        thread.start()
        assert done.wait(5)
        thread.join()

    def write() -> None:
        with store.session(cenv) as session, session.transaction(actor) as transaction:
            transaction.execute(INSERT, ("b",))
        done.set()

    store.hooks.add("test", other_thread_writes)
    write()

    assert done.is_set()


def test_commits_are_counted(store, session, actor):
    before = store.metrics.registry.get_sample_value("wce_commits_total")

    with session.transaction(actor):
        pass
    with pytest.raises(LookupError), session.transaction(actor):
        raise LookupError

    assert store.metrics.registry.get_sample_value("wce_commits_total") == before + 1
