"""Dotted access for Starlark: `x.name` becomes `x["name"]` wherever `name` is no method of a built-in type.

The values that a script gets from us are dicts, which the interpreter does not open with a dot. Only tokens change: strings and
comments stay as they are, lines stay where they are, and every column of the new text leads back to its place in the author's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# go.starlark.net/starlark/library.go: what strings, bytes, lists, dicts and sets answer to.
METHODS: Final = frozenset(
    """
    add append capitalize clear codepoint_ords codepoints count difference discard elem_ords elems endswith extend find format get
    index insert intersection isalnum isalpha isdigit islower isspace issubset issuperset istitle isupper items join keys lower lstrip
    partition pop popitem remove removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip setdefault split splitlines
    startswith strip symmetric_difference title union update upper values
    """.split()  # noqa: SIM905 - thirty lines of quotes say no more
)
_TOKEN: Final = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
  | (?P<text>(?:rb|br|b|r)?(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
  | (?P<number>0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[^\W\d]\w*)
  | (?P<space>[ \t\n\\]+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LINE_END: Final = re.compile(r"\r\n?")  # each is one to the interpreter, also within a text
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_QUOTES: Final = 3  # characters that `["…"]` adds behind a name that had a dot before it


@dataclass(frozen=True, slots=True)
class Token:
    """One token with its place; both count from 1."""

    kind: str
    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Access:
    """One `owner.name` that was written anew: the places of its dot and of its name; `owner` is empty where it is no name."""

    owner: str
    name: str
    dot: tuple[int, int]
    at: tuple[int, int]


class Source:
    """A script as its author wrote it, and as the interpreter reads it (`text`)."""

    def __init__(self, script: str) -> None:
        self.script = _LINE_END.sub("\n", script)
        self.tokens = _scan(self.script)
        self._accesses: dict[int, list[Access]] = {}  # by line of the name
        self._dots: dict[tuple[int, int], Access] = {}
        self.text = self._translate()

    def column(self, line: int, column: int) -> int:
        """The author's column for one of the interpreter's."""
        shift = 0
        for access in self._accesses.get(line, ()):
            start = access.at[1] + shift  # of the opening quote
            if column <= start:
                break
            if column < start + len(access.name) + _QUOTES:
                return access.at[1] + min(len(access.name) - 1, column - start - 1)
            shift += _QUOTES
        return column - shift

    def access(self, line: int, column: int) -> Access | None:
        """The dotted access whose dot stands at the author's place."""
        return self._dots.get((line, column))

    def line(self, number: int) -> str:
        """One line of the author's, without its end."""
        lines = self.script.split("\n")
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def defines(self, name: str) -> bool:
        """Whether a statement at the left margin gives the name a meaning."""
        solid = [token for token in self.tokens if token.kind not in ("space", "comment")]
        for index, token in enumerate(solid[:-1]):
            following = solid[index + 1]
            if token.column == 1 and ((token.text == "def" and following.text == name) or (token.text == name and following.text == "=")):
                return True
        return False

    def find(self, name: str) -> Token | None:
        """The first place of a name that does not stand behind a dot."""
        before = ""
        for token in self.tokens:
            if token.kind == "name" and token.text == name and before != ".":
                return token
            if token.kind not in ("space", "comment"):
                before = token.text
        return None

    def ending(self, line: int, column: int) -> Token | None:
        """The token that ends right before a place of the author's."""
        for token in self.tokens:
            if token.line == line and token.column + len(token.text) == column and token.kind not in ("space", "comment"):
                return token
        return None

    def _translate(self) -> str:
        out: list[str] = []
        dot: tuple[int, Token] | None = None  # where it stands in `out`
        owner = before = ""
        depth = 0  # of brackets, in which a line may go on
        for token in self.tokens:
            out.append(token.text)
            if token.kind in ("space", "comment"):
                if not depth and "\n" in token.text.replace("\\\n", ""):
                    dot = None  # the statement has ended without a name
                continue
            depth = max(0, depth + (token.text in _OPENING) - (token.text in _CLOSING))
            if dot is not None and token.kind == "name" and token.text not in METHODS:
                out[dot[0]], out[-1] = "[", f'"{token.text}"]'
                self._remember(Access(owner, token.text, (dot[1].line, dot[1].column), (token.line, token.column)))
            if token.text == "." and token.kind == "other":
                dot, owner = (len(out) - 1, token), before
            else:
                dot = None
            before = token.text if token.kind == "name" else ""
        return "".join(out)

    def _remember(self, access: Access) -> None:
        self._accesses.setdefault(access.at[0], []).append(access)
        self._dots[access.dot] = access


def _scan(script: str) -> list[Token]:
    found = []
    line, start = 1, 0  # of the line
    for match in _TOKEN.finditer(script):
        text = match.group()
        found.append(Token(str(match.lastgroup), text, line, match.start() - start + 1))
        breaks = text.count("\n")
        if breaks:
            line += breaks
            start = match.start() + text.rindex("\n") + 1
    return found
