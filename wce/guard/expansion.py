"""Bounds on what one statement may cost before, or without, any chance to interrupt it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from wce.errors import WceError
from wce.guard.tokens import LITERALS, NAMES, Token, place, scanned

_SHORT: Final = 200
# One call of these with two large arguments runs for seconds, and SQLite looks at no interrupt inside: 5.4 s for instr and
# replace with 1 MB each. The numbers are the arguments that must be short.
_PATTERNS: Final = {"instr": (1,), "replace": (1, 2), "trim": (1,), "ltrim": (1,), "rtrim": (1,)}
_FORMATS: Final = frozenset({"printf", "format"})
_TOO_SLOW: Final = frozenset({"json_patch"})  # 23.6 s for two documents of 1 MB
_SLOW: Final[frozenset[str | None]] = _FORMATS | _TOO_SLOW | frozenset(_PATTERNS)
_WIDE: Final = re.compile(r"\*|[0-9]{4}")


class Definition:
    """The body of one CTE: from its opening to its closing parenthesis."""

    __slots__ = ("end", "name", "start")

    def __init__(self, name: str, start: int, end: int) -> None:
        self.name = name
        self.start = start
        self.end = end


def definitions(tokens: Sequence[Token]) -> list[Definition]:
    """Every CTE at any depth: `name [(…)] AS [[NOT] MATERIALIZED] (SELECT|VALUES|WITH …)`."""
    found = []
    size = len(tokens)
    # Every definition has an AS, so only what stands before one is looked at.
    for index in _before_as(tokens):
        token = tokens[index]
        at = index + 1
        if tokens[at].keyword == "(":
            at = tokens[at].match + 1
        at += 1
        while at < size and tokens[at].keyword in ("NOT", "MATERIALIZED"):
            at += 1
        if at + 1 < size and tokens[at].keyword == "(" and tokens[at + 1].keyword in ("SELECT", "VALUES", "WITH"):
            found.append(Definition(token.name or "", at, tokens[at].match))
    return found


def ctes_in(texts: Iterable[str]) -> frozenset[str]:
    """The names of all CTEs in texts of which some may not be understood."""
    return frozenset(definition.name for text in texts for definition in definitions(scanned(text)))


def _before_as(tokens: Sequence[Token]) -> Iterator[int]:
    """The places of names that AS follows, perhaps with a list of columns in between."""
    for index, token in enumerate(tokens):
        if token.keyword != "AS" or not index:
            continue
        before = index - 1
        if tokens[before].keyword == ")":
            before = tokens[before].match - 1
        if before >= 0 and tokens[before].kind in NAMES:
            yield before


def check_arguments(sql: str, tokens: Sequence[Token]) -> list[Token]:
    """Refuse slow calls; returns the parameters that must be bound to short values.

    The rule also holds for quoted names, which SQLite takes as names of functions.
    """
    parameters: list[Token] = []
    for index, token in enumerate(tokens[:-1]):
        if token.name not in _SLOW or tokens[index + 1].keyword != "(" or (index and tokens[index - 1].keyword == "INTO"):
            continue
        if token.name in _TOO_SLOW:
            raise WceError("function_not_allowed", f"{token.name}() is not allowed", position=place(sql, token.offset))
        parameters += _checked(sql, token, token.name, _arguments(tokens, index + 1))
    return parameters


def _checked(sql: str, token: Token, name: str | None, arguments: list[Token | None]) -> list[Token]:
    parameters: list[Token] = []
    if name in _FORMATS:
        first = arguments[0]
        if first is None or first.kind != "str" or len(first.text) > _SHORT or _WIDE.search(first.text):
            detail = f"{name}(): the format must be a literal without * and without large numbers"
            raise WceError("function_not_allowed", detail, position=place(sql, token.offset))
        return parameters
    for number in _PATTERNS[name or ""]:
        if number >= len(arguments):
            continue
        single = arguments[number]
        if single is not None and single.kind == "var":
            parameters.append(single)
        elif single is None or single.kind not in LITERALS or len(single.text) > _SHORT:
            detail = f"{name}(): the pattern must be a parameter or a literal of at most {_SHORT} characters"
            raise WceError("function_not_allowed", detail, position=place(sql, token.offset))
    return parameters


def short(value: object) -> bool:
    """Whether a bound value may stand where `check_arguments` wants a short one."""
    return not isinstance(value, str | bytes) or len(value) <= _SHORT


def _arguments(tokens: Sequence[Token], opening: int) -> list[Token | None]:
    """The one token that each argument of a call is; None for an argument that is more or nothing.

    What stands in parentheses is passed over: calls within calls would otherwise be read again for each of them.
    """
    found: list[Token | None] = []
    closing = tokens[opening].match
    start = at = opening + 1
    while at <= closing:
        if tokens[at].keyword == "(":
            at = tokens[at].match
        elif at == closing or tokens[at].keyword == ",":
            found.append(tokens[start] if at == start + 1 else None)
            start = at + 1
        at += 1
    return found
