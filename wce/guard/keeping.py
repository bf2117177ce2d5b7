"""Rows whose foreign key changes with their parent: by SET NULL, SET DEFAULT or ON UPDATE CASCADE.

When SQLite comes to them the parent has gone, or has its new key, and a policy that wants something not to be there is content. So they are
looked at just before, and one that may not be changed keeps the parent, as do those whose key changes with theirs in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from wce.guard.principal import Principal
from wce.guard.references import ForeignKey
from wce.guard.shadows import source
from wce.store.sqlite import fold, quote

MESSAGE: Final = "wce-policy"  # what RAISE says; `faults` knows it again
_ALWAYS: Final = "1"
REFUSE: Final = f"SELECT RAISE(ABORT, '{MESSAGE}')"


def looked_up(principal: Principal, condition: str) -> set[str]:
    """The folded names of the tables that a condition of a policy looks into."""
    found = re.findall(re.escape(quote(principal.hidden.schema)) + r'\."((?:[^"]|"")*)"', condition)
    return {fold(name.replace('""', '"')) for name in found}


def refers(principal: Principal, key: ForeignKey, parent: str, child: str) -> str:
    """Whether a row of the child is one of a parent's. The parent stands first, whose collation counts."""
    # Where they are not as many as the columns, SQLite refuses to remove the parent.
    pairs = zip(principal.catalogue.reaches.targets(key), key.columns, strict=False)
    return " AND ".join(f"{parent}.{quote(other)} = {child}.{quote(own)}" for other, own in pairs)


class _Step(NamedTuple):
    """One on the way down from a row: the folded name of the table, what stands in FROM, and which of its rows."""

    table: str
    rows: str
    same: str


class Keeping:
    """What keeps a parent for one principal."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal
        self._reaches = principal.catalogue.reaches
        # Whose policy looks nowhere else is asked when its row changes.
        self._looking = {table for table, condition in principal.conditions.items() if looked_up(principal, condition.update)}

    def names(self, parent: str) -> set[str]:
        """The tables that the policies look up of what would change when a row of this one goes."""
        if not self._looking:
            return set()  # as mostly, and then a large schema need not be followed
        changed = self._changed(parent) & self._looking
        return {name for table in changed for name in looked_up(self._principal, self._principal.condition(table).update)}

    def gone(self, parent: str, row: str) -> str:
        """Whether something below a row may not be changed, which would be if it went; "" where nothing would."""
        empties = [key for key in self._keys(parent) if key.empties]
        return _any([found for key in empties for found in self._below(key, row, (), dict.fromkeys(key.columns, _ALWAYS))])

    def triggers(self, parent: str) -> Iterator[tuple[str, str, str]]:
        """(tag, event, condition) of those that keep a row of a parent."""
        gone = self.gone(parent, "OLD")
        if gone:
            yield "kd_", "BEFORE DELETE", f"WHEN {gone}"
        for number, key in enumerate(self._keys(parent)):
            # UPDATE OF would not fire where the key is called rowid.
            moves = {column: f"OLD.{quote(column)} IS NOT NEW.{quote(column)}" for column in self._reaches.targets(key)}
            found = _any([*self._below(key, "OLD", (), self._moved(key, moves))]) if key.moves else ""
            if found:
                yield f"ku{number}_", "BEFORE UPDATE", f"WHEN ({_either(moves)}) AND ({found})"

    def _keys(self, parent: str) -> list[ForeignKey]:
        """Those by which rows may change with one of a parent."""
        return [key for key in self._reaches.changed_with(parent) if self._reaches.targets(key)]

    def _onward(self, child: str, moved: Iterable[str]) -> list[ForeignKey]:
        """Those by which rows change with one of which these columns have."""
        columns = set(moved)
        return [other for other in self._keys(child) if other.moves and not columns.isdisjoint(self._reaches.targets(other))]

    def _moved(self, key: ForeignKey, above: Mapping[str, str]) -> dict[str, str]:
        """The columns of a row that change by this key, and when; `above` says that of its parent's."""
        pairs = zip(key.columns, self._reaches.targets(key), strict=False)
        moved = {own: above[other] for own, other in pairs if other in above}
        return moved if key.on_update == "CASCADE" else dict.fromkeys(key.columns, _either(moved))

    def _changed(self, parent: str) -> set[str]:
        """The tables whose rows change when one of a parent goes."""
        waiting = [key for key in self._keys(parent) if key.empties]
        for key in waiting:
            waiting += [other for other in self._onward(key.child, key.columns) if other not in waiting]
        return {key.child for key in waiting}

    def _below(self, key: ForeignKey, row: str, between: tuple[_Step, ...], moved: Mapping[str, str]) -> Iterator[str]:
        """Whether a row that refers to this one, or one that refers to that, may not be changed, of which the columns `moved` change."""
        principal, child = self._principal, key.child
        met = any(step.table == child for step in between)
        scope = quote(f"{principal.hidden.own}s{len(between)}")
        same = refers(principal, key, row, scope)
        # Of a key of two columns one may stay, and then so does what refers to that.
        same += f" AND ({_either(moved)})" if between and _either(moved) != _ALWAYS else ""
        if child in self._looking:
            rows = f"SELECT {','.join(map(quote, key.columns))} FROM {source(principal, child)}"
            bad = f"({rows} WHERE ({principal.condition(child).update}) IS NOT TRUE) AS {scope}"
            if met:
                # Rows that are parents of each other by the very columns of their key: one of any of them keeps all.
                again = " AND ".join(f"{scope}.{quote(column)} IS NOT NULL" for column in key.columns)
                yield f"({_found(between)} AND {_found([_Step(child, bad, again)])})"
            else:
                yield _found([*between, _Step(child, bad, same)])
        if not met:
            table = f"{quote(principal.hidden.schema)}.{quote(principal.table(child).name)} AS {scope}"
            for other in self._onward(child, moved):
                yield from self._below(other, scope, (*between, _Step(child, table, same)), self._moved(other, moved))


def _either(moved: Mapping[str, str]) -> str:
    """Whether any of some columns changes."""
    return _ALWAYS if _ALWAYS in moved.values() else " OR ".join(dict.fromkeys(moved.values()))


def _any(found: Sequence[str]) -> str:
    """Whether one of them holds: in a row of OR each would be a level of its own, and SQLite takes 200."""
    return f"CASE {' '.join(f'WHEN {each} THEN 1' for each in found)} END" if found else ""


def _found(steps: Sequence[_Step]) -> str:
    """Whether there are such rows, side by side and not in each other: SQLite's parser takes 100 levels, of which the policy has most."""
    return f"EXISTS(SELECT 1 FROM {' CROSS JOIN '.join(step.rows for step in steps)} WHERE {' AND '.join(step.same for step in steps)})"
