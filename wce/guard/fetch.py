"""Reading what a statement answers, within bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from wce import lane
from wce.errors import WceError
from wce.guard.plan import Plan
from wce.model import Limits, Params, Value
from wce.store.sqlite import Connection, Cursor, sqlite3

_CHUNK: Final = 16  # rows; as many more than the bound may be held for a moment, each value of at most SQLite's limit
_MANY: Final = 256  # rows, from which they may take long


@dataclass(slots=True)
class Answer:
    """Columns and rows. `last_row_id` is SQLite's, whether or not the statement has set it. `changes` is -1 where it is not known.

    `size` is as `Result` has it.
    """

    columns: tuple[str, ...] = ()
    rows: list[tuple[Value, ...]] = field(default_factory=list)
    truncated: bool = False
    last_row_id: int | None = None
    changes: int = -1
    size: int = 0


def fetch(connection: Connection, plan: Plan, params: Params, limits: Limits) -> Answer:
    """Run a statement. Text that is not UTF-8 is read with replacement characters.

    A write is never run twice, so where it returns rows they are read leniently from the start.
    """
    if plan.writes:
        return _lenient(connection, plan, params, limits) if plan.returning else _read(connection, plan, params, limits)
    try:
        return _read(connection, plan, params, limits)
    except sqlite3.OperationalError as error:
        if hasattr(error, "sqlite_errorcode"):
            raise
        return _lenient(connection, plan, params, limits)  # only the module's own decoder raises without a code


def _lenient(connection: Connection, plan: Plan, params: Params, limits: Limits) -> Answer:
    connection.text_factory = _decode
    try:
        return _read(connection, plan, params, limits)
    finally:
        connection.text_factory = str


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _read(connection: Connection, plan: Plan, params: Params, limits: Limits) -> Answer:
    cursor = connection.execute(plan.sql, params)
    try:
        answer = Answer(last_row_id=cursor.lastrowid)
        if cursor.description is not None:
            answer.columns = tuple([column[0] for column in cursor.description])
            answer.truncated, answer.size = _collect(cursor, answer.rows, limits)
        else:
            answer.changes = cursor.rowcount  # the module does not know it of a statement that begins with WITH
        return answer
    finally:
        cursor.close()  # also resets a statement that was not read to its end


def _collect(cursor: Cursor, rows: list[tuple[Value, ...]], limits: Limits) -> tuple[bool, int]:
    """Read rows until the bound; whether there were more, and the size of what was read."""
    room = limits.max_bytes
    left = limits.max_rows
    while chunk := cursor.fetchmany(_CHUNK):
        for row in chunk:
            room -= 8 * len(row)
            for value in row:
                if type(value) is str or type(value) is bytes:  # this runs for every value, and isinstance takes three times as long
                    room -= len(value)
        if room < 0:
            raise WceError("too_large", f"the result is larger than {limits.max_bytes} bytes")
        if len(chunk) > left:
            rows += chunk[:left]
            return True, limits.max_bytes - room
        rows += chunk
        left -= len(chunk)
        if len(rows) > _MANY:
            lane.pause()
    return False, limits.max_bytes - room
