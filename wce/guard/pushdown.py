"""Conditions of the client that may be checked before the policy, so that a lookup by key stays one behind the barrier."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from wce.guard.catalogue import Table
from wce.guard.head import Head
from wce.guard.params import number_of
from wce.guard.principal import Principal
from wce.guard.tokens import IDENTIFIERS, LITERALS, NAMES, Token
from wce.store.sqlite import fold, quote

_OPERATORS: Final = frozenset({"=", "==", "<", ">", "<=", ">="})
_BLOCKING: Final = frozenset({"OR", "BETWEEN", "CASE", "NOT"})


def of_select(head: Head, principal: Principal, tables: Collection[str], views: Collection[str]) -> dict[str, list[str]]:
    """For a SELECT from one restricted table that it names once: the conditions that go into the table's stand-in."""
    if head.kind != "SELECT" or views:
        return {}
    clauses = _clauses(head)
    if clauses is None:
        return {}
    source, where, end = clauses
    named = _single_table(head.tokens[source + 1 : where])
    if named is None or named[0] not in tables:
        return {}
    table, called = named
    if sum(_is_plain(head.tokens, index, table) for index in range(len(head.tokens))) != 1:
        return {}
    found = conditions(head.tokens, where + 1, end, principal.table(table), called)
    return {table: found} if found else {}


def of_target(head: Head, principal: Principal) -> list[str]:
    """The same for an UPDATE or DELETE without FROM, in front of its guard."""
    if head.source is not None or head.where is None or head.target is None:
        return []
    called = (head.alias.name or "") if head.alias else head.target
    return conditions(head.tokens, head.where + 1, head.end, principal.table(head.target), called)


def conditions(tokens: Sequence[Token], start: int, end: int, table: Table, called: str) -> list[str]:
    """The terms `[called.]column operator constant` of a condition that is all AND.

    A generated column is left out: to compute it may fail on a hidden row.
    """
    part = tokens[start:end]
    if not part or min(token.depth for token in part) > 0:
        return []
    if any(token.depth == 0 and token.keyword in _BLOCKING for token in part):
        return []
    columns = {fold(column.name): column.name for column in table.columns if not column.generated}
    found = []
    term: list[Token] = []
    for token in [*part, None]:
        if token is not None and not (token.keyword == "AND" and token.depth == 0):
            term.append(token)
            continue
        text = _term(term, columns, called)
        if text:
            found.append(text)
        term = []
    return found


def _term(term: list[Token], columns: dict[str, str], called: str) -> str | None:
    if len(term) > 2 and term[1].keyword == ".":
        if term[0].kind not in IDENTIFIERS or term[0].name != called:
            return None
        term = term[2:]
    if len(term) != 3 or term[0].kind not in IDENTIFIERS or term[1].keyword not in _OPERATORS:
        return None
    column = columns.get(term[0].name or "")
    constant = term[2]
    if column is None or not (constant.kind in LITERALS or (constant.kind == "var" and constant.text != "?")):
        return None
    return f"{quote(column)} {term[1].text} {constant.text}"


def number_parameters(tokens: Sequence[Token]) -> None:
    """Give every `?` the number that it has, so that it and those that have one can be copied to where they come earlier."""
    last = 0
    for token in tokens:
        if token.kind == "var" and token.text[0] == "?":
            number = number_of(token, last)
            last = max(last, number)
            token.text = f"?{number}"


def _clauses(head: Head) -> tuple[int, int, int] | None:
    """Where FROM and WHERE of a simple top-level SELECT stand, and where WHERE ends."""
    source = where = None
    for index in range(head.start + 1, len(head.tokens)):
        token = head.tokens[index]
        if token.depth:
            continue
        if token.keyword in ("UNION", "INTERSECT", "EXCEPT"):
            return None
        if token.keyword == "FROM" and source is None and head.keyword(index - 1) != "DISTINCT":
            source = index
        elif token.keyword == "WHERE" and where is None:
            where = index
        elif token.keyword in ("GROUP", "ORDER", "LIMIT", "HAVING", "WINDOW") and where is not None:
            end = index
            break
    else:
        end = len(head.tokens)
    if source is None or where is None or where < source:
        return None
    return source, where, end


def _single_table(tokens: Sequence[Token]) -> tuple[str, str] | None:
    """(table, the name by which it is called) of `t`, `t a` or `t AS a`."""
    names = [token for token in tokens if token.keyword != "AS"]
    explicit = len(tokens) == 3 and tokens[1].keyword == "AS"
    if not names or len(names) > 2 or any(token.kind not in IDENTIFIERS for token in names):
        return None
    if len(tokens) != len(names) and not explicit:
        return None
    return names[0].name or "", names[-1].name or ""


def _is_plain(tokens: Sequence[Token], index: int, name: str) -> bool:
    """Whether the token is this name and neither qualifies nor is qualified."""
    token = tokens[index]
    if token.kind not in NAMES or token.name != name:
        return False
    before = tokens[index - 1].keyword if index else None
    after = tokens[index + 1].keyword if index + 1 < len(tokens) else None
    return "." not in (before, after)
