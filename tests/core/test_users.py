from __future__ import annotations

import pytest

from wce.core import audit
from wce.core.logins import anonymous, list_sessions, log_in
from wce.core.settings import CenvSettings, Config
from wce.core.users import (
    UserChanges,
    create_user,
    delete_user,
    find_user,
    hand_over,
    list_users,
    register,
    update_user,
)
from wce.errors import WceError
from wce.model import Actor, Role


def refused(call, *args, **kwargs) -> str:
    with pytest.raises(WceError) as caught:
        call(*args, **kwargs)
    return caught.value.code


def make(world, username="alice", *, actor=None, config=None, **fields):
    given = {"password": world.password, "role": Role.VIEWER} | fields
    return create_user(world.session, world.passwords, config or world.config, actor or world.owner, username=username, **given)


def change(world, actor, user_id, **changes):
    return update_user(world.session, world.passwords, actor, user_id, UserChanges(**changes))


def sign_in(world, username, password=None):
    return log_in(
        world.session,
        world.passwords,
        world.tokens,
        world.config,
        world.visitor,
        username,
        world.password if password is None else password,
    )


def sessions(world, actor) -> int:
    return len(list_sessions(world.session, actor, world.clock.now))


def enrol(world, config, version=None):
    """Alice makes an account of her own."""
    version = anonymous(world.session).state.settings if version is None else version
    given = {"username": "alice", "password": world.password}
    return register(world.session, world.passwords, config, version, world.visitor, **given)


# Listing


def test_the_public_principal_is_no_user_of_the_list(world):
    make(world, "bob")
    make(world, "Alice")

    assert [user.username for user in list_users(world.session)] == ["Alice", "bob", "Olivia"]
    assert refused(find_user, world.session, 0) == "not_found"


# Creating


def test_a_new_user_has_what_he_was_given(world):
    user = make(world, role=Role.EDITOR, email="alice@example.org")

    assert (user.username, user.role, user.email, user.enabled) == ("alice", Role.EDITOR, "alice@example.org", True)
    assert (user.invited_by, user.created_at, user.last_login) == (world.owner.user_id, int(world.clock.now), None)
    assert sign_in(world, "alice").user_id == user.user_id


@pytest.mark.parametrize("username", ["", "ab", "x" * 33, "a b c", "alice!", "ålice", "alice\n", "public", "PUBLIC"])
def test_a_name_that_is_none_is_refused(world, username):
    assert refused(make, world, username) == "validation"


@pytest.mark.parametrize("email", ["x", "@", "a@b", "a@b.", "a@.b", "a b@c.d", "a@b..c", "a\n@b.c", "a" * 300 + "@b.c"])
def test_an_address_that_is_none_is_refused(world, email):
    assert refused(make, world, email=email) == "validation"


def test_a_name_is_taken_in_any_case(world):
    make(world, "alice")

    assert refused(make, world, "ALICE") == "name_taken"


def test_there_are_at_most_as_many_users_as_the_cenv_may_have(world):
    config = CenvSettings(max_users=2)
    make(world, "alice", config=config)

    assert refused(make, world, "bob", config=config) == "max_users"


def test_a_user_is_never_given_the_id_of_one_who_is_gone(world):
    first = make(world, "alice")
    delete_user(world.session, world.owner, first.user_id)

    assert make(world, "alice").user_id > first.user_id


@pytest.mark.parametrize(
    ("actor", "role", "allowed"),
    [
        (Role.OWNER, Role.ADMIN, True),
        (Role.OWNER, Role.OWNER, False),
        (Role.OWNER, Role.PUBLIC, False),
        (Role.ADMIN, Role.EDITOR, True),
        (Role.ADMIN, Role.ADMIN, False),
        (Role.EDITOR, Role.VIEWER, False),
        (Role.VIEWER, Role.VIEWER, False),
    ],
)
def test_one_gives_only_roles_below_ones_own(world, actor, role, allowed):
    who = world.owner if actor is Role.OWNER else world.add("someone", actor)

    outcome = make(world, "alice", actor=who, role=role).role if allowed else refused(make, world, "alice", actor=who, role=role)

    assert outcome == (role if allowed else "forbidden")


def test_a_demoted_administrator_whose_request_is_still_running_makes_nobody(world):
    admin = world.add("adam", Role.ADMIN)
    change(world, world.owner, admin.user_id, role=Role.VIEWER)

    assert refused(make, world, "alice", actor=admin) == "forbidden"


def test_an_owner_who_has_handed_over_meanwhile_makes_no_administrator(world):
    alice = world.add("alice")
    hand_over(world.session, world.passwords, world.owner, alice.user_id, world.password)

    assert refused(make, world, "bob", role=Role.ADMIN) == "forbidden"


# Registration


def test_a_visitor_registers_where_that_is_allowed(world):
    config = CenvSettings(allow_registration=True, registration_role="editor")

    user = enrol(world, config)

    assert (user.role, user.invited_by) == (Role.EDITOR, None)
    assert world.actions()[-1] == "user.register"


def test_a_visitor_does_not_register_where_that_is_not_allowed(world):
    assert refused(enrol, world, CenvSettings()) == "forbidden"


def test_nobody_registers_any_more_once_that_was_switched_off_while_his_password_is_hashed(world):
    settings = Config({})
    settings.update(world.session, world.owner, {"allow_registration": True})
    before = anonymous(world.session).state.settings
    open_ = settings.read(world.session, before)
    settings.update(world.session, world.owner, {"allow_registration": False})

    assert refused(enrol, world, open_, version=before) == "busy"
    assert [user.username for user in list_users(world.session)] == ["Olivia"]


# Changing


def test_role_address_and_password_change(world):
    alice = world.add("alice")

    user = change(world, world.owner, alice.user_id, role=Role.ADMIN, email="alice@example.org", password="another horse")

    assert (user.role, user.email) == (Role.ADMIN, "alice@example.org")
    assert sign_in(world, "alice", "another horse")


def test_an_empty_address_removes_it(world):
    user = make(world, email="alice@example.org")

    assert change(world, world.owner, user.user_id, email="").email is None


@pytest.mark.parametrize("changes", [{"enabled": False}, {"role": Role.VIEWER}, {"password": "another horse"}])
def test_disabling_demotion_and_a_new_password_end_the_sessions(world, changes):
    alice = world.add("alice", Role.EDITOR)
    sign_in(world, "alice")

    change(world, world.owner, alice.user_id, **changes)

    assert sessions(world, alice) == 0


@pytest.mark.parametrize("changes", [{"enabled": True}, {"role": Role.ADMIN}, {"email": "alice@example.org"}, {}])
def test_other_changes_leave_them(world, changes):
    alice = world.add("alice", Role.EDITOR)
    sign_in(world, "alice")

    change(world, world.owner, alice.user_id, **changes)

    assert sessions(world, alice) == 1


@pytest.mark.parametrize(("actor", "target"), [(Role.ADMIN, Role.ADMIN), (Role.EDITOR, Role.VIEWER), (Role.VIEWER, Role.ADMIN)])
def test_one_acts_only_on_roles_below_ones_own(world, actor, target):
    who, whom = world.add("someone", actor), world.add("another", target)

    assert refused(change, world, who, whom.user_id, enabled=False) == "forbidden"
    assert refused(delete_user, world.session, who, whom.user_id) == "forbidden"


def test_an_administrator_lifts_nobody_to_his_own_rank(world):
    admin, alice = world.add("adam", Role.ADMIN), world.add("alice")

    assert refused(change, world, admin, alice.user_id, role=Role.ADMIN) == "forbidden"
    assert change(world, admin, alice.user_id, role=Role.EDITOR).role == Role.EDITOR


@pytest.mark.parametrize("changes", [{"role": Role.EDITOR}, {"enabled": False}, {"password": "another horse"}])
def test_an_administrator_does_not_change_himself(world, changes):
    admin = world.add("adam", Role.ADMIN)

    assert refused(change, world, admin, admin.user_id, **changes) == "forbidden"


def test_an_administrator_changes_his_own_address(world):
    admin = world.add("adam", Role.ADMIN)

    assert change(world, admin, admin.user_id, email="adam@example.org").email == "adam@example.org"


@pytest.mark.parametrize("changes", [{"role": Role.ADMIN}, {"enabled": False}])
@pytest.mark.parametrize("himself", [True, False])
def test_the_owner_is_neither_demoted_nor_disabled_nor_deleted(world, changes, himself):
    actor = world.owner if himself else world.add("adam", Role.ADMIN)

    assert refused(change, world, actor, world.owner.user_id, **changes) == "last_owner"
    assert refused(delete_user, world.session, actor, world.owner.user_id) == "last_owner"


def test_an_administrator_does_not_reset_the_password_of_the_owner(world):
    admin = world.add("adam", Role.ADMIN)

    assert refused(change, world, admin, world.owner.user_id, password="another horse") == "forbidden"


def test_the_log_says_that_a_password_changed_and_never_to_what(world):
    alice = world.add("alice")

    change(world, world.owner, alice.user_id, password="another horse")

    entry = audit.find(world.session, audit.AuditFilters(action="user.update")).entries[0]
    assert entry.details == {"username": "alice", "password": "changed"}


def test_a_bad_change_is_refused_as_a_whole(world):
    alice = world.add("alice")

    assert refused(change, world, world.owner, alice.user_id, role=Role.EDITOR, email="x") == "validation"
    assert refused(change, world, world.owner, alice.user_id, email="a@example.org", role=Role.OWNER) == "forbidden"
    assert find_user(world.session, alice.user_id).role == Role.VIEWER
    assert find_user(world.session, alice.user_id).email is None


def test_nobody_changes_the_public_principal_or_a_user_who_is_not_there(world):
    for user_id in (0, 99):
        assert refused(change, world, world.owner, user_id, enabled=False) == "not_found"
        assert refused(delete_user, world.session, world.owner, user_id) == "not_found"


# Deleting


def test_with_a_user_go_his_sessions_permissions_and_policies(world):
    alice = world.add("alice")
    sign_in(world, "alice")
    world.sql("INSERT INTO _wce_table_permissions (table_name, user_id) VALUES ('songs', ?)", alice.user_id)
    world.sql("INSERT INTO _wce_row_policies VALUES (1, 'songs', ?, 'read', '1', 0, 1)", alice.user_id)

    delete_user(world.session, world.owner, alice.user_id)

    for table in ("_wce_sessions", "_wce_table_permissions", "_wce_row_policies"):
        assert world.session.all(f"SELECT * FROM {table}") == []
    assert world.actions()[-1] == "user.delete"


# Handing over


def test_the_owner_hands_over_and_becomes_an_administrator(world):
    alice = world.add("alice")

    hand_over(world.session, world.passwords, world.owner, alice.user_id, world.password)

    assert {user.username: user.role for user in list_users(world.session)} == {"alice": "owner", "Olivia": "admin"}
    assert world.actions()[-1] == "user.hand_over"


def test_handing_over_wants_the_password_again(world):
    alice = world.add("alice")

    assert refused(hand_over, world.session, world.passwords, world.owner, alice.user_id, "wrong horse!") == "bad_credentials"
    assert world.actions()[-1] == "password.failure"


def test_only_the_owner_hands_over(world):
    admin, alice = world.add("adam", Role.ADMIN), world.add("alice")
    claims_to_be = Actor(admin.user_id, "adam", Role.OWNER)

    for actor in (admin, claims_to_be):
        assert refused(hand_over, world.session, world.passwords, actor, alice.user_id, world.password) == "forbidden"
    assert find_user(world.session, world.owner.user_id).role == Role.OWNER


def test_the_heir_is_another_user_who_is_enabled(world):
    alice = world.add("alice")
    change(world, world.owner, alice.user_id, enabled=False)

    for user_id, code in [(alice.user_id, "validation"), (world.owner.user_id, "validation"), (0, "not_found"), (99, "not_found")]:
        assert refused(hand_over, world.session, world.passwords, world.owner, user_id, world.password) == code
