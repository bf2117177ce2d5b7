from __future__ import annotations

from dataclasses import replace

import pytest

from wce.core import audit
from wce.core.logins import (
    anonymous,
    authenticate,
    change_password,
    list_sessions,
    log_in,
    log_out,
    note_uses,
    revoke_all,
    revoke_session,
    use_of,
)
from wce.core.passwords import Passwords
from wce.core.settings import CenvSettings
from wce.errors import WceError
from wce.model import Actor, Role


def refused(call, *args, **kwargs) -> str:
    with pytest.raises(WceError) as caught:
        call(*args, **kwargs)
    return caught.value.code


def sign_in(world, username="olivia", password=None, config=None):
    password = world.password if password is None else password
    return log_in(world.session, world.passwords, world.tokens, config or world.config, world.visitor, username, password)


def present(world, token):
    """What the web does with a token."""
    claims = world.tokens.read(token, world.cenv, world.clock.now)
    return authenticate(world.session, claims, world.clock.now, "192.0.2.9", "a browser")


def owner_with(world, login) -> Actor:
    return present(world, login.token).actor


# Signing in


def test_the_right_password_begins_a_session(world):
    login = sign_in(world)

    seen = present(world, login.token)

    assert seen.actor == Actor(1, "Olivia", Role.OWNER, login.session_id, "192.0.2.9", "a browser")
    assert (login.expires_at, seen.last_used) == (int(world.clock.now) + 24 * 3600, int(world.clock.now))


def test_the_name_is_known_in_any_case(world):
    assert sign_in(world, "OLIVIA").user_id == world.owner.user_id


def test_a_login_lasts_as_long_as_the_cenv_says(world):
    login = sign_in(world, config=CenvSettings(session_timeout_hours=2))

    world.clock.now += 2 * 3600 - 1
    present(world, login.token)
    world.clock.now += 1

    assert refused(present, world, login.token) == "bad_token"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("olivia", "wrong horse!"),
        ("olivia", ""),
        ("olivia", "x" * 100),
        ("nobody", "correct horse"),
        ("disabled", "correct horse"),
        ("public", "correct horse"),
        ("", ""),
        ("\ud800\0", "\ud800"),
        ("x" * 1_000, "correct horse"),
    ],
)
def test_unknown_disabled_and_wrong_answer_alike(world, username, password):
    disabled = world.add("disabled")
    world.sql("UPDATE _wce_users SET enabled = 0 WHERE user_id = ?", disabled.user_id)

    with pytest.raises(WceError) as caught:
        sign_in(world, username, password)

    assert (caught.value.code, caught.value.detail) == ("bad_credentials", "Wrong user name or password")
    assert world.session.all("SELECT * FROM _wce_sessions") == []


def test_success_and_failure_are_in_the_log_and_no_password_is(world):
    sign_in(world)
    refused(sign_in, world, "mallory", "guess number one")

    failure, success = audit.find(world.session, audit.AuditFilters(action="login.*")).entries
    assert (success.action, success.username, success.ip_address) == ("login.success", "Olivia", "192.0.2.7")
    assert (failure.action, failure.user_id, failure.username, failure.ip_address) == ("login.failure", 0, "mallory", "192.0.2.7")
    assert "guess" not in str(world.session.all("SELECT * FROM _wce_audit_log"))


def test_a_login_is_noted_with_the_user(world):
    sign_in(world)

    assert world.session.one("SELECT last_login FROM _wce_users WHERE user_id = 1") == (int(world.clock.now),)


def test_a_user_keeps_his_twenty_newest_sessions(world):
    logins = []
    for _ in range(22):
        world.clock.now += 1
        logins.append(sign_in(world))

    assert refused(present, world, logins[0].token) == "bad_token"
    assert refused(present, world, logins[1].token) == "bad_token"
    assert all(present(world, login.token) for login in logins[2:])


def test_every_login_is_a_session_of_its_own(world):
    first, second = sign_in(world), sign_in(world)

    assert first.session_id != second.session_id
    assert first.token != second.token


def test_the_token_itself_is_not_in_the_file(world):
    login = sign_in(world)

    signature = login.token.rsplit(".", 1)[1]
    assert signature not in str(world.session.all("SELECT * FROM _wce_sessions"))
    assert signature not in str(world.session.all("SELECT * FROM _wce_audit_log"))


def test_a_password_that_changed_while_it_was_checked_signs_nobody_in(world):
    class Overtaken(Passwords):
        """Somebody else changes the password while bcrypt runs."""

        def verify(self, password, stored):
            world.sql("UPDATE _wce_users SET password_hash = 'other' WHERE user_id = 1")
            return super().verify(password, stored)

    passwords = Overtaken(world.store.metrics, rounds=4)

    assert (
        refused(log_in, world.session, passwords, world.tokens, world.config, world.visitor, "olivia", world.password) == "bad_credentials"
    )


# Being somebody


def test_a_visitor_is_the_public_principal(world):
    seen = anonymous(world.session, "192.0.2.9", "a browser")

    assert seen.actor == Actor(0, "public", Role.PUBLIC, None, "192.0.2.9", "a browser")
    assert seen.state == present(world, sign_in(world).token).state.__class__(seen.state.grants, 0, 0, 0, seen.state.commits)


def test_the_counters_come_with_the_principal(world):
    login = sign_in(world)
    before = present(world, login.token).state

    world.add("alice")

    after = present(world, login.token).state
    assert after.grants > before.grants
    assert after.commits == before.commits + 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE _wce_users SET enabled = 0 WHERE user_id = 1",
        "DELETE FROM _wce_sessions",
        "UPDATE _wce_sessions SET token_hash = 'other'",
        "UPDATE _wce_sessions SET user_id = 0",
        "UPDATE _wce_sessions SET expires_at = 0",
        "INSERT INTO _wce_revoked_tokens SELECT token_hash, expires_at FROM _wce_sessions",
    ],
)
def test_the_row_is_the_truth_whatever_the_token_says(world, change):
    login = sign_in(world)
    present(world, login.token)

    world.sql(change)

    assert refused(present, world, login.token) == "bad_token"


def test_a_role_acts_at_once(world):
    login = sign_in(world)

    world.sql("UPDATE _wce_users SET role = 'viewer' WHERE user_id = 1")

    assert present(world, login.token).actor.role == Role.VIEWER


# Sessions


def test_one_sees_ones_own_sessions_and_which_is_this_one(world):
    first = sign_in(world)
    world.clock.now += 10
    second = sign_in(world)
    world.add("alice")
    sign_in(world, "alice")

    seen = list_sessions(world.session, owner_with(world, first), world.clock.now)

    assert [(item.session_id, item.current) for item in seen] == [(second.session_id, False), (first.session_id, True)]
    assert (seen[0].ip_address, seen[0].user_agent) == ("192.0.2.7", "a browser")


def test_logging_out_ends_this_session_and_no_other(world):
    first, second = sign_in(world), sign_in(world)

    log_out(world.session, owner_with(world, first))

    assert refused(present, world, first.token) == "bad_token"
    assert present(world, second.token)
    assert world.actions()[-1] == "logout"


def test_a_token_that_was_ended_stays_refused_even_if_its_row_came_back(world):
    login = sign_in(world)
    rows = world.session.all("SELECT * FROM _wce_sessions")
    log_out(world.session, owner_with(world, login))

    world.sql("INSERT INTO _wce_sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *rows[0])

    assert refused(present, world, login.token) == "bad_token"


def test_one_ends_one_of_ones_sessions(world):
    first, second = sign_in(world), sign_in(world)

    revoke_session(world.session, owner_with(world, first), second.session_id)

    assert refused(present, world, second.token) == "bad_token"
    assert present(world, first.token)


def test_the_session_of_another_is_not_there(world):
    alice = world.add("alice")
    login = sign_in(world)

    assert refused(revoke_session, world.session, alice, login.session_id) == "not_found"
    assert present(world, login.token)


def test_one_ends_all_of_ones_sessions(world):
    first, second = sign_in(world), sign_in(world)

    assert revoke_all(world.session, owner_with(world, first)) == 2

    for login in (first, second):
        assert refused(present, world, login.token) == "bad_token"


# Changing the password


def test_a_new_password_ends_every_session_and_the_new_login_takes_their_place(world):
    first, second = sign_in(world), sign_in(world)

    fresh = change_password(
        world.session, world.passwords, world.tokens, world.config, owner_with(world, first), world.password, "another horse"
    )

    for login in (first, second):
        assert refused(present, world, login.token) == "bad_token"
    assert present(world, fresh.token).actor.user_id == 1
    assert refused(sign_in, world) == "bad_credentials"
    assert sign_in(world, password="another horse")


def test_the_current_password_is_asked_for_and_a_wrong_one_is_noted(world):
    login = sign_in(world)
    change = (world.session, world.passwords, world.tokens, world.config, owner_with(world, login))

    assert refused(change_password, *change, "wrong horse!", "another horse") == "bad_credentials"
    assert present(world, login.token)
    assert world.actions()[-1] == "password.failure"


def test_a_bad_new_password_changes_nothing(world):
    login = sign_in(world)
    change = (world.session, world.passwords, world.tokens, world.config, owner_with(world, login))

    assert refused(change_password, *change, world.password, "short") == "validation"
    assert present(world, login.token)


# Upkeep


def test_a_login_removes_what_has_expired(world):
    log_out(world.session, owner_with(world, sign_in(world)))
    sign_in(world)
    world.sql(
        "INSERT INTO _wce_idempotency (user_id, key, request_hash, status, body, created_at) VALUES (1, 'key', 'hash', 200, '{}', ?)",
        int(world.clock.now),
    )

    world.clock.now += 24 * 3600
    sign_in(world)

    assert world.session.one("SELECT count(*) FROM _wce_sessions") == (1,)
    assert world.session.all("SELECT * FROM _wce_revoked_tokens") == []
    assert world.session.all("SELECT * FROM _wce_idempotency") == []


def test_a_login_removes_audit_rows_past_their_retention(world):
    sign_in(world)
    world.clock.now += 3 * 86_400

    sign_in(world, config=CenvSettings(audit_retention_days=2))

    assert world.actions() == ["audit.trim", "login.success"]
    assert audit.verify(world.session).ok


# Last use


def last_used(world) -> int:
    return world.session.one("SELECT last_used FROM _wce_sessions")[0]


def test_a_use_is_worth_noting_once_a_minute(world):
    login = sign_in(world)

    world.clock.now += 59
    assert use_of(present(world, login.token), world.clock.now) is None
    world.clock.now += 1
    assert use_of(present(world, login.token), world.clock.now) == login.session_id


def test_the_use_by_nobody_is_not_worth_noting(world):
    world.clock.now += 3_600

    assert use_of(anonymous(world.session), world.clock.now) is None


def test_what_another_process_has_noted_since_stays(world):
    login = sign_in(world)
    begin = int(world.clock.now)
    world.clock.now += 90

    for at in (begin + 90, begin + 60):
        with world.session.transaction(world.owner) as transaction:
            note_uses(transaction, {login.session_id: at})

    assert last_used(world) == begin + 90


def test_a_time_to_come_gives_way_once_the_clock_is_right(world):
    login = sign_in(world)
    begin = int(world.clock.now)
    with world.session.transaction(world.owner) as transaction:
        note_uses(transaction, {login.session_id: begin + 86_400})

    used = use_of(present(world, login.token), begin)
    with world.session.transaction(world.owner) as transaction:
        note_uses(transaction, {login.session_id: begin})

    assert used == login.session_id
    assert last_used(world) == begin


def test_a_use_that_is_not_written_yet_is_listed(world):
    login = sign_in(world)
    begin = int(world.clock.now)

    for noted, seen in (({}, begin), ({login.session_id: begin + 90}, begin + 90), ({login.session_id: begin - 90}, begin)):
        assert list_sessions(world.session, owner_with(world, login), world.clock.now, noted)[0].last_used == seen


def test_what_strangers_try_takes_nothing_of_the_last_room_of_a_full_file(world, caplog):
    (pages,) = world.session.one("PRAGMA page_count")
    world.session.bound(pages * 4096, 16 * 4096)
    stranger, unlimited = replace(world.visitor, user_agent="x" * 300), replace(world.config, max_database_mb=100_000)

    for _ in range(200):
        with pytest.raises(WceError) as caught:
            log_in(world.session, world.passwords, world.tokens, unlimited, stranger, "nobody", "wrong horse")
        assert caught.value.code == "bad_credentials"

    assert "login failure not recorded" in caplog.text
    assert len(audit.find(world.session, audit.AuditFilters(action="login.failure"), limit=1000).entries) < 200
    assert present(world, sign_in(world).token).actor.role is Role.OWNER


# The unlikely


def test_who_is_not_signed_in_logs_out_of_nothing(world):
    before = world.actions()

    log_out(world.session, world.visitor)

    assert world.actions() == before


def test_a_file_without_its_counters_is_damaged(world):
    world.sql("DELETE FROM _wce_state")

    assert refused(anonymous, world.session) == "cenv_damaged"


def test_of_two_changes_of_a_password_at_once_one_holds(world):
    login = sign_in(world)

    class Overtaken(Passwords):
        """Somebody else changes the password while bcrypt runs."""

        def hash(self, password, field="password"):
            world.sql("UPDATE _wce_users SET password_hash = 'other' WHERE user_id = 1")
            return super().hash(password, field)

    passwords = Overtaken(world.store.metrics, rounds=4)

    change = (world.session, passwords, world.tokens, world.config, owner_with(world, login))
    assert refused(change_password, *change, world.password, "another horse") == "bad_credentials"
    assert world.session.one("SELECT password_hash FROM _wce_users WHERE user_id = 1") == ("other",)
