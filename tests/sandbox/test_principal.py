"""Whose rights a script runs with."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from wce.core.users import UserChanges, delete_user, update_user
from wce.errors import WceError
from wce.model import PUBLIC_ID, Actor, Grants, Rights, Role, RowPolicy
from wce.sandbox.principal import Parties, bound, intersect

READ = Rights(can_read=True)
ALL = Rights(can_read=True, can_write=True, can_delete=True)


def grants(role: Role, rights: dict[str, Rights] | None = None, *policies: RowPolicy, **variables: Any) -> Grants:
    return Grants(role, MappingProxyType(rights or {}), policies, MappingProxyType(variables), fingerprint=f"{role}{rights}{variables}")


def policy(condition: str, policy_id: int = 1) -> RowPolicy:
    return RowPolicy(policy_id, "t", None, "read", condition)


# What both may do


def test_an_author_who_administers_takes_nothing_from_the_caller() -> None:
    caller = grants(Role.VIEWER, {"t": READ})

    assert intersect(grants(Role.ADMIN), caller) is caller


def test_a_caller_who_administers_gives_nothing_to_an_author_who_does_not() -> None:
    author = grants(Role.EDITOR, {"t": READ})

    assert intersect(author, grants(Role.OWNER)) is author


def test_of_two_who_do_not_administer_each_needs_the_right() -> None:
    author = grants(Role.EDITOR, {"t": ALL, "mine": ALL, "both": READ})
    caller = grants(Role.EDITOR, {"t": READ, "his": ALL, "both": ALL})

    found = intersect(author, caller)

    assert dict(found.rights) == {"t": READ, "both": READ}


@pytest.mark.parametrize(
    ("author", "caller", "lower"),
    [(Role.VIEWER, Role.EDITOR, Role.VIEWER), (Role.EDITOR, Role.VIEWER, Role.VIEWER), (Role.EDITOR, Role.PUBLIC, Role.PUBLIC)],
)
def test_the_role_is_the_lower_one(author: Role, caller: Role, lower: Role) -> None:
    assert intersect(grants(author), grants(caller)).role is lower


def test_the_policies_of_both_hold_each_with_its_own_variables() -> None:
    author = grants(Role.EDITOR, {"t": READ}, policy("owner = $user_id"), user_id=3)
    caller = grants(Role.EDITOR, {"t": READ}, policy("owner = $user_id"), user_id=4)

    found = intersect(author, caller)

    assert [item.sql_condition for item in found.policies] == ["owner = $user_id", "owner = 3"]
    assert found.variables["user_id"] == 4


def test_a_policy_without_variables_is_there_once() -> None:
    both = policy("public = 1")

    found = intersect(grants(Role.EDITOR, {"t": READ}, both, user_id=3), grants(Role.EDITOR, {"t": READ}, both, user_id=4))

    assert found.policies == (both,)


def test_what_both_may_do_has_a_mark_of_its_own() -> None:
    author, caller = grants(Role.EDITOR, {"t": READ}, user_id=3), grants(Role.EDITOR, {"t": READ}, user_id=4)

    assert intersect(author, caller).fingerprint not in (author.fingerprint, caller.fingerprint)
    assert intersect(author, caller) == intersect(author, caller)


# An author's variables


def test_a_text_stays_a_text() -> None:
    found = bound(policy("name = $username AND note <> '$username'"), {"username": "o'hara"})

    assert found.sql_condition == "name = 'o''hara' AND note <> '$username'"


def test_a_variable_next_to_a_text_does_not_become_one_with_it() -> None:
    assert bound(policy("x = $username'y'"), {"username": "a"}).sql_condition == "x = 'a' 'y'"


def test_nobody_has_no_id() -> None:
    assert bound(policy("owner IS $user_id"), {"user_id": None}).sql_condition == "owner IS NULL"


@pytest.mark.parametrize("condition", ["owner = $unknown", "owner = 'open"])
def test_what_cannot_be_bound_stays_and_closes_its_table_later(condition: str) -> None:
    assert bound(policy(condition), {"user_id": 1}).sql_condition == condition


# Of a real cenv


def parties(author: Actor | None, caller: Actor, run_as: str = "caller") -> Parties:
    return Parties(None if author is None else author.user_id, caller.user_id, run_as)


def asked(cenv: Any, *args: Any) -> Grants:
    found, version = cenv.desk.principals.grants(cenv.world.cenv, parties(*args), cenv.who(cenv.world.visitor).state.grants)
    assert version == cenv.who(cenv.world.visitor).state.grants
    return found


def refusal(cenv: Any, *args: Any) -> WceError:
    with pytest.raises(WceError) as caught:
        asked(cenv, *args)
    return caught.value


def test_a_script_without_an_author_runs_for_nobody(cenv: Any) -> None:
    found = refusal(cenv, None, cenv.world.owner)

    assert (found.code, "no longer has an account" in found.detail) == ("forbidden", True)


def test_a_script_of_a_disabled_author_runs_for_nobody(cenv: Any) -> None:
    author = cenv.world.add("author", Role.ADMIN)
    assert asked(cenv, author, cenv.world.visitor).role is Role.PUBLIC

    update_user(cenv.world.session, cenv.world.passwords, cenv.world.owner, author.user_id, UserChanges(enabled=False))

    assert refusal(cenv, author, cenv.world.owner).code == "forbidden"


def test_a_script_of_a_deleted_author_runs_for_nobody(cenv: Any) -> None:
    author = cenv.world.add("author", Role.ADMIN)

    delete_user(cenv.world.session, cenv.world.owner, author.user_id)

    assert refusal(cenv, author, cenv.world.owner).code == "forbidden"


def test_a_definer_lends_his_rights_while_he_administers(cenv: Any) -> None:
    author, viewer = cenv.world.add("author", Role.ADMIN), cenv.world.add("viewer")
    assert asked(cenv, author, viewer, "definer").role is Role.ADMIN

    update_user(cenv.world.session, cenv.world.passwords, cenv.world.owner, author.user_id, UserChanges(role=Role.EDITOR))

    assert asked(cenv, author, viewer, "definer").role is Role.VIEWER
    assert asked(cenv, author, cenv.world.owner, "definer").role is Role.EDITOR


def test_the_public_calls_with_the_rights_of_the_public(cenv: Any) -> None:
    cenv.world.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    cenv.allow(Actor(PUBLIC_ID, "public", Role.PUBLIC), "notes", can_read=True)

    assert dict(asked(cenv, cenv.world.owner, cenv.world.visitor).rights) == {"notes": READ}


def test_rights_of_two_moments_are_never_joined(cenv: Any) -> None:
    author, caller = cenv.world.add("author", Role.EDITOR), cenv.world.add("caller", Role.EDITOR)
    old = cenv.who(caller).state.grants
    asked(cenv, caller, caller)
    cenv.world.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    cenv.allow(author, "notes", can_read=True)
    cenv.allow(caller, "notes", can_read=True)

    found, version = cenv.desk.principals.grants(cenv.world.cenv, parties(author, caller), old)

    assert version == cenv.who(caller).state.grants
    assert dict(found.rights) == {"notes": READ}
