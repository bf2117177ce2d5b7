"""A session runs our own SQL on one cenv; the SQL of users never gets here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from wce.errors import WceError
from wce.model import Actor, Params
from wce.store.sqlite import Connection, Cursor, sqlite3
from wce.store.transaction import Transaction

# `Store.transaction` and `Store.explain`, handed in because the store comes after this file.
Begin = Callable[["Session", Actor], AbstractContextManager[Transaction]]
Explain = Callable[["Session", Exception], WceError | None]


class Session:
    """One system connection. What SQLite says of the file or the disk is raised as WceError, errors of the SQL as they are."""

    __slots__ = ("_begin", "_explain", "cenv", "connection")

    def __init__(self, cenv: str, connection: Connection, begin: Begin, explain: Explain) -> None:
        self.cenv = cenv
        self.connection = connection
        self._begin = begin
        self._explain = explain

    def execute(self, sql: str, params: Params = ()) -> Cursor:
        """Run one statement."""
        try:
            return self.connection.execute(sql, params)
        except (sqlite3.Error, MemoryError) as error:
            self._fail(error)
            raise

    def one(self, sql: str, params: Params = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        try:
            row: tuple[Any, ...] | None = self.connection.execute(sql, params).fetchone()
        except (sqlite3.Error, MemoryError) as error:
            self._fail(error)
            raise
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

    def transaction(self, actor: Actor) -> AbstractContextManager[Transaction]:
        """`with` a write transaction; inside another one of this session a savepoint of it."""
        return self._begin(self, actor)

    def close(self) -> None:
        """Close the connection; only its owner calls this."""
        self.connection.close()
