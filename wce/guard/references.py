"""What SQLite itself reads and writes in other tables, because of foreign keys, when a table is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from wce.store.sqlite import fold


class Keyed(Protocol):
    @property
    def key(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Folded names; `targets` is empty where the parent's primary key is meant."""

    child: str
    parent: str
    columns: list[str]
    targets: list[str]
    on_update: str
    on_delete: str


@dataclass(frozen=True, slots=True)
class Reach:
    """Of one written table: the (table, column) pairs that may be read or updated, and the tables whose rows may be deleted."""

    reads: frozenset[tuple[str, str]]
    updates: frozenset[tuple[str, str]]
    deletes: frozenset[str]

    @property
    def tables(self) -> frozenset[str]:
        """Every other table that may be written."""
        return self.deletes | {table for table, _ in self.updates}


_CHANGES: Final = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


def reach(tables: Mapping[str, Keyed], keys: Iterable[ForeignKey]) -> dict[str, Reach]:
    """The reach of every table, through all cascades."""
    keys = list(keys)
    return {table: _reach(table, tables, keys) for table in tables}


def _reach(start: str, tables: Mapping[str, Keyed], keys: list[ForeignKey]) -> Reach:
    reads: set[tuple[str, str]] = set()
    updates: set[tuple[str, str]] = set()
    deletes: set[str] = set()
    waiting, seen = [start], set()
    while waiting:
        table = waiting.pop()
        if table in seen:
            continue
        seen.add(table)
        for key in keys:
            if table not in (key.child, key.parent):
                continue
            reads |= {(key.parent, column) for column in _targets(key, tables)} | {(key.child, column) for column in key.columns}
            if key.parent != table:
                continue
            if key.on_delete == "CASCADE":
                deletes.add(key.child)
                waiting.append(key.child)
            if key.on_delete in _CHANGES - {"CASCADE"} or key.on_update in _CHANGES:
                updates |= {(key.child, column) for column in key.columns}
                waiting.append(key.child)
    return Reach(frozenset(reads), frozenset(updates), frozenset(deletes))


def _targets(key: ForeignKey, tables: Mapping[str, Keyed]) -> list[str]:
    if key.targets or key.parent not in tables:
        return key.targets
    return [fold(column) for column in tables[key.parent].key]
