from __future__ import annotations

from dataclasses import replace

import pyotp
import pytest

from wce.core import keys, logins, totp
from wce.core.roles import require_administrator
from wce.errors import WceError
from wce.model import Actor, Role, Scope


def signed_in(world) -> Actor:
    """The owner in a session of its own."""
    made = logins.log_in(world.session, world.passwords, world.tokens, world.config, world.visitor, "Olivia", world.password)
    return replace(world.owner, session_id=made.session_id)


@pytest.mark.parametrize(
    "scope",
    [
        Scope(),
        Scope(read_only=True, tables=("a", "b")),
        Scope(administration=True),
        Scope(tables=(), endpoints=("/x",)),
    ],
)
def test_a_scope_is_read_as_it_was_told(scope: Scope) -> None:
    assert keys.from_plain(keys.plain(scope)) == scope


def test_a_scope_of_a_newer_version_closes_the_key() -> None:
    with pytest.raises(WceError) as caught:
        keys.read('{"hours": 8}')

    assert caught.value.code == "bad_token"


def test_a_key_of_an_administrator_is_none_in_a_transaction_either(world) -> None:
    made, _ = keys.create_key(world.session, world.passwords, world.owner, "x", Scope())
    held = replace(world.owner, role=Role.EDITOR, key_id=made.id, scope=Scope())

    with world.session.transaction(held) as transaction, pytest.raises(WceError) as caught:
        require_administrator(transaction, held)

    assert caught.value.code == "forbidden"


def test_who_was_put_out_while_he_asked_leaves_no_key_behind(world) -> None:
    thief = signed_in(world)
    logins.change_password(
        world.session, world.passwords, world.tokens, world.config, signed_in(world), world.password, "another horse", end_keys=True
    )

    with pytest.raises(WceError) as caught:
        keys.create_key(world.session, world.passwords, thief, "x", Scope())

    assert caught.value.code == "bad_token"
    assert keys.list_keys(world.session, world.owner) == []


def test_who_was_put_out_while_he_asked_leaves_no_second_factor_of_his_behind(world) -> None:
    thief = signed_in(world)
    secret = totp.begin(world.session, world.passwords, thief, world.password).secret
    logins.change_password(world.session, world.passwords, world.tokens, world.config, signed_in(world), world.password, "another horse")

    with pytest.raises(WceError) as caught:
        totp.confirm(world.session, thief, pyotp.TOTP(secret).at(int(world.clock())))

    assert caught.value.code == "bad_token"
    assert not totp.status(world.session, world.owner).enabled


def test_a_password_that_changes_while_it_is_checked_makes_no_key(world, monkeypatch) -> None:
    prove = keys.prove

    def change_then(session, passwords, actor, password):
        proof = prove(session, passwords, actor, password)
        world.sql("UPDATE _wce_users SET password_hash = 'x' WHERE user_id = ?", actor.user_id)
        return proof

    monkeypatch.setattr(keys, "prove", change_then)

    with pytest.raises(WceError) as caught:
        keys.create_key(world.session, world.passwords, world.owner, "x", Scope(administration=True), password=world.password)

    assert caught.value.code == "bad_credentials"
    assert keys.list_keys(world.session, world.owner) == []


@pytest.mark.parametrize(
    ("scope", "roles"),
    [
        (Scope(), ["viewer", "editor", "editor", "editor"]),
        (Scope(read_only=True), ["viewer", "viewer", "viewer", "viewer"]),
        (Scope(administration=True), ["viewer", "editor", "admin", "owner"]),
        (Scope(administration=True, read_only=True), ["viewer", "viewer", "admin", "owner"]),
    ],
)
def test_a_scope_only_lowers_a_role(scope: Scope, roles: list[str]) -> None:
    assert [scope.lower(role) for role in (Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER)] == roles


def test_whoever_is_demoted_at_that_moment_makes_no_key_that_administers(world) -> None:
    demoted = replace(world.add("adam", Role.EDITOR), role=Role.ADMIN)  # as the request began

    with pytest.raises(WceError) as caught:
        keys.create_key(world.session, world.passwords, demoted, "x", Scope(administration=True), password=world.password)

    assert (caught.value.code, keys.list_keys(world.session, demoted)) == ("forbidden", [])
