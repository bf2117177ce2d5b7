"""Reads a CSV file as one table, whose column types come from all its values."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from loading.source import Source, SourceError, Table, quote

WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,18})")
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?")
LEADING_ZERO = re.compile(r"[+-]?0[0-9]")  # 00123 is an article number, not 123
LARGEST = 2**63
LONGEST_FIELD = 1 << 20


def read(path: Path, table: str, encoding: str = "utf-8-sig") -> Source:
    """The whole file is read once here, to learn the types and the number of rows."""
    csv.field_size_limit(LONGEST_FIELD)
    dialect = _dialect(path, encoding)
    columns = _names(next(_lines(path, encoding, dialect), (0, []))[1])
    if not columns:
        raise SourceError(f"{path}: the first line must name the columns")
    types = ["INTEGER"] * len(columns)
    count = 0
    for _, fields in _checked(path, encoding, dialect, len(columns)):
        types = [kind if kind == "TEXT" else _wider(kind, field) for kind, field in zip(types, fields, strict=True)]
        count += 1
    create = f"CREATE TABLE {quote(table)} ({', '.join(f'{quote(name)} {kind}' for name, kind in zip(columns, types, strict=True))})"

    def rows(offset: int) -> Iterator[tuple[object, ...]]:
        for _, fields in islice(_checked(path, encoding, dialect, len(columns)), offset, None):
            yield tuple(_value(kind, field) for kind, field in zip(types, fields, strict=True))

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


def _wider(kind: str, field: str) -> str:
    if not field:
        return kind
    if kind == "INTEGER" and WHOLE.fullmatch(field) and -LARGEST <= int(field) < LARGEST:
        return "INTEGER"
    return "REAL" if DECIMAL.fullmatch(field) and not LEADING_ZERO.match(field) else "TEXT"


def _value(kind: str, field: str) -> object:
    """An empty field is NULL in a column of numbers and an empty text elsewhere."""
    if kind == "TEXT":
        return field
    if not field:
        return None
    return int(field) if kind == "INTEGER" else float(field)
