"""`with` a transaction of a guarded session; classes and not generators because every statement goes through them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from wce.model import Actor
from wce.store.transaction import Handle, Transaction

# `Store.transaction`, as a session is given it.
Begin = Callable[[Handle, Actor, float], AbstractContextManager[Transaction]]


class Guarded(Protocol):
    """What a session offers to those who open and close its transactions."""

    @property
    def is_open(self) -> bool: ...

    @property
    def writes(self) -> bool: ...

    def start_reading(self) -> None: ...

    def end_reading(self, *, keep: bool) -> None: ...

    def join(self, transaction: Transaction) -> None: ...

    def leave(self) -> None: ...

    def ended(self) -> None: ...

    def undone(self) -> None: ...


class Reading:
    """A snapshot; inside another transaction nothing."""

    __slots__ = ("_outermost", "_session")

    def __init__(self, session: Guarded) -> None:
        self._session = session
        self._outermost = False

    def __enter__(self) -> None:
        session = self._session
        self._outermost = not session.is_open
        if self._outermost:
            session.start_reading()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._outermost:
            self._session.end_reading(keep=kind is None)


class Writing:
    """A write transaction; inside another one a savepoint of it."""

    __slots__ = ("_begun", "_outermost", "_session")

    def __init__(self, session: Guarded, begun: AbstractContextManager[Transaction]) -> None:
        self._session = session
        self._begun = begun
        self._outermost = False

    def __enter__(self) -> Transaction:
        session = self._session
        if session.is_open and not session.writes:
            raise RuntimeError("a write transaction cannot start inside a read transaction")
        self._outermost = not session.writes
        transaction = self._begun.__enter__()
        if self._outermost:
            try:
                session.join(transaction)
            except BaseException as error:
                self.__exit__(type(error), error, error.__traceback__)
                raise
        return transaction

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        whole = False
        if self._outermost:
            self._session.leave()
        try:
            self._begun.__exit__(kind, error, trace)
            whole = kind is None
        finally:
            if not whole:
                self._session.undone()
            if self._outermost:
                self._session.ended()
