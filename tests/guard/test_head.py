"""The outline of a statement."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.guard.head import Head, parse
from wce.guard.tokens import tokenize


def head(sql: str) -> Head:
    return parse(sql, tokenize(sql))


def refusal(sql: str) -> str:
    with pytest.raises(WceError) as caught:
        head(sql)
    return caught.value.code


@pytest.mark.parametrize(
    ("sql", "kind", "target"),
    [
        ("SELECT 1", "SELECT", None),
        ("VALUES (1)", "VALUES", None),
        ("INSERT INTO t VALUES (1)", "INSERT", "t"),
        ("REPLACE INTO t VALUES (1)", "INSERT", "t"),
        ("INSERT OR REPLACE INTO main.t DEFAULT VALUES", "INSERT", "t"),
        ('UPDATE OR IGNORE "T" SET a = 1', "UPDATE", "t"),
        ("DELETE FROM 't'", "DELETE", "t"),
        ("WITH RECURSIVE a AS (SELECT 1), b(x) AS NOT MATERIALIZED (SELECT 2) DELETE FROM t", "DELETE", "t"),
    ],
)
def test_kind_and_target_are_found(sql: str, kind: str, target: str | None) -> None:
    found = head(sql)

    assert (found.kind, found.target) == (kind, target)


def test_the_names_of_a_with_list_are_folded() -> None:
    assert head("WITH Aa AS (SELECT 1), [bB] AS MATERIALIZED (SELECT 2) SELECT 1").ctes == {"aa", "bb"}


def test_where_is_the_one_at_the_top() -> None:
    found = head("DELETE FROM t WHERE a IN (SELECT b FROM u WHERE c) RETURNING a")

    assert found.tokens[found.where or 0].offset == 14
    assert found.end == found.returning


def test_from_of_an_update_is_not_the_one_of_is_distinct_from() -> None:
    assert head("UPDATE t SET a = b IS DISTINCT FROM c").source is None
    assert head("UPDATE t SET a = b FROM c").source is not None


def test_each_do_update_has_its_own_where_and_end() -> None:
    found = head(
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1 WHERE c ON CONFLICT (d) DO NOTHING ON CONFLICT DO UPDATE SET e = 2"
        " RETURNING a"
    )

    (first, second) = found.upserts
    assert found.tokens[first[0] or 0].keyword == "WHERE"
    assert found.tokens[first[1]].keyword == "ON"
    assert second[0] is None
    assert found.tokens[second[1]].keyword == "RETURNING"


@pytest.mark.parametrize("sql", ["UPDATE t AS excluded SET a = 1", "INSERT INTO t AS new VALUES (1)", "DELETE FROM t AS 'OLD'"])
def test_an_alias_must_not_be_a_name_that_sqlite_gives_to_rows(sql: str) -> None:
    assert refusal(sql) == "syntax_error"


@pytest.mark.parametrize("word", ["CREATE TABLE x (a)", "DROP TABLE x", "ALTER TABLE x ADD y", "PRAGMA x", "EXPLAIN SELECT 1", "ANALYZE"])
def test_what_administrators_may_run_is_a_matter_of_rights(word: str) -> None:
    assert refusal(word) == "statement_forbidden"


@pytest.mark.parametrize(
    "word", ["ATTACH 'x' AS y", "VACUUM", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT a", "RELEASE a", "DETACH x"]
)
def test_what_nobody_may_run_is_not_allowed(word: str) -> None:
    assert refusal(word) == "statement_not_allowed"


@pytest.mark.parametrize(
    "sql",
    [
        "SELCT 1",
        "WITH a SELECT 1",
        "WITH a AS SELECT 1",
        "WITH a AS NOT (SELECT 1) SELECT 1",
        "WITH 5 AS (SELECT 1) SELECT 1",
        "WITH a AS (SELECT 1)",
        "INSERT t VALUES (1)",
        "DELETE t",
        "UPDATE 5 SET a = 1",
        "UPDATE t AS 5 SET a = 1",
        "DELETE FROM t WHERE a WHERE b",
        "DELETE FROM t LIMIT 1 WHERE a",
        "UPDATE t SET a = 1 RETURNING a WHERE b",
        "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1 WHERE b WHERE c",
    ],
)
def test_what_is_not_a_statement_is_a_syntax_error(sql: str) -> None:
    assert refusal(sql) == "syntax_error"
