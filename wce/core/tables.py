"""The tables and views of users: which there are, and what a principal may see of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from wce.errors import WceError
from wce.guard.catalogue import OWN, Catalogue, Column
from wce.model import Grants, Params, Rights
from wce.store.sqlite import Cursor, fold

EVERYTHING: Final = Rights(can_read=True, can_write=True, can_delete=True, can_grant=True)


class Executes(Protocol):
    """A session or an open transaction."""

    def execute(self, sql: str, params: Params = ()) -> Cursor: ...


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A `table`, a `virtual` table or a `view`, with what the principal may do with it."""

    name: str
    type: str
    columns: tuple[Column, ...]
    rights: Rights


def find_object(executes: Executes, catalogue: Catalogue, name: str) -> tuple[str, str] | None:
    """Name as spelled in the schema, and type, of a user's table or view; None for anything else, WCE's own tables among it.

    The catalogue says what belongs to a virtual table; whether there is such a table is asked here, within the transaction.
    """
    if fold(name).startswith(OWN) or fold(name) in catalogue.shadows:
        return None
    row = executes.execute(
        "SELECT name, CASE WHEN rootpage = 0 AND type = 'table' THEN 'virtual' ELSE type END FROM sqlite_schema"
        " WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE",
        (name,),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def list_tables(catalogue: Catalogue, grants: Grants) -> list[TableInfo]:
    """The tables and views that the principal may read, write or delete in, by name; administrators see all."""
    return [_info(catalogue, grants, name) for name in sorted((*catalogue.tables, *catalogue.views)) if rights_on(grants, name)]


def find_table(catalogue: Catalogue, grants: Grants, name: str) -> TableInfo:
    """One table; raises `no_such_table` for what is not there and for what the principal may not see, with the same words."""
    folded = fold(name)
    if not rights_on(grants, folded) or (folded not in catalogue.tables and folded not in catalogue.views):
        raise WceError("no_such_table", f"no such table: {name}")
    return _info(catalogue, grants, folded)


def rights_on(grants: Grants, folded: str) -> Rights:
    """What the principal may do with a table, by its folded name."""
    return EVERYTHING if grants.role.administers else grants.rights.get(folded, Rights())


def _info(catalogue: Catalogue, grants: Grants, folded: str) -> TableInfo:
    rights = rights_on(grants, folded)
    view = catalogue.views.get(folded)
    if view is not None:
        return TableInfo(view.name, "view", view.columns, rights)
    table = catalogue.tables[folded]
    return TableInfo(table.name, "virtual" if table.module else "table", table.columns, rights)
