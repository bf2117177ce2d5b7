"""What a file of any kind offers to be loaded, and how its rows become JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# A server takes at most 1,000 parameters a statement and 1 MiB a request.
PARAMETERS_PER_STATEMENT = 900
BODY_BYTES = 900_000
STATEMENTS_PER_BODY = 500

# Raises TypeError for bytes and ValueError for infinities.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class SourceError(Exception):
    """A file that cannot be loaded; the message says where and why."""


class RawText(bytes):
    """TEXT of a database that is not valid UTF-8, so that JSON cannot carry it as a string."""


@dataclass(frozen=True)
class Table:
    """A table to make and fill. `rows` starts at the offset that it is given, in an order that never changes."""

    name: str
    create: str
    columns: tuple[str, ...]  # the ones to insert: generated columns are left out, a rowid may be added
    count: int
    rows: Callable[[int], Iterator[tuple[object, ...]]]


@dataclass(frozen=True)
class Source:
    """`before` and `after` are statements by object name, run before and after the rows."""

    tables: tuple[Table, ...]
    before: tuple[tuple[str, str], ...] = ()
    after: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()


def quote(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def statement(sql: str) -> str:
    """A statement without parameters, as JSON."""
    return json.dumps({"sql": sql})


def _cell(value: object) -> tuple[str, str]:
    """A value as (placeholder, JSON); what JSON cannot say is written into the SQL."""
    if isinstance(value, RawText):
        return "CAST(? AS TEXT)", json.dumps({"$base64": base64.b64encode(value).decode()})
    if isinstance(value, bytes):
        return "?", json.dumps({"$base64": base64.b64encode(value).decode()})
    if isinstance(value, float) and math.isinf(value):
        return ("9e999" if value > 0 else "-9e999"), ""
    return "?", _encode(value)


def _row(row: tuple[object, ...], plain_mark: str) -> tuple[str, str]:
    """A row as ((?, …), its values as JSON); nearly all rows hold only what JSON can say, and take the short way."""
    try:
        return plain_mark, _encode(row)[1:-1]
    except (TypeError, ValueError):
        cells = [_cell(value) for value in row]
        return "(" + ",".join(mark for mark, _ in cells) + ")", ",".join(text for _, text in cells if text)


def batches(table: Table, offset: int) -> Iterator[tuple[int, list[str]]]:
    """Rows from `offset` on, as (number of rows, statements) that fit one request each."""
    head = f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, table.columns))}) VALUES "
    plain_mark = "(" + ",".join("?" * len(table.columns)) + ")"
    rows_per_statement = max(1, PARAMETERS_PER_STATEMENT // len(table.columns))
    statements: list[str] = []
    marks: list[str] = []
    texts: list[str] = []
    size = rows = 0

    def finish() -> None:
        sql = json.dumps(head + ",".join(marks), ensure_ascii=False)
        statements.append(f'{{"sql":{sql},"params":[{",".join(filter(None, texts))}]}}')
        marks.clear()
        texts.clear()

    for number, row in enumerate(table.rows(offset), offset + 1):
        mark, text = _row(row, plain_mark)
        weight = len(mark) + len(text.encode()) + 2
        if weight > BODY_BYTES:
            raise SourceError(f"{table.name}: row {number} has {weight:,} bytes and does not fit one request")
        if rows and (size + weight > BODY_BYTES or (not marks and len(statements) == STATEMENTS_PER_BODY)):
            if marks:
                finish()
            yield rows, statements
            statements = []
            size = rows = 0
        size += weight + (0 if marks else len(head) + 40)
        marks.append(mark)
        texts.append(text)
        rows += 1
        if len(marks) == rows_per_statement:
            finish()
    if marks:
        finish()
    if rows:
        yield rows, statements
