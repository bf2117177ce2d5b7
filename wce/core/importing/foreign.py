"""A database file from elsewhere, opened as what it may be: made to harm whoever reads it.

It is read only and immutable, so nothing beside it counts; its schema is not trusted; SQLite may only read plain tables, under limits,
until the deadline. Its views, triggers and virtual tables are never run: they are text.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from wce import lane
from wce.core.importing.header import Header, bad
from wce.errors import WceError
from wce.guard import actions
from wce.guard.actions import DENY, OK
from wce.guard.definitions import module, shadow_names
from wce.guard.guard import VALUE_BYTES
from wce.guard.link import restrain
from wce.model import Params
from wce.store.sqlite import Cursor, connect, fold, primary, quote, sqlite3

MAX_OBJECTS: Final = 2_000
_MAX_CHECKED: Final = 2 * MAX_OBJECTS
_PRAGMAS: Final = frozenset({"integrity_check", "quick_check", "table_xinfo"})
_MAX_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Object:
    """One row of the file's schema: type is table, virtual, index, view or trigger."""

    type: str
    name: str
    table: str
    sql: str


class Foreign:
    """`with` the file. Every error of SQLite is `bad_file`, a missed deadline `query_timeout`."""

    def __init__(self, path: Path, header: Header, deadline: float) -> None:
        self.header = header
        self._deadline = deadline
        self._closed_names: set[str] = set()  # virtual tables: to read one is to run a module on what the file says
        with _told(deadline):
            self.connection = connect(path, mode="ro", immutable=True, cached_statements=16)
        restrain(self.connection, VALUE_BYTES)
        self.connection.set_progress_handler(lane.until(deadline), lane.OPS)
        self.connection.set_authorizer(self._authorize)

    def __enter__(self) -> Foreign:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.connection.close()

    def check(self) -> None:
        """Raise `bad_file` unless SQLite finds the file whole."""
        for pragma, part in itertools.product(("quick_check", "integrity_check"), self._parts()):
            (told,) = self.all(f"PRAGMA {pragma}({part})")[0]
            if told != "ok":
                raise bad(f"It is damaged: {str(told)[:_MAX_SHOWN]}")

    def _parts(self) -> list[str]:
        """What to check: all at once, or table by table, for SQLite from 3.44 on has the modules of virtual tables check themselves."""
        if not self.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND (rootpage IS NULL OR rootpage = 0) LIMIT 1"):
            return ["1"]
        names = self.all("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 LIMIT ?", (_MAX_CHECKED,))
        return ["sqlite_master", *(quote(str(name)) for (name,) in names)]

    def objects(self) -> list[Object]:
        """The schema, but for what SQLite and the modules of virtual tables keep there for themselves."""
        (count,) = self.all("SELECT count(*) FROM sqlite_master")[0]
        if count > 2 * MAX_OBJECTS:
            raise WceError("too_large", f"The file has {count} tables, indexes, views and triggers; {MAX_OBJECTS} are allowed.")
        found = [
            Object("virtual" if kind == "table" and not root else kind, name, table, sql)
            for kind, name, table, root, sql in self.all("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master ORDER BY rowid")
            if isinstance(name, str) and isinstance(sql, str) and not fold(name).startswith("sqlite_")
        ]
        if len(found) > MAX_OBJECTS:
            raise WceError("too_large", f"The file has {len(found)} tables, indexes, views and triggers; {MAX_OBJECTS} are allowed.")
        self._closed_names = {fold(item.name) for item in found if item.type in ("virtual", "view")}
        behind = {shadow for item in found if item.type == "virtual" for shadow in _behind(item)}
        return [item for item in found if fold(item.name) not in behind and fold(item.table) not in behind]

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns that hold values of their own: no hidden and no generated ones."""
        return tuple(row[1] for row in self.all(f"PRAGMA table_xinfo({quote(table)})") if row[6] == 0)

    def has(self, table: str) -> bool:
        """Whether there is such a table."""
        return bool(self.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE AND rootpage > 1", (table,)))

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a table, one after the other."""
        with self.told():
            for row in self.connection.execute(sql):  # noqa: UP028 # `yield from` closes the cursor at the end, when the file may be closed
                yield row

    @contextmanager
    def lenient(self) -> Iterator[None]:
        """Text that is not UTF-8 gets replacement characters, where it else is an error."""
        self.connection.text_factory = lambda text: text.decode("utf-8", "replace")
        try:
            yield
        finally:
            self.connection.text_factory = str

    def execute(self, sql: str, params: Params = ()) -> Cursor:
        """Run one statement of ours."""
        with self.told():
            return self.connection.execute(sql, params)

    def one(self, sql: str, params: Params = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        found = self.all(sql, params)
        return found[0] if found else None

    def all(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """Every row."""
        with self.told():
            return self.connection.execute(sql, params).fetchall()

    def told(self) -> Any:
        """`with` errors of SQLite as what they mean here."""
        return _told(self._deadline)

    def _authorize(self, action: int, first: str | None, second: str | None, database: str | None, context: str | None) -> int:  # noqa: ARG002
        if action == actions.SELECT:
            return OK
        if action == actions.READ:
            return OK if context is None and fold(first or "") not in self._closed_names else DENY
        if action == actions.PRAGMA:
            return OK if fold(first or "") in _PRAGMAS else DENY
        return OK if action == actions.FUNCTION and fold(second or "") in ("count", "max") else DENY


class Undecodable(Exception):  # noqa: N818 - a state to react to, not a failure
    """A text is not UTF-8."""


@contextmanager
def _told(deadline: float) -> Iterator[None]:
    try:
        yield
    except UnicodeError as error:
        raise Undecodable from error
    except sqlite3.OperationalError as error:
        if not hasattr(error, "sqlite_errorcode"):
            raise Undecodable from error  # only the module's own decoder raises without a code
        raise _meaning(error, deadline) from error
    except (sqlite3.Error, MemoryError) as error:
        raise _meaning(error, deadline) from error


def _meaning(error: Exception, deadline: float) -> WceError:
    if primary(error) == sqlite3.SQLITE_INTERRUPT or time.monotonic() > deadline:
        return WceError("query_timeout", "Reading the file took too long.")
    if primary(error) == sqlite3.SQLITE_TOOBIG:
        return WceError("too_large", f"The file holds a value or a row of more than {VALUE_BYTES} bytes.")
    return bad(f"SQLite cannot read it: {str(error)[:_MAX_SHOWN]}")


def _behind(item: Object) -> set[str]:
    """The folded names of the tables behind a virtual table, one of a module that is not known too."""
    used = module(item.sql)
    return shadow_names(fold(item.name), used.name) if used else set()
