"""Rows that go with their parent by ON DELETE CASCADE.

When SQLite comes to them the parent is gone, and a policy that looks it up finds nothing; as little does that of their own children, or
one that looks up what goes with them, as the members of a team, while one that wants something not to be there is content. So just
before it goes, all below it is noted, and whether it may be removed: that counts. What goes is then what one could have removed one by one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from wce.guard.policies import literal
from wce.guard.principal import Principal
from wce.guard.references import CHANGES, ForeignKey
from wce.guard.shadows import keys, same_row, source
from wce.store.sqlite import fold, quote

_MOST: Final = 32  # tables above one that are looked at: so many lie in no chain that somebody would make by hand
Edge = tuple[str, int]  # a parent, and which of the keys by which rows go with it


class Cascades:
    """Those that one principal's policies make a note of: `starts` where the parent is looked up, `goes_on` what lies below that."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal
        self._own = principal.hidden.own
        self._starts: set[Edge] = set()
        self._goes_on: set[Edge] = set()
        self._above: dict[str, list[Edge]] = {}
        named = re.compile(re.escape(quote(principal.hidden.schema)) + r'\."((?:[^"]|"")*)"')
        # A foreign key changes rows when the parent has gone, or has its new key: too late for what looks that up.
        self._looking = {table for table, condition in principal.conditions.items() if named.search(condition.update)}
        found = {table: named.findall(condition.delete) for table, condition in principal.conditions.items()}
        if any(found.values()):
            self._above = self._edges()
        for table, names in found.items():
            if names:
                self._follow(table, {fold(name.replace('""', '"')) for name in names})
        self._noted = {self._key(edge).child for edge in self._starts | self._goes_on}

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
        return found

    def _following(self, key: ForeignKey, tag: str) -> list[str]:
        """The triggers on notes of a parent that note and forget its children."""
        principal, parent = self._principal, key.parent
        noted, scope = quote(self.noted(parent)), quote(self._own + "p")
        row = f"{quote(principal.hidden.schema)}.{quote(principal.table(parent).name)} AS {scope}"
        pairs = [(f"{scope}.{column}", f"NEW.{quote(name)}") for column, name in keys(principal, parent)]
        step = self._note(key, "NEW.by", f", {row} WHERE {same_row(principal, parent, pairs)} AND {self._refers(key, scope)}")
        made = {"i": f"AFTER INSERT ON {noted} WHEN NEW.may BEGIN {step}; END"}
        if key.child != parent:
            last = f"WHEN NOT EXISTS(SELECT 1 FROM {noted} AS {scope} WHERE {scope}.by = OLD.by)"
            made["d"] = f"AFTER DELETE ON {noted} {last} BEGIN DELETE FROM {quote(self.noted(key.child))} WHERE by = OLD.by; END"
        return [f"CREATE TRIGGER IF NOT EXISTS temp.{quote(f'{self._own}c{letter}{tag}')} {rest}" for letter, rest in made.items()]

    def notes(self, parent: str) -> Iterator[tuple[str, str, str, str]]:
        """(tag, event, condition, step) of the triggers on a parent that note what lies below it and forget that."""
        for number, key in enumerate(self._principal.catalogue.reaches.gone_with(parent)):
            if (parent, number) in self._starts:
                by = " || '/' || ".join([literal(f"{parent}/{number}"), *(f"OLD.{quote(other)}" for other in self._targets(key))])
                # Where it is noted itself, so is what lies below it.
                when = f"WHEN {self.may_go(parent)} IS NULL" if (parent, number) in self._goes_on else ""
                yield f"bc{number}_", "BEFORE DELETE", when, self._note(key, by, f" WHERE {self._refers(key, 'OLD')}")
                yield f"ac{number}_", "AFTER DELETE", "", f"DELETE FROM {quote(self.noted(key.child))} WHERE by = {by}"

    def keeps(self, parent: str) -> Iterator[tuple[str, str, str]]:
        """(tag, event, condition) of the triggers that keep a parent whose rows would change by a foreign key and may not."""
        scope = quote(self._own + "s")
        for number, key in enumerate(self._principal.catalogue.reaches.changed_with(parent)):
            targets = [quote(column) for column in self._targets(key)]
            if key.child not in self._looking or not targets:
                continue
            condition = self._principal.condition(key.child).update
            rows = f"SELECT {','.join(map(quote, key.columns))} FROM {source(self._principal, key.child)} WHERE ({condition}) IS NOT TRUE"
            found = f"WHEN EXISTS(SELECT 1 FROM ({rows}) AS {scope} WHERE {self._refers(key, 'OLD')}"
            if key.on_delete in CHANGES - {"CASCADE"}:
                yield f"kd{number}_", "BEFORE DELETE", f"{found})"
            if key.on_update in CHANGES:
                # UPDATE OF would not fire where the key is called rowid.
                moves = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in targets)
                yield f"ku{number}_", "BEFORE UPDATE", f"{found} AND ({moves}))"

    def _edges(self) -> dict[str, list[Edge]]:
        """Those that lead to each table."""
        catalogue = self._principal.catalogue
        found: dict[str, list[Edge]] = defaultdict(list)
        for parent in catalogue.tables:
            for number, key in enumerate(catalogue.reaches.gone_with(parent)):
                child = catalogue.tables[key.child]
                if self._targets(key) and (child.rowid is not None or child.without_rowid):
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

    def _follow(self, table: str, looked_up: set[str]) -> None:
        """Find the ways down to a table from those that its policy looks up, and from those with which these go."""
        edges = self._reaching(table)
        tops = looked_up.union(*({parent for parent, _ in self._reaching(name)} for name in looked_up))
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

    def _refers(self, key: ForeignKey, row: str) -> str:
        """Whether a row of the child is one of a parent's. The parent stands first, whose collation counts."""
        scope = quote(self._own + "s")
        # Where they are not as many as the columns, SQLite refuses to remove the parent.
        pairs = zip(self._targets(key), key.columns, strict=False)
        return " AND ".join(f"{row}.{quote(other)} = {scope}.{quote(own)}" for other, own in pairs)

    def _targets(self, key: ForeignKey) -> list[str]:
        return key.targets or [fold(column) for column in self._principal.table(key.parent).key]

    def _same(self, child: str, scope: str, row: str) -> str:
        found = keys(self._principal, child)
        return same_row(self._principal, child, [(f"{scope}.{quote(name)}", f"{row}.{column}") for column, name in found])
