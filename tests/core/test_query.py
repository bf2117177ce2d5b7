from __future__ import annotations

import json
import threading
import time

import pytest

from wce.core import audit
from wce.core.once import Once
from wce.core.permissions import GrantsCache
from wce.core.query import Queries, Statement
from wce.core.replacing import COUNTERS, move_on
from wce.core.settings import CenvSettings
from wce.core.users import UserChanges, update_user
from wce.errors import WceError
from wce.model import Role


@pytest.fixture
def shop(desk):
    """Alice, an editor, reads and writes songs; Bob, a viewer, reads them."""
    desk.world.sql("CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT NOT NULL)")
    desk.world.sql("CREATE TABLE secrets (id INTEGER PRIMARY KEY)")
    desk.world.sql("INSERT INTO songs VALUES (1, 'one'), (2, 'two'), (3, 'three')")
    desk.alice, desk.bob = desk.world.add("alice", Role.EDITOR), desk.world.add("bob", Role.VIEWER)
    desk.allow(desk.alice, "songs", can_read=True, can_write=True, can_delete=True)
    desk.allow(desk.bob, "songs", can_read=True, can_write=True)
    return desk


def refused(call, *args, **kwargs) -> WceError:
    with pytest.raises(WceError) as caught:
        call(*args, **kwargs)
    return caught.value


def titles(shop) -> list[str]:
    return [title for (title,) in shop.world.session.all("SELECT title FROM songs ORDER BY id")]


def audited(shop, **filters) -> list[audit.AuditRecord]:
    return list(reversed(audit.find(shop.world.session, audit.AuditFilters(resource="table", **filters)).entries))


# One statement


def test_a_read_answers_rows(shop):
    answer = shop.run(shop.bob, Statement("SELECT id, title FROM songs WHERE id > ? ORDER BY id", (1,)))

    assert answer.results[0].columns == ("id", "title")
    assert answer.results[0].rows == [(2, "two"), (3, "three")]


def test_a_read_leaves_no_trace(shop):
    before = shop.world.session.one("SELECT commits, audit_hash FROM _wce_state")

    shop.run(shop.bob, "SELECT * FROM songs")

    assert shop.world.session.one("SELECT commits, audit_hash FROM _wce_state") == before


def test_the_time_of_each_statement_is_counted_by_its_kind(shop):
    shop.run(shop.bob, "SELECT * FROM songs")
    shop.run(shop.bob, "SELECT 1")
    shop.run(shop.alice, "DELETE FROM songs WHERE id = 3")

    counted = shop.world.store.metrics.text().decode()

    assert 'wce_query_seconds_count{kind="SELECT"} 2.0' in counted
    assert 'wce_query_seconds_count{kind="DELETE"} 1.0' in counted


def test_a_write_tells_what_changed_and_is_audited(shop):
    answer = shop.run(shop.alice, Statement("UPDATE songs SET title = ? WHERE id > 1", ("new",)))

    (entry,) = audited(shop, action="update")
    assert answer.results[0].changes == 2
    assert (entry.username, entry.resource_id) == ("alice", "songs")
    assert entry.details == {"rows": 2, "sql": "UPDATE songs SET title = ? WHERE id > ?"}


def test_neither_values_nor_parameters_reach_the_log(shop):
    shop.run(shop.alice, Statement("INSERT INTO songs (title) VALUES (?), ('literal secret')", ("bound secret",)))

    assert "secret" not in str(audited(shop))


def test_the_commit_of_a_write_is_its_own_and_that_of_a_read_the_newest(shop):
    written = shop.run(shop.alice, "DELETE FROM songs WHERE id = 1").commit
    (stored,) = shop.world.session.one("SELECT commits FROM _wce_state")

    assert written == stored == shop.run(shop.bob, "SELECT 1").commit


@pytest.mark.parametrize(
    "statements",
    [
        ("INSERT INTO songs (title) VALUES ('x')",),
        ("INSERT INTO songs (title) VALUES ('x')", "UPDATE songs SET title = 'y'"),
        ("DELETE FROM songs WHERE 0",),
        ("ALTER TABLE songs RENAME TO papers",),
        ("ALTER TABLE songs RENAME TO papers", "INSERT INTO papers (title) VALUES ('x')"),
        ("DROP TABLE songs",),
        ("CREATE TRIGGER t AFTER INSERT ON songs BEGIN SELECT 1; END",),
    ],
)
@pytest.mark.parametrize("repeatable", [False, True])
def test_what_a_commit_knows_of_the_counters_is_what_the_file_has(shop, statements, repeatable):
    shop.world.sql("INSERT INTO _wce_hooks (name, table_name, script, created_at, modified_at) VALUES ('h', 'songs', '', 1, 1)")
    shop.world.sql("UPDATE _wce_state SET watched = 1")
    told = []
    shop.world.store.hooks.before("test", lambda open_: told.append((open_.number, open_.endpoints, open_.watched)))

    shop.run(shop.world.owner, *statements, once=once() if repeatable else None)

    assert told == shop.world.session.all("SELECT commits, endpoints, watched FROM _wce_state")


def test_the_hooks_hear_who_changed_which_table(shop):
    heard = []
    shop.world.store.hooks.add("test", heard.append)

    shop.run(shop.alice, "DELETE FROM songs WHERE id < 3")

    assert [(commit.actor.username, dict(commit.tables)) for commit in heard] == [("alice", {"songs": 2})]


def test_the_last_row_id_is_that_of_the_users_row(shop):
    shop.run(shop.alice, "INSERT INTO songs VALUES (77, 'x')")

    assert shop.run(shop.alice, "INSERT INTO songs (title) VALUES ('y')").results[0].last_row_id == 78


def test_a_viewer_writes_nothing_whatever_was_granted(shop):
    assert refused(shop.run, shop.bob, "DELETE FROM songs").code == "table_forbidden"
    assert refused(shop.run, shop.bob, "INSERT INTO songs (title) VALUES ('x')").code == "table_forbidden"


def test_a_hidden_table_is_not_there(shop):
    hidden, absent = refused(shop.run, shop.alice, "SELECT * FROM secrets"), refused(shop.run, shop.alice, "SELECT * FROM absent")

    assert hidden.code == absent.code == "no_such_table"
    assert hidden.detail.replace("secrets", "absent") == absent.detail


def test_a_refused_write_leaves_no_trace(shop):
    before = shop.world.actions()

    error = refused(shop.run, shop.alice, Statement("INSERT INTO songs (title) VALUES (NULL)"))

    assert error.code == "constraint"
    assert (error.statement, shop.world.actions()) == (None, before)


def test_administrators_change_the_schema_and_that_is_audited(shop):
    shop.run(shop.world.owner, "CREATE TABLE albums (id INTEGER PRIMARY KEY)")

    (entry,) = audited(shop, action="ddl")
    assert (entry.resource_id, entry.details) == ("albums", {"sql": "CREATE TABLE albums (id INTEGER PRIMARY KEY)"})


def test_rows_beyond_the_bound_are_cut(shop):
    config = CenvSettings(query_max_rows=2)

    cenvs_bound = shop.run(shop.bob, "SELECT * FROM songs", config=config).results[0]
    own_bound = shop.run(shop.bob, "SELECT * FROM songs", max_rows=1).results[0]
    not_lifted = shop.run(shop.bob, "SELECT * FROM songs", config=config, max_rows=100).results[0]

    assert [(len(result.rows), result.truncated) for result in (cenvs_bound, own_bound, not_lifted)] == [(2, True), (1, True), (2, True)]


# Several


def test_several_statements_are_one_transaction(shop):
    answer = shop.run(shop.alice, "DELETE FROM songs WHERE id = 1", "INSERT INTO songs VALUES (9, 'nine')", "SELECT count(*) FROM songs")

    assert [result.changes for result in answer.results] == [1, 1, 0]
    assert answer.results[2].rows == [(3,)]
    assert [entry.action for entry in audited(shop)[-2:]] == ["delete", "insert"]
    assert shop.run(shop.bob, "SELECT 1").commit == answer.commit


@pytest.mark.parametrize("bad", ["INSERT INTO songs VALUES (2, 'twice')", "SELECT nothing FROM songs", "SELEC 1", "SELECT * FROM secrets"])
def test_when_one_fails_nothing_stays_and_the_error_names_it(shop, bad):
    before = (titles(shop), shop.world.actions())

    error = refused(shop.run, shop.alice, "DELETE FROM songs WHERE id = 1", "SELECT 1", bad)

    assert error.statement == 2
    assert (titles(shop), shop.world.actions()) == before


def test_a_later_statement_may_use_what_an_earlier_one_made(shop):
    answer = shop.run(
        shop.world.owner, "CREATE TABLE albums (id INTEGER)", "INSERT INTO albums VALUES (1)", "SELECT id FROM albums", "DROP TABLE albums"
    )

    assert answer.results[2].rows == [(1,)]
    assert [entry.action for entry in audited(shop)[-3:]] == ["ddl", "insert", "ddl"]


def test_reads_see_one_moment(shop):
    answer = shop.run(shop.bob, "SELECT count(*) FROM songs", "SELECT count(*) FROM songs")

    assert [result.rows for result in answer.results] == [[(3,)], [(3,)]]


def test_all_share_one_time(shop):
    forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    begin = time.monotonic()

    error = refused(shop.run, shop.bob, "SELECT 1", forever, config=CenvSettings(query_timeout_seconds=1))

    assert (error.code, error.statement) == ("query_timeout", 1)
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize(
    "big",
    [
        "SELECT hex(zeroblob(400000)), " + ", ".join(f"hex(zeroblob({400_000 + i}))" for i in range(9)),
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9000) SELECT {', '.join(['char()'] * 80)} FROM n",
    ],
    ids=["a few long texts", "many empty ones"],
)
def test_all_share_one_size(shop, big):
    error = refused(shop.run, shop.bob, big, big, big)

    assert (error.code, error.statement) == ("too_large", 2)


@pytest.mark.parametrize("count", [0, 1_001])
def test_there_is_a_bound_on_how_many(shop, count):
    assert refused(shop.run, shop.bob, *["SELECT 1"] * count).code == "validation"


# Grants that change


def test_grants_act_with_the_next_statement(shop):
    assert refused(shop.run, shop.alice, "SELECT * FROM secrets").code == "no_such_table"

    shop.allow(shop.alice, "secrets", can_read=True)

    assert shop.rows(shop.alice, "SELECT * FROM secrets") == []


def test_grants_that_changed_after_the_request_began_act_too(shop):
    began = shop.who(shop.alice)
    shop.run(shop.alice, "SELECT 1", who=began)

    shop.allow(shop.alice, "songs", can_read=True)

    assert refused(shop.run, shop.alice, "DELETE FROM songs", who=began).code == "table_forbidden"


def test_a_role_that_was_lost_after_the_request_began_is_lost(shop):
    adam = shop.world.add("adam", Role.ADMIN)
    began = shop.who(adam)
    shop.run(adam, "SELECT * FROM secrets", who=began)

    update_user(shop.world.session, shop.world.passwords, shop.world.owner, adam.user_id, UserChanges(role=Role.VIEWER))

    assert refused(shop.run, adam, "SELECT * FROM secrets", who=began).code == "no_such_table"


def test_who_was_disabled_after_the_request_began_runs_nothing(shop):
    began = shop.who(shop.alice)
    shop.run(shop.alice, "SELECT 1", who=began)

    update_user(shop.world.session, shop.world.passwords, shop.world.owner, shop.alice.user_id, UserChanges(enabled=False))

    for sql in ("SELECT * FROM songs", "DELETE FROM songs"):
        assert refused(shop.run, shop.alice, sql, who=began).code == "bad_token"


def test_grants_that_change_all_the_time_end_in_busy(shop):
    class Restless(GrantsCache):
        """Between reading the grants and using them somebody grants something, every time."""

        def known(self, cenv, user_id, version, scope=None):
            return None

        def get(self, session, user_id, version, scope=None):
            found = super().get(session, user_id, version, scope)
            shop.world.sql("UPDATE _wce_state SET grants = grants + 1")
            return found

    shop.queries = Queries(shop.world.store, shop.guard, Restless())

    assert refused(shop.run, shop.alice, "SELECT 1").code == "busy"


# Once


def once(key="k1", request_hash="h1", size=0) -> Once:
    return Once(key, request_hash, lambda results: (200, json.dumps([result.changes for result in results]) + " " * size))


def test_a_repeat_gets_the_first_answer_and_changes_nothing(shop):
    sql = "INSERT INTO songs (title) VALUES ('new')"
    first, again = shop.run(shop.alice, sql, once=once()), shop.run(shop.alice, sql, once=once())

    assert (first.kept.status, first.kept.body, first.kept.repeated) == (200, "[1]", False)
    assert (again.results, again.kept.status, again.kept.body, again.kept.repeated) == ((), 200, "[1]", True)
    assert titles(shop).count("new") == 1
    assert again.commit == first.commit


def test_a_key_that_answered_something_else_is_refused(shop):
    shop.run(shop.alice, "DELETE FROM songs WHERE id = 1", once=once())

    error = refused(shop.run, shop.alice, "DELETE FROM songs WHERE id = 2", once=once(request_hash="h2"))

    assert error.code == "idempotency_mismatch"
    assert titles(shop) == ["two", "three"]


def test_the_key_of_another_user_is_another_key(shop):
    shop.run(shop.alice, "DELETE FROM songs WHERE id = 1", once=once())

    assert not shop.run(shop.world.owner, "DELETE FROM songs WHERE id = 2", once=once()).kept.repeated


def test_a_key_means_nothing_to_a_read(shop):
    for _ in range(2):
        assert shop.run(shop.bob, "SELECT 1", once=once()).results[0].rows == [(1,)]


def test_what_failed_may_be_tried_again(shop):
    sql = "INSERT INTO songs VALUES (1, 'again')"
    refused(shop.run, shop.alice, sql, once=once())
    shop.world.sql("DELETE FROM songs WHERE id = 1")

    assert not shop.run(shop.alice, sql, once=once()).kept.repeated


def test_a_key_is_forgotten_after_a_day(shop):
    shop.run(shop.alice, "DELETE FROM songs WHERE id = 1", once=once())
    shop.world.clock.now += 24 * 3600

    assert not shop.run(shop.alice, "DELETE FROM songs WHERE id = 2", once=once(request_hash="h2")).kept.repeated


def test_an_answer_too_large_to_keep_undoes_the_write(shop):
    assert refused(shop.run, shop.alice, "DELETE FROM songs", once=once(size=2_000_000)).code == "too_large"
    assert len(titles(shop)) == 3


# Many at once


def test_more_statements_than_the_cenv_allows_wait_and_too_many_are_refused(shop):
    shop.queries = Queries(shop.world.store, shop.guard, GrantsCache(), patience_seconds=0.3)
    forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    config = CenvSettings(max_connections=1, query_timeout_seconds=2)
    running = threading.Thread(target=lambda: refused(shop.run, shop.bob, forever, config=config))
    running.start()

    def ask_until_refused() -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:  # the other one may still be on its way
            shop.run(shop.bob, "SELECT 1", config=config)

    error = refused(ask_until_refused)

    running.join()
    assert (error.code, error.retry_after) == ("busy", 1)
    assert shop.run(shop.bob, "SELECT 1", config=config)


# Explaining


def test_an_explanation_names_the_tables(shop):
    explained = shop.queries.explain(shop.world.cenv, shop.who(shop.bob), shop.world.config, Statement("SELECT title FROM songs"))

    assert "songs" in str(explained)


def test_administrators_ask_on_behalf_of_others(shop):
    explained = shop.queries.explain(
        shop.world.cenv, shop.who(shop.world.owner), shop.world.config, Statement("SELECT title FROM songs"), as_user=shop.bob.user_id
    )

    assert "songs" in str(explained)


def test_nobody_else_does(shop):
    for actor, user_id, code in [(shop.alice, shop.bob.user_id, "forbidden"), (shop.world.owner, 99, "not_found")]:
        asked = (shop.world.cenv, shop.who(actor), shop.world.config, Statement("SELECT 1"))
        assert refused(shop.queries.explain, *asked, as_user=user_id).code == code


# All of a cenv replaced


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("sql", ["SELECT id FROM songs", "DELETE FROM songs"])
def test_who_came_before_everything_was_replaced_is_nobody_in_what_came_after(shop, sql, seen):
    """The ids of a backup or an import are those of its own people, and what Alice sent waits in line while that is put in place."""
    if seen:
        shop.run(shop.alice, "SELECT title FROM songs")
    who = shop.who(shop.alice)
    shop.world.sql("UPDATE _wce_users SET username = 'carol', role = 'admin' WHERE username = 'alice'")
    move_on(shop.world.session.connection, [0] * len(COUNTERS))

    assert refused(shop.run, shop.alice, sql, who=who).code == "busy"
    assert titles(shop) == ["one", "two", "three"]
    assert len(shop.rows(shop.bob, "SELECT id FROM songs")) == 3  # who comes now
