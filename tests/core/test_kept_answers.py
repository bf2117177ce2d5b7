"""A statement that was answered is answered again without being run, for as long as nothing can have changed, and never longer."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wce.core.policies import create_policy
from wce.core.query import Statement
from wce.errors import WceError
from wce.guard.kept import Memory
from wce.guard.plan import Plan
from wce.model import Limits, Result, Role

READ = "SELECT id, title FROM songs ORDER BY id"
FLEETING = (
    "SELECT random()",
    "SELECT hex(randomblob(4)) FROM songs",
    "SELECT CURRENT_TIMESTAMP",
    "SELECT strftime('%f', 'now')",
    "SELECT id FROM songs WHERE julianday(?) > 0",
    "SELECT id FROM songs ORDER BY random()",
    "WITH t AS (SELECT unixepoch() AS now) SELECT now FROM t",
    "SELECT * FROM moment",
    "SELECT changes()",
    "SELECT last_insert_rowid()",
)


@pytest.fixture
def shop(desk):
    """Bob, a viewer, reads songs but not those that are hidden."""
    world = desk.world
    world.sql("CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT NOT NULL, hidden INTEGER DEFAULT 0)")
    world.sql("CREATE VIEW moment AS SELECT datetime() AS at")
    world.sql("INSERT INTO songs (title, hidden) VALUES ('one', 0), ('two', 1)")
    create_policy(world.session, desk.guard, world.owner, table_name="songs", user_id=None, policy_type="read", sql_condition="hidden = 0")
    desk.bob = desk.world.add("bob", Role.VIEWER)
    for name in ("songs", "moment"):
        desk.allow(desk.bob, name, can_read=True, can_write=name == "songs")
    return desk


def runs(shop, who, sql: str, params: object = ()) -> bool:
    """Whether SQLite is asked for it, the third time."""
    for _ in range(2):
        shop.rows(who, sql, params)
    texts: list[str] = []
    with shop.watched(who, texts.append):
        shop.rows(who, sql, params)
    return bool(texts)


@pytest.mark.parametrize("params", [(), {}, (1, "a", b"b", None), {"a": 1, "b": "two", "c": None, "d": b""}])
def test_the_same_question_is_not_asked_twice(shop, params):
    marks = "".join(f", {'?' if isinstance(params, tuple) else ':' + name}" for name in params)

    assert not runs(shop, shop.bob, f"SELECT id, title{marks} FROM songs", params)


def test_the_second_answer_is_the_first_but_for_the_time_that_it_took(shop):
    first, second = (shop.run(shop.bob, Statement(READ)).results[0] for _ in range(2))

    assert (first.columns, first.rows, first.truncated, first.changes, first.last_row_id) == (
        second.columns,
        second.rows,
        second.truncated,
        second.changes,
        second.last_row_id,
    )
    assert second.duration_ms >= 0


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
@pytest.mark.parametrize("sql", FLEETING)
def test_what_time_chance_or_an_earlier_write_has_a_part_in_is_asked_each_time(shop, sql, role):
    who = shop.bob if role is Role.VIEWER else shop.world.owner

    assert runs(shop, who, sql, ("2026-01-01",) * sql.count("?"))


def test_a_policy_with_the_time_in_it_is_asked_each_time(shop):
    shop.world.sql("UPDATE _wce_row_policies SET sql_condition = 'hidden < unixepoch()'")

    assert runs(shop, shop.bob, READ)


def test_what_a_connection_tells_of_itself_is_asked_each_time(shop):
    assert runs(shop, shop.world.owner, "SELECT * FROM pragma_table_info('songs')")


def test_a_statement_with_a_name_runs_each_time_as_somebody_watches_it(shop):
    for _ in range(3):
        shop.run(shop.bob, Statement(READ), name="watched")
    texts: list[str] = []
    with shop.watched(shop.bob, texts.append):
        shop.run(shop.bob, Statement(READ), name="watched")

    assert len(texts) == 1


def test_whoever_changes_an_answer_changes_his_own(shop):
    shop.run(shop.bob, Statement(READ)).results[0].rows.clear()
    shop.run(shop.bob, Statement(READ)).results[0].rows.clear()

    assert shop.rows(shop.bob, READ) == [(1, "one")]


def test_numbers_that_are_equal_but_not_the_same_are_different_questions(shop):
    sql = "SELECT typeof(?)"

    assert [shop.rows(shop.bob, sql, (value,)) for value in (1, 1.0, 1, "1", b"1", None)] == [
        [("integer",)],
        [("real",)],
        [("integer",)],
        [("text",)],
        [("blob",)],
        [("null",)],
    ]


def test_each_bound_on_the_rows_has_an_answer_of_its_own(shop):
    shop.world.sql("INSERT INTO songs (title) VALUES ('three')")
    for _ in range(2):
        whole, some = (shop.run(shop.bob, Statement(READ), max_rows=most).results[0] for most in (None, 1))

        assert (len(whole.rows), whole.truncated) == (2, False)
        assert (len(some.rows), some.truncated) == (1, True)


def test_two_people_with_the_same_question_have_their_own_answers(shop):
    assert [shop.rows(who, READ) for who in (shop.world.owner, shop.bob) * 2] == [[(1, "one"), (2, "two")], [(1, "one")]] * 2


def test_a_commit_of_another_program_is_seen_at_once(shop):
    assert not runs(shop, shop.bob, READ)
    other = sqlite3.connect(shop.world.store.path(shop.world.cenv))
    with other:
        other.execute("UPDATE songs SET title = 'won' WHERE id = 1")
    other.close()

    assert shop.rows(shop.bob, READ) == [(1, "won")]


def test_what_is_read_while_an_old_cursor_is_held_is_not_kept(shop):
    assert not runs(shop, shop.bob, READ)
    with shop.guarded(shop.bob) as guarded:
        cursor = guarded.execute("SELECT 1 UNION ALL SELECT 2 FROM _wce_state")
    cursor.fetchone()
    shop.world.sql("UPDATE songs SET title = 'won' WHERE id = 1")
    shop.rows(shop.bob, READ)
    cursor.close()
    del cursor

    assert shop.rows(shop.bob, READ) == [(1, "won")]


def test_a_plan_of_a_schema_that_was_undone_is_gone_with_it(shop):
    owner, sql = shop.world.owner, "SELECT n FROM told"
    shop.world.sql("CREATE VIEW told AS SELECT changes() AS n")
    shop.world.sql("CREATE TABLE links (song INTEGER REFERENCES songs (id) DEFERRABLE INITIALLY DEFERRED)")
    shop.rows(owner, READ)

    with pytest.raises(WceError, match="FOREIGN KEY"):
        shop.run(owner, "DROP VIEW told", "CREATE TABLE told (n)", sql, "INSERT INTO links VALUES (404)")

    assert shop.rows(owner, sql) == [(0,)]


@pytest.mark.parametrize("sql", ["SELECT id FROM songs -- " + "x" * 1_000, "SELECT zeroblob(40000)"])
def test_long_questions_and_large_answers_are_not_kept(shop, sql):
    assert runs(shop, shop.bob, sql)


def test_long_names_of_columns_are_not_kept(shop):
    shop.world.sql(f'CREATE TABLE wide ("{"a" * 600}" INTEGER, "{"b" * 600}" INTEGER)')
    shop.allow(shop.bob, "wide", can_read=True)

    assert runs(shop, shop.bob, "SELECT * FROM wide")


def test_many_rows_are_not_kept(shop):
    shop.world.sql(
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 201) INSERT INTO songs (title) SELECT i FROM c"
    )

    assert runs(shop, shop.bob, "SELECT id FROM songs")
    assert not runs(shop, shop.bob, "SELECT id FROM songs LIMIT 200")


def test_the_memory_for_all_sessions_is_bounded():
    memory = Memory(20_000)
    parts = [memory.part() for _ in range(5)]
    for number, part in zip(range(200), itertools.cycle(parts)):
        part.keep(b"m", Plan(f"SELECT {number}", "SELECT"), (), Limits(), Result(("a",), [(number,)], 0, None, False, 0.1, 8))

    assert 5 < len(memory) <= 20
    assert parts[199 % 5].find(b"m", "SELECT 199", (), Limits()).rows == [(199,)]
    assert parts[0].find(b"m", "SELECT 0", (), Limits()) is None


STEPS = ["ask", "insert", "change", "hide", "policy", "schema", "revoke", "allow", "undo", "checkpoint"]
ASKED = [
    (READ, ()),
    ("SELECT count(*) FROM songs", ()),
    ("SELECT title FROM songs WHERE id = ?", (1,)),
    ("SELECT id FROM songs WHERE id > :id", {"id": 3}),
]


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(ASKED)), max_size=20))
def test_every_answer_is_that_of_a_session_which_was_just_opened(shop, steps):
    """Whatever happens between two questions, rows or error are those of somebody who meets the file for the first time."""
    shop.world.sql("DELETE FROM songs")
    for number, (step, question) in enumerate(steps):
        if step == "insert":
            shop.world.sql("INSERT INTO songs (title) VALUES (?)", str(number))
        elif step == "change":
            with suppress(WceError):  # he may see no such table at the moment
                shop.run(shop.bob, Statement("INSERT OR REPLACE INTO songs (id, title) VALUES (1, ?)", (str(number),)))
        elif step == "hide":
            shop.world.sql("UPDATE songs SET hidden = 1 - hidden WHERE id % 2 = 0")
        elif step == "policy":
            shop.world.sql("UPDATE _wce_row_policies SET sql_condition = ?", f"hidden = {number % 2}")
        elif step == "schema":
            shop.world.sql("ALTER TABLE songs RENAME COLUMN title TO name")
            shop.world.sql("ALTER TABLE songs RENAME COLUMN name TO title")
        elif step in ("revoke", "allow"):
            shop.allow(shop.bob, "songs", can_read=step == "allow", can_write=True)
        elif step == "undo":
            with pytest.raises(WceError):
                shop.run(shop.world.owner, Statement("DELETE FROM songs"), Statement("SELECT abs(-9223372036854775808)"))
        elif step == "checkpoint":
            shop.world.session.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        here = outcomes(shop, question)
        shop.world.store.connections.close_cenv(shop.world.cenv)

        assert here == [outcomes(shop, question)[0]] * 3


def outcomes(shop, question) -> list[object]:
    """What three times asking gives: the second one may be, and the third one is as a rule from memory."""
    found: list[object] = []
    for _ in range(3):
        try:
            found.append(shop.rows(shop.bob, *question))
        except WceError as error:
            found.append(error.code)
    return found
