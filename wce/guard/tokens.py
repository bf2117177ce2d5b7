"""SQLite's tokens, read so that anything SQLite might read differently is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from wce.errors import Position, WceError
from wce.store.sqlite import fold

MAX_DEPTH: Final = 100  # SQLite before 3.46 cannot read more; those after it take seconds and a gigabyte for thousands
_ID0: Final = r"A-Za-z_\x80-\U0010ffff"
_IDC: Final = r"A-Za-z0-9_$\x80-\U0010ffff"
# The last one keeps the search from going on at the next character, which takes the square of the length where nothing ends.
# A fuzz test holds this against SQLite's own tokenizer. The order matters, and the number must stay atomic: with
# backtracking "1.b" would become 1 . b, which SQLite reads as an illegal number.
_TOKEN: Final = re.compile(
    rf"""
  (?P<ws>[ \t\n\f\r]+)
 |(?P<lc>--[^\n]*(?:\n|\Z))
 |(?P<bc>/\*.*?\*/)
 |(?P<blob>[xX]'(?:[0-9a-fA-F]{{2}})*')
 |(?P<str>'(?:[^']|'')*')
 |(?P<qid>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
 |(?P<num>(?>0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))(?![{_IDC}])
 |(?P<var>\?[0-9]*|[:@$][A-Za-z0-9_\x80-\U0010ffff]+)(?![{_IDC}(:])
 |(?P<id>(?![xX]')[{_ID0}][{_IDC}]*)
 |(?P<op>->>|->|\|\||<<|>>|<=|<>|>=|==|!=|/(?!\*)|-(?!-)|\.(?![0-9])|[+*%(),&|~<>=;])
 |(?P<bad>.)
""",
    re.X | re.S,
)
# Kinds that SQLite takes as a name somewhere: it reads 'x' as a name where only a name can stand.
NAMES: Final = frozenset({"id", "qid", "str"})
IDENTIFIERS: Final = frozenset({"id", "qid"})
LITERALS: Final = frozenset({"num", "str", "blob"})


class Token:
    """One token and what stood before it.

    `kind` is the name of its group above. `keyword` is the upper-case word of a bare identifier, or the text of an operator.
    `name` is the folded value without quotes of whatever can be a name. `depth` counts the parentheses around it and `match` is
    the index of the matching parenthesis. `gap` is the white space before it, a comment in it counting as one blank.
    """

    __slots__ = ("depth", "gap", "keyword", "kind", "match", "name", "offset", "text")

    def __init__(self, kind: str, text: str, gap: str, offset: int) -> None:
        self.kind = kind
        self.text = text
        self.gap = gap
        self.offset = offset
        self.depth = 0
        self.match = -1
        self.keyword: str | None = None
        self.name: str | None = None
        if kind == "op":
            self.keyword = text
        elif kind == "id":
            if text.isascii():
                self.name = text.lower()
                self.keyword = text.upper()
            else:
                self.name = fold(text)
        elif kind in NAMES:
            self.name = fold(self.spelled)

    @property
    def spelled(self) -> str:
        """The name as the client wrote it, without quotes."""
        if self.kind not in ("qid", "str"):
            return self.text
        mark = self.text[0]
        inner = self.text[1:-1]
        return inner if mark == "[" else inner.replace(mark * 2, mark)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.text!r}>"


def place(sql: str, offset: int) -> Position:
    """Line and column of an offset."""
    return Position(sql.count("\n", 0, offset) + 1, offset - sql.rfind("\n", 0, offset))


def misplaced(sql: str, token: Token | None) -> WceError:
    """The syntax error that SQLite would report at a token, or at the end of the text."""
    if token is None:
        return WceError("syntax_error", "incomplete input", position=place(sql, len(sql.rstrip())))
    return WceError("syntax_error", f'near "{token.text}": syntax error', position=place(sql, token.offset))


def scan(sql: str) -> list[Token]:
    """All tokens, `;` among them, except the `;` at the end; raises WceError `syntax_error` for what is not surely understood."""
    if "\x00" in sql or "\ufeff" in sql:
        raise WceError("syntax_error", "illegal character", position=place(sql, max(sql.find("\x00"), sql.find("\ufeff"))))
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise WceError("syntax_error", "not valid Unicode", position=place(sql, error.start)) from None
    tokens: list[Token] = []
    offset, gap = 0, ""
    for found in _TOKEN.finditer(sql):
        kind, text = found.lastgroup, found.group()
        if kind == "bad":
            break
        if kind == "ws":
            gap += text
        elif kind == "lc" or kind == "bc":  # noqa: PLR1714  # faster than `in`, and this is the hot loop
            gap += " "  # comments never reach SQLite
        else:
            tokens.append(Token(str(kind), text, gap, offset))
            gap = ""
        offset = found.end()
    if offset < len(sql):
        raise WceError("syntax_error", f'unrecognized token: "{_shown(sql, offset)}"', position=place(sql, offset))
    while tokens and tokens[-1].keyword == ";":
        tokens.pop()
    if not tokens:
        raise WceError("syntax_error", "empty statement")
    nest(sql, tokens)
    return tokens


def scanned(text: str) -> list[Token]:
    """The tokens of a text, which has at least one; none where it is not surely understood."""
    try:
        return scan(text)
    except WceError:
        return []


def tokenize(sql: str) -> list[Token]:
    """The tokens of exactly one statement; raises WceError `multiple_statements` or `syntax_error`."""
    tokens = scan(sql)
    for token in tokens:
        if token.keyword == ";":
            raise WceError("multiple_statements", position=place(sql, token.offset))
    return tokens


def nest(sql: str, tokens: Sequence[Token]) -> None:
    """Set `depth` and `match`; parentheses must balance, else `WHERE 1) OR (1` would break out of what is put around it."""
    open_: list[int] = []
    for index, token in enumerate(tokens):
        if token.keyword == ")":
            if not open_:
                raise misplaced(sql, token)
            token.match = open_.pop()
            tokens[token.match].match = index
        token.depth = len(open_)
        if token.keyword == "(":
            if token.depth == MAX_DEPTH:
                raise WceError("too_large", f"parentheses may be {MAX_DEPTH} deep at most", position=place(sql, token.offset))
            open_.append(index)
    if open_:
        raise misplaced(sql, None)


def emit(tokens: Iterable[Token]) -> str:
    """The text of tokens with their spacing, so that the names of result columns survive."""
    return "".join(token.gap + token.text for token in tokens)


def _shown(sql: str, offset: int) -> str:
    """A few characters of what could not be read."""
    return sql[offset : offset + 20].split("\n", 1)[0]
