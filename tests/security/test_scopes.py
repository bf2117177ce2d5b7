"""A name means the stand-in, or nothing, wherever a sub-select can stand."""

from __future__ import annotations

import pytest

from tests.security.scopes import SCOPES, place
from tests.security.worlds import Outcome, Pair

THREE = "(SELECT count(*) FROM (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3))"
SEEN = "(SELECT count(*) FROM notes)"  # three rows of seven
HIDDEN = "(SELECT count(*) FROM vault)"
FIVE = "vault AS (VALUES (1), (2), (3), (4), (5))"


def send(pair: Pair, sql: str) -> Outcome:
    left, right = pair.run("alice", sql)
    pair.restore()
    assert left == right
    return left


@pytest.mark.parametrize("scope", SCOPES)
def test_a_policy_table_means_its_visible_rows_everywhere(scope: str, pair: Pair) -> None:
    expected = send(pair, place(scope, THREE))

    found = send(pair, place(scope, SEEN))

    assert (found.code, found.rows, found.changes) == (expected.code, expected.rows, expected.changes)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_hidden_table_does_not_exist_anywhere(scope: str, pair: Pair) -> None:
    assert send(pair, place(scope, HIDDEN)).code == "no_such_table"


@pytest.mark.parametrize("scope", SCOPES)
def test_a_cte_with_the_name_of_a_hidden_table_is_all_that_the_name_means(scope: str, pair: Pair) -> None:
    expected = send(pair, place(scope, "(SELECT 5)"))

    found = send(pair, place(scope, HIDDEN, FIVE))

    assert (found.code, found.rows, found.changes) == (expected.code, expected.rows, expected.changes)
