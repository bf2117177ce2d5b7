"""The tables and views of users: which there are, and what a principal may see of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from wce.errors import WceError
from wce.model import Grants, Params, Rights
from wce.store.session import Session
from wce.store.sqlite import Cursor, fold, quote, sqlite3

# Underscores are wildcards of LIKE, hence GLOB on the folded name.
_OBJECTS: Final = (
    "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view', 'virtual')"
    " AND lower(name) NOT GLOB '_wce_*' AND lower(name) NOT GLOB 'sqlite_*'"
)
EVERYTHING: Final = Rights(can_read=True, can_write=True, can_delete=True, can_grant=True)


class Executes(Protocol):
    """A session or an open transaction."""

    def execute(self, sql: str, params: Params = ()) -> Cursor: ...


@dataclass(frozen=True, slots=True)
class Column:
    """One column as declared; `default` is the text of its expression, `primary_key` its place in the key from 1, or 0."""

    name: str
    type: str
    not_null: bool
    primary_key: int
    default: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table (`table`, `virtual`) or a `view`, with what the principal may do with it."""

    name: str
    type: str
    columns: tuple[Column, ...]
    rights: Rights


def find_object(executes: Executes, name: str) -> tuple[str, str] | None:
    """Name as spelled in the schema, and type, of a user's table or view; None for anything else, WCE's own tables among it."""
    row = executes.execute(f"{_OBJECTS} AND name = ? COLLATE NOCASE", (name,)).fetchone()
    return None if row is None else (row[0], row[1])


def list_tables(session: Session, grants: Grants) -> list[Table]:
    """The tables and views that the principal may read, write or delete in; administrators see all."""
    return [
        Table(name, kind, _columns(session, name), rights)
        for name, kind in session.all(f"{_OBJECTS} ORDER BY name COLLATE NOCASE")
        if (rights := rights_on(grants, name))
    ]


def find_table(session: Session, grants: Grants, name: str) -> Table:
    """One table; raises `no_such_table` for what is not there and for what the principal may not see, with the same words."""
    found = find_object(session, name)
    rights = rights_on(grants, name)
    if found is None or not rights:
        raise WceError("no_such_table", f"no such table: {name}")
    return Table(*found, _columns(session, found[0]), rights)


def rights_on(grants: Grants, name: str) -> Rights:
    """What the principal may do with a table of this name."""
    return EVERYTHING if grants.role.administers else grants.rights.get(fold(name), Rights())


def _columns(session: Session, name: str) -> tuple[Column, ...]:
    try:
        rows = session.all(f"PRAGMA main.table_xinfo({quote(name)})")
    except (sqlite3.Error, WceError):  # a view over something that is gone has no columns, and must not hide the others
        return ()
    return tuple(Column(row[1], row[2], bool(row[3]), row[5], row[4]) for row in rows if row[6] != 1)
