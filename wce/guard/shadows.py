"""The CTEs that stand in for tables and views, put before what the client wrote.

A name in FROM, JOIN, IN, EXISTS and in sub-selects of any clause means the CTE of that name; the target of a write never does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wce.errors import WceError
from wce.guard.principal import Principal
from wce.guard.silent import merges_fully
from wce.guard.tokens import Token
from wce.store.sqlite import quote


@dataclass(slots=True)
class Wanted:
    """What a statement needs: folded names. `defined` are those that its own WITH list, at the top, gives another meaning.

    `guards` are "update" or "delete", for the target. `pushed` are conditions that may be checked before the policy.
    """

    tables: set[str]
    views: set[str]
    hidden: Mapping[str, str]
    defined: set[str]
    strict: bool
    target: str | None = None
    guards: set[str] = field(default_factory=set)
    pushed: dict[str, list[str]] = field(default_factory=dict)


def prefix(principal: Principal, wanted: Wanted) -> list[str]:
    """The CTE definitions; one that is not used costs nothing."""
    parts: list[str] = []
    for kind in sorted(wanted.guards):
        parts.append(_guard(principal, str(wanted.target), kind))
    for table in sorted(wanted.tables):
        if principal.right(table).can_read:
            parts.append(_rows(principal, table, wanted))
            if table not in wanted.defined:
                parts.append(_alias(principal.table(table).name, principal.hidden.own + "r_" + table))
    for name in sorted(wanted.views - wanted.defined):
        view = principal.view(name)
        if view.text is not None:
            inner = principal.hidden.view + name
            parts.append(f"{quote(inner)} {view.text.columns} AS NOT MATERIALIZED ({view.text.text})")
            parts.append(_alias(view.name, inner))
    # A hidden object must fail exactly as a name that never existed.
    for marker, name in wanted.hidden.items():
        if name not in wanted.defined:
            parts.append(f"{quote(name)} AS (SELECT * FROM {quote(marker)})")
    return parts


def named(principal: Principal, tables: set[str], names: Iterable[str], views: Iterable[str], tokens: Sequence[Token]) -> set[str]:
    """The tables that need a stand-in: `tables`, which have a policy, and beside them in a FULL JOIN those without one.

    Where FULL JOIN … USING joins a stand-in to a table, SQLite from 3.51 on asks for the stand-in's column as if it were the table's.
    """
    looked = [principal.view(view) for view in views]
    if not tables or not (merges_fully(tokens) or any(view.merges_fully for view in looked)):
        return tables
    found = set(names).union(*(view.names for view in looked))
    return tables | {name for name in found if principal.may_read(name) and not principal.table(name).module}


def _alias(name: str, inner: str) -> str:
    return f"{quote(name)} AS NOT MATERIALIZED (SELECT * FROM {quote(inner)})"


def source(principal: Principal, table: str) -> str:
    """The table itself, under its own name."""
    name = quote(principal.table(table).name)
    return f"{quote(principal.hidden.schema)}.{name} AS {name}"


def _rows(principal: Principal, table: str, wanted: Wanted) -> str:
    """The rows that may be read. A sub-select with LIMIT is not flattened, so nothing outside is evaluated before the policy."""
    columns = ",".join(quote(column.name) for column in principal.table(table).columns)
    restricted = table in principal.restricted
    conditions = " AND ".join([principal.condition(table).read, *wanted.pushed.get(table, [])]) if restricted else "1"
    barrier = " LIMIT -1" if wanted.strict and restricted else ""
    name = quote(principal.hidden.own + "r_" + table)
    return f"{name} AS NOT MATERIALIZED (SELECT {columns} FROM {source(principal, table)} WHERE {conditions}{barrier})"


def keys(principal: Principal, table: str) -> list[tuple[str, str]]:
    """(column of the table, our name for it) of what tells rows apart."""
    found = principal.table(table)
    own = principal.hidden.own
    if found.rowid is not None:
        return [(found.rowid, own + "k")]
    if not found.without_rowid:
        raise WceError("bad_policy", f"{found.name} has no usable rowid, so its policies cannot be enforced")
    return [(quote(column), f"{own}k{number}") for number, column in enumerate(found.key)]


def _guard(principal: Principal, table: str, kind: str) -> str:
    """The keys of the rows that may be updated or deleted."""
    conditions = principal.condition(table)
    condition = conditions.update if kind == "update" else conditions.delete
    name = quote(principal.table(table).name)
    columns = ",".join(f"{name}.{column} AS {quote(key)}" for column, key in keys(principal, table))
    return f"{quote(principal.hidden.own + kind)} AS NOT MATERIALIZED (SELECT {columns} FROM {source(principal, table)} WHERE {condition})"


def guarded(principal: Principal, table: str, kind: str, reference: str) -> str:
    """Whether the target's current row is one of those.

    It is looked up by key in a scope of its own, where nothing that the client calls by a name can be meant instead.
    """
    scope = quote(principal.hidden.own + "s")
    own = [(f"{scope}.{quote(key)}", f"{reference}.{column}") for column, key in keys(principal, table)]
    return f"EXISTS(SELECT 1 FROM {quote(principal.hidden.own + kind)} AS {scope} WHERE {same_row(principal, table, own)})"


def same_row(principal: Principal, table: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Whether two rows of a table have the same key: without a rowid letter by letter, as the column may take more for equal than the key.

    The first comparison is the one that an index answers.
    """
    exact = [f"{left} IS {right} COLLATE BINARY" for left, right in pairs if principal.table(table).without_rowid]
    return " AND ".join([*(f"{left} IS {right}" for left, right in pairs), *exact])


def view_closure(principal: Principal, names: Iterable[str]) -> set[str]:
    """The granted views among the names, and those that they are made of."""
    found: set[str] = set()
    waiting = [name for name in names if name in principal.views]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [inner for inner in principal.view(name).names if inner in principal.views]
    return found


def view_over(principal: Principal, views: Iterable[str], name: str) -> str | None:
    """The first of these views, as it is spelled, that may name a table so."""
    return next((principal.view(view).name for view in sorted(views) if name in principal.view(view).mentioned), None)
