"""Ordinary views, as people write them, answer what SQLite itself answers, whoever reads them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from tests.guard.conftest import READ, Cenv

TABLES = (
    "CREATE TABLE t (a INTEGER, b INTEGER)",
    "CREATE TABLE u (a INTEGER, b INTEGER)",
    "CREATE INDEX t_a ON t (a)",
    "INSERT INTO t VALUES (1, 2), (2, 3), (3, NULL)",
    "INSERT INTO u VALUES (1, 9), (3, 8)",
)
VIEWS = (
    "SELECT datetime(0) AS at",
    "SELECT count(*) AS n FROM t",
    "SELECT (a) AS x, (b) AS y FROM t",
    "SELECT a, (SELECT max(b) FROM u) AS m FROM t",
    "WITH c AS (SELECT a FROM t) SELECT * FROM c",
    "WITH c(x, y) AS (SELECT a, b FROM t) SELECT x, y FROM c",
    "WITH c(x) AS (SELECT a FROM t), d AS (SELECT x FROM c) SELECT d.x AS z FROM d",
    "WITH c(x) AS (SELECT a FROM t), d AS (SELECT max(x) AS m FROM c) SELECT m, (SELECT count(*) FROM c) AS n FROM d",
    "WITH c AS MATERIALIZED (SELECT a FROM t) SELECT (SELECT count(*) FROM c) AS n, EXISTS (SELECT 1 FROM c) AS some",
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 5) SELECT i FROM c",
    "WITH c AS MATERIALIZED (SELECT a FROM t) SELECT a FROM c",
    "WITH c AS NOT MATERIALIZED (SELECT a FROM t) SELECT a FROM c",
    "SELECT t.a, u.b AS ub FROM t JOIN u ON t.a = u.a",
    "SELECT * FROM t LEFT JOIN u USING (a)",
    "SELECT a FROM t UNION SELECT a FROM u ORDER BY 1",
    "SELECT a FROM t EXCEPT SELECT a FROM u",
    "VALUES (1, 2), (3, 4)",
    "SELECT sum(b) OVER (PARTITION BY a ORDER BY b) AS s FROM t",
    "SELECT row_number() OVER w AS r, a FROM t WINDOW w AS (ORDER BY b)",
    "SELECT CASE WHEN a > 1 THEN 'big' ELSE 'small' END AS size FROM t",
    'SELECT "a" AS "x y", [b] AS [z], `a` AS `q` FROM "t"',
    "SELECT a /* one */, -- two\n b FROM t",
    "SELECT value AS v FROM json_each('[1,2,3]')",
    "SELECT a, group_concat(b, ',') AS bs FROM t GROUP BY a HAVING count(*) > 0",
    "SELECT x.a FROM (SELECT a FROM t) AS x",
    "SELECT x.a FROM (SELECT a FROM t) x",
    "SELECT coalesce(b, 0) + 1 AS c FROM t",
    "SELECT CAST(a AS TEXT) AS s FROM t",
    "SELECT a COLLATE NOCASE AS s FROM t",
    "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)",
    "SELECT a FROM t WHERE a IN (SELECT a FROM u)",
    "SELECT a FROM t LIMIT 1 OFFSET 1",
    "SELECT strftime('%Y', 0, 'unixepoch') AS y",
    "SELECT (1) AS one, (2) AS two",
    "SELECT 1 AS a, (SELECT 2) AS b, (SELECT (SELECT 3)) AS c",
    "SELECT max((a), (b)) AS m FROM t",
    "SELECT a AS b, b AS a FROM t",
    "SELECT t.*, u.b AS other FROM t, u WHERE t.a = u.a",
    "SELECT NULL AS n, TRUE AS t, x'ab' AS x, 1e3 AS e, .5 AS h",
    "SELECT 'it''s' AS q, \"b\" FROM t",
    "SELECT iif(a > 1, (a), (b)) AS i FROM t",
    "SELECT a FROM t AS t1 WHERE (SELECT count(*) FROM t AS t2 WHERE t2.a < t1.a) < 2",
    "SELECT json_object('a', a, 'b', (b)) AS j FROM t",
    "SELECT a ->> '$' AS j FROM t",
    "SELECT printf('%d', a) AS p FROM t",
    "SELECT DISTINCT a FROM t",
    "SELECT ALL a FROM t",
    "SELECT count(*) FILTER (WHERE a > 1) AS f FROM t",
    "SELECT a FROM t NATURAL JOIN u",
    "SELECT sum(b) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM t",
    "SELECT a, b FROM t ORDER BY a DESC NULLS LAST",
    "SELECT (a, b) = (1, 2) AS same FROM t",
    "SELECT a FROM t WHERE a BETWEEN (1) AND (2)",
    "SELECT a FROM t WHERE b IS NOT DISTINCT FROM 2",
    "SELECT a FROM t NOT INDEXED",
    "SELECT a FROM t INDEXED BY t_a WHERE a > 1",
    "SELECT x.b FROM u JOIN t AS x INDEXED BY [t_a] ON x.a = u.a",
    'SELECT x.b FROM u, t x INDEXED BY "t_a" WHERE x.a = u.a',
    "SELECT indexed.b AS b FROM (SELECT a AS indexed, b FROM t) AS indexed",
    "SELECT indexed by FROM (SELECT a AS indexed FROM t)",
    "SELECT random() IS NOT NULL AS r",
    "SELECT date('now') IS NOT NULL AS as_of",
    "SELECT v0.at AS again FROM v0",
    'SELECT a AS "as" FROM t',
)
FORMS = ("CREATE VIEW v{} AS {}", "CREATE VIEW IF NOT EXISTS v{} AS {}", 'create view "v{}" as\n{}')
POLICIES = [("t", "read", "a >= 0"), ("u", "read", "1")]


@pytest.fixture
def expected() -> dict[str, list[tuple[object, ...]]]:
    """The rows of each view and how many they are, by its CREATE statement, as SQLite gives them without us."""
    raw = sqlite3.connect(":memory:")
    for statement in TABLES:
        raw.execute(statement)
    found = {}
    for number, body in enumerate(VIEWS):
        create = FORMS[number % len(FORMS)].format(number, body)
        raw.execute(create)
        found[create] = raw.execute(f"SELECT * FROM v{number}").fetchall() + raw.execute(f"SELECT count(*) FROM v{number}").fetchall()
    raw.close()
    return found


@pytest.mark.parametrize("reader", ["anybody", "somebody under policies", "an administrator"])
def test_a_view_answers_as_it_does_without_us(
    new_cenv: Callable[..., Cenv], expected: dict[str, list[tuple[object, ...]]], reader: str
) -> None:
    cenv = new_cenv(*TABLES)
    admin = cenv.admin()
    for create in expected:
        admin.run(create)
    rights = dict.fromkeys(("t", "u", *(f"v{number}" for number in range(len(VIEWS)))), READ)
    who = admin if reader == "an administrator" else cenv.person(rights, POLICIES if "policies" in reader else [])

    def answer(number: int) -> list[tuple[object, ...]]:
        return [*who.rows(f"SELECT * FROM v{number}"), *who.rows(f"SELECT count(*) FROM v{number}")]

    assert {create: answer(number) for number, create in enumerate(expected)} == expected
