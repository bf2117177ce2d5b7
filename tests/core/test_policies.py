from __future__ import annotations

import pytest

from wce.core import audit
from wce.core.policies import create_policy, delete_policy, list_policies
from wce.errors import WceError
from wce.model import Role


@pytest.fixture
def shop(desk):
    desk.world.sql("CREATE TABLE Songs (id INTEGER PRIMARY KEY, owner_id INTEGER)")
    desk.world.sql("CREATE VIEW hits AS SELECT * FROM songs")
    desk.world.sql("CREATE VIRTUAL TABLE search USING fts5(title)")
    return desk


def create(shop, actor=None, **fields):
    given = {"table_name": "songs", "user_id": None, "policy_type": "read", "sql_condition": "owner_id = $user_id"} | fields
    return create_policy(shop.world.session, shop.guard, actor or shop.world.owner, **given)


def refused(call, *args, **kwargs) -> str:
    with pytest.raises(WceError) as caught:
        call(*args, **kwargs)
    return caught.value.code


def test_a_policy_is_kept_under_the_name_that_the_table_has(shop):
    made = create(shop)

    assert list_policies(shop.world.session) == [made]
    assert (made.table_name, made.user_id, made.created_by) == ("Songs", None, shop.world.owner.user_id)


def test_a_policy_may_be_for_one_user_or_for_the_public(shop):
    alice = shop.world.add("alice")

    assert create(shop, user_id=alice.user_id).user_id == alice.user_id
    assert create(shop, user_id=0).user_id == 0


def test_it_acts_with_the_next_statement(shop):
    alice = shop.world.add("alice")
    shop.allow(alice, "songs", can_read=True)
    shop.world.sql("INSERT INTO songs VALUES (1, ?), (2, 99)", alice.user_id)
    assert shop.rows(alice, "SELECT id FROM songs") == [(1,), (2,)]

    made = create(shop)
    assert shop.rows(alice, "SELECT id FROM songs") == [(1,)]

    delete_policy(shop.world.session, shop.world.owner, made.id)
    assert shop.rows(alice, "SELECT id FROM songs") == [(1,), (2,)]


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "nothing = 1",
        "1; DROP TABLE songs",
        "1) OR (1",
        "owner_id = $password",
        "EXISTS (SELECT 1 FROM _wce_users)",
        "load_extension('x')",
    ],
)
def test_a_condition_that_cannot_work_is_refused(shop, condition):
    assert refused(create, shop, sql_condition=condition) == "bad_policy"
    assert list_policies(shop.world.session) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"policy_type": "insert"}, "validation"),
        ({"sql_condition": "1 " * 6_000}, "validation"),
        ({"table_name": "nothing"}, "no_such_table"),
        ({"table_name": "_wce_users"}, "no_such_table"),
        ({"table_name": "search_content"}, "no_such_table"),
        ({"table_name": "hits"}, "bad_policy"),
        ({"table_name": "search"}, "bad_policy"),
        ({"user_id": 99}, "not_found"),
    ],
)
def test_a_policy_for_nothing_is_refused(shop, fields, code):
    assert refused(create, shop, **fields) == code


def hold(shop, count, condition="1", user_id=None, table="Songs"):
    """Policies that are there already, as an older version or a file from elsewhere may have brought them."""
    for number in range(count):
        shop.world.sql(
            "INSERT INTO _wce_row_policies (table_name, user_id, policy_type, sql_condition, created_at) VALUES (?, ?, ?, ?, 0)",
            *(table, user_id, ("read", "write", "delete")[number % 3], condition),
        )


@pytest.mark.parametrize(
    ("held", "rule"),
    [
        ([{"count": 99}], None),
        ([{"count": 100}], "100 policies on one table"),
        ([{"count": 50}, {"count": 50, "user_id": 0}], "100 policies on one table"),
        ([{"count": 60, "user_id": 1}, {"count": 60, "user_id": 0}], None),
        ([{"count": 120, "table": "Other"}], None),
        ([{"count": 3, "condition": "1 " * 5_000}], "on one table that bind one user may have 30,000 characters"),
        ([{"count": 10, "condition": "1 " * 5_000, "table": "Other"}], "bind one user may have 100,000 characters"),
        ([{"count": 40, "condition": "1 " * 5_000, "table": "Other", "user_id": 1}], "bind one user may have 100,000 characters"),
    ],
)
def test_what_binds_one_user_has_a_bound(shop, held, rule):
    for policies in held:
        hold(shop, **policies)

    if rule is None:
        create(shop)
    else:
        with pytest.raises(WceError, match=rule) as caught:
            create(shop)
        assert (caught.value.code, caught.value.errors[0].field) == ("validation", "sql_condition")


def test_another_user_has_room_of_his_own_until_the_cenv_has_none(shop):
    alice = shop.world.add("alice")
    hold(shop, 40, "1 " * 5_000, user_id=1, table="Other")
    create(shop, user_id=alice.user_id)
    hold(shop, 10, "1 " * 5_000, user_id=1, table="Other")

    with pytest.raises(WceError, match="all policies of the cenv may have 500,000 characters"):
        create(shop, user_id=alice.user_id)


def test_as_many_as_may_be_hold_together(shop):
    alice = shop.world.add("alice", Role.EDITOR)
    shop.allow(alice, "songs", can_read=True, can_write=True, can_delete=True)
    shop.world.sql("INSERT INTO songs VALUES (1, ?), (2, 99)", alice.user_id)
    hold(shop, 97)
    for kind in ("read", "write", "delete"):
        create(shop, policy_type=kind, sql_condition=" OR ".join(["owner_id = $user_id"] * 87))

    assert shop.rows(alice, "SELECT id FROM songs") == [(1,)]
    assert shop.rows(alice, "INSERT INTO songs VALUES (3, $1) RETURNING id", {"1": alice.user_id}) == [(3,)]
    assert shop.rows(alice, "UPDATE songs SET id = id RETURNING id") == [(1,), (3,)]
    assert shop.rows(alice, "DELETE FROM songs RETURNING id") == [(1,), (3,)]


def test_a_condition_leaves_levels_for_what_it_will_stand_in(shop):
    with pytest.raises(WceError, match="too many levels") as caught:
        create(shop, sql_condition=" OR ".join(["owner_id = 1"] * 100))

    assert caught.value.code == "bad_policy"


def test_policies_that_are_too_much_for_a_statement_are_told_to_who_writes(shop):
    alice = shop.world.add("alice", Role.EDITOR)
    shop.allow(alice, "songs", can_read=True, can_write=True)
    hold(shop, 2, "owner_id <> '" + "x" * 410_000 + "'")

    assert refused(shop.rows, alice, "INSERT INTO songs VALUES (1, 1)") == "sql_error"


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_only_administrators_make_and_remove_policies(shop, role):
    user, made = shop.world.add("someone", role), create(shop)

    assert refused(create, shop, user) == "forbidden"
    assert refused(delete_policy, shop.world.session, user, made.id) == "forbidden"


def test_who_was_demoted_meanwhile_makes_none(shop):
    admin = shop.world.add("adam", Role.ADMIN)
    shop.world.sql("UPDATE _wce_users SET role = 'viewer' WHERE user_id = ?", admin.user_id)

    assert refused(create, shop, admin) == "forbidden"


def test_what_is_not_there_is_not_removed(shop):
    assert refused(delete_policy, shop.world.session, shop.world.owner, 99) == "not_found"


def test_making_and_removing_are_audited(shop):
    made = create(shop, user_id=0)
    delete_policy(shop.world.session, shop.world.owner, made.id)

    removed, created = audit.find(shop.world.session, audit.AuditFilters(action="policy.*")).entries
    assert (created.action, created.resource_id, removed.action) == ("policy.create", "Songs", "policy.delete")
    assert created.details == {
        "policy_id": made.id,
        "policy_type": "read",
        "user_id": "public",
        "sql_condition": "owner_id = $user_id",
    }
