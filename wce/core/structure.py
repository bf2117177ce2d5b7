"""How a table is built, beyond what its columns say: keys, references to other tables, indexes; as far as a principal may know of it."""

from __future__ import annotations

from dataclasses import dataclass

from wce.core.tables import find_table, rights_on
from wce.guard.catalogue import Catalogue, Table
from wce.model import Grants
from wce.store.session import Session
from wce.store.sqlite import fold


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: `columns` hold what stands in `to_columns` of `table`."""

    columns: tuple[str, ...]
    table: str
    to_columns: tuple[str, ...]
    on_delete: str


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `columns` has None for an expression."""

    name: str
    unique: bool
    columns: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """`key` are the columns of the primary key in their order. `sql` is the definition, for administrators only.

    `rowid` is the name that tells rows apart where there is no key: None under read policies, which leave the columns only.
    """

    key: tuple[str, ...]
    rowid: str | None
    references: tuple[Reference, ...]
    indexes: tuple[Index, ...]
    sql: str | None


def structure(session: Session, catalogue: Catalogue, grants: Grants, name: str) -> Structure:
    """The structure of a table that the principal may see; raises `no_such_table`. It leads to tables that he sees only."""
    found = find_table(catalogue, grants, name)
    table = catalogue.tables.get(fold(name))
    if table is None or table.module:
        return Structure((), None, (), (), _definition(session, grants, found.name))
    indexes = _indexes(session, found.name) if grants.role.administers else ()
    references = _references(session, catalogue, grants, found.name)
    return Structure(table.key, _rowid(table, grants), references, indexes, _definition(session, grants, found.name))


def _rowid(table: Table, grants: Grants) -> str | None:
    narrowed = any(policy.policy_type == "read" and fold(policy.table_name) == fold(table.name) for policy in grants.policies)
    return None if table.key or narrowed else table.rowid


def _definition(session: Session, grants: Grants, name: str) -> str | None:
    if not grants.role.administers:
        return None
    row = session.one("SELECT sql FROM sqlite_schema WHERE name = ? AND type IN ('table', 'view')", (name,))
    return None if row is None else row[0]


def _references(session: Session, catalogue: Catalogue, grants: Grants, name: str) -> tuple[Reference, ...]:
    rows = session.all('SELECT id, "table", "from", "to", on_delete FROM pragma_foreign_key_list(?) ORDER BY id, seq', (name,))
    found: dict[int, Reference] = {}
    for number, target, column, to_column, on_delete in rows:
        parent = catalogue.tables.get(fold(target))
        if parent is None or not rights_on(grants, fold(target)):
            continue
        so_far = found.get(number, Reference((), parent.name, (), on_delete))
        place = len(so_far.columns)
        to = to_column or (parent.key[place] if place < len(parent.key) else "")  # a reference without columns means the primary key
        found[number] = Reference((*so_far.columns, column), parent.name, (*so_far.to_columns, to), on_delete)
    return tuple(found.values())


def _indexes(session: Session, name: str) -> tuple[Index, ...]:
    rows = session.all("SELECT name, \"unique\" FROM pragma_index_list(?) WHERE origin <> 'pk' ORDER BY name", (name,))
    return tuple(
        Index(
            index,
            bool(unique),
            tuple(column for (column,) in session.all("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (index,))),
        )
        for index, unique in rows
    )
