"""What SQLite reads without asking the authorizer: found by comparing two databases that differ in one column which it must ask about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from tests.fuzz.reads import Reader, Statement
from tests.fuzz.spec import Column, Spec, Table
from tests.fuzz.words import lines
from tests.fuzz.writes import Editor
from wce.store.sqlite import Connection, connect

_READ: Final = 20
_COLUMNS: Final = (Column("id", "key", "INTEGER PRIMARY KEY"), Column("a", "int", ""), Column("b", "text", ""), Column("s", "text", ""))
# u.s is the column. The tables have the same layout, which lets SQLite copy one into the other as a whole.
SPEC: Final = Spec(
    tuple(Table(name, _COLUMNS, "", (), True, None, rights, ()) for name, rights in (("t", "rwd"), ("u", "r"), ("v", "rwd")))
)
FORMS: Final = lines("""
    INSERT INTO t SELECT * FROM u
    INSERT OR FAIL INTO t SELECT * FROM u
    REPLACE INTO v SELECT * FROM u
    INSERT INTO t SELECT ALL u.* FROM u
    INSERT INTO t SELECT * FROM u WHERE 1
    INSERT INTO t SELECT DISTINCT * FROM u
    INSERT INTO t SELECT * FROM (SELECT * FROM u)
    WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM u
    CREATE TABLE z AS SELECT * FROM u
    SELECT 1 WHERE (1, 2, 'b1', 's1') IN u
    DELETE FROM t WHERE (id, a, b, s) IN u
    UPDATE t SET (id, a, b, s) = (SELECT * FROM u LIMIT 1) WHERE id = 1
    SELECT id FROM u ORDER BY s
    SELECT a FROM u
    SELECT count(*) FROM u JOIN t USING (s)
    SELECT s FROM u NATURAL FULL JOIN (SELECT NULL AS s WHERE 0)
    CREATE INDEX z ON u(s)
    CREATE UNIQUE INDEX z ON t(s)
    ALTER TABLE u DROP COLUMN b
    ALTER TABLE u RENAME COLUMN s TO z
    SELECT * FROM sqlite_stat1
    PRAGMA foreign_key_check
""")


def database(which: int) -> Connection:
    """One of the two."""
    connection = connect("", mode="memory")
    for name in "tuv":
        connection.execute(f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, a INTEGER, b TEXT, s TEXT)")
    for number in range(1, 6):
        for name, first in (("t", 0), ("v", 5000)):
            connection.execute(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", (first + number, number % 3, f"b{number}", f"s{number}"))
        hidden = f"x{number}" if which else f"s{number * 7 % 4}"
        connection.execute("INSERT INTO u VALUES (?, ?, ?, ?)", (100 + number, number % 3, f"b{number}", hidden))
    connection.text_factory = lambda found: found.decode(errors="replace")
    return connection


def refuse(action: int, table: str | None, column: str | None, *_: str | None) -> int:
    """An authorizer that denies the one column."""
    return sqlite3.SQLITE_DENY if (action, table, column) == (_READ, "u", "s") else sqlite3.SQLITE_OK


def outcome(connection: Connection, statement: Statement) -> list[Any]:
    """What a statement answers and what it leaves behind; then everything is as before."""
    connection.execute("BEGIN")
    connection.set_authorizer(refuse)
    try:
        found: list[Any] = [connection.execute(statement.sql, statement.params).fetchall()]
    except sqlite3.Error as error:
        found = [str(error)]
    finally:
        connection.set_authorizer(None)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'u' ORDER BY 1")]
    found += [connection.execute(f"SELECT * FROM {name}").fetchall() for name in names]
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    return found


def statements(random: Random, count: int) -> Iterator[Statement]:
    """All forms, and random statements."""
    yield from (Statement(form, (), "FORM") for form in FORMS)
    for _ in range(count):
        yield Reader(random, SPEC).statement() if random.random() < 0.6 else Editor.of(random, SPEC).statement()


def silent(seed: str, count: int) -> list[Statement]:
    """The statements that tell the two databases apart although they may not read the column."""
    left, right = database(0), database(1)
    try:
        return [one for one in statements(Random(seed), count) if outcome(left, one) != outcome(right, one)]
    finally:
        left.close()
        right.close()
