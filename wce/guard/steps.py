"""What the steps of a trigger's body write, and whether they look at other rows for it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import Final

from wce.guard.classify import leakproof_step
from wce.guard.definitions import ROWS
from wce.guard.tokens import IDENTIFIERS, Token

_NAMING: Final = frozenset({"FROM", "IN", "INTO", "UPDATE"})  # a table stands after these


def joined(body: Sequence[Token]) -> frozenset[str]:
    """The folded names that the steps `UPDATE … FROM` of a trigger's body write to."""
    found = set()
    target: str | None = None
    # What is cut off at the end is no more than a table, `;` and END.
    for before, token, *after in zip(body, body[1:], body[2:], body[4:], strict=False):
        if token.depth:
            continue
        if token.keyword == "UPDATE" and before.keyword in ("BEGIN", ";"):
            target = after[after[0].keyword == "OR"].name
        elif token.keyword == ";":
            target = None
        elif token.keyword == "FROM" and before.keyword != "DISTINCT" and target is not None:
            found.add(target)
    return frozenset(found)


def by_key(body: Sequence[Token], table: str, keys: Collection[str], *, fired: bool, sturdy: bool) -> bool:
    """Whether a trigger's body names a table, folded, only in `UPDATE table SET … WHERE key = NEW.x`.

    Where a policy hides that row the net stops the statement, so nothing but its existence is told, as by an INSERT of the key. What SET
    says is computed before, and so must not fail; nor may anything else, which `sturdy` says of the table. `fired`: the body is that of
    an AFTER trigger of this table. There NEW.key is no other row, and SET may say anything.
    """
    if table in ROWS:
        return False  # there NEW.key is that of the table
    return all(
        table not in _tables(statement) or _is_by_key(statement, table, keys, fired=fired, sturdy=sturdy) for statement in _statements(body)
    )


def _statements(body: Sequence[Token]) -> list[list[Token]]:
    """The condition after WHEN, and the steps."""
    found: list[list[Token]] = [[]]
    begun = False
    for token in body:
        if token.depth == 0 and (token.keyword == ";" if begun else token.keyword == "BEGIN"):
            begun = True
            found.append([])
        else:
            found[-1].append(token)
    return found


def _tables(statement: Sequence[Token]) -> list[str | None]:
    """The names that could be tables. Without FROM these stand after few words; else any name or text may be one."""
    words = ["", "", *(token.keyword for token in statement)]
    plain = all(word != "FROM" or before in ("DELETE", "DISTINCT") for before, word in itertools.pairwise(words))
    found = []
    for token, two, before in zip(statement, words, words[1:], strict=False):
        if before != "." and (not plain or before in _NAMING or two == "OR"):
            found.append(token.name)
    return found


def _is_by_key(statement: Sequence[Token], table: str, keys: Collection[str], *, fired: bool, sturdy: bool) -> bool:
    words = [token.keyword for token in statement]
    at = 3 if words[1:2] == ["OR"] else 1
    where = next((index for index, token in enumerate(statement) if token.keyword == "WHERE" and not token.depth), len(statement))
    if words[:1] != ["UPDATE"] or words[at + 1 : at + 2] != ["SET"] or statement[at].name != table:
        return False
    joins = any(token.keyword == "FROM" and not token.depth for token in statement)
    if joins or table in _tables(statement[at + 1 :]):
        return False
    sides = [token.name if token.kind in IDENTIFIERS else token.keyword for token in statement[where + 1 :]]
    if sides[:2] == [table, "."]:
        del sides[:2]
    if len(sides) != 5 or sides[0] not in keys or sides[1] not in ("=", "==") or sides[2] not in ROWS or sides[3] != ".":
        return False
    if fired and sides[4] == sides[0]:
        return True
    return sturdy and {"SELECT", "VALUES"}.isdisjoint(words) and _cannot_fail(statement[at + 1 : where], keys)


def _cannot_fail(made: Sequence[Token], keys: Collection[str]) -> bool:
    """Whether SQLite can compute what SET says of any row; a key that is the rowid takes no text."""
    sets_key = any(token.name in keys and before.keyword != "." for before, token in itertools.pairwise(made))
    return leakproof_step(made) and not sets_key
