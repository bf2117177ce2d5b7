"""What the loader reads from a SQLite database."""

from __future__ import annotations

import base64
import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from loading import sqlite_file
from loading.source import RawText, Source, SourceError, batches

Read = Callable[..., Source]


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Read]:
    """Makes a database with a script and reads it."""
    opened = []

    def make(script: str) -> Source:
        with closing(sqlite3.connect(tmp_path / "source.db")) as connection:
            connection.executescript(script)
        opened.append(sqlite_file.open_file(tmp_path / "source.db"))
        return sqlite_file.read(opened[-1])

    yield make
    for connection in opened:
        connection.close()


def test_a_database_is_told_from_other_files(tmp_path: Path, root: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")

    assert sqlite_file.is_sqlite(root / "examples/chinook/chinook.sqlite")
    assert not sqlite_file.is_sqlite(tmp_path / "a.csv")


def test_parents_come_before_children(read: Read) -> None:
    source = read("CREATE TABLE a (x REFERENCES b); CREATE TABLE b (id PRIMARY KEY, y REFERENCES C(id)); CREATE TABLE c (id PRIMARY KEY)")

    assert [table.name for table in source.tables] == ["c", "b", "a"]


def test_tables_in_a_circle_are_still_read(read: Read) -> None:
    source = read("CREATE TABLE a (id INTEGER PRIMARY KEY, x REFERENCES b); CREATE TABLE b (id INTEGER PRIMARY KEY, y REFERENCES a)")

    assert {table.name for table in source.tables} == {"a", "b"}


def test_a_hidden_rowid_comes_along(read: Read) -> None:
    (table,) = read("CREATE TABLE t (a); INSERT INTO t(rowid, a) VALUES (7, 'x'), (3, 'y')").tables

    assert table.columns == ("rowid", "a")
    assert list(table.rows(0)) == [(3, "y"), (7, "x")]


def test_an_integer_primary_key_is_its_own_rowid(read: Read) -> None:
    (table,) = read("CREATE TABLE t (a, id INTEGER PRIMARY KEY); INSERT INTO t VALUES ('x', 2), ('y', 1)").tables

    assert table.columns == ("a", "id")
    assert list(table.rows(0)) == [("y", 1), ("x", 2)]


@pytest.mark.parametrize("key", ["id INT PRIMARY KEY", "id INTEGER PRIMARY KEY DESC", "id TEXT PRIMARY KEY"])
def test_a_primary_key_that_is_no_rowid_keeps_both(read: Read, key: str) -> None:
    (table,) = read(f"CREATE TABLE t ({key})").tables

    assert table.columns == ("rowid", "id")


def test_a_column_named_rowid_gives_way_to_another_name(read: Read) -> None:
    (table,) = read("CREATE TABLE t (rowid TEXT); INSERT INTO t VALUES ('x')").tables

    assert table.columns == ("oid", "rowid")
    assert list(table.rows(0)) == [(1, "x")]


def test_a_table_without_rowid_is_read_by_its_key(read: Read) -> None:
    (table,) = read("CREATE TABLE t (v, b, a, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO t VALUES (1, 1, 2), (2, 2, 1)").tables

    assert table.columns == ("v", "b", "a")
    assert list(table.rows(0)) == [(2, 2, 1), (1, 1, 2)]


def test_generated_columns_are_left_to_the_server(read: Read) -> None:
    (table,) = read("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b AS (a + 1), c AS (a * 2) STORED)").tables

    assert table.columns == ("id", "a")


def test_rows_start_where_they_are_told(read: Read) -> None:
    (table,) = read("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)").tables

    assert list(table.rows(2)) == [(3,)]


def test_rows_that_refer_to_their_own_table_come_parents_first(read: Read) -> None:
    (table,) = read(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, boss REFERENCES t);INSERT INTO t VALUES (1, 3), (2, 1), (3, NULL), (4, 4), (5, 3)"
    ).tables

    assert [row[0] for row in table.rows(0)] == [3, 4, 1, 5, 2]
    assert [row[0] for row in table.rows(3)] == [5, 2]


def test_rows_in_a_circle_are_refused_with_the_column(read: Read) -> None:
    with pytest.raises(SourceError, match=r't: .*circle.*"boss"'):
        read("CREATE TABLE t (id INTEGER PRIMARY KEY, boss REFERENCES t); INSERT INTO t VALUES (1, 2), (2, 1)")


def test_unique_indexes_come_before_the_rows_and_the_rest_after(read: Read) -> None:
    source = read(
        "CREATE TABLE t (a UNIQUE, b); CREATE VIEW v AS SELECT 1; CREATE INDEX i ON t(a);"
        "CREATE UNIQUE INDEX u ON t(b); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END"
    )

    assert [name for name, _ in source.before] == ["u"]
    assert [name for name, _ in source.after] == ["i", "g", "v"]


def test_what_cannot_be_loaded_is_named(read: Read) -> None:
    source = read("CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIRTUAL TABLE f USING fts5(x)")

    assert [table.name for table in source.tables] == ["t"]
    assert source.left_out == ("virtual table f",)


def test_text_that_is_not_utf8_stays_bytes(read: Read) -> None:
    (table,) = read("CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'ff41' AS TEXT))").tables

    ((_, value),) = table.rows(0)
    assert isinstance(value, RawText)
    assert value == b"\xffA"


def test_every_value_survives_the_way_into_json(read: Read) -> None:
    (table,) = read(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a);"
        "INSERT INTO t(a) VALUES (NULL), (9223372036854775807), (1.5), ('ü \"x\"'), (x'00ff'), (9e999), (-9e999), (CAST(x'ff' AS TEXT))"
    ).tables

    ((count, (statement,)),) = batches(table, 0)
    parsed = json.loads(statement)
    with closing(sqlite3.connect(":memory:")) as target:
        target.execute(table.create)
        params = [base64.b64decode(value["$base64"]) if isinstance(value, dict) else value for value in parsed["params"]]
        target.execute(parsed["sql"], params)
        arrived = target.execute("SELECT a, typeof(a) FROM t LIMIT 7").fetchall()
        raw = target.execute("SELECT typeof(a), CAST(a AS BLOB) FROM t WHERE id = 8").fetchone()

    assert count == 8
    assert arrived == [
        (None, "null"),
        (2**63 - 1, "integer"),
        (1.5, "real"),
        ('ü "x"', "text"),
        (b"\x00\xff", "blob"),
        (math.inf, "real"),
        (-math.inf, "real"),
    ]
    assert raw == ("text", b"\xff")


def test_a_request_stays_under_the_body_limit(read: Read) -> None:
    (table,) = read(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) INSERT INTO t SELECT i, zeroblob(30000) FROM n"
    ).tables

    parts = list(batches(table, 0))

    assert sum(rows for rows, _ in parts) == 40
    assert len(parts) == 2
    assert all(sum(map(len, statements)) < 1024 * 1024 for _, statements in parts)


def test_a_statement_stays_under_the_parameter_limit(read: Read) -> None:
    (table,) = read(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO t SELECT i, i, i FROM n"
    ).tables

    statements = [json.loads(text) for _, texts in batches(table, 0) for text in texts]

    assert max(len(item["params"]) for item in statements) <= 1000
    assert sum(len(item["params"]) for item in statements) == 3000


def test_a_row_that_fits_no_request_is_named(read: Read) -> None:
    (table,) = read("CREATE TABLE t (a); INSERT INTO t VALUES (1), (zeroblob(800000))").tables

    with pytest.raises(SourceError, match="t: row 2 has 1,066"):
        list(batches(table, 0))
