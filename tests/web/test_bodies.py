"""What each call takes."""

from __future__ import annotations

from typing import Any

import pytest

from wce.errors import FieldError, WceError
from wce.web import bodies


def refused(model: type[bodies.Body], value: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(WceError) as caught:
        bodies.validate(model, value)
    assert caught.value.code == "validation"
    return {item.field: item.message for item in caught.value.errors}


def test_every_bad_field_is_named() -> None:
    found = refused(bodies.NewUser, {"username": 1, "role": "king", "extra": True})

    assert found.keys() == {"username", "password", "role", "extra"}


def test_an_object_that_is_none_is_told_without_a_word_of_python() -> None:
    assert refused(bodies.Transaction, {"statements": ["SELECT 1"]}) == {"statements.0": "Input should be an object"}


def test_of_many_bad_fields_the_first_hundred_are_named() -> None:
    assert list(refused(bodies.Query, {"sql": "SELECT 1"} | {f"x{number}": 1 for number in range(150)})) == [f"x{n}" for n in range(100)]


def test_a_field_inside_a_list_is_named_by_its_place() -> None:
    found = refused(bodies.Transaction, {"statements": [{"sql": "SELECT 1"}, {"sql": 2, "params": 3}]})

    assert found.keys() == {"statements.1.sql", "statements.1.params"}


@pytest.mark.parametrize("count", [0, bodies.MAX_STATEMENTS + 1])
def test_a_transaction_has_from_one_to_a_thousand_statements(count: int) -> None:
    assert refused(bodies.Transaction, {"statements": [{"sql": "SELECT 1"}] * count}).keys() == {"statements"}


@pytest.mark.parametrize(("field", "value"), [("enabled", "true"), ("enabled", 1), ("password", 12345678), ("role", True)])
def test_no_type_is_guessed(field: str, value: object) -> None:
    assert refused(bodies.UserChanges, {field: value}).keys() == {field}


@pytest.mark.parametrize("user_id", [1, 2**63 - 1, "public"])
def test_a_principal_is_an_id_or_public(user_id: object) -> None:
    assert bodies.validate(bodies.NewPermission, {"user_id": user_id, "table_name": "t"}).user_id == user_id


@pytest.mark.parametrize("user_id", [0, -1, 2**63, 1.0, True, "7", "Public", None, [1]])
def test_nothing_else_is_a_principal(user_id: object) -> None:
    assert refused(bodies.NewPermission, {"user_id": user_id, "table_name": "t"}) == {"user_id": 'must be the id of a user or "public"'}


def test_a_policy_may_hold_for_everybody() -> None:
    value = {"table_name": "t", "policy_type": "read", "sql_condition": "1"}

    assert bodies.validate(bodies.NewPolicy, value).user_id is None
    assert bodies.validate(bodies.NewPolicy, value | {"user_id": None}).user_id is None


def test_values_to_bind_keep_their_types() -> None:
    given = [None, 1, 2.5, "ä", True, False, {"$base64": "AP8="}, 2**63 - 1, -(2**63)]

    assert bodies.parameters(given) == (None, 1, 2.5, "ä", 1, 0, b"\x00\xff", 2**63 - 1, -(2**63))
    assert bodies.parameters({"a": 1, "b": {"$base64": ""}}) == {"a": 1, "b": b""}
    assert bodies.parameters(None) == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2**63, "must fit in 64 bits"),
        (-(2**63) - 1, "must fit in 64 bits"),
        ({"$base64": "?"}, "is not base64"),
        ({"$base64": "AA"}, "is not base64"),
        ({"$base64": "ä==="}, "is not base64"),
        ({"$base64": 1}, "must be null"),
        ({"$base64": "AA==", "more": 1}, "must be null"),
        ({}, "must be null"),
        ([1], "must be null"),
    ],
)
def test_a_value_that_cannot_be_bound_is_named(value: object, message: str) -> None:
    for given, field in (([1, value], "params.1"), ({"a": value}, "params.a")):
        with pytest.raises(WceError) as caught:
            bodies.parameters(given)  # type: ignore[arg-type]
        assert caught.value.errors[0].field == field
        assert message in caught.value.errors[0].message


def test_the_place_of_a_value_is_told_from_the_top_of_its_statement() -> None:
    with pytest.raises(WceError) as caught:
        bodies.parameters([0, 2**64])

    assert caught.value.errors == (FieldError("params.1", "must fit in 64 bits"),)
