from __future__ import annotations

from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wce.core import audit, permissions
from wce.core.permissions import (
    GrantsCache,
    ceiling,
    grant,
    grants_of,
    list_permissions,
    principal_id,
    revoke,
    shown_id,
    weight,
)
from wce.errors import WceError
from wce.model import Rights, Role, RowPolicy

READ = Rights(can_read=True)
READ_WRITE = Rights(can_read=True, can_write=True)
SHARE_READ = Rights(can_read=True, can_grant=True)
ALL = Rights(can_read=True, can_write=True, can_delete=True, can_grant=True)


@pytest.fixture
def shop(world):
    """A world with two tables, a view and a full-text index."""
    world.sql("CREATE TABLE Songs (id INTEGER PRIMARY KEY, title TEXT)")
    world.sql("CREATE TABLE albums (id INTEGER PRIMARY KEY)")
    world.sql("CREATE VIEW hits AS SELECT * FROM songs")
    world.sql("CREATE VIRTUAL TABLE search USING fts5(title)")
    return world


def give(world, actor, target, rights, table="songs"):
    user_id = target if isinstance(target, int) else target.user_id
    return grant(world.session, world.catalogue, actor, user_id, table, rights)


def take(world, actor, target, table="songs"):
    (found,) = [
        item for item in list_permissions(world.session, world.owner) if item.user_id == target.user_id and item.table_name.lower() == table
    ]
    revoke(world.session, actor, found.id)


def refused(call, *args) -> str:
    with pytest.raises(WceError) as caught:
        call(*args)
    return caught.value.code


def held(world, actor, table="songs") -> Rights:
    return grants_of(world.session, actor.user_id)[0].rights.get(table, Rights())


# Giving


def test_granting_creates_and_granting_again_replaces(shop):
    alice = shop.add("alice", Role.EDITOR)

    first, created = give(shop, shop.owner, alice, READ)
    second, created_again = give(shop, shop.owner, alice, Rights(can_write=True))

    assert (created, created_again) == (True, False)
    assert first.id == second.id
    assert held(shop, alice) == Rights(can_write=True)


def test_the_name_is_kept_as_the_schema_spells_it(shop):
    alice = shop.add("alice")

    assert give(shop, shop.owner, alice, READ, "SONGS")[0].table_name == "Songs"
    assert not give(shop, shop.owner, alice, READ, "songs")[1]


@pytest.mark.parametrize("table", ["songs", "hits", "search"])
def test_tables_views_and_virtual_tables_can_be_granted(shop, table):
    assert give(shop, shop.owner, shop.add("alice"), READ, table)[1]


@pytest.mark.parametrize(
    "table",
    ["nothing", "", "_wce_users", "_WCE_users", "sqlite_schema", "sqlite_sequence", "search_content", "songs ", 'so"ngs', "main.songs"],
)
def test_nothing_else_can(shop, table):
    assert refused(give, shop, shop.owner, shop.add("alice"), READ, table) == "no_such_table"


def test_there_must_be_such_a_user(shop):
    assert refused(give, shop, shop.owner, 99, READ) == "not_found"


def test_the_public_can_be_granted(shop):
    permission, _ = give(shop, shop.owner, 0, READ)

    assert (permission.user_id, permission.username) == (0, "public")
    assert held(shop, shop.visitor) == READ


def test_taking_away_takes_all(shop):
    alice = shop.add("alice")
    give(shop, shop.owner, alice, READ)

    take(shop, shop.owner, alice)

    assert held(shop, alice) == Rights()


def test_what_is_not_there_cannot_be_taken(shop):
    assert refused(revoke, shop.session, shop.owner, 99) == "not_found"


def test_giving_and_taking_are_audited(shop):
    give(shop, shop.owner, 0, READ)
    take(shop, shop.owner, shop.visitor)

    revoked, granted = audit.find(shop.session, audit.AuditFilters(action="permission.*")).entries
    assert (granted.action, granted.resource_type, granted.resource_id) == ("permission.grant", "table", "Songs")
    assert granted.details == {"user_id": "public", "can_read": True, "can_write": False, "can_delete": False, "can_grant": False}
    assert revoked.action == "permission.revoke"


# Passing on


@pytest.mark.parametrize(("bound", "most"), [("MAX_PERMISSIONS", 1), ("MAX_NAMES", len("Songs"))])
def test_there_are_so_many_and_what_is_there_can_be_changed(shop, monkeypatch, bound, most):
    first, second = shop.add("first", Role.EDITOR), shop.add("second", Role.EDITOR)
    give(shop, shop.owner, first, READ)
    monkeypatch.setattr(permissions, bound, most)

    assert refused(give, shop, shop.owner, second, READ) == "quota_exceeded"
    give(shop, shop.owner, first, READ_WRITE)
    take(shop, shop.owner, first)
    give(shop, shop.owner, second, READ)

    assert [item.username for item in list_permissions(shop.session, shop.owner)] == ["second"]


def test_who_holds_can_grant_passes_on_what_he_holds(shop):
    alice, bob = shop.add("alice", Role.EDITOR), shop.add("bob", Role.EDITOR)
    give(shop, shop.owner, alice, SHARE_READ)

    give(shop, alice, bob, READ)

    assert held(shop, bob) == READ


def test_and_nothing_that_he_does_not_hold(shop):
    alice, bob = shop.add("alice", Role.EDITOR), shop.add("bob", Role.EDITOR)
    give(shop, shop.owner, alice, SHARE_READ)

    assert refused(give, shop, alice, bob, READ_WRITE) == "forbidden"


def test_and_nothing_that_his_role_keeps_from_him(shop):
    alice, bob = shop.add("alice", Role.VIEWER), shop.add("bob", Role.EDITOR)
    give(shop, shop.owner, alice, ALL)

    assert refused(give, shop, alice, bob, READ_WRITE) == "forbidden"
    assert give(shop, alice, bob, READ)[1]


def test_and_no_rows_that_his_own_policies_keep_from_him(shop):
    alice, bob = shop.add("alice", Role.EDITOR), shop.add("bob", Role.EDITOR)
    give(shop, shop.owner, alice, SHARE_READ)
    shop.sql("INSERT INTO _wce_row_policies VALUES (1, 'Songs', ?, 'read', 'id = 1', 0, 1)", alice.user_id)

    assert refused(give, shop, alice, bob, READ) == "forbidden"


def test_without_can_grant_nothing_is_passed_on(shop):
    alice, bob = shop.add("alice", Role.EDITOR), shop.add("bob", Role.EDITOR)
    give(shop, shop.owner, alice, READ_WRITE)

    assert refused(give, shop, alice, bob, READ) == refused(give, shop, alice, 999, READ) == "forbidden"  # and who there is stays unsaid


def test_a_table_that_one_may_not_see_is_not_there(shop):
    alice, bob = shop.add("alice", Role.EDITOR), shop.add("bob", Role.EDITOR)

    assert refused(give, shop, alice, bob, READ) == refused(give, shop, alice, bob, READ, "nothing") == "no_such_table"


@pytest.mark.parametrize("target", ["himself", "the public", "an administrator"])
def test_only_administrators_set_the_permissions_of(shop, target):
    alice, adam = shop.add("alice", Role.EDITOR), shop.add("adam", Role.ADMIN)
    give(shop, shop.owner, alice, SHARE_READ)

    whom = {"himself": alice, "the public": shop.visitor, "an administrator": adam}[target]

    assert refused(give, shop, alice, whom, READ) == "forbidden"


def test_who_holds_more_is_left_alone(shop):
    alice, bob = shop.add("alice", Role.EDITOR), shop.add("bob", Role.EDITOR)
    give(shop, shop.owner, alice, SHARE_READ)
    give(shop, shop.owner, bob, READ_WRITE)

    assert refused(give, shop, alice, bob, READ) == "forbidden"
    assert refused(take, shop, alice, bob) == "forbidden"
    assert held(shop, bob) == READ_WRITE


def test_who_may_give_may_take(shop):
    alice, bob = shop.add("alice", Role.EDITOR), shop.add("bob", Role.EDITOR)
    give(shop, shop.owner, alice, SHARE_READ)
    give(shop, shop.owner, bob, READ)

    take(shop, alice, bob)

    assert held(shop, bob) == Rights()


def test_what_one_may_not_pass_on_one_does_not_see(shop):
    alice, bob = shop.add("alice", Role.EDITOR), shop.add("bob", Role.EDITOR)
    give(shop, shop.owner, alice, SHARE_READ)
    give(shop, shop.owner, bob, READ)
    hidden, _ = give(shop, shop.owner, bob, READ, "albums")

    assert {item.table_name for item in list_permissions(shop.session, alice)} == {"Songs"}
    assert list_permissions(shop.session, bob) == []
    assert len(list_permissions(shop.session, shop.owner)) == 3
    assert refused(revoke, shop.session, alice, hidden.id) == "not_found"


def test_the_public_passes_nothing_on(shop):
    give(shop, shop.owner, 0, ALL)

    assert refused(give, shop, shop.visitor, shop.add("bob"), READ) == "forbidden"


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR, Role.ADMIN])
def test_passing_on_is_allowed_exactly_when_it_moves_nothing_but_what_the_actor_holds(shop, role):
    actor, target = shop.add("actor", role), shop.add("target", Role.EDITOR)
    rights = st.builds(Rights, st.booleans(), st.booleans(), st.booleans(), st.booleans())

    @settings(max_examples=150, deadline=None)
    @given(own=st.one_of(rights, rights.map(lambda held: replace(held, can_grant=True))), before=rights, after=rights)
    def holds(own: Rights, before: Rights, after: Rights) -> None:
        give(shop, shop.owner, actor, own)
        give(shop, shop.owner, target, before)
        effective = ceiling(role, own)
        moved = [may for had, has, may in zip(astuple(before), astuple(after), astuple(effective), strict=True) if had or has]
        allowed = role is Role.ADMIN or (effective.can_grant and all(moved))

        if allowed:
            give(shop, actor, target, after)
        else:
            assert refused(give, shop, actor, target, after) in ("forbidden", "no_such_table")

        assert held(shop, target) == (after if allowed else before)

    holds()


# Grants


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PUBLIC])
def test_a_role_is_a_ceiling(role):
    assert ceiling(role, READ_WRITE) == READ
    assert ceiling(role, Rights(can_write=True, can_delete=True)) == Rights()


def test_grants_hold_everything_that_decides(shop):
    alice = shop.add("alice", Role.EDITOR)
    give(shop, shop.owner, alice, READ_WRITE)
    shop.sql("INSERT INTO _wce_row_policies VALUES (1, 'Songs', NULL, 'read', 'a', 0, 1), (2, 'Songs', 1, 'read', 'b', 0, 1)")
    shop.sql("INSERT INTO _wce_row_policies VALUES (3, 'albums', ?, 'write', 'c', 0, 1)", alice.user_id)
    shop.sql("INSERT INTO _wce_triggers VALUES ('Stamp', 1, 1, 0), ('other', 0, 1, 0)")

    grants, version = grants_of(shop.session, alice.user_id)

    assert grants.role == Role.EDITOR
    assert grants.rights == {"songs": READ_WRITE}
    assert grants.policies == (RowPolicy(1, "Songs", None, "read", "a"), RowPolicy(3, "albums", alice.user_id, "write", "c"))
    assert grants.variables == {"user_id": alice.user_id, "username": "alice", "role": "editor"}
    assert grants.definer_triggers == {"stamp"}
    assert (version,) == shop.session.one("SELECT grants FROM _wce_state")


def test_the_public_has_no_user_id(shop):
    grants, _ = grants_of(shop.session, 0)

    assert grants.variables == {"user_id": None, "username": "public", "role": "public"}


def test_administrators_are_bound_by_nothing(shop):
    shop.sql("INSERT INTO _wce_row_policies VALUES (1, 'Songs', NULL, 'read', '0', 0, 1)")

    grants, _ = grants_of(shop.session, shop.owner.user_id)

    assert (grants.role, grants.rights, grants.policies) == (Role.OWNER, {}, ())


@pytest.mark.parametrize("change", ["UPDATE _wce_users SET enabled = 0 WHERE user_id = ?", "DELETE FROM _wce_users WHERE user_id = ?"])
def test_who_is_gone_or_disabled_has_no_grants(shop, change):
    alice = shop.add("alice")
    shop.sql(change, alice.user_id)

    assert refused(grants_of, shop.session, alice.user_id) == "bad_token"


def test_the_fingerprint_changes_with_what_concerns_the_principal_and_with_nothing_else(shop):
    alice, bob = shop.add("alice", Role.EDITOR), shop.add("bob", Role.EDITOR)
    give(shop, shop.owner, alice, READ)
    before, _ = grants_of(shop.session, alice.user_id)

    give(shop, shop.owner, bob, READ)
    unconcerned, _ = grants_of(shop.session, alice.user_id)
    give(shop, shop.owner, alice, READ_WRITE)
    after, _ = grants_of(shop.session, alice.user_id)

    assert unconcerned.fingerprint == before.fingerprint
    assert after.fingerprint != before.fingerprint
    assert grants_of(shop.session, bob.user_id)[0].fingerprint != before.fingerprint


def test_the_cache_is_right_while_the_counter_stands_still(shop):
    alice, cache = shop.add("alice", Role.EDITOR), GrantsCache()
    _, version = grants_of(shop.session, alice.user_id)
    first, _ = cache.get(shop.session, alice.user_id, version, None)

    assert cache.get(shop.session, alice.user_id, version, None)[0] is first

    give(shop, shop.owner, alice, READ)
    second, newer = cache.get(shop.session, alice.user_id, version + 1, None)

    assert second.rights == {"songs": READ}
    assert newer == version + 1


def test_what_is_read_late_is_kept_under_its_own_counter(shop):
    alice, cache = shop.add("alice", Role.EDITOR), GrantsCache()
    _, old = grants_of(shop.session, alice.user_id)
    give(shop, shop.owner, alice, READ)

    grants, version = cache.get(shop.session, alice.user_id, old, None)

    assert (version, grants.rights) == (old + 1, {"songs": READ})
    assert cache.get(shop.session, alice.user_id, old + 1, None)[0] is grants


def test_many_versions_of_long_policies_take_no_more_room_than_there_is(shop):
    alice, cache = shop.add("alice", Role.EDITOR), GrantsCache(size_bytes=100_000)
    shop.session.execute(
        "INSERT INTO _wce_row_policies (table_name, policy_type, sql_condition, created_at) VALUES ('songs', 'read', ?, 0)", ("1" * 10_000,)
    )

    for _ in range(5):
        shop.session.execute("UPDATE _wce_state SET grants = grants + 1")
        _, version = grants_of(shop.session, alice.user_id)
        grants, _ = cache.get(shop.session, alice.user_id, version, None)

    assert 40_000 < weight(grants) < 50_000
    assert len(cache) == 2


# The id of an API


@pytest.mark.parametrize("value", [1, 99])
def test_an_id_is_itself(value):
    assert principal_id(value) == value == shown_id(value)


def test_public_is_a_word():
    assert (principal_id("public"), shown_id(0)) == (0, "public")


@pytest.mark.parametrize("value", [0, -1, 2**63, True, "1", "Public", None, 1.0])
def test_anything_else_is_no_id(value):
    assert refused(principal_id, value) == "validation"
