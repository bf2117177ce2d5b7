"""A quick read without a transaction around it answers what one with a transaction would, whoever writes beside it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wce.core.policies import create_policy
from wce.core.query import Statement
from wce.core.settings import CenvSettings
from wce.errors import WceError
from wce.model import Role

READ = "SELECT id, title FROM songs ORDER BY id"
BELOW = "SELECT id, title FROM songs WHERE id < ? ORDER BY id"
COUNT_TO = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?) SELECT count(*) FROM c"


@pytest.fixture
def shop(desk):
    """Bob, a viewer, reads songs but not those that are hidden."""
    desk.world.sql("CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT NOT NULL, hidden INTEGER DEFAULT 0)")
    desk.world.sql("INSERT INTO songs (title, hidden) VALUES ('one', 0), ('two', 1)")
    world = desk.world
    create_policy(world.session, desk.guard, world.owner, table_name="songs", user_id=None, policy_type="read", sql_condition="hidden = 0")
    desk.bob = desk.world.add("bob", Role.VIEWER)
    desk.allow(desk.bob, "songs", can_read=True, can_write=True)
    desk.numbers = itertools.count(100)
    desk.rows(desk.bob, READ)
    desk.rows(desk.bob, BELOW, (99,))
    return desk


def asked(shop, sql: str = "") -> list[str]:
    """What runs on the connection for one request, without the marks of our own statements; as a rule for one not made before."""
    texts: list[str] = []
    with shop.watched(shop.bob, texts.append):
        if sql:
            shop.rows(shop.bob, sql)
        else:
            shop.rows(shop.bob, BELOW, (next(shop.numbers),))
    return [text.partition("*/")[2] or text for text in texts]


def once(action: Callable[[], None]) -> Callable[[str], None]:
    """Does it when the first statement runs."""
    waiting = [action]

    def call(_: str) -> None:
        if waiting:
            waiting.pop()()

    return call


def test_a_quick_read_is_one_statement(shop):
    texts = asked(shop)

    assert len(texts) == 1
    assert texts[0].endswith("WHERE id < 100 ORDER BY id")


def test_after_a_commit_it_is_met_in_a_transaction_once(shop):
    shop.world.sql("INSERT INTO songs (title) VALUES ('three')")

    assert asked(shop)[0] == "BEGIN"
    assert len(asked(shop)) == 1
    assert shop.rows(shop.bob, READ) == [(1, "one"), (3, "three")]


def test_what_was_never_run_or_tells_of_earlier_writes_gets_a_transaction(shop):
    for sql in ("SELECT title FROM songs", "SELECT last_insert_rowid()", "SELECT last_insert_rowid()"):
        assert "BEGIN" in asked(shop, sql)


def test_rows_that_are_read_while_somebody_commits_are_read_again(shop):
    with shop.watched(shop.bob, once(lambda: shop.world.sql("INSERT INTO songs (title) VALUES ('three')"))):
        assert shop.rows(shop.bob, BELOW, (next(shop.numbers),)) == [(1, "one"), (3, "three")]


def test_rights_that_go_while_it_runs_are_gone(shop):
    with (
        shop.watched(shop.bob, once(lambda: shop.allow(shop.bob, "songs", can_read=False, can_write=True))),
        pytest.raises(WceError) as caught,
    ):
        shop.rows(shop.bob, BELOW, (next(shop.numbers),))

    assert caught.value.code == "no_such_table"


def test_a_policy_that_comes_while_it_runs_holds(shop):
    with shop.watched(shop.bob, once(lambda: shop.world.sql("UPDATE _wce_row_policies SET sql_condition = 'id > 5'"))):
        assert shop.rows(shop.bob, BELOW, (next(shop.numbers),)) == []


def test_an_error_that_only_the_commit_beside_it_made_is_not_told(shop):
    def rename() -> None:
        shop.world.sql("ALTER TABLE songs RENAME COLUMN title TO name")
        shop.world.sql("ALTER TABLE songs RENAME COLUMN name TO title")

    with shop.watched(shop.bob, once(rename)):
        assert shop.rows(shop.bob, BELOW, (next(shop.numbers),)) == [(1, "one")]


def test_while_a_cursor_of_ours_is_held_there_is_a_transaction(shop):
    with shop.guarded(shop.bob) as guarded:
        cursor = guarded.execute("SELECT 1 UNION ALL SELECT grants FROM _wce_state UNION ALL SELECT 3")
    cursor.fetchone()

    assert asked(shop)[0] == "BEGIN"
    cursor.close()
    del cursor
    assert len(asked(shop)) == 1


def test_an_error_of_its_own_is_told(shop):
    sql = "SELECT abs(?) FROM songs"
    shop.rows(shop.bob, sql, (1,))

    with pytest.raises(WceError) as caught:
        shop.rows(shop.bob, sql, (-(2**63),))

    assert caught.value.code == "sql_error"
    assert len(asked(shop)) == 1


def test_a_statement_that_was_stopped_does_not_run_again(shop):
    config = CenvSettings(query_timeout_seconds=1)
    shop.run(shop.bob, Statement(COUNT_TO, (1,)))
    texts: list[str] = []
    beside = once(lambda: shop.world.sql("INSERT INTO songs (title) VALUES ('three')"))

    with shop.watched(shop.bob, lambda text: (texts.append(text), beside(text))), pytest.raises(WceError) as caught:
        shop.run(shop.bob, Statement(COUNT_TO, (10**12,)), config=config)

    assert caught.value.code == "query_timeout"
    assert len(texts) == 1


def test_a_statement_that_has_become_slow_twice_gets_a_transaction(shop):
    for more in range(3):
        shop.rows(shop.bob, COUNT_TO, (50_000 + more,))
    texts: list[str] = []
    with shop.watched(shop.bob, texts.append):
        shop.rows(shop.bob, COUNT_TO, (1,))

    assert texts[0].endswith("BEGIN")


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["read", "insert", "hide", "policy", "schema", "revoke", "allow"]), max_size=15))
def test_every_answer_is_that_of_a_session_which_was_just_opened(shop, steps):
    """At each step the rows, or the error, are those of somebody who meets the file for the first time."""
    shop.world.sql("DELETE FROM songs")
    for number, step in enumerate(steps):
        if step == "insert":
            shop.world.sql("INSERT INTO songs (title) VALUES (?)", str(number))
        elif step == "hide":
            shop.world.sql("UPDATE songs SET hidden = 1 - hidden WHERE id % 2 = 0")
        elif step == "policy":
            shop.world.sql("UPDATE _wce_row_policies SET sql_condition = ?", f"hidden = {number % 2}")
        elif step == "schema":
            shop.world.sql("CREATE TABLE IF NOT EXISTS more (x)")
            shop.world.sql("DROP TABLE more")
        elif step != "read":
            shop.allow(shop.bob, "songs", can_read=step == "allow", can_write=True)
        here = outcome(shop)
        shop.world.store.connections.close_cenv(shop.world.cenv)

        assert here == outcome(shop)


def outcome(shop) -> object:
    try:
        return [shop.rows(shop.bob, READ) for _ in range(2)][-1]
    except WceError as error:
        return error.code
