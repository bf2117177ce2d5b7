"""Who a token or key stands for is kept while the counters of the file stand still: never longer than it is true."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wce.core import keys
from wce.core.logins import authenticate, log_in
from wce.errors import WceError
from wce.model import Scope
from wce.store.session import Session
from wce.store.sqlite import connect

CHANGES = (
    "UPDATE _wce_users SET role = 'viewer' WHERE user_id = 1",
    "UPDATE _wce_users SET role = 'owner' WHERE user_id = 1",
    "UPDATE _wce_users SET enabled = 1 - enabled WHERE user_id = 1",
    "UPDATE _wce_users SET username = 'Olga' WHERE user_id = 1",
    "UPDATE _wce_users SET last_login = 7",
    "DELETE FROM _wce_sessions",
    "INSERT OR IGNORE INTO _wce_sessions SELECT * FROM temp.sessions",
    "REPLACE INTO _wce_sessions SELECT * FROM temp.sessions",
    "UPDATE _wce_sessions SET last_used = last_used + 1",
    "UPDATE _wce_sessions SET expires_at = 0",
    "UPDATE _wce_sessions SET token_hash = 'other'",
    "INSERT OR IGNORE INTO _wce_revoked_tokens SELECT token_hash, expires_at FROM temp.sessions",
    "UPDATE _wce_revoked_tokens SET token_hash = 'x' || token_hash",
    "DELETE FROM _wce_revoked_tokens",
    "DELETE FROM _wce_api_keys",
    "INSERT OR IGNORE INTO _wce_api_keys SELECT * FROM temp.keys",
    "UPDATE _wce_api_keys SET scope = '{\"read_only\":true}'",
    "UPDATE _wce_api_keys SET expires_at = 1",
    "UPDATE _wce_api_keys SET last_used = 7",
    "UPDATE _wce_table_permissions SET can_read = 0",
    "UPDATE _wce_state SET commits = commits + 1",
    "INSERT INTO notes DEFAULT VALUES",
)
STEPS = st.lists(
    st.tuples(st.sampled_from(CHANGES), st.sampled_from(["here", "elsewhere", "undone here", "undone elsewhere"])), max_size=12
)


def told(call, *args):
    try:
        return call(*args)
    except WceError as error:
        return error.code


def everybody(world, session, login, key):
    """What a token and a key stand for, as one connection has it."""
    claims = world.tokens.read(login.token, world.cenv, world.clock.now)
    return told(authenticate, session, claims, world.clock.now), told(keys.authenticate, session, key, world.clock.now)


def truth(world, login, key):
    """The same of a connection that has kept nothing."""
    connection = connect(world.store.path(world.cenv))
    try:
        return everybody(world, Session(world.cenv, connection, world.store.transaction, world.store.explain), login, key)
    finally:
        connection.close()


@pytest.fixture
def key(world):
    world.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    made, token = keys.create_key(world.session, world.passwords, world.owner, "robot", Scope(), password=world.password)
    assert made.id == 1
    return token


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whoever_changes_it_the_next_request_knows(world, key, steps):
    world.sql("UPDATE _wce_users SET role = 'owner', enabled = 1, username = 'Olivia' WHERE user_id = 1")
    world.sql("DELETE FROM _wce_sessions")
    world.sql("DELETE FROM _wce_revoked_tokens")
    login = log_in(world.session, world.passwords, world.tokens, world.config, world.visitor, "olivia", world.password)
    other = connect(world.store.path(world.cenv))  # another program, which knows nothing of what SQLite was told by ours
    try:
        for connection in (world.session.connection, other):
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS sessions AS SELECT * FROM _wce_sessions WHERE 0")
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS keys AS SELECT * FROM _wce_api_keys")
            connection.execute("DELETE FROM temp.sessions")
            connection.execute("INSERT INTO temp.sessions SELECT * FROM _wce_sessions WHERE session_id = ?", (login.session_id,))
        world.sql("REPLACE INTO _wce_api_keys SELECT * FROM temp.keys")
        for change, where in steps:
            connection = other if where.endswith("elsewhere") else world.session.connection
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(change)
            if where == "undone here":
                everybody(world, world.session, login, key)  # sees what is undone next
            connection.execute("ROLLBACK" if where.startswith("undone") else "COMMIT")

            assert everybody(world, world.session, login, key) == truth(world, login, key)
            assert everybody(world, world.session, login, key) == truth(world, login, key)
    finally:
        other.close()


def test_what_was_undone_is_not_taken_for_what_moves_the_counter_as_far(world, key):
    login = log_in(world.session, world.passwords, world.tokens, world.config, world.visitor, "olivia", world.password)
    world.sql("BEGIN IMMEDIATE")
    world.sql("DELETE FROM _wce_sessions")
    assert everybody(world, world.session, login, key)[0] == "bad_token"
    world.sql("ROLLBACK")

    world.sql("UPDATE _wce_sessions SET last_used = last_used + 1")

    assert everybody(world, world.session, login, key) == truth(world, login, key)
    assert everybody(world, world.session, login, key)[0] != "bad_token"


def test_data_that_is_written_moves_nothing_of_it(world, key):
    login = log_in(world.session, world.passwords, world.tokens, world.config, world.visitor, "olivia", world.password)
    everybody(world, world.session, login, key)
    asked: list[str] = []

    for _ in range(3):
        world.sql("INSERT INTO notes DEFAULT VALUES")
        world.session.connection.set_trace_callback(asked.append)
        everybody(world, world.session, login, key)
        world.session.connection.set_trace_callback(None)

    assert [text for text in asked if "_wce_users" in text] == []


def test_there_is_an_end_to_the_people_that_are_kept(world):
    for number in range(300):
        assert told(keys.authenticate, world.session, "wce_" + f"{number:043}", world.clock.now) == "bad_token"

    assert len(world.session._counted) <= 100
