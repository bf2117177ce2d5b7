"""Who may call a view."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.model import Actor, Role
from wce.web.access import CLOSED, Access, access, declared, require
from wce.web.headers import ResponseClass


def someone(role: Role) -> Actor:
    return Actor(0 if role is Role.PUBLIC else 7, "someone", role)


def view() -> None:
    """Stands for a view that declares nothing."""


def test_a_view_says_who_may_call_it() -> None:
    assert declared(access("admin", ResponseClass.UI)(lambda: None)) == Access("admin", ResponseClass.UI)


def test_an_answer_is_for_programs_where_nothing_else_is_said() -> None:
    assert declared(access("user")(lambda: None)).response is ResponseClass.API


@pytest.mark.parametrize("silent", [None, view])
def test_a_view_that_says_nothing_is_closed(silent: None) -> None:
    assert declared(silent) is CLOSED
    assert CLOSED.response is ResponseClass.CONTENT


@pytest.mark.parametrize("role", list(Role))
def test_a_closed_view_answers_nobody(role: Role) -> None:
    with pytest.raises(WceError) as caught:
        require(CLOSED, someone(role), "GET")

    assert caught.value.code == "forbidden"


ALLOWED = {
    "public": set(Role),
    "anyone": set(Role),
    "user": {Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER},
    "admin": {Role.ADMIN, Role.OWNER},
    "owner": {Role.OWNER},
}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("who", sorted(ALLOWED))
def test_each_role_calls_what_is_open_to_it(who: str, role: Role) -> None:
    rule = Access(who)  # type: ignore[arg-type]

    if role in ALLOWED[who]:
        require(rule, someone(role), "GET")
        return
    with pytest.raises(WceError) as caught:
        require(rule, someone(role), "GET")
    assert caught.value.code == ("not_signed_in" if role is Role.PUBLIC else "forbidden")
