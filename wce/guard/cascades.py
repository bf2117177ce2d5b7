"""Rows that go with their parent by ON DELETE CASCADE.

When SQLite comes to them the parent is gone, and a policy that looks it up finds nothing. So just before it goes, those of its children
that may be removed are noted, and noted ones pass the net. What it removes is then what one could have removed one by one.
"""

from __future__ import annotations

from collections.abc import Iterator

from wce.guard.policies import literal
from wce.guard.principal import Principal
from wce.guard.references import ForeignKey
from wce.guard.shadows import keys, same_row, source
from wce.store.sqlite import fold, quote


def noted(principal: Principal, child: str) -> str:
    """The table in TEMP for the keys of a child's rows; "" where none of its parents is looked up by its policies."""
    return principal.hidden.own + "c_" + child if any(_looks_up(principal, key) for key in _of_child(principal, child)) else ""


def is_noted(principal: Principal, child: str, row: str) -> str:
    """Whether a row of the child, OLD, is among them."""
    scope = quote(principal.hidden.own + "c")
    pairs = [(f"{scope}.{quote(name)}", f"{row}.{column}") for column, name in keys(principal, child)]
    return f"EXISTS(SELECT 1 FROM {quote(noted(principal, child))} AS {scope} WHERE {same_row(principal, child, pairs)})"


def made(principal: Principal, child: str) -> list[str]:
    """The statements that make it; `by` is the parent whose removal takes the row along."""
    table, columns, own = noted(principal, child), [quote(name) for _, name in keys(principal, child)], principal.hidden.own
    type_ = "" if principal.table(child).without_rowid else " INTEGER"  # as OLD.rowid has it, else no index is used
    return [
        f"CREATE TABLE IF NOT EXISTS temp.{quote(table)} ({','.join(column + type_ for column in columns)}, by)",
        f"CREATE INDEX IF NOT EXISTS temp.{quote(own + 'ck_' + child)} ON {quote(table)} ({','.join(columns)})",
        f"CREATE INDEX IF NOT EXISTS temp.{quote(own + 'cb_' + child)} ON {quote(table)} (by)",
    ]


def notes(principal: Principal, parent: str) -> Iterator[tuple[str, str, str]]:
    """(tag, event, step) of the triggers on a parent that note its children and forget them."""
    for number, key in enumerate(principal.catalogue.reaches.gone_with(parent)):
        if not _looks_up(principal, key):
            continue
        scope, table = quote(principal.hidden.own + "s"), quote(noted(principal, key.child))
        found = keys(principal, key.child)
        kept = ",".join(f"{scope}.{quote(name)}" for _, name in found)
        columns = ",".join([*(f"{column} AS {quote(name)}" for column, name in found), *map(quote, key.columns)])
        rows = f"(SELECT {columns} FROM {source(principal, key.child)} WHERE {principal.condition(key.child).delete}) AS {scope}"
        # Where they are not as many as the columns, SQLite refuses to remove the parent.
        targets = key.targets or [fold(column) for column in principal.table(parent).key]
        same = " AND ".join(f"{scope}.{quote(own)} = OLD.{quote(other)}" for own, other in zip(key.columns, targets, strict=False))
        by = " || '/' || ".join([literal(f"{parent}/{number}"), *(f"OLD.{quote(other)}" for other in targets)])
        yield f"bc{number}_", "BEFORE DELETE", f"INSERT INTO {table} SELECT {kept}, {by} FROM {rows} WHERE {same}"
        yield f"ac{number}_", "AFTER DELETE", f"DELETE FROM {table} WHERE by = {by}"


def _of_child(principal: Principal, child: str) -> list[ForeignKey]:
    reaches = principal.catalogue.reaches
    return [key for parent in reaches.parents(child) for key in reaches.gone_with(parent) if key.child == child]


def _looks_up(principal: Principal, key: ForeignKey) -> bool:
    return fold(quote(key.parent)) in fold(principal.condition(key.child).delete)
