from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from wce.core.roles import current, may_act_on, may_give, require_administrator
from wce.errors import WceError
from wce.model import Role


@pytest.mark.parametrize(("actor", "target"), list(itertools.product(Role, Role)))
def test_one_acts_only_as_administrator_and_only_on_roles_strictly_below(actor, target):
    assert may_act_on(actor, target) == (actor in ("admin", "owner") and target.rank < actor.rank)


@pytest.mark.parametrize("actor", list(Role))
def test_nobody_gives_ownership_or_the_role_of_the_public(actor):
    assert not may_give(actor, Role.OWNER)
    assert not may_give(actor, Role.PUBLIC)


def test_an_administrator_makes_no_other_administrator():
    assert not may_give(Role.ADMIN, Role.ADMIN)
    assert may_give(Role.OWNER, Role.ADMIN)


def test_the_role_that_counts_is_the_one_of_this_moment(world):
    admin = world.add("adam", Role.ADMIN)
    world.sql("UPDATE _wce_users SET role = 'viewer' WHERE user_id = ?", admin.user_id)

    with world.session.transaction(admin) as transaction, pytest.raises(WceError) as caught:
        require_administrator(transaction, admin)

    assert caught.value.code == "forbidden"


def test_who_was_disabled_meanwhile_does_nothing_any_more(world):
    admin = world.add("adam", Role.ADMIN)
    world.sql("UPDATE _wce_users SET enabled = 0 WHERE user_id = ?", admin.user_id)

    with world.session.transaction(admin) as transaction, pytest.raises(WceError) as caught:
        current(transaction, admin)

    assert caught.value.code == "bad_token"


@pytest.mark.parametrize(("entry", "table"), [({"session_id": "s"}, "_wce_sessions"), ({"key_id": 1}, "_wce_api_keys")])
def test_who_came_by_a_session_or_a_key_that_has_ended_does_nothing_any_more(world, entry, table):
    world.sql("INSERT INTO _wce_sessions VALUES ('s', 1, 'h', 0, 9999999999, 0, '', '')")
    world.sql("INSERT INTO _wce_api_keys (id, user_id, name, key_hash, scope, created_at) VALUES (1, 1, 'x', 'h', '{}', 0)")
    held = replace(world.owner, **entry)
    with world.session.transaction(held) as transaction:
        assert current(transaction, held).role is Role.OWNER
    world.sql(f"DELETE FROM {table}")

    with world.session.transaction(held) as transaction, pytest.raises(WceError) as caught:
        current(transaction, held)

    assert caught.value.code == "bad_token"
