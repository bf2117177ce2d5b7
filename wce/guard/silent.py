"""What SQLite reads without asking the authorizer.

Of columns that JOIN … USING and NATURAL JOIN compare or merge it hears nothing, and nothing at all of INSERT INTO a SELECT * FROM b
where both tables are alike, as that copies rows without compiling the SELECT. So there the names in the text have to answer.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from wce.guard.tokens import Token


class Body(Protocol):
    """The text of a view or trigger; `names` are None where they are not surely understood."""

    @property
    def names(self) -> frozenset[str] | None: ...

    @property
    def silent(self) -> bool: ...


class Fired(Body, Protocol):
    @property
    def table(self) -> str: ...


def merges(tokens: Sequence[Token]) -> bool:
    """Whether a text joins by the names of columns."""
    return any(token.keyword in ("USING", "NATURAL") for token in tokens)


def merges_fully(tokens: Sequence[Token]) -> bool:
    """Whether a column of several tables is asked for at once, so that a stand-in among them looks like the table."""
    return merges(tokens) and any(token.keyword == "FULL" for token in tokens)


def copies(tokens: Sequence[Token]) -> bool:
    """Whether a text may copy whole tables; a WITH in front of the INSERT keeps SQLite from doing so silently."""
    return any(token.keyword == "*" and before.keyword in ("SELECT", "ALL", ".") for before, token in itertools.pairwise(tokens))


def through(names: Iterable[str], views: Mapping[str, Body]) -> Iterator[tuple[str, frozenset[str]]]:
    """(view, the names in it) of every view among the names or behind them that reads so."""
    waiting, seen = [name for name in names if name in views], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        inner = views[name].names or frozenset()
        if views[name].silent:
            yield name, inner
        waiting += [other for other in inner if other in views]


def reached(
    target: str, triggers: Mapping[str, Fired], known: set[str], cascades: Callable[[str], Iterable[str]]
) -> tuple[set[str], set[str]]:
    """(tables and views, triggers) that a write to `target` may get to; `cascades` tells the tables that foreign keys write with one."""
    by_table: dict[str, list[str]] = defaultdict(list)
    for name, trigger in triggers.items():
        by_table[trigger.table].append(name)
    tables: set[str] = set()
    fired: set[str] = set()
    waiting = [target]
    while waiting:
        table = waiting.pop()
        if table in tables:
            continue
        tables.add(table)
        waiting += cascades(table)
        for name in by_table.get(table, ()):
            fired.add(name)
            names = triggers[name].names
            waiting += known if names is None else names & known
    return tables, fired


def opened(views: Mapping[str, Body], triggers: Mapping[str, Body]) -> frozenset[str]:
    """The views that triggers name, and those behind them."""
    if any(trigger.names is None for trigger in triggers.values()):
        return frozenset(views)
    waiting = [name for trigger in triggers.values() for name in trigger.names or () if name in views]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [inner for inner in views[name].names or () if inner in views]
    return frozenset(found)
