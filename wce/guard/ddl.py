"""What an administrator's statement is, and what its text may not contain."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from wce.errors import WceError
from wce.guard.catalogue import OWN, Catalogue
from wce.guard.functions import ALLOWED, EPONYMOUS, TABLE_FUNCTIONS
from wce.guard.head import ADMINISTRATIVE, KINDS, REFUSED
from wce.guard.tokens import NAMES, Token, misplaced, place

SCHEMA_KINDS: Final = frozenset({"CREATE", "DROP", "ALTER", "ANALYZE", "REINDEX"})
_TEMPORARY: Final = frozenset({"TEMP", "TEMPORARY"})


@dataclass(frozen=True, slots=True)
class Outline:
    """`kind` is the first word, behind EXPLAIN if `explains`; `start` is its index. `trigger` tells CREATE TRIGGER."""

    kind: str
    start: int
    explains: bool
    trigger: bool

    @property
    def changes_schema(self) -> bool:
        return self.kind in SCHEMA_KINDS and not self.explains


def outline(sql: str, tokens: Sequence[Token]) -> Outline:
    """Raises WceError for a kind that not even administrators may run, and for more than one statement."""
    explains = tokens[0].keyword == "EXPLAIN"
    start = 1 if explains else 0
    if explains and [token.keyword for token in tokens[1:3]] == ["QUERY", "PLAN"]:
        start = 3
    if start >= len(tokens):
        raise misplaced(sql, None)
    first = tokens[start]
    kind = first.keyword or ""
    if kind not in KINDS | ADMINISTRATIVE | {"WITH"} or (explains and kind == "EXPLAIN"):
        if kind not in REFUSED:
            raise misplaced(sql, first)
        raise WceError("statement_not_allowed", f"{first.text} is not allowed", position=place(sql, first.offset))
    words = [token.keyword for token in tokens[start + 1 : start + 3]]
    trigger = kind == "CREATE" and "TRIGGER" in words[: 2 if words and words[0] in _TEMPORARY else 1]
    _require_one(sql, tokens, trigger)
    return Outline(kind, start, explains, trigger)


def _require_one(sql: str, tokens: Sequence[Token], trigger: bool) -> None:
    """One statement: in the body of a trigger `;` ends each step, and `; END` the body."""
    for index, token in enumerate(tokens):
        if token.keyword != ";":
            continue
        ends = index + 1 < len(tokens) and tokens[index + 1].keyword == "END"
        if not trigger or (ends and index + 2 < len(tokens)):
            raise WceError("multiple_statements", position=place(sql, token.offset))


def check_schema_text(sql: str, tokens: Sequence[Token], catalogue: Catalogue, known_functions: Collection[str]) -> None:
    """Refuse what would reach WCE's own tables, make the file unreadable for others, or run later without being asked about.

    SQLite asks for no permission for functions in DEFAULT, CHECK and generated columns when they are evaluated.
    """

    def refused(code: str, detail: str) -> WceError:
        return WceError(code, detail, position=place(sql, token.offset))

    virtual = any(token.keyword == "VIRTUAL" for token in tokens[:2])
    for index, token in enumerate(tokens):
        following = tokens[index + 1].keyword if index + 1 < len(tokens) else None
        if virtual and "_wce_" in token.text.lower():
            raise refused("table_forbidden", "names that start with _wce_ are reserved")
        if token.kind not in NAMES or token.name is None:
            continue
        if token.name.startswith(OWN):
            raise refused("table_forbidden", f"names that start with {next(filter(token.name.startswith, OWN))} are reserved")
        if token.name in catalogue.shadows:
            raise refused("table_forbidden", f"{token.spelled} belongs to a virtual table")
        if token.name in ("main", "temp") and following == ".":
            # The file is attached under another name for others, where such a text makes the whole file unreadable.
            raise refused("statement_not_allowed", f"leave out {token.text}. before names")
        named = index > 0 and tokens[index - 1].keyword == "USING"  # a module, which may be called like a function of its own
        if following == "(" and not named and token.name in known_functions and token.name not in ALLOWED:
            raise refused("function_not_allowed", f"the function {token.spelled} is not allowed")


def object_name(tokens: Sequence[Token], start: int) -> Token | None:
    """The name after `CREATE|DROP|ALTER … TABLE|VIEW|INDEX|TRIGGER [IF [NOT] EXISTS]`."""
    for index in range(start + 1, min(start + 4, len(tokens))):
        if tokens[index].keyword in ("TABLE", "VIEW", "INDEX", "TRIGGER"):
            at = index + 1
            if at < len(tokens) and tokens[at].keyword == "IF":
                at += 3 if tokens[start].keyword == "CREATE" else 2
            return tokens[at] if at < len(tokens) and tokens[at].kind in NAMES else None
    return None


def renaming(tokens: Sequence[Token]) -> tuple[str, str] | None:
    """(old, new) of `ALTER TABLE old RENAME TO new`, folded."""
    words = [token.keyword for token in tokens]
    if len(tokens) != 6 or words[0] != "ALTER" or words[1] != "TABLE" or words[3] != "RENAME" or words[4] != "TO":
        return None
    return tokens[2].name or "", tokens[5].name or ""


def check_object(sql: str, token: Token | None) -> None:
    """Names that would hide one of SQLite's own tables, or stand where nobody could read them."""
    if token is None or token.name is None:
        return
    if token.name in TABLE_FUNCTIONS | EPONYMOUS | {"main", "temp"} or token.name.startswith("pragma_"):
        raise WceError("statement_not_allowed", f"{token.spelled} is a name that SQLite reserves", position=place(sql, token.offset))
    if token.keyword == "IF":
        # SQLite keeps CREATE TABLE IF NOT EXISTS if (…) as CREATE TABLE if (…), which it cannot read again.
        raise WceError("statement_not_allowed", f"{token.text} must be in quotes", position=place(sql, token.offset))
