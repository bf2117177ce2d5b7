"""What SQLite itself reads and writes in other tables, because of foreign keys, when a table is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from wce.cache import Cache
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

    @property
    def goes(self) -> bool:
        """Whether a row is removed with its parent."""
        return self.on_delete == "CASCADE"

    @property
    def empties(self) -> bool:
        """Whether a row loses its key, or gets the usual one, with its parent."""
        return self.on_delete in _EMPTIES

    @property
    def moves(self) -> bool:
        """Whether a row's key changes with that of its parent."""
        return self.on_update == "CASCADE" or self.on_update in _EMPTIES


@dataclass(frozen=True, slots=True)
class Reach:
    """Of one written table: the (table, column) pairs that may be read or updated, and the tables whose rows may be deleted."""

    reads: frozenset[tuple[str, str]]
    updates: frozenset[tuple[str, str]]
    deletes: frozenset[str]


_EMPTIES: Final = frozenset({"SET NULL", "SET DEFAULT"})
_MAX_KEPT: Final = 64  # tables, those that were written last


class Reaches:
    """The reach of every table, through all cascades.

    Each is found when it is asked for: all those of a long chain of cascades would take the cube of its length.
    """

    def __init__(self, tables: Mapping[str, Keyed], keys: Iterable[ForeignKey]) -> None:
        self._tables = tables
        self._keys: dict[str, list[ForeignKey]] = defaultdict(list)
        self._found: Cache[str, Reach] = Cache(_MAX_KEPT)
        for key in keys:
            for table in {key.child, key.parent}:
                self._keys[table].append(key)

    def __getitem__(self, table: str) -> Reach:
        return self._found.get_or(table, lambda: self._reach(table))

    def written_with(self, table: str) -> set[str]:
        """The tables that may be written at once when this one is."""
        return {key.child for key in self._keys.get(table, ()) if key.parent == table and (key.goes or key.empties or key.moves)}

    def gone_with(self, table: str) -> list[ForeignKey]:
        """The keys by which rows are removed with one of a table."""
        return [key for key in self._keys.get(table, ()) if key.parent == table and key.goes]

    def changed_with(self, table: str) -> list[ForeignKey]:
        """The keys by which rows are updated with one of a table."""
        return [key for key in self._keys.get(table, ()) if key.parent == table and (key.empties or key.moves)]

    def targets(self, key: ForeignKey) -> list[str]:
        """The folded columns of the parent that a key points to; none where there is no parent."""
        if key.targets or key.parent not in self._tables:
            return key.targets
        return [fold(column) for column in self._tables[key.parent].key]

    def parents(self, table: str) -> set[str]:
        """The tables that a table's keys point to."""
        return {key.parent for key in self._keys.get(table, ()) if key.child == table}

    def _reach(self, start: str) -> Reach:
        reads: set[tuple[str, str]] = set()
        updates: set[tuple[str, str]] = set()
        deletes: set[str] = set()
        waiting, seen = [start], set()
        while waiting:
            table = waiting.pop()
            if table in seen:
                continue
            seen.add(table)
            waiting += self.written_with(table)
            for key in self._keys.get(table, ()):
                reads |= {(key.parent, column) for column in self.targets(key)} | {(key.child, column) for column in key.columns}
                if key.parent == table and key.goes:
                    deletes.add(key.child)
                if key.parent == table and (key.empties or key.moves):
                    updates |= {(key.child, column) for column in key.columns}
        return Reach(frozenset(reads), frozenset(updates), frozenset(deletes))
