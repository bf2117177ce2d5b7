"""One write transaction: savepoints inside it, callbacks before its COMMIT, hooks after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, Protocol

from wce.errors import WceError
from wce.log import LOGGER
from wce.metrics import Metrics
from wce.model import Actor, Commit, Params
from wce.store.sqlite import Cursor, busy, sqlite3
from wce.store.walindex import WalIndex

# Two statements: RETURNING puts its row into a table of its own first, which takes twenty times as long as asking.
_COUNT: Final = "UPDATE _wce_state SET commits = commits + 1"
_COUNT_AND_SEAL: Final = "UPDATE _wce_state SET commits = commits + 1, audit_hash = ?"
_COUNTED: Final = "SELECT commits, endpoints, watched FROM _wce_state"


# What a writer has to know of the file at his beginning: the counter of grants, what `_COUNTED` tells, and the end of the audit chain. A
# beginning of the log that was removed must not give its ids away again.
STATE_AND_HEAD: Final = (
    "SELECT grants, commits, endpoints, watched, audit_hash, max((SELECT coalesce(max(id), 0) FROM _wce_audit_log),"
    " (SELECT coalesce(max(last_id), 0) FROM _wce_audit_tombstones)) FROM _wce_state"
)


class Handle(Protocol):
    """A connection to one cenv on which our own SQL runs."""

    @property
    def cenv(self) -> str: ...

    @property
    def index(self) -> WalIndex | None: ...

    def execute(self, sql: str, params: Params = ()) -> Cursor: ...


class Transaction:
    """What is known of the transaction while it is open. `at` is its one time, in Unix seconds.

    `depth` tells how many scripts led to it, each run because of the commit of the one before; whoever runs such a script sets it.
    `number` is that of the commit, `endpoints` the counter of the file's scripts and `watched` whether pages depend on any table: all
    known when the store's own callbacks run.
    """

    def __init__(self, handle: Handle, actor: Actor, at: int, wait_seconds: float) -> None:
        self.handle = handle
        self.cenv = handle.cenv
        self.actor = actor
        self.at = at
        self.depth = 0
        self.number = 0
        self.endpoints = 0
        self.watched = 0
        self.head: tuple[str, int] | None = None  # hash and id of the last audit row at the beginning, where that was read
        self.counted: tuple[int, int, int] | None = None  # what `_COUNTED` tells, as long as nothing of ours may have changed it
        self.trail: tuple[str, int] | None = None  # the same of the last one that the callbacks wrote
        self._tables: dict[str, int] = {}
        self._callbacks: list[Callable[[Transaction], None]] = []
        self._savepoints = 0
        self._counts = True
        self._connection = begin(handle, wait_seconds).connection

    def execute(self, sql: str, params: Params = ()) -> Cursor:
        """Run our own SQL; refused once SQLite has rolled back by itself, as it would then act outside the transaction."""
        self.counted = None
        return self.log(sql, params)

    def log(self, sql: str, params: Params = ()) -> Cursor:
        """The same for what moves none of the file's counters."""
        self._alive()
        return self.handle.execute(sql, params)

    @property
    def tables(self) -> Mapping[str, int]:
        """The tables that may have changed so far, as `Commit.tables` will have them."""
        return MappingProxyType(self._tables)

    def touch(self, table: str, rows: int = 0) -> None:
        """Say that a table may have changed, by so many rows of the statements that name it."""
        self._tables[table] = self._tables.get(table, 0) + rows

    def uncounted(self) -> None:
        """Say that it only writes what no answer rests on, such as a log of ours; what was kept of answers then stays right."""
        self._counts = self._counts and self._savepoints > 0  # else it would speak for whoever it is a part of

    def before_commit(self, callback: Callable[[Transaction], None]) -> None:
        """Call back just before COMMIT, in the order of asking; forgotten when the savepoint it was asked in is rolled back."""
        self._callbacks.append(callback)

    @contextmanager
    def nested(self) -> Iterator[Transaction]:
        """A savepoint: an exception undoes what was done inside, and goes on."""
        self._alive()
        name = f"wce_{self._savepoints}"
        tables, callbacks = dict(self._tables), len(self._callbacks)
        self.handle.execute(f"SAVEPOINT {name}")
        self._savepoints += 1
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
            self._savepoints -= 1

    def commit(self, last: Iterable[Callable[[Transaction], None]] = ()) -> Commit:
        """Run the callbacks, count the commit, run the `last` callbacks, which see all that there is, and make it durable."""
        for callback in self._callbacks:  # a callback may add another one
            callback(self)
        self._alive()
        counts = self.trail is not None or self._counts or bool(self._tables)
        if self.trail is not None:
            self.handle.execute(_COUNT_AND_SEAL, self.trail[:1])
        elif counts:
            self.handle.execute(_COUNT)
        if self.counted is None:
            self.number, self.endpoints, self.watched = self.handle.execute(_COUNTED).fetchone()
        else:
            self.number, self.endpoints, self.watched = self.counted[0] + counts, *self.counted[1:]
        for callback in last:
            callback(self)
        self._alive()
        self.handle.execute("COMMIT")
        return Commit(self.cenv, self.actor, MappingProxyType(dict(self._tables)), self.at, self.number)

    def rollback(self) -> None:
        """Undo everything; harmless when SQLite has done so already, as it does when the disk is full."""
        if self._connection.in_transaction:
            self.handle.execute("ROLLBACK")

    def _alive(self) -> None:
        if not self._connection.in_transaction:
            raise WceError("internal", "The transaction was rolled back by an earlier error.", evidence="rolled back by SQLite")


def begin(handle: Handle, wait_seconds: float) -> Cursor:
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
    """What takes part in every commit, and what is told of it afterwards, outside the writer lock.

    Each has a name for the log and the metrics.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._hooks: list[tuple[str, Callable[[Commit], None]]] = []
        self._before: dict[str, Callable[[Transaction], None]] = {}

    @property
    def last(self) -> Iterable[Callable[[Transaction], None]]:
        """What `before` was given, in that order."""
        return self._before.values()

    def before(self, name: str, callback: Callable[[Transaction], None]) -> None:
        """Call back in every write transaction just before its COMMIT; what it raises fails the commit.

        It comes last: it may write, and must neither ask for a callback of the transaction nor write an audit row.
        """
        self._before[name] = callback

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
