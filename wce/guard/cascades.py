"""Rows that go with their parent by ON DELETE CASCADE.

When SQLite comes to them the parent is gone, and a policy that looks it up finds nothing; as little does that of their own children, or
one that looks up what goes with them, as the members of a team, while one that wants something not to be there is content. So just
before it goes, all below it is noted, and whether it may be removed: that counts. What goes is then what one could have removed one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from wce.guard.keeping import REFUSE, Keeping, looked_up, refers
from wce.guard.policies import literal
from wce.guard.principal import Principal
from wce.guard.references import ForeignKey
from wce.guard.shadows import keys, same_row, source
from wce.store.sqlite import quote

_MOST: Final = 32  # tables above one that are looked at: so many lie in no chain that somebody would make by hand
Edge = tuple[str, int]  # a parent, and which of the keys by which rows go with it


class Cascades:
    """Those that one principal's policies make a note of: `starts` where the parent is looked up, `goes_on` what lies below that."""

    def __init__(self, principal: Principal, keeping: Keeping) -> None:
        self._principal = principal
        self._own = principal.hidden.own
        self._starts: set[Edge] = set()
        self._goes_on: set[Edge] = set()
        self._keeping = keeping
        self._find()
        self._noted = {self._key(edge).child for edge in self._starts | self._goes_on}

    def _find(self) -> None:
        for table, condition in self._principal.conditions.items():
            if condition.delete:
                # A key of the row itself may be emptied before it goes, and its policy looks at what it holds.
                self._follow(table, self._stirring(looked_up(self._principal, condition.delete)) | self._changing(table))
        for table in self._principal.catalogue.tables:
            self._follow(table, self._stirring(self._keeping.names(table)))

    def noted(self, child: str) -> str:
        """The table in TEMP for the keys of a child's rows; "" where there is none."""
        return self._own + "c_" + child if child in self._noted else ""

    def may_go(self, child: str) -> str:
        """What the first note of the row OLD of a child says; NULL where there is none."""
        scope = quote(self._own + "c")
        noted = f"{quote(self.noted(child))} AS {scope} WHERE {self._same(child, scope, 'OLD')}"
        return f"(SELECT {scope}.may FROM {noted} ORDER BY {scope}.rowid LIMIT 1)"

    def made(self, child: str) -> list[str]:
        """The statements that make it; `by` is the parent whose removal takes the row along.

        With a row its children are noted, and with the last one that a parent takes along they are forgotten.
        """
        principal = self._principal
        table, columns, own = quote(self.noted(child)), [quote(name) for _, name in keys(principal, child)], self._own
        type_ = "" if principal.table(child).without_rowid else " INTEGER"  # as OLD.rowid has it, else no index is used
        found = [
            f"CREATE TABLE IF NOT EXISTS temp.{table} ({','.join(column + type_ for column in columns)}, by, may)",
            f"CREATE INDEX IF NOT EXISTS temp.{quote(own + 'ck_' + child)} ON {table} ({','.join(columns)})",
            f"CREATE INDEX IF NOT EXISTS temp.{quote(own + 'cb_' + child)} ON {table} (by)",
        ]
        for number, key in enumerate(principal.catalogue.reaches.gone_with(child)):
            if (child, number) in self._goes_on:
                found += self._following(key, f"{number}_{child}")
        kept = self._keeping.gone(child, quote(self._own + "p"))
        if kept:
            refuse = f"{REFUSE} FROM {self._noted_row(child)} AND ({kept})"
            found.append(self._trigger("n_" + child, f"AFTER INSERT ON {table} BEGIN {refuse}; END"))
        return found

    def _following(self, key: ForeignKey, tag: str) -> list[str]:
        """The triggers on notes of a parent that note and forget its children."""
        parent = key.parent
        noted, scope = quote(self.noted(parent)), quote(self._own + "p")
        step = self._note(key, "NEW.by", f", {self._noted_row(parent)} AND {self._refers(key, scope)}")
        made = {"i": f"AFTER INSERT ON {noted} WHEN NEW.may BEGIN {step}; END"}
        if key.child != parent:
            last = f"WHEN NOT EXISTS(SELECT 1 FROM {noted} AS {scope} WHERE {scope}.by = OLD.by)"
            made["d"] = f"AFTER DELETE ON {noted} {last} BEGIN DELETE FROM {quote(self.noted(key.child))} WHERE by = OLD.by; END"
        return [self._trigger(letter + tag, rest) for letter, rest in made.items()]

    def _noted_row(self, table: str) -> str:
        """The row of a table of which NEW is the note."""
        principal, scope = self._principal, quote(self._own + "p")
        same = same_row(principal, table, [(f"{scope}.{column}", f"NEW.{quote(name)}") for column, name in keys(principal, table)])
        return f"{quote(principal.hidden.schema)}.{quote(principal.table(table).name)} AS {scope} WHERE {same}"

    def _trigger(self, tag: str, rest: str) -> str:
        return f"CREATE TRIGGER IF NOT EXISTS temp.{quote(f'{self._own}c{tag}')} {rest}"

    def notes(self, parent: str) -> Iterator[tuple[str, str, str, str]]:
        """(tag, event, condition, step) of the triggers on a parent that note what lies below it and forget that."""
        for number, key in enumerate(self._principal.catalogue.reaches.gone_with(parent)):
            if (parent, number) in self._starts:
                targets = self._principal.catalogue.reaches.targets(key)
                by = " || '/' || ".join([literal(f"{parent}/{number}"), *(f"OLD.{quote(other)}" for other in targets)])
                # Where it is noted itself, so is what lies below it.
                when = f"WHEN {self.may_go(parent)} IS NULL" if (parent, number) in self._goes_on else ""
                yield f"bc{number}_", "BEFORE DELETE", when, self._note(key, by, f" WHERE {self._refers(key, 'OLD')}")
                yield f"ac{number}_", "AFTER DELETE", "", f"DELETE FROM {quote(self.noted(key.child))} WHERE by = {by}"

    @cached_property
    def _above(self) -> dict[str, list[Edge]]:
        """Those that lead to each table; where no policy looks anywhere else, nobody asks."""
        catalogue = self._principal.catalogue
        found: dict[str, list[Edge]] = defaultdict(list)
        for parent in catalogue.tables:
            for number, key in enumerate(catalogue.reaches.gone_with(parent)):
                child = catalogue.tables[key.child]
                if catalogue.reaches.targets(key) and (child.rowid is not None or child.without_rowid):
                    found[key.child].append((parent, number))
        return found

    def _reaching(self, table: str) -> list[Edge]:
        """Those by which rows of a table go, over all levels."""
        found = list(self._above.get(table, ()))
        seen = {table}
        for parent, _ in found:
            if parent not in seen and len(seen) < _MOST:
                seen.add(parent)
                found += [edge for edge in self._above.get(parent, ()) if edge not in found]
        return found

    def _stirring(self, names: set[str]) -> set[str]:
        """The tables with whose rows those of any of these go or change."""
        return names.union(*({parent for parent, _ in self._reaching(name)} | self._changing(name) for name in names))

    def _changing(self, table: str) -> set[str]:
        """The tables with whose rows, when they go, rows of one change."""
        reaches = self._principal.catalogue.reaches
        found, waiting = set[str](), [table]
        for changed in waiting:
            keys_ = [key for parent in reaches.parents(changed) for key in reaches.changed_with(parent) if key.child == changed]
            for key in keys_:
                if key.empties:
                    found.update([key.parent], (parent for parent, _ in self._reaching(key.parent)))
                if key.moves and key.parent not in waiting and len(waiting) < _MOST:
                    waiting.append(key.parent)
        return found

    def _follow(self, table: str, tops: set[str]) -> None:
        """Find the ways down to a table from those with whose rows what its policy looks up may go or change."""
        edges = self._reaching(table) if tops else []
        first = [edge for edge in edges if edge[0] in tops]
        waiting = [self._key(edge).child for edge in first]
        met = set[Edge]()
        for reached in waiting:
            more = [edge for edge in edges if edge[0] == reached and edge not in met]
            met.update(more)
            waiting += [self._key(edge).child for edge in more]
        self._starts.update(first)
        self._goes_on |= met

    def _key(self, edge: Edge) -> ForeignKey:
        return self._principal.catalogue.reaches.gone_with(edge[0])[edge[1]]

    def _note(self, key: ForeignKey, by: str, rest: str) -> str:
        """A step that notes the rows of a child, unless they are: rows may be parents of each other."""
        principal = self._principal
        scope, found = quote(self._own + "s"), keys(principal, key.child)
        kept = ",".join(f"{scope}.{quote(name)}" for _, name in found)
        may = quote(self._own + "y")
        columns = ",".join([*(f"{column} AS {quote(name)}" for column, name in found), *map(quote, key.columns)])
        rows = f"SELECT {columns},({principal.condition(key.child).delete or 1}) IS TRUE AS {may} FROM {source(principal, key.child)}"
        before = quote(self._own + "c")
        pairs = [(f"{before}.{quote(name)}", f"{scope}.{quote(name)}") for _, name in found]
        table = quote(self.noted(key.child))
        new = f"NOT EXISTS(SELECT 1 FROM {table} AS {before} WHERE {same_row(principal, key.child, pairs)} AND {before}.by = {by})"
        return f"INSERT INTO {table} SELECT {kept}, {by}, {scope}.{may} FROM ({rows}) AS {scope}{rest} AND {new}"

    def _refers(self, key: ForeignKey, parent: str) -> str:
        return refers(self._principal, key, parent, quote(self._own + "s"))

    def _same(self, child: str, scope: str, row: str) -> str:
        found = keys(self._principal, child)
        return same_row(self._principal, child, [(f"{scope}.{quote(name)}", f"{row}.{column}") for column, name in found])
