"""Rows as JSON, CSV and NDJSON."""

from __future__ import annotations

import base64
import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from wce import lane, values
from wce.model import Value

# A spreadsheet runs a cell that starts with one of these (CWE-1236); the last four are wide forms of the first, which some take for them.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_VALUES: Final = 4_000  # that are worked on without a pause


def some(columns: int) -> int:
    """How many rows of so many columns are worked on without a pause."""
    return max(1, _VALUES // max(1, columns))


def drain(found: list[tuple[Value, ...]], count: int) -> Iterator[list[tuple[Value, ...]]]:
    """The rows in pieces of `count`, each taken out of the list: to let go of 100,000 values at once takes as long as to read them."""
    for start in range(0, len(found), count):
        taken = found[start : start + count]
        found[start : start + count] = [()] * len(taken)
        yield taken
        taken.clear()
        lane.pause()


def objects(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> list[dict[str, Value]]:
    """One object per row; `columns` must be unique."""
    return [dict(zip(columns, row)) for row in rows]  # noqa: B905  # SQLite gives each row its columns; strict costs a third more


def ndjson(rows: Iterable[Any]) -> bytes:
    """One JSON text per line."""
    return b"".join(values.encode(row) + b"\n" for row in rows)


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """RFC 4180 with a header row, in UTF-8. NULL is empty, a blob is base64, a text that starts like a formula gets a leading '."""
    if not columns:
        return b""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Value) -> Value:
    if isinstance(value, str):
        return "'" + value if value.startswith(_FORMULA) else value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
