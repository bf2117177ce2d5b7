"""A file of rows that has been read once, whole: its columns with their types, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wce.core.loading import kinds
from wce.core.loading.source import Fault, Record, records
from wce.errors import invalid
from wce.model import Value
from wce.store.sqlite import fold

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_ROWS: Final = 500_000
MAX_COLUMNS: Final = 200
MAX_FAULTS: Final = 20
_MAX_NAME: Final = 128
_BREAK: Final = re.compile(r"[ \t]*[\r\n]+[ \t]*")  # Excel breaks long names of columns
Row = tuple[int, tuple[Value, ...]]  # with its line


@dataclass(frozen=True, slots=True)
class Column:
    """`type` is INTEGER, REAL or TEXT."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """`keys` are the columns as the file calls them, whatever they are called afterwards."""

    path: Path
    form: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    row_count: int
    faults: tuple[Fault, ...]

    def rows(self) -> Iterator[Row | Fault]:
        """Its rows as values of the columns' types; of those that have the right number of fields."""
        header = self.form == "csv"
        for record in records(self.path, self.form):
            if header or isinstance(record, Fault):
                header = False
            elif self.form != "csv" or len(record.cells) == len(self.keys):
                yield self._row(record)

    def _row(self, record: Record) -> Row | Fault:
        text = self.form == "csv"
        cells = record.cells if text else [record.cells.get(key) for key in self.keys]
        values: list[Value] = []
        for column, cell in zip(self.columns, cells, strict=True):
            try:
                values.append(kinds.field_as(column.type, cell) if text else kinds.value_as(column.type, cell))
            except ValueError as error:
                return Fault(record.line, f"column {column.name}: {error}")
        return record.line, tuple(values)

    def named(self, columns: Sequence[Column]) -> Sheet:
        """The same with other names and types; raises `validation` unless there is one for each column."""
        if len(columns) != len(self.columns):
            raise invalid("columns", f"must be {len(self.columns)}, as many as the file has")
        return replace(self, columns=tuple(columns))

    def headed(self) -> list[Fault]:
        """What is wrong with the file and with the names of its columns."""
        seen: set[str] = set()
        found = list(self.faults)
        for place, column in enumerate(self.columns, 1):
            if not column.name or len(column.name) > _MAX_NAME or not column.name.isprintable():
                found.append(Fault(1, f"column {place} must have a name of 1 to {_MAX_NAME} printable characters"))
            elif fold(column.name) in seen:
                found.append(Fault(1, f"column {place}: the name {column.name} is already used"))
            seen.add(fold(column.name))
        return found[:MAX_FAULTS]


def survey(path: Path, form: str) -> Sheet:
    """Read all of the file; raises `validation` for more rows or columns than may be."""
    found: dict[str, str | None] = {}  # of JSON by key, of CSV by place: two columns may have one name here
    names: list[str] | None = None
    faults: list[Fault] = []
    count = 0
    for record in records(path, form):
        fault = record if isinstance(record, Fault) else None
        if isinstance(record, Record) and form == "csv" and names is None:
            _bound(len(record.cells), 0)
            names = [_BREAK.sub(" ", name.strip()) for name in record.cells]
            found = dict.fromkeys(map(str, range(len(names))))
        elif isinstance(record, Record):
            count += 1
            fault = _learn(found, record, form)
        faults += [fault] if fault else []
        _bound(len(found), count)
        if len(faults) >= MAX_FAULTS:
            break
    keys = tuple(found) if names is None else tuple(names)
    if not keys and not faults:
        faults.append(Fault(1, "there are no columns"))
    columns = tuple(Column(name, kind or kinds.TEXT) for name, kind in zip(keys, found.values(), strict=True))
    return Sheet(path, form, keys, columns, count, tuple(faults))


def _learn(found: dict[str, str | None], record: Record, form: str) -> Fault | None:
    """Widen the types by one record."""
    if form != "csv":
        for key, value in record.cells.items():
            found[key] = kinds.wider(found.get(key), kinds.of_value(value))
        return None
    if len(record.cells) != len(found):
        count = len(record.cells)
        return Fault(record.line, f"{count} {'field' if count == 1 else 'fields'} where the first line has {len(found)}")
    for (key, kind), cell in zip(list(found.items()), record.cells, strict=True):
        if kind != kinds.TEXT:
            found[key] = kinds.wider(kind, kinds.of_field(cell))
    return None


def _bound(columns: int, rows: int) -> None:
    if columns > MAX_COLUMNS:
        raise invalid("file", f"has more than {MAX_COLUMNS} columns: leave some out")
    if rows > MAX_ROWS:
        raise invalid("file", f"has more than {MAX_ROWS} rows: send it in parts, with mode append")
