"""Reads a CSV file as one table, whose column types come from all its values."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from loading.client import kinds
from loading.source import Source, SourceError, Table, quote

LONGEST_FIELD = 1 << 20


def read(path: Path, table: str, encoding: str = "utf-8-sig") -> Source:
    """The whole file is read once here, to learn the types and the number of rows."""
    csv.field_size_limit(LONGEST_FIELD)
    dialect = _dialect(path, encoding)
    columns = _names(next(_lines(path, encoding, dialect), (0, []))[1])
    if not columns:
        raise SourceError(f"{path}: the first line must name the columns")
    found: list[str | None] = [None] * len(columns)
    count = 0
    for _, fields in _checked(path, encoding, dialect, len(columns)):
        found = [kinds.wider(kind, kinds.of_field(field)) for kind, field in zip(found, fields, strict=True)]
        count += 1
    types = [kind or kinds.TEXT for kind in found]
    create = f"CREATE TABLE {quote(table)} ({', '.join(f'{quote(name)} {kind}' for name, kind in zip(columns, types, strict=True))})"

    def rows(offset: int) -> Iterator[tuple[object, ...]]:
        for _, fields in islice(_checked(path, encoding, dialect, len(columns)), offset, None):
            yield tuple(kinds.field_as(kind, field) for kind, field in zip(types, fields, strict=True))

    return Source((Table(table, create, columns, count, rows),))


def _dialect(path: Path, encoding: str) -> type[csv.Dialect]:
    with path.open(encoding=encoding, errors="replace", newline="") as file, suppress(csv.Error):
        return csv.Sniffer().sniff(file.readline(), delimiters=",;\t|")
    return csv.excel


def _lines(path: Path, encoding: str, dialect: type[csv.Dialect]) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=dialect.delimiter, strict=True)
        try:
            for fields in reader:
                yield reader.line_num, fields
        except csv.Error as error:
            raise SourceError(f"{path}, line {reader.line_num}: {error}") from error
        except UnicodeDecodeError as error:
            raise SourceError(f"{path} is not {encoding}: {error.reason} after line {reader.line_num}; name another --encoding") from error


def _checked(path: Path, encoding: str, dialect: type[csv.Dialect], width: int) -> Iterator[tuple[int, list[str]]]:
    for line, fields in islice(_lines(path, encoding, dialect), 1, None):
        if not fields:
            continue
        if len(fields) != width:
            raise SourceError(f"{path}, line {line}: {len(fields)} fields where the first line has {width}")
        yield line, fields


def _names(header: list[str]) -> tuple[str, ...]:
    """Column names; an empty one or one that is there already gets a number."""
    names: list[str] = []
    for place, text in enumerate(header, 1):
        name = text.strip() or f"column_{place}"
        names.append(f"{name}_{place}" if name.lower() in {other.lower() for other in names} else name)
    return tuple(names)
