"""What a statement may cost before anything can interrupt it."""

from __future__ import annotations

import time

import pytest

from wce.errors import WceError
from wce.guard.expansion import check_arguments, definitions, short
from wce.guard.tokens import tokenize
from wce.guard.weights import MAX_WEIGHT, weigh


def weight(sql: str, **weights: int) -> int:
    tokens = tokenize(sql)
    return weigh(tokens, definitions(tokens), weights)


def arguments(sql: str) -> list[str]:
    return [token.text for token in check_arguments(sql, tokenize(sql))]


def test_every_cte_is_found_at_any_depth() -> None:
    sql = "WITH a AS (SELECT 1), b(x, y) AS NOT MATERIALIZED (VALUES (1, 2)) SELECT (WITH 'c' AS MATERIALIZED (SELECT 3) SELECT 1), 5 AS d"

    assert [part.name for part in definitions(tokenize(sql))] == ["a", "b", "c"]


def test_an_alias_for_a_sub_select_is_no_definition() -> None:
    assert definitions(tokenize("SELECT a AS (SELECT 1) FROM t AS x")) != []  # not SQL at all, but it may count
    assert definitions(tokenize("SELECT (SELECT 1) AS a, CAST(b AS (c))")) == []


def test_doubling_is_counted_and_refused_at_once() -> None:
    chain = ", ".join(f"c{number} AS (SELECT * FROM c{number - 1}, c{number - 1})" for number in range(1, 23))
    started = time.perf_counter()

    with pytest.raises(WceError) as caught:
        weight(f"WITH c0 AS (SELECT 1), {chain} SELECT * FROM c22")

    assert caught.value.code == "too_large"
    assert time.perf_counter() - started < 1


def test_a_recursive_cte_is_cheap() -> None:
    assert weight("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 9) SELECT * FROM c") < 10


def test_too_many_ctes_are_refused() -> None:
    ctes = ", ".join(f"c{number} AS (SELECT 1)" for number in range(41))

    with pytest.raises(WceError):
        weight(f"WITH {ctes} SELECT 1")


def test_views_count_with_their_own_cost() -> None:
    assert weight("SELECT * FROM v, v", v=5) == 10
    with pytest.raises(WceError):
        weight("SELECT * FROM v, v", v=MAX_WEIGHT // 2 + 1)


def test_a_cte_that_hides_a_view_counts_as_itself() -> None:
    assert weight("WITH v AS (SELECT 1) SELECT * FROM v", v=1000) < 10


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT instr(a, b) FROM t",
        "SELECT replace(a, 'x', b) FROM t",
        "SELECT \"replace\"(a, b, 'y') FROM t",
        "SELECT trim(a, a || b)",
        "SELECT [rtrim](a, b)",
        "SELECT 1 WHERE 0 OR instr(a, b)",
        f"SELECT instr(a, '{'x' * 201}')",
        "SELECT printf('%.*c', 1000000000, 'x')",
        "SELECT format('%1000000d', 1)",
        "SELECT printf(a)",
        "SELECT printf(?)",
        "SELECT printf()",
        "SELECT json_patch(a, '{}')",
    ],
)
def test_calls_that_could_run_for_seconds_are_refused(sql: str) -> None:
    with pytest.raises(WceError) as caught:
        arguments(sql)

    assert caught.value.code == "function_not_allowed"
    assert caught.value.position is not None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT instr(a, 'x'), replace(a, 'x', 'y'), trim(a), trim(a, ' '), printf('%5.2f of %s', a, b) FROM t",
        "REPLACE INTO t (a) VALUES (1)",
        "INSERT INTO replace (a, b) VALUES (1, 2)",
        "SELECT instr FROM t",
    ],
)
def test_ordinary_calls_are_not(sql: str) -> None:
    assert arguments(sql) == []


def test_a_pattern_may_be_a_parameter_which_must_then_be_short() -> None:
    assert arguments("SELECT replace(a, :from, ?2), instr(b, (c)) FROM t WHERE 1".replace(", instr(b, (c))", "")) == [":from", "?2"]
    assert short("x" * 200)
    assert short(10**18)
    assert not short(b"x" * 201)
