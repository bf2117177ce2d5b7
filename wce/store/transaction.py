"""One write transaction: savepoints inside it, callbacks before its COMMIT, hooks after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, Protocol

from wce.errors import WceError
from wce.log import LOGGER
from wce.metrics import Metrics
from wce.model import Actor, Commit, Params
from wce.store.sqlite import Cursor, busy, sqlite3

_COUNT: Final = "UPDATE _wce_state SET commits = commits + 1 RETURNING commits"


class Handle(Protocol):
    """A connection to one cenv on which our own SQL runs."""

    @property
    def cenv(self) -> str: ...

    def execute(self, sql: str, params: Params = ()) -> Cursor: ...


class Transaction:
    """What is known of the transaction while it is open. `at` is its one time, in Unix seconds."""

    def __init__(self, handle: Handle, actor: Actor, at: int, wait_seconds: float) -> None:
        self.handle = handle
        self.cenv = handle.cenv
        self.actor = actor
        self.at = at
        self.number = 0  # of the commit, known once it is made
        self._tables: dict[str, int] = {}
        self._callbacks: list[Callable[[Transaction], None]] = []
        self._depth = 0
        self._connection = _begin(handle, wait_seconds).connection

    def execute(self, sql: str, params: Params = ()) -> Cursor:
        """Run our own SQL; refused once SQLite has rolled back by itself, as it would then act outside the transaction."""
        self._alive()
        return self.handle.execute(sql, params)

    def touch(self, table: str, rows: int = 0) -> None:
        """Say that a table may have changed, by so many rows of the statements that name it."""
        self._tables[table] = self._tables.get(table, 0) + rows

    def before_commit(self, callback: Callable[[Transaction], None]) -> None:
        """Call back just before COMMIT, in the order of asking; forgotten when the savepoint it was asked in is rolled back."""
        self._callbacks.append(callback)

    @contextmanager
    def nested(self) -> Iterator[Transaction]:
        """A savepoint: an exception undoes what was done inside, and goes on."""
        self._alive()
        name = f"wce_{self._depth}"
        tables, callbacks = dict(self._tables), len(self._callbacks)
        self.handle.execute(f"SAVEPOINT {name}")
        self._depth += 1
        try:
            yield self
            self._alive()
        except BaseException:
            self._tables = tables
            del self._callbacks[callbacks:]
            if self._connection.in_transaction:
                self.handle.execute(f"ROLLBACK TO {name}")
                self.handle.execute(f"RELEASE {name}")
            raise
        else:
            self.handle.execute(f"RELEASE {name}")
        finally:
            self._depth -= 1

    def commit(self) -> Commit:
        """Run the callbacks, count the commit and make it durable."""
        for callback in self._callbacks:  # a callback may add another one
            callback(self)
        self._alive()
        self.number = self.handle.execute(_COUNT).fetchall()[0][0]
        self.handle.execute("COMMIT")
        return Commit(self.cenv, self.actor, MappingProxyType(dict(self._tables)), self.at, self.number)

    def rollback(self) -> None:
        """Undo everything; harmless when SQLite has done so already, as it does when the disk is full."""
        if self._connection.in_transaction:
            self.handle.execute("ROLLBACK")

    def _alive(self) -> None:
        if not self._connection.in_transaction:
            raise WceError("internal", "The transaction was rolled back by an earlier error.", evidence="rolled back by SQLite")


def _begin(handle: Handle, wait_seconds: float) -> Cursor:
    """BEGIN IMMEDIATE; each try waits for other processes as long as the connection's busy_timeout says."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return handle.execute("BEGIN IMMEDIATE")
        except (sqlite3.OperationalError, WceError) as error:
            in_the_way = error.code == "busy" if isinstance(error, WceError) else busy(error)
            if not in_the_way or time.monotonic() > deadline:
                raise


class Hooks:
    """What is told of every commit, after it and outside the writer lock; each has a name for the log and the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._hooks: list[tuple[str, Callable[[Commit], None]]] = []

    def add(self, name: str, callback: Callable[[Commit], None]) -> None:
        """Call back after every commit from now on, after the hooks that are there already."""
        self._hooks.append((name, callback))

    def run(self, commit: Commit) -> None:
        """Tell every hook in turn; one that fails is logged and counted, for the commit stands."""
        for name, callback in self._hooks:
            try:
                callback(commit)
            except Exception:  # noqa: BLE001 # whatever a hook does wrong, the commit stands
                LOGGER.exception("hook failed", extra={"hook": name, "cenv": commit.cenv, "commit": commit.number})
                self._metrics.hook_failures.labels(name).inc()
