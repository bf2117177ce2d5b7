"""Reads a SQLite database: its tables in the order of their foreign keys, their rows with their keys, and all that hangs on them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from loading.source import RawText, Source, SourceError, Table, quote

MAGIC = b"SQLite format 3\0"
ROWID_NAMES = ("rowid", "oid", "_rowid_")


def is_sqlite(path: Path) -> bool:
    """Whether the file starts like a SQLite database."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def open_file(path: Path) -> sqlite3.Connection:
    """Read only; TEXT that is not UTF-8 comes as RawText."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    connection.text_factory = _text
    return connection


def _text(data: bytes) -> str | RawText:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return RawText(data)


def read(connection: sqlite3.Connection) -> Source:
    """Everything that can be loaded. Virtual tables are left out: how to fill one is known to its module alone."""
    kinds = {name: kind for _schema, name, kind, *_ in connection.execute("PRAGMA table_list") if _schema == "main"}
    listed = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
    ours = [row for row in listed if not row[1].startswith("_wce_") and not row[2].startswith("_wce_")]
    creates = {name: sql for kind, name, _table, sql in ours if kind == "table" and kinds.get(name) == "table" and not _internal(name)}
    left_out = [f"virtual table {name}" for name, kind in kinds.items() if kind == "virtual"]
    tables = tuple(_table(connection, name, creates[name]) for name in _order(connection, list(creates)))
    before: list[tuple[str, str]] = []
    after: list[tuple[str, str]] = []
    for kind, name, table, sql in ours:
        if kind == "index" and table in creates:
            # A foreign key may point at a unique index, so that one must be there before the rows.
            (before if sql.upper().split()[1] == "UNIQUE" else after).append((name, sql))
    for wanted in ("trigger", "view"):
        after += [(name, sql) for kind, name, _table, sql in ours if kind == wanted]
    return Source(tables, tuple(before), tuple(after), tuple(left_out))


def _internal(name: str) -> bool:
    return name.startswith("sqlite_")


def _order(connection: sqlite3.Connection, names: list[str]) -> list[str]:
    """Parents before children; tables in a circle keep their order, and the server says which foreign key they break."""
    known = {name.lower(): name for name in names}
    graph: dict[str, list[str]] = {}
    for name in names:
        parents = [known.get(row[2].lower()) for row in connection.execute(f"PRAGMA foreign_key_list({quote(name)})")]
        graph[name] = [parent for parent in parents if parent and parent != name]
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:
        return names


@dataclass(frozen=True)
class _Shape:
    """How a table's rows are told apart and put in order."""

    columns: tuple[str, ...]
    key: str  # SQL to order by
    own_rowid: str  # the name of a rowid that is no column, "" where there is none
    tree: tuple[str, str] | None  # (child column, parent column) of a foreign key to the table itself


def _shape(connection: sqlite3.Connection, name: str) -> _Shape:
    info = connection.execute(f"PRAGMA table_xinfo({quote(name)})").fetchall()
    columns = tuple(row[1] for row in info if row[6] == 0)
    folded = {row[1].lower() for row in info}
    keys = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
    without_rowid = bool(connection.execute("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", (name,)).fetchone()[0])
    links = connection.execute(f"PRAGMA foreign_key_list({quote(name)})").fetchall()
    itself = [row for row in links if row[2].lower() == name.lower() and sum(other[0] == row[0] for other in links) == 1]
    tree = (itself[0][3], itself[0][4] or keys[0]) if itself and not without_rowid else None
    if without_rowid:
        return _Shape(columns, ", ".join(map(quote, keys)), "", None)
    rowid = next((word for word in ROWID_NAMES if word not in folded), "")
    if not rowid:
        return _Shape(columns, ", ".join(map(quote, columns)), "", None)
    indexed = any(row[3] == "pk" for row in connection.execute(f"PRAGMA index_list({quote(name)})"))
    is_alias = bool(keys) and not indexed  # INTEGER PRIMARY KEY: the key is the rowid itself and has no index of its own
    return _Shape(columns, rowid, "" if is_alias else rowid, tree)


def _table(connection: sqlite3.Connection, name: str, create: str) -> Table:
    shape = _shape(connection, name)
    columns = (shape.own_rowid, *shape.columns) if shape.own_rowid else shape.columns
    listed = ", ".join("t." + (column if column == shape.own_rowid else quote(column)) for column in columns)
    count = connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()[0]
    sql = f"SELECT {listed} FROM {quote(name)} AS t ORDER BY {_qualified(shape.key)} LIMIT -1 OFFSET ?"
    if shape.tree:
        sql = _parents_first(connection, name, listed, shape, count)

    def rows(offset: int) -> Iterator[tuple[object, ...]]:
        yield from connection.execute(sql, (offset,))

    return Table(name, create, columns, count, rows)


def _qualified(key: str) -> str:
    return key if key.startswith('"') else f"t.{key}"


def _parents_first(connection: sqlite3.Connection, name: str, listed: str, shape: _Shape, count: int) -> str:
    """Rows of a table that refers to itself, such as employees and their managers, by their distance from the top."""
    child, parent = map(quote, shape.tree or ("", ""))
    tree = (
        f"WITH RECURSIVE tree(key, depth) AS ("
        f"SELECT {shape.key}, 0 FROM {quote(name)} WHERE {child} IS NULL OR {child} = {parent} "
        f"UNION ALL SELECT c.{shape.key}, depth + 1 FROM tree JOIN {quote(name)} AS p ON p.{shape.key} = tree.key "
        f"JOIN {quote(name)} AS c ON c.{child} = p.{parent} AND c.{child} IS NOT c.{parent})"
    )
    if connection.execute(f"{tree} SELECT count(*) FROM tree").fetchone()[0] != count:
        raise SourceError(f"{name}: rows refer to each other in a circle, or to rows that are not there, through {child}")
    joined = f"SELECT {listed} FROM tree JOIN {quote(name)} AS t ON t.{shape.key} = tree.key"
    return f"{tree} {joined} ORDER BY depth, t.{shape.key} LIMIT -1 OFFSET ?"
