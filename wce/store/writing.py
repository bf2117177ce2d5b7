"""One write transaction from the wait for its turn to the hooks after its COMMIT."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from wce.model import Actor, Commit
from wce.store.emptying import bring_in, require_short
from wce.store.folder import Folder
from wce.store.locks import ProcessLocks, WriterLocks
from wce.store.sqlite import sqlite3
from wce.store.transaction import Handle, Hooks, Transaction


class Owner(Protocol):
    """What a transaction needs of the store; `transactions` are the open ones, by id of the handle."""

    folder: Folder
    hooks: Hooks
    now: Callable[[], float]
    writers: WriterLocks
    processes: ProcessLocks
    transactions: dict[int, Transaction]

    def require_space(self) -> None: ...

    def require_same_file(self, cenv: str) -> None: ...

    def fail(self, handle: Handle, error: Exception) -> None: ...

    def undo(self, transaction: Transaction) -> None: ...

    def announce(self, commit: Commit) -> None: ...


class Work:
    """`with` what is done from BEGIN to COMMIT; whatever was not committed at the end is undone.

    The caller sees to it that nobody else in this process writes.
    """

    __slots__ = ("_actor", "_handle", "_store", "_transaction")

    def __init__(self, store: Owner, handle: Handle, actor: Actor) -> None:
        self._store = store
        self._handle = handle
        self._actor = actor
        self._transaction: Transaction | None = None

    def __enter__(self) -> Work:
        return self

    def begin(self, wait_seconds: float) -> Transaction:
        """BEGIN."""
        self._transaction = transaction = Transaction(self._handle, self._actor, int(self._store.now()), wait_seconds)
        self._store.transactions[id(self._handle)] = transaction
        return transaction

    def commit(self) -> Commit:
        """COMMIT."""
        if self._transaction is None:
            raise RuntimeError("nothing was begun")
        done = self._transaction.commit(self._store.hooks.last)
        self._transaction = None  # nothing is left to be undone
        return done

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if isinstance(error, (sqlite3.Error, MemoryError)):
                self._store.fail(self._handle, error)
        finally:
            self._store.transactions.pop(id(self._handle), None)
            if self._transaction is not None:
                self._store.undo(self._transaction)


class Writing:
    """`with` one write transaction in its turn; a class and not a generator because every write goes through it."""

    __slots__ = ("_actor", "_frames", "_handle", "_nested", "_store", "_ticket", "_wait_seconds", "_work")

    def __init__(self, store: Owner, handle: Handle, actor: Actor, wait_seconds: float) -> None:
        self._store = store
        self._handle = handle
        self._actor = actor
        self._wait_seconds = wait_seconds
        self._nested: AbstractContextManager[Transaction] | None = None

    def __enter__(self) -> Transaction:
        store, cenv = self._store, self._handle.cenv
        outer = store.transactions.get(id(self._handle))
        if outer is not None:
            self._nested = outer.nested()
            return self._nested.__enter__()
        store.require_space()
        deadline = time.monotonic() + self._wait_seconds
        self._work = Work(store, self._handle, self._actor)
        self._ticket = store.writers.take(cenv, self._wait_seconds)
        try:
            self._frames = require_short(store.folder, self._handle)
            stood_in_line = store.processes.take(cenv, deadline - time.monotonic(), self._taken)
            try:
                return self._begin(deadline)
            finally:
                if stood_in_line:
                    store.processes.leave(cenv)
        except BaseException:
            self._let_go()
            raise

    def _taken(self) -> bool | None:
        index = self._handle.index
        return None if index is None else index.taken()

    def _begin(self, deadline: float) -> Transaction:
        try:
            transaction = self._work.begin(deadline - time.monotonic())
            self._store.require_same_file(self._handle.cenv)
        except BaseException as error:
            self._work.__exit__(type(error), error, error.__traceback__)
            raise
        return transaction

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._nested is not None:
            self._nested.__exit__(kind, error, trace)
            return
        done = None
        try:
            if error is None:
                done = self._commit()
            else:
                self._work.__exit__(kind, error, trace)
        finally:
            self._let_go()
        if done is not None:
            self._store.announce(done)
            bring_in(self._handle, self._frames)

    def _commit(self) -> Commit:
        with self._work as work:
            return work.commit()

    def _let_go(self) -> None:
        self._store.writers.leave(self._handle.cenv, self._ticket)
