"""What the guard must know about a view, trigger or virtual table and can only read from its CREATE statement."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wce.guard.tokens import NAMES, Token, emit, scan, scanned

# Tables that a module keeps behind its virtual table, named after it.
SHADOWS: Final = {
    "fts5": ("data", "idx", "content", "docsize", "config"),
    "rtree": ("node", "parent", "rowid"),
    "rtree_i32": ("node", "parent", "rowid"),
    "geopoly": ("node", "parent", "rowid"),
    "fts3": ("content", "segments", "segdir", "docsize", "stat"),
    "fts4": ("content", "segments", "segdir", "docsize", "stat"),
}

ROWS: Final = frozenset({"new", "old"})  # what a trigger calls the row that fired it, and a table may be called, too
_AFTER_COLUMNS: Final = frozenset({"EXCEPT", "FROM", "GROUP", "HAVING", "INTERSECT", "LIMIT", "ORDER", "UNION", "WHERE", "WINDOW"})


@dataclass(frozen=True, slots=True)
class ViewText:
    """A view: `columns` with their parentheses or "", and its SELECT.

    Its tokens are not kept: they take two hundred times the room of the text.
    """

    columns: str
    text: str

    @property
    def body(self) -> list[Token]:
        return scan(self.text)


@dataclass(frozen=True, slots=True)
class Module:
    """A virtual table: `name` of its module, and the folded names in its arguments that it may answer from."""

    name: str
    sources: frozenset[str]


def names_in(tokens: Sequence[Token]) -> frozenset[str]:
    return frozenset(token.name for token in tokens if token.kind in NAMES and token.name is not None)


def view(sql: str) -> tuple[ViewText, list[Token]] | None:
    """The parts and tokens of `CREATE VIEW [IF NOT EXISTS] name [(…)] AS …`; None for a text that is not surely understood."""
    tokens = scanned(sql)
    at = _after(tokens, "VIEW")
    columns = ""
    if at < len(tokens) and tokens[at].keyword == "(":
        columns = " ".join(token.text for token in tokens[at : tokens[at].match + 1])
        at = tokens[at].match + 1
    if at >= len(tokens) or tokens[at].keyword != "AS" or any(token.keyword == ";" for token in tokens):
        return None
    body = _unhinted(unqualified(tokens[at + 1 :]) or [])
    return (ViewText(columns, emit(body)), body) if body else None


def _unhinted(tokens: Sequence[Token]) -> list[Token]:
    """The tokens without INDEXED BY, as what stands in for a table has no index. Two names, `indexed by`, may be a column and its alias."""
    kept: list[Token] = []
    index = 0
    while index < len(tokens):
        words = [token.keyword for token in tokens[index : index + 3]]
        if len(words) == 3 and words[:2] == ["INDEXED", "BY"] and tokens[index + 2].kind in NAMES and words[2] not in _AFTER_COLUMNS:
            index += 3
            continue
        kept.append(tokens[index])
        index += 1
    return kept


def trigger(sql: str) -> tuple[str | None, list[Token]] | None:
    """The word after a trigger's name, such as AFTER, and what stands after its table; None when it is not surely understood."""
    tokens = scanned(sql)
    if not tokens:
        return None
    at = _after(tokens, "TRIGGER")
    on = next((index for index, token in enumerate(tokens) if token.keyword == "ON"), len(tokens))
    return tokens[at].keyword if at < len(tokens) else None, tokens[on + 2 :]


def tables_in(body: Sequence[Token]) -> frozenset[str]:
    """Every name in a trigger's body that could be a table: not after a dot, and neither NEW nor OLD before one."""
    words = ["", *(token.keyword for token in body), ""]
    return names_in(
        [
            token
            for token, before, after in zip(body, words, words[2:], strict=False)
            if before != "." and not (after == "." and token.name in ROWS)
        ]
    )


def module(sql: str) -> Module | None:
    """The module of `CREATE VIRTUAL TABLE name USING module(…)`; None when it is not surely understood."""
    tokens = scanned(sql)
    at = next((index for index, token in enumerate(tokens) if token.keyword == "USING"), len(tokens)) + 1
    if at >= len(tokens) or tokens[at].name is None:
        return None
    name = tokens[at].name or ""
    arguments = tokens[at + 2 : -1]
    if name == "fts5vocab":
        return Module(name, names_in(arguments))
    sources = set()
    for index, token in enumerate(arguments[:-1]):
        # FTS5 takes every beginning of the word for it.
        if token.name and "content".startswith(token.name) and arguments[index + 1].keyword == "=":
            value = arguments[index + 2] if index + 2 < len(arguments) else None
            if value is None or value.name is None:
                return None
            sources.add(value.name)
    return Module(name, frozenset(sources - {""}))  # content='' keeps no text at all


def shadow_names(table: str, module_name: str) -> set[str]:
    """The folded names of the tables behind a virtual table."""
    return {f"{table}_{suffix}" for suffix in SHADOWS.get(module_name, ())}


def options(sql: str) -> frozenset[str] | None:
    """The words behind the parentheses of a CREATE TABLE, as WITHOUT, ROWID and STRICT, and COLLATE where its PRIMARY KEY (…) has that.

    None when it is not surely understood.
    """
    tokens = scanned(sql)
    if not tokens:
        return None
    last = max((index for index, token in enumerate(tokens) if token.keyword == ")"), default=len(tokens))
    found = {token.keyword for token in tokens[last + 1 :] if token.keyword is not None}
    starts = [index for index, (word, after) in enumerate(itertools.pairwise(tokens)) if word.keyword == "KEY" and after.keyword == "("]
    found |= {"COLLATE" for start in starts for token in tokens[start : tokens[start + 1].match] if token.keyword == "COLLATE"}
    return frozenset(found)


def unqualified(tokens: Sequence[Token]) -> list[Token] | None:
    """The tokens without the qualifier `main.`; None where a schema other than main is, or could be, named.

    A name that stood after a qualifier gets the space of the qualifier. `depth` stays right, `match` does not. Where the text calls
    something `main` by itself, `main.x` may be a column of that, and stays where no table can stand.
    """
    if not any(token.name in ("main", "temp") for token in tokens):
        return list(tokens)
    aliased = any(token.name == "main" and not _dotted(tokens, index) for index, token in enumerate(tokens))
    kept: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        leads = token.kind in NAMES and _dotted(tokens, index) and not (index and tokens[index - 1].keyword == ".")
        if leads and token.name == "temp":
            return None
        if leads and token.name == "main" and (not aliased or _names_table(tokens, index)):
            following = tokens[index + 2]
            following.gap = following.gap or token.gap or " "
            index += 2
            continue
        kept.append(token)
        index += 1
    for place, token in enumerate(kept):
        # What is left of main.main.x would still name a schema.
        if token.kind in NAMES and token.name in ("main", "temp") and _dotted(kept, place) and not (aliased and token.name == "main"):
            return None
    return kept


def _dotted(tokens: Sequence[Token], index: int) -> bool:
    """Whether a dot and something more follow."""
    return index + 2 < len(tokens) and tokens[index + 1].keyword == "."


def _names_table(tokens: Sequence[Token], index: int) -> bool:
    """Whether `main.x` stands where only a table can, or is the beginning of `main.x.y`."""
    before = tokens[index - 1].keyword if index else None
    return before in ("FROM", "JOIN", "INTO", "UPDATE", "IN") or _dotted(tokens, index + 2)


def _after(tokens: Sequence[Token], word: str) -> int:
    """The index after `word [IF NOT EXISTS] [schema.]name` in a CREATE statement."""
    at = next((index for index, token in enumerate(tokens) if token.keyword == word), len(tokens)) + 1
    if at < len(tokens) and tokens[at].keyword == "IF":
        at += 3
    if at + 1 < len(tokens) and tokens[at + 1].keyword == ".":
        at += 2
    return at + 1
