"""How large expressions become when SQLite puts what a sub-select's columns are made of in the place of their names.

It does so before anything can interrupt it: 24 CTEs that are each `SELECT x + x AS x` from the one before take all memory there is,
and so does one long column that is called by its alias a thousand times.
Which sub-select a name belongs to is not looked up: where several have a column of that name, the largest counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from wce.guard.expansion import Definition, definitions
from wce.guard.tokens import NAMES, Token, scanned
from wce.guard.weights import Seen, is_table, too_complex

MAX_SIZE: Final = 50_000  # columns, values and words, after all have been put in their places
_MAX_DEPTH: Final = 100  # parentheses around a sub-select, as many as SQLite takes at most
_MOST_READ: Final = 1_000_000  # tokens of one text, which are read again for each sub-select around them
_SHORT: Final = 2 * int(MAX_SIZE**0.5)  # tokens of a single SELECT, in which half of them could be copied for each of the others
_STARTS: Final = frozenset({"SELECT", "VALUES", "WITH"})
_BEFORE: Final = frozenset({"FROM", "JOIN", ",", "("})
_COMPOUND: Final = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_AFTER: Final = frozenset({"FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT"})  # what may stand behind the list
Sizes = dict[str | None, int]  # of columns by name; None: the largest of those that have no sure name


class Swelling:
    """Knows the columns of views, which are `views` by folded name."""

    def __init__(self, views: Mapping[str, Seen]) -> None:
        self._views = views
        self._known: dict[str, Sizes] = {}
        self._open: set[str] = set()

    def check(self, tokens: Sequence[Token], found: Sequence[Definition]) -> None:
        """Raise WceError `too_large` for a text that becomes too large."""
        selects = sum(token.keyword == "SELECT" for token in tokens)
        if selects < 2 and (not selects or len(tokens) < _SHORT) and not any(token.name in self._views for token in tokens):
            return
        try:
            _Text(self, tokens, found).columns(0, len(tokens), 0)
        except RecursionError:
            raise too_complex() from None

    def of(self, view: str) -> Sizes:
        """The columns of a view; none of one that leads to itself, which is an error for SQLite, and of what is no view."""
        text = self._views[view].text if view in self._views and view not in self._open else None
        if text is None:
            return {}
        if view not in self._known:
            self._open.add(view)
            try:
                tokens = scanned(text.text)
                self._known[view] = _Text(self, tokens, definitions(tokens)).columns(0, len(tokens), 0)
            finally:
                self._open.discard(view)
        return self._known[view]


class _Text:
    """One text; a CTE is read when it is first mentioned."""

    def __init__(self, swelling: Swelling, tokens: Sequence[Token], found: Sequence[Definition]) -> None:
        self._swelling = swelling
        self._tokens = tokens
        self._bodies = {part.start: part for part in found}
        self._parts: dict[str, list[Definition]] = {}
        for part in found:
            self._parts.setdefault(part.name, []).append(part)
        self._known: dict[int, Sizes] = {}
        self._read = 0

    def columns(self, start: int, end: int, depth: int) -> Sizes:
        """Those of the SELECT, or of the statement, between two places."""
        tokens = self._tokens
        if depth > _MAX_DEPTH:
            raise too_complex()
        arms = [start]
        arms += [at for at in range(start, end) if tokens[at].keyword in _COMPOUND and tokens[at].depth == depth]
        found: Sizes = {}
        for first, last in zip(arms, [*arms[1:], end], strict=True):
            _merge(found, self._arm(first, last, depth))
        if len(arms) > 1:
            found = dict.fromkeys(found, max(found.values(), default=1))  # the names are those of the first, the rest goes by place
        return found

    def _arm(self, start: int, end: int, depth: int) -> Sizes:
        self._read += end - start
        if self._read > _MOST_READ:
            raise too_complex()
        sources = self._sources(start, end)
        tokens = self._tokens
        own = [at for at in range(start, end) if tokens[at].depth == depth]
        first = next((at for at in own if tokens[at].keyword == "SELECT"), end) + 1
        after = next((at for at in own if tokens[at].keyword in _AFTER and tokens[at - 1].keyword != "DISTINCT"), end)
        grouped = any(tokens[at].keyword == "GROUP" for at in own)
        found: Sizes = {}
        for part in self._listed(first, after, depth):
            last = tokens[part[1] - 1]
            if last.keyword == "*":
                _merge(found, sources)
                continue
            before = tokens[part[1] - 2].keyword if part[1] - part[0] > 1 else "."
            named = last.kind in NAMES and before == "AS"
            size = self._size(part[0], part[1] - 2 if named else part[1], sources)
            _merge(found, {last.name if last.kind in NAMES else None: size})
            if not named and before != ".":
                _merge(found, {None: size})  # perhaps it ends in a name and has none
        # Behind the list a name may also be that of one of its columns.
        if self._size(start, after, sources) + self._size(after, end, _merge(dict(sources), found)) > MAX_SIZE:
            raise too_complex()
        return dict.fromkeys(found, 1) if grouped else found  # a SELECT with GROUP BY is put into no other

    def _sources(self, start: int, end: int) -> Sizes:
        """The columns of every sub-select, CTE and view in a part of the text."""
        tokens = self._tokens
        found: Sizes = {}
        at = start
        while at < end:
            token = tokens[at]
            if token.keyword == "(" and at + 1 < end and tokens[at + 1].keyword in _STARTS:
                inner = self._body(at) if at in self._bodies else self.columns(at + 1, token.match, token.depth + 1)
                if at not in self._bodies and tokens[at - 1].keyword in _BEFORE:
                    _merge(found, inner)
                at = token.match
            elif token.kind in NAMES and token.name is not None and is_table(tokens, at):
                for part in self._parts.get(token.name, ()):
                    _merge(found, self._body(part.start))
                _merge(found, self._swelling.of(token.name))
            at += 1
        return found

    def _body(self, start: int) -> Sizes:
        """The columns of a CTE, which all have the size of the largest where it gives them other names."""
        if start not in self._known:
            self._known[start] = {}  # one that mentions itself is not put into itself
            opening = self._tokens[start]
            found = self.columns(start + 1, opening.match, opening.depth + 1)
            part = self._bodies[start]
            at = start - 1
            while self._tokens[at].keyword in ("AS", "NOT", "MATERIALIZED"):
                at -= 1
            if self._tokens[at].keyword == ")" and part.name:
                names = {token.name for token in self._tokens[self._tokens[at].match : at] if token.kind in NAMES}
                found = dict.fromkeys(names, max(found.values(), default=1))
            self._known[start] = found
        return self._known[start]

    def _listed(self, start: int, end: int, depth: int) -> list[tuple[int, int]]:
        """The parts between the commas."""
        commas = [at for at in range(start, end) if self._tokens[at].keyword == "," and self._tokens[at].depth == depth]
        bounds = zip([start, *(at + 1 for at in commas)], [*commas, end], strict=True)
        return [(first, last) for first, last in bounds if first < last]

    def _size(self, start: int, end: int, sources: Sizes) -> int:
        """How many columns, values and words there are, each column with all that it is made of; CTEs in front are no part."""
        unnamed = {"qid": sources.get(None, 1)}  # SQLite calls a column without a name as it is written, which only quotes can say
        size = 0
        at = start
        while at < end:
            token = self._tokens[at]
            if at in self._bodies:
                at = token.match
            elif token.kind != "op":
                following = self._tokens[at + 1].keyword if at + 1 < len(self._tokens) else None
                size += 1 if token.name is None or following in (".", "(") else sources.get(token.name, unnamed.get(token.kind, 1))
            at += 1
        return min(max(size, 1), MAX_SIZE + 1)


def _merge(found: Sizes, more: Sizes) -> Sizes:
    for name, size in more.items():
        found[name] = max(size, found.get(name, 1))
    return found
