"""Parameters are checked before SQLite sees them."""

from __future__ import annotations

from typing import Any

import pytest

from wce.errors import WceError
from wce.guard.expansion import check_arguments
from wce.guard.params import Layout, layout, total_size
from wce.guard.tokens import tokenize


def made(sql: str) -> Layout:
    tokens = tokenize(sql)
    return layout(tokens, check_arguments(sql, tokens))


def fields(sql: str, params: Any) -> list[str]:
    with pytest.raises(WceError) as caught:
        made(sql).check(params)
    assert caught.value.code == "validation"
    return [error.field for error in caught.value.errors]


def test_numbers_follow_sqlite() -> None:
    assert made("SELECT ?, ?5, ?, ?2").count == 6
    assert made("SELECT ?007, ?, ?1000").count == 1_000
    assert made("SELECT :a, @b, $c, :a").names == {"a", "b", "c"}
    assert made("SELECT :größe, @名前, $x_1ñ").names == {"größe", "名前", "x_1ñ"}


@pytest.mark.parametrize("number", ["0", "000", "1001", "3000000000", "9" * 5_000])
def test_a_number_that_sqlite_does_not_take_is_refused(number: str) -> None:
    with pytest.raises(WceError) as caught:
        made(f"SELECT ?{number}")
    assert (caught.value.code, caught.value.detail) == ("sql_error", "variable number must be between ?1 and ?1000")


def test_values_pass_through() -> None:
    assert made("SELECT ?, ?").check([1, None]) == (1, None)
    assert made("SELECT :a").check({"a": b"x"}) == {"a": b"x"}
    assert made("SELECT 1").check(()) == ()
    assert made("SELECT ?").check((True,)) == (True,)


@pytest.mark.parametrize(
    ("sql", "params", "wrong"),
    [
        ("SELECT ?", (), "params"),
        ("SELECT 1", (1,), "params"),
        ("SELECT ?", {"a": 1}, "params"),
        ("SELECT :a", (1,), "params"),
        ("SELECT :a", {}, "params.a"),
        ("SELECT :a", {"a": 1, "b": 2}, "params.b"),
        ("SELECT ?", (2**63,), "params.0"),
        ("SELECT ?, ?", (1, -(2**63) - 1), "params.1"),
        ("SELECT :a", {"a": 10**30}, "params.a"),
        ("SELECT ?", ([1],), "params.0"),
        ("SELECT instr(x, ?)", ("x" * 201,), "params.0"),
        ("SELECT ?, replace(x, :a, 'b')".replace("?, ", ""), {"a": "x" * 201}, "params.a"),
    ],
)
def test_a_refusal_names_the_parameter(sql: str, params: Any, wrong: str) -> None:
    assert fields(sql, params) == [wrong]


def test_both_kinds_in_one_statement_are_refused() -> None:
    with pytest.raises(WceError) as caught:
        made("SELECT ?, :a")

    assert caught.value.code == "syntax_error"


def test_the_size_of_strings_is_summed() -> None:
    assert total_size(("abc", b"de", 5, None)) == 5
    assert total_size({"a": "abc"}) == 3
