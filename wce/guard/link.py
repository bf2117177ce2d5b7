"""A connection that knows whose SQL it is running: ours, or that of whoever the rules are for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol, TypeVar

from wce import lane
from wce.errors import WceError
from wce.guard.actions import DENY, OK
from wce.guard.params import MAX_NUMBER
from wce.guard.principal import Secrets
from wce.guard.vetting import Event
from wce.model import Params
from wce.store.cursors import Cursors
from wce.store.sqlite import Connection, Cursor, fold, sqlite3
from wce.store.walindex import WalIndex

T = TypeVar("T")
Explain = Callable[["Link", Exception], WceError | None]


class Judge(Protocol):
    """Who decides while somebody else's SQL is prepared."""

    def authorize(self, action: int, first: str | None, second: str | None, database: str | None, context: str | None) -> int: ...

    def refuse(self, reason: WceError) -> None: ...


class Link:
    """Trusted SQL has texts of its own, so that it never shares a prepared statement with anybody else's.

    `judge` decides about everything else; without one nothing else runs. `foreign` are triggers that are not ours: they gain nothing
    from being fired by trusted SQL. `deadline` is by `time.monotonic`. `prepared` moves whenever trusted SQL is prepared, as SQLite does
    it anew with a statement that meets another schema than it was prepared for.
    """

    def __init__(self, cenv: str, connection: Connection, hidden: Secrets, explain: Explain, index: WalIndex | None = None) -> None:
        self.cenv = cenv
        self.connection = connection
        self.index = index
        self.cursors = Cursors()
        self.hidden = hidden
        self.judge: Judge | None = None
        self.foreign: Collection[str] = ()
        self.deadline: float | None = None
        self._late = (0.0, lane.until(0.0))  # of the statement with that deadline
        self.numbers = itertools.count(1)  # of plans
        self.prepared = 0
        self.mark = f"/*{hidden.own}*/"
        self._explain = explain
        self._trusted = False
        self._events: list[Event] | None = None
        connection.create_function(hidden.own + "deny", 1, self._refuse_row)
        # The first use declares these virtual tables, which looks like a write to the catalogue.
        connection.execute(self.mark + "SELECT 1 FROM json_each('[]'), json_tree('[]')").fetchall()
        connection.set_authorizer(self._authorize)
        connection.set_progress_handler(self._is_late, lane.OPS)

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def execute(self, sql: str, params: Params = ()) -> Cursor:
        """Run trusted SQL. What SQLite says of the file or the disk is raised as WceError."""
        cursor = self.marked(self.mark + sql, params)
        return cursor if cursor.description is None else self.cursors.note(cursor)

    def marked(self, sql: str, params: Params = ()) -> Cursor:
        """The same for a text that begins with the mark, whose rows are read at once."""
        before = self._trusted
        self._trusted = True
        try:
            return self.connection.execute(sql, params)
        except (sqlite3.Error, MemoryError) as error:
            meaning = self.explain(error)
            if meaning is not None:
                raise meaning from None  # the text of SQLite's error may hold a secret name
            raise
        finally:
            self._trusted = before

    def ask(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """Run trusted SQL to its end; SQLite may ask for permissions until then."""
        return self._to_the_end(lambda: self.execute(sql, params).fetchall())

    def many(self, sql: str, rows: Iterable[Params]) -> int:
        """Run trusted SQL once for each row; returns how many rows it wrote. What `rows` raises ends it."""
        return self._to_the_end(lambda: self.connection.executemany(self.mark + sql, rows).rowcount)

    def _to_the_end(self, run: Callable[[], T]) -> T:
        before = self._trusted
        self._trusted = True
        try:
            return run()
        except (sqlite3.Error, MemoryError) as error:
            meaning = self.explain(error)
            if meaning is not None:
                raise meaning from None  # the text of SQLite's error may hold a secret name
            raise
        finally:
            self._trusted = before

    def explain(self, error: Exception) -> WceError | None:
        """What an error means for the file, the disk or the memory; None when the SQL is wrong."""
        return self._explain(self, error)

    def probe(self, sql: str) -> list[Event]:
        """What SQLite asks for when it prepares a text, which must begin with EXPLAIN so that it does nothing."""
        self._events = []
        try:
            self.connection.execute(self.mark + sql).close()
            return self._events
        finally:
            self._events = None

    def close(self) -> None:
        """Close the connection."""
        self.judge = None
        self.connection.close()

    def _authorize(self, action: int, first: str | None, second: str | None, database: str | None, context: str | None) -> int:
        if self._trusted:
            self.prepared += 1
            return OK if context is None or fold(context) not in self.foreign else DENY
        if self._events is not None:
            self._events.append((action, first, second, database, context))
            return OK
        return self.judge.authorize(action, first, second, database, context) if self.judge is not None else DENY

    def _is_late(self) -> bool:
        """Called while a statement runs; as a rule the watchdog's interrupt has come first."""
        if self.deadline is None:
            return False
        if self._late[0] != self.deadline:
            self._late = self.deadline, lane.until(self.deadline)
        return self._late[1]()

    def _refuse_row(self, _: object) -> None:
        """The function that a guard calls for a row that may not be changed."""
        if self.judge is not None:
            self.judge.refuse(WceError("row_policy"))
        raise ValueError


def restrain(connection: Connection, length: int) -> None:
    """Set SQLite's limits for one connection; `length` is that of one value, in bytes. Some modules cannot."""
    if not hasattr(connection, "setlimit"):
        return
    for category, bound in (
        (sqlite3.SQLITE_LIMIT_LENGTH, length),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 400_000),  # four bytes for each character that a client may send, or room for what we add
        (sqlite3.SQLITE_LIMIT_COLUMN, 400),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 200),
        (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 60),
        (sqlite3.SQLITE_LIMIT_VDBE_OP, 100_000),
        (sqlite3.SQLITE_LIMIT_FUNCTION_ARG, 64),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 1),
        (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
        (sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, MAX_NUMBER),
        # As deep as a tree may be that goes with its root; each level may hold rows of a megabyte.
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 64),
        (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    ):
        connection.setlimit(category, bound)
