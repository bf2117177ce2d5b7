"""Whether a statement could tell something about rows that a policy hides, by an error or by the time that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wce.guard.functions import KEYWORDS, LEAKPROOF
from wce.guard.head import Head
from wce.guard.tokens import NAMES, Token

_LEAKY_OPERATORS: Final = frozenset({"->", "->>", "MATCH", "REGEXP"})
_MAX_CONCATENATIONS: Final = 8
_MAX_LITERALS: Final = 10_000
_MAX_PATTERN: Final = 200
# With these, a large parameter can make evaluation fail or slow, so such a call gets the barrier after all.
_LENGTH_SENSITIVE: Final = frozenset({"||", "LIKE", "GLOB", "GROUP_CONCAT"})


def leakproof(head: Head) -> bool:
    """Whether SQLite may evaluate what the client wrote on hidden rows before it drops them.

    At most one SELECT, because a sub-select can burn time that depends on each row.
    """
    selects = sum(1 for token in head.tokens if token.keyword in ("SELECT", "VALUES"))
    if head.with_at is not None or selects > (0 if head.kind in ("UPDATE", "DELETE") else 1):
        return False
    skipped = range(head.target_start, head.target_end) if head.target is not None else range(0)
    return _total(head.tokens, skipped) and _harmless_concatenations(head, selects > 0)


def leakproof_body(tokens: Sequence[Token]) -> bool:
    """The same for the body of a view."""
    selects = sum(1 for token in tokens if token.keyword in ("SELECT", "VALUES", "WITH"))
    return selects == 1 and _total(tokens, range(0)) and all(token.keyword != "||" for token in tokens)


def leakproof_step(tokens: Sequence[Token]) -> bool:
    """The same for what a trigger's UPDATE sets, without any SELECT."""
    return _total(tokens, range(0)) and all(token.keyword != "||" for token in tokens)


def length_sensitive(tokens: Sequence[Token]) -> bool:
    """Whether large parameters would make a leakproof statement leaky."""
    return any(token.keyword in _LENGTH_SENSITIVE for token in tokens)


def _total(tokens: Sequence[Token], target: range) -> bool:
    """Whether nothing among the tokens can raise an error or be slow; the name of a write's target is no function."""
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        if token.keyword in _LEAKY_OPERATORS:
            return False
        if token.keyword == "IN" and following is not None and following.keyword != "(":
            return False  # a sub-select without its SELECT
        if token.keyword in ("LIKE", "GLOB") and not _short_pattern(tokens, index):
            return False
        if following is not None and following.keyword == "(" and token.kind in NAMES and index not in target and _leaky_call(token):
            return False
    return True


def _harmless_concatenations(head: Head, selects: bool) -> bool:
    """Whether || joins only what is evaluated after the policy: a string that gets too long is an error.

    The columns of a SELECT are named in its WHERE by their aliases, so there it must have no condition at all.
    """
    places = [index for index, token in enumerate(head.tokens) if token.keyword == "||"]
    if not places:
        return True
    literals = sum(len(token.text) for token in head.tokens if token.kind in ("str", "blob"))
    if len(places) > _MAX_CONCATENATIONS or literals > _MAX_LITERALS:
        return False
    if selects:
        return not any(token.keyword in ("WHERE", "ON", "USING", "JOIN") for token in head.tokens)
    return all(token.keyword not in ("WHERE", "FROM", "JOIN") for token in head.tokens[: places[-1]])


def _leaky_call(token: Token) -> bool:
    if token.kind == "id" and token.keyword in KEYWORDS:
        return False
    return token.kind != "id" or token.name not in LEAKPROOF


def _short_pattern(tokens: Sequence[Token], index: int) -> bool:
    """Whether LIKE or GLOB has one short literal or one parameter; ESCAPE fails for a wrong escape, and || makes patterns long."""
    if index + 1 >= len(tokens):
        return False
    pattern = tokens[index + 1]
    goes_on = index + 2 < len(tokens) and tokens[index + 2].keyword in ("ESCAPE", "||")
    return not goes_on and (pattern.kind == "var" or (pattern.kind == "str" and len(pattern.text) <= _MAX_PATTERN))
