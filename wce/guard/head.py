"""The outline of one statement: its kind, its WITH list, the target of a write and where its clauses begin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from wce.errors import WceError
from wce.guard.tokens import NAMES, Token, misplaced, place

KINDS: Final = frozenset({"SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE"})
# Statements that administrators may run, so that others are told that it is a matter of rights.
ADMINISTRATIVE: Final = frozenset({"CREATE", "DROP", "ALTER", "ANALYZE", "REINDEX", "EXPLAIN", "PRAGMA"})
REFUSED: Final = frozenset({"ATTACH", "DETACH", "VACUUM", "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"})
# An alias with one of these names could not be told from the rows that SQLite itself calls so.
RESERVED_ALIASES: Final = frozenset({"excluded", "new", "old"})


@dataclass(slots=True)
class Head:
    """Numbers are indexes into `tokens`; an `end` is the index after the last token.

    `kind` is SELECT, VALUES, INSERT, UPDATE or DELETE. `with_at` is where the WITH list begins. `target` is the folded name that is
    written to, `target_start` to `target_end` its place with its qualifier. `where`, `source` (FROM), `returning` stand at depth 0.
    `end` is where WHERE of an UPDATE or DELETE ends. Each of `upserts` is the WHERE, or None, and the end of a DO UPDATE.
    """

    sql: str
    tokens: list[Token]
    kind: str = ""
    start: int = 0
    ctes: set[str] = field(default_factory=set)
    with_at: int | None = None
    conflict: str | None = None
    target: str | None = None
    qualifier: str | None = None
    alias: Token | None = None
    target_start: int = 0
    target_end: int = 0
    where: int | None = None
    source: int | None = None
    returning: int | None = None
    end: int = 0
    upserts: list[tuple[int | None, int]] = field(default_factory=list)

    def keyword(self, index: int) -> str | None:
        return self.tokens[index].keyword if index < len(self.tokens) else None

    def misplaced(self, index: int) -> WceError:
        return misplaced(self.sql, self.tokens[index] if index < len(self.tokens) else None)

    def name_at(self, index: int) -> Token:
        """The token at an index, which must be able to be a name."""
        if index >= len(self.tokens) or self.tokens[index].kind not in NAMES:
            raise self.misplaced(index)
        return self.tokens[index]

    def folded_at(self, index: int) -> str:
        return self.name_at(index).name or ""

    def expect(self, index: int, keyword: str) -> int:
        """The index after a keyword that must stand there."""
        if self.keyword(index) != keyword:
            raise self.misplaced(index)
        return index + 1


def parse(sql: str, tokens: list[Token]) -> Head:
    """Read the outline; raises WceError for a kind that is not SELECT, VALUES, INSERT, REPLACE, UPDATE or DELETE."""
    head = Head(sql, tokens)
    index = _with_list(head)
    kind = head.keyword(index)
    if kind not in KINDS:
        raise _wrong_kind(head, index)
    head.kind = "INSERT" if kind == "REPLACE" else kind
    head.start = index
    if kind in ("SELECT", "VALUES"):
        return head
    if kind == "REPLACE":
        head.conflict = "REPLACE"
    index += 1
    if kind in ("INSERT", "UPDATE") and head.keyword(index) == "OR":
        head.conflict = head.keyword(index + 1)
        index += 2
    if kind != "UPDATE":
        index = head.expect(index, "FROM" if kind == "DELETE" else "INTO")
    index = _target(head, index)
    head.end = len(tokens)
    if head.kind == "INSERT":
        _insert_clauses(head, index)
    else:
        _row_clauses(head, index)
    return head


def _wrong_kind(head: Head, index: int) -> WceError:
    word = head.keyword(index)
    position = place(head.sql, head.tokens[index].offset) if index < len(head.tokens) else None
    if word in ADMINISTRATIVE:
        return WceError("statement_forbidden", f"only administrators may run {word}", position=position)
    if word in REFUSED:
        return WceError("statement_not_allowed", f"{word} is not allowed", position=position)
    return head.misplaced(index)


def _with_list(head: Head) -> int:
    """`WITH [RECURSIVE] name [(…)] AS [[NOT] MATERIALIZED] (…), …`; returns the index of what follows."""
    if head.keyword(0) != "WITH":
        return 0
    head.with_at = index = 2 if head.keyword(1) == "RECURSIVE" else 1
    while True:
        head.ctes.add(head.folded_at(index))
        index += 1
        if head.keyword(index) == "(":
            index = head.tokens[index].match + 1
        index = head.expect(index, "AS")
        if head.keyword(index) == "NOT":
            index += 1
            if head.keyword(index) != "MATERIALIZED":
                raise head.misplaced(index)
        if head.keyword(index) == "MATERIALIZED":
            index += 1
        head.expect(index, "(")
        index = head.tokens[index].match + 1
        if head.keyword(index) != ",":
            return index
        index += 1


def _target(head: Head, index: int) -> int:
    """`name[.name] [AS alias]`; returns the index of what follows."""
    head.target_start = index
    head.target = head.folded_at(index)
    if head.keyword(index + 1) == ".":
        head.qualifier = head.target
        index += 2
        head.target = head.folded_at(index)
    index += 1
    head.target_end = index
    if head.keyword(index) == "AS":
        head.alias = head.name_at(index + 1)
        index += 2
        if head.alias.name in RESERVED_ALIASES:
            raise misplaced(head.sql, head.alias)
    return index


def _insert_clauses(head: Head, index: int) -> None:
    size = len(head.tokens)
    while index < size:
        if head.tokens[index].depth == 0:
            word = head.keyword(index)
            if word == "DO" and head.keyword(index + 1) == "UPDATE" and head.keyword(index + 2) == "SET":
                index = _upsert(head, index + 3)
                continue
            if word == "RETURNING":
                head.returning = index
        index += 1


def _upsert(head: Head, index: int) -> int:
    """One `DO UPDATE SET …`, which ends before the next ON CONFLICT, RETURNING or the end."""
    where = None
    while index < len(head.tokens):
        token = head.tokens[index]
        if token.depth == 0 and token.keyword in ("ON", "RETURNING"):
            break
        if token.depth == 0 and token.keyword == "WHERE":
            if where is not None:
                raise head.misplaced(index)
            where = index
        index += 1
    head.upserts.append((where, index))
    return index


def _row_clauses(head: Head, start: int) -> None:
    """WHERE, FROM and the end of what WHERE may cover, in an UPDATE or DELETE."""
    for index in range(start, len(head.tokens)):
        token = head.tokens[index]
        if token.depth or token.keyword is None:
            continue
        if token.keyword == "WHERE":
            if head.where is not None:
                raise head.misplaced(index)
            head.where = index
        elif token.keyword == "FROM" and head.source is None and head.keyword(index - 1) != "DISTINCT":
            head.source = index
        elif token.keyword in ("RETURNING", "ORDER", "LIMIT"):
            head.end = min(head.end, index)
            if token.keyword == "RETURNING":
                head.returning = index
    if head.where is not None and head.where > head.end:
        raise head.misplaced(head.where)
