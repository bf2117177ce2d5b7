"""What SQLite copies before anything can interrupt it: names that only look as if they led in a circle hide nothing."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.guard.expansion import definitions
from wce.guard.tokens import tokenize
from wce.guard.weights import MAX_WEIGHT, groups, weigh

FOURFOLD = "+".join(["(SELECT a FROM {0})"] * 4)
LEVELS = range(1, 10)
CHAIN = "WITH x0 AS (SELECT 1 AS a), " + ", ".join(f"x{n} AS (SELECT {FOURFOLD.format(f'x{n - 1}')} AS a)" for n in LEVELS)
OTHERS = ", ".join(f"x{n} AS (SELECT 1 FROM x{n + 1})" for n in range(9))


def weight(sql: str, **weights: int) -> int:
    tokens = tokenize(sql)
    return weigh(tokens, definitions(tokens), weights)


def nested(*names: str) -> str:
    """Each name stands for four times the one inside it."""
    sql = "SELECT 1 AS a"
    for name in names:
        sql = f"WITH {name} AS ({sql}) SELECT {FOURFOLD.format(name)} AS a"
    return sql


@pytest.mark.parametrize(
    "sql",
    [
        f"{CHAIN} SELECT a FROM x9",
        # Others of the same names, somewhere else, that lead from each to the next.
        f"SELECT (WITH {OTHERS}, x9 AS (SELECT 1) SELECT 1), ({CHAIN} SELECT a FROM x9)",
        nested(*["z"] * 9),
        nested(*["x", "y"] * 5),
        "SELECT (WITH v AS (SELECT 1) SELECT 1), " + ",".join(["(SELECT a FROM v)"] * 40),
        " ".join(["UPDATE OR IGNORE v SET a = 1"] * 40),
    ],
)
def test_copies_are_counted_whatever_the_names(sql: str) -> None:
    with pytest.raises(WceError) as caught:
        weight(sql, v=100)

    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    "sql",
    [
        "WITH total AS (SELECT sum(x) AS count FROM t), count AS (SELECT count(*) AS total FROM t) SELECT total, count FROM total, count",
        "WITH a AS (SELECT 1), b AS (WITH a AS (SELECT 2) SELECT * FROM a) SELECT * FROM a, b",
        "WITH v AS (SELECT 1 AS n) SELECT v.n FROM v",
        "SELECT " + ",".join(["v.id", "count(*) AS v", "v(1)"] * 200) + " FROM v",
        "SELECT x FROM main.v JOIN temp.v ON v.x IN v",
    ],
)
def test_names_of_columns_and_functions_are_no_copies(sql: str) -> None:
    assert weight(sql, v=10) <= 60


def test_a_statement_within_the_bound_may_mention_as_much_as_that() -> None:
    assert weight("SELECT 1 FROM " + ",".join(["v"] * MAX_WEIGHT), v=1) == MAX_WEIGHT
    with pytest.raises(WceError):
        weight("SELECT 1 FROM " + ",".join(["v"] * (MAX_WEIGHT + 1)), v=1)


def test_circles_are_found_and_come_after_what_they_lead_to() -> None:
    edges = {"a": ["b", "e"], "b": ["c"], "c": ["a", "d"], "d": [], "e": ["d", "f"], "f": ["e"]}

    assert [set(group) for group in groups(edges)] == [{"d"}, {"e", "f"}, {"a", "b", "c"}]


def test_columns_called_like_views_hide_no_views_in_views(new_cenv) -> None:
    bodies = [f"SELECT {FOURFOLD.format(f'v{number - 1}')} AS a" for number in LEVELS]
    views = [
        f"CREATE VIEW v{number} AS {body}, (SELECT 2 FROM v{number + 1}) AS b" for number, body in enumerate(["SELECT 1 AS a", *bodies])
    ]
    cenv = new_cenv(*views)

    assert cenv.guard.catalogue(cenv.id).too_heavy is not None
