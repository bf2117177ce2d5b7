"""What SQLite copies for each mention of a column: a short text must not become an expression that takes all memory."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from wce.errors import WceError
from wce.guard.expansion import definitions
from wce.guard.swelling import Swelling
from wce.guard.tokens import tokenize
from wce.model import Rights

FIRST = "SELECT a AS x, b AS y FROM t"


def chain(body: str, *, levels: int = 20, name: str = "c{}") -> str:
    """CTEs that each read the one before, called {0}."""
    parts = [f"{name.format(n + 1)} AS ({body.format(f'c{n}')})" for n in range(levels)]
    return f"WITH {name.format(0)} AS ({FIRST}), {', '.join(parts)} SELECT x FROM c{levels}"


def nested(body: str, levels: int) -> str:
    sql = FIRST
    for _ in range(levels):
        sql = body.format(f"({sql})")
    return sql


def view(sql: str) -> SimpleNamespace:
    return SimpleNamespace(text=SimpleNamespace(text=sql), names=frozenset(), mentioned=frozenset())


def check(sql: str, **views: SimpleNamespace) -> None:
    tokens = tokenize(sql)
    Swelling(views).check(tokens, definitions(tokens))


SWELLING = [
    chain("SELECT x + x AS x FROM {0}"),
    chain("SELECT x + x x FROM {0}"),
    chain("SELECT x + y AS x, y + x AS y FROM {0}"),
    chain("SELECT x + x FROM {0}", name="c{}(x)").replace(FIRST, "SELECT a FROM t"),
    chain("SELECT a IS DISTINCT FROM b AS z, x + x AS x FROM {0}"),
    chain("SELECT (SELECT x + x) AS x, (SELECT count(*) FROM u GROUP BY 1) AS n FROM {0}"),
    chain("SELECT z + z AS x FROM (SELECT * FROM (SELECT x AS z FROM {0}))"),
    chain("SELECT x + x AS x FROM {0} UNION ALL SELECT 1"),
    chain('SELECT "x*1" + "x*1" AS x FROM (SELECT x*1 FROM {0})'),
    nested("SELECT x + x + x + x + x AS x FROM {0}", 9),
    chain("SELECT 1 AS x FROM {0} WHERE x + x", levels=1).replace(FIRST, nested("SELECT x+x+x+x+x+x AS x FROM {0}", 7)),
    "UPDATE t SET a = q.x FROM (" + nested("SELECT x + x + x + x + x AS x FROM {0}", 9) + ") AS q",
    f"SELECT 1 IN ({', '.join('a' * 300)}) AS b FROM t WHERE 1 IN ({', '.join('b' * 300)})",
    f"SELECT 1 IN ({', '.join('a' * 300)}) AS b FROM t ORDER BY {', '.join('b' * 300)}",
    f"SELECT 1 IN ({', '.join('1' * 300)}) AS b WHERE 1 IN ({', '.join('b' * 300)})",
    "SELECT " + "(SELECT " * 120 + "1" + ")" * 120,
]


@pytest.mark.parametrize("sql", SWELLING)
def test_what_would_become_too_large_is_refused(sql: str) -> None:
    with pytest.raises(WceError) as caught:
        check(sql)

    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    "sql",
    [
        chain("SELECT x, y FROM {0}", levels=39),
        chain("SELECT * FROM {0} WHERE x > y", levels=39),
        chain("SELECT c.x AS x, c.y y FROM {0} AS c", levels=12),
        chain("SELECT sum(x) + max(y) + min(y) AS x, y FROM {0} GROUP BY y", levels=39),
        nested("SELECT CASE WHEN x > 1 THEN x ELSE 0 END AS x, count AS y FROM {0}", 8),
        f"SELECT a FROM t WHERE a IN ({', '.join('?' * 1_000)})",
        f"SELECT a + b AS c, a AS d FROM t WHERE {' OR '.join(['(c = 1 AND d = 2)'] * 300)} ORDER BY c, d",
        "INSERT INTO t SELECT a FROM u ON CONFLICT DO UPDATE SET a = (SELECT max(a) FROM u)",
        "SELECT a FROM (VALUES (1), (2)), t WHERE a IN (SELECT b FROM u UNION SELECT c FROM w)",
    ],
)
def test_what_people_write_is_not(sql: str) -> None:
    check(sql)


def test_views_are_looked_into_each_time() -> None:
    views = {f"v{n + 1}": view(f"SELECT x + x AS x FROM v{n}") for n in range(20)}
    views |= {"v0": view(FIRST), "loop": view("SELECT x + x AS x FROM loop"), "odd": view("SELECT '")}
    swelling = Swelling(views)
    for sql in ("SELECT x FROM v20", "SELECT x FROM v20"):
        tokens = tokenize(sql)
        with pytest.raises(WceError):
            swelling.check(tokens, [])

    check("SELECT x FROM v10, loop, odd", **views)
    many = {f"v{n + 1}": view(f"SELECT x FROM v{n}") for n in range(400)}
    with pytest.raises(WceError):
        check("SELECT x FROM v400", **many)


def test_nobody_gets_past_it(new_cenv) -> None:
    cenv = new_cenv("CREATE TABLE t (a, b)")
    ann = cenv.person({"t": Rights(can_read=True)})
    condition = f"a IN ({SWELLING[0]})"

    for person in (ann, cenv.admin()):
        with pytest.raises(WceError) as caught:
            person.run(SWELLING[0])
        assert caught.value.code == "too_large"
    with pytest.raises(WceError):
        cenv.guard.validate_policy(cenv.id, "t", condition)
    admin = cenv.admin()
    admin.run("CREATE VIEW v0 AS SELECT a AS x FROM t")
    for n in range(3):
        admin.run(f"CREATE VIEW v{n + 1} AS SELECT {' + '.join(['x'] * 30)} AS x FROM v{n}")
    with pytest.raises(WceError):
        admin.run(f"CREATE VIEW v4 AS SELECT {' + '.join(['x'] * 30)} AS x FROM v3")
    assert admin.rows("SELECT x FROM v1") == []
