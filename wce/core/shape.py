"""The text of a statement without its values, as the audit log keeps it: what was done, never with what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wce.cache import Cache
from wce.guard.catalogue import Catalogue
from wce.guard.ddl import SCHEMA_KINDS, object_name
from wce.guard.tokens import LITERALS, Token, scan

MAX_SHAPE: Final = 2_000
_MAX_CACHED: Final = 8_192  # characters; longer texts are rarely run twice
_MAX_SHAPES: Final = 2_048


@dataclass(frozen=True, slots=True)
class Shape:
    """`text` has `?` for every literal and no comments. `made` is what a CREATE, ALTER or DROP names, or empty."""

    text: str
    made: str


class Shapes:
    """Remembers the shapes of texts that come again, since reading SQL costs about 0.7 ms per KB."""

    def __init__(self) -> None:
        self._cached: Cache[tuple[str, str], Shape] = Cache(_MAX_SHAPES)

    def of(self, cenv: str, sql: str, catalogue: Callable[[], Catalogue]) -> Shape:
        """The shape of a statement that the guard has let through."""
        if len(sql) > _MAX_CACHED:
            return shape(sql, catalogue())
        return self._cached.get_or((cenv, sql), lambda: shape(sql, catalogue()))


def shape(sql: str, catalogue: Catalogue) -> Shape:
    """What the statement does, cut at 2,000 characters.

    SQLite takes "x" for a text where nothing is called x, so such a token stays only if it names something. In DDL nothing has to
    exist yet, and what it says is the schema, so there all names stay.
    """
    tokens = scan(sql)  # of one statement, though the body of a trigger has several parts
    ddl = tokens[0].keyword in SCHEMA_KINDS
    named = object_name(tokens, 0) if ddl else None
    names = None if ddl else catalogue.words
    text = "".join(" " * bool(token.gap) + ("?" if _is_value(token, names) else token.text) for token in tokens)
    return Shape(text.lstrip()[:MAX_SHAPE], named.spelled if named else "")


def _is_value(token: Token, names: frozenset[str] | None) -> bool:
    if token.kind in LITERALS:
        return True
    return names is not None and token.kind == "qid" and token.text[0] == '"' and token.name not in names
