"""A session runs our own SQL on one cenv; the SQL of users never gets here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from wce.errors import WceError
from wce.model import Actor, Params
from wce.store.cursors import Cursors
from wce.store.sqlite import Connection, Cursor, sqlite3
from wce.store.transaction import Transaction
from wce.store.walindex import WalIndex

_MOST_ROWS: Final = 100  # that are kept
_LONGEST: Final = 300  # characters of a parameter of theirs: a visitor chooses the path of a page

# `Store.transaction` and `Store.explain`, handed in because the store comes after this file.
Begin = Callable[["Session", Actor], AbstractContextManager[Transaction]]
Explain = Callable[["Session", Exception], WceError | None]


class Session:
    """One system connection. What SQLite says of the file or the disk is raised as WceError, errors of the SQL as they are."""

    __slots__ = (
        "_begin",
        "_counted",
        "_cursors",
        "_explain",
        "_mark",
        "_most_bytes",
        "_rows",
        "cenv",
        "connection",
        "index",
        "run",
        "weight",
    )

    def __init__(self, cenv: str, connection: Connection, begin: Begin, explain: Explain, index: WalIndex | None = None) -> None:
        self.cenv = cenv
        self.connection = connection
        self.weight = 0  # bytes that the schema takes, as far as whoever opened it looked
        self.run = ""  # of the server, over all of its processes, as far as whoever opened it said
        self._begin = begin
        self._explain = explain
        self.index = index
        self._cursors = Cursors()
        self._mark = b""
        self._most_bytes = (0, 0)
        self._rows: dict[tuple[str, Params], tuple[Any, ...] | None] = {}  # as they are as long as nobody changes that mark
        self._counted: dict[tuple[str, Params], tuple[Params, tuple[Any, ...] | None]] = {}

    def execute(self, sql: str, params: Params = ()) -> Cursor:
        """Run one statement."""
        try:
            cursor = self.connection.execute(sql, params)
        except (sqlite3.Error, MemoryError) as error:
            self._fail(error)
            raise
        return cursor if cursor.description is None else self._cursors.note(cursor)

    def one(self, sql: str, params: Params = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        try:
            row: tuple[Any, ...] | None = self.connection.execute(sql, params).fetchone()
        except (sqlite3.Error, MemoryError) as error:
            self._fail(error)
            raise
        return row

    def kept(self, sql: str, params: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """`one`, and the same row again without asking SQLite until somebody commits; for what nearly every request reads."""
        # What an open transaction sees is nobody else's, and what it has written has left no mark yet. A cursor may see an old moment.
        if self.index is None or self.connection.in_transaction or self._cursors:
            return self.one(sql, params)
        mark, asked = self.index.mark(), (sql, params)  # before the row: what is committed between them is read with an old mark
        if not mark:
            return self.one(sql, params)
        if mark != self._mark:
            self._rows.clear()
            self._mark = mark
        elif asked in self._rows:
            return self._rows[asked]
        row = self.one(sql, params)
        if all(len(str(value)) <= _LONGEST for value in params):
            if len(self._rows) >= _MOST_ROWS:
                self._rows.clear()
            self._rows[asked] = row
        return row

    def kept_while(self, counters: Params, sql: str, params: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """`one`, and the same row again while the counters that every change of it moves, read just before, are the same."""
        if self.connection.in_transaction:  # which may yet be undone, and the counters with it
            return self.one(sql, params)
        kept = self._counted.get((sql, params))
        if kept is not None and kept[0] == counters:
            return kept[1]
        row = self.one(sql, params)  # it may be newer than the counters, which are then others when they are read again
        if len(self._counted) >= _MOST_ROWS:
            self._counted.clear()
        self._counted[sql, params] = counters, row
        return row

    def all(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """Every row."""
        try:
            return self.connection.execute(sql, params).fetchall()
        except (sqlite3.Error, MemoryError) as error:
            self._fail(error)
            raise

    def _fail(self, error: Exception) -> None:
        meaning = self._explain(self, error)
        if meaning is not None:
            raise meaning from error

    def bound(self, most_bytes: int, more_bytes: int = 0) -> None:
        """Keep the file from growing by this connection beyond so many bytes and so many more.

        A file that is longer already, as its bounds were others then, may grow by those that are more.
        """
        if (most_bytes, more_bytes) == self._most_bytes:
            return
        (page_bytes,) = self.connection.execute("PRAGMA page_size").fetchone()
        (pages,) = self.connection.execute("PRAGMA page_count").fetchone()
        more = more_bytes // page_bytes
        whole = most_bytes // page_bytes + more
        # Counted from its length where it is within them, a file would grow by as many with each other bound that is set in between.
        self.connection.execute(f"PRAGMA max_page_count={whole if pages <= whole else pages + more}")
        self._most_bytes = most_bytes, more_bytes

    @contextmanager
    def sparing(self) -> Iterator[None]:
        """`with` what takes nothing of the bytes that are more: they are for those who make room."""
        most_bytes, more_bytes = self._most_bytes
        self.bound(most_bytes)
        try:
            yield
        finally:
            self.bound(most_bytes, more_bytes)

    def transaction(self, actor: Actor) -> AbstractContextManager[Transaction]:
        """`with` a write transaction; inside another one of this session a savepoint of it."""
        return self._begin(self, actor)

    def close(self) -> None:
        """Close the connection; only its owner calls this."""
        self.connection.close()
