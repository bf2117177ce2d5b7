"""The parameters that a statement takes, checked before SQLite sees them so that a refusal can name the one that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wce.errors import WceError, invalid
from wce.guard.expansion import short
from wce.guard.tokens import Token
from wce.model import Params, Value

MAX_NUMBER: Final = 1_000  # of a parameter by position, as SQLite has it
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1
_PLAIN: Final = frozenset({type(None), int, float, str, bytes, bool})


@dataclass(frozen=True, slots=True)
class Layout:
    """`count` values by position or the `names`, never both; `brief` are the ones, by index or name, that must be short."""

    count: int = 0
    names: frozenset[str] = frozenset()
    brief: frozenset[int | str] = frozenset()

    def check(self, params: Params | Sequence[Value]) -> Params:
        """The values as SQLite's module takes them; raises WceError `validation`."""
        if not params and not self.count and not self.names:
            return ()
        if isinstance(params, dict):
            self._check_names(params)
            _check_values(params.items())
        else:
            self._check_count(params)
            _check_values(enumerate(params))
        for key in self.brief:
            if not short(params[key]):  # type: ignore[index]  # a name for a dict, else an index
                raise invalid(f"params.{key}", "a pattern may have at most 200 characters here")
        return params if isinstance(params, dict) else tuple(params)

    def _check_names(self, params: dict[str, Value]) -> None:
        if self.count:
            raise invalid("params", f"the statement takes {_values(self.count)} by position: send a list")
        for name in params:
            if name not in self.names:
                raise invalid(f"params.{name}", "the statement has no such parameter")
        for name in sorted(self.names):
            if name not in params:
                raise invalid(f"params.{name}", "a value is missing")

    def _check_count(self, params: Sequence[Value]) -> None:
        if self.names:
            raise invalid("params", f"the statement takes {', '.join(sorted(self.names))} by name: send an object")
        if len(params) != self.count:
            raise invalid("params", f"the statement takes {_values(self.count)}, not {len(params)}")


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def layout(tokens: Sequence[Token], brief: Sequence[Token] = ()) -> Layout:
    """What the parameters among these tokens ask for; `?` is one more than the largest number so far, as in SQLite.

    Raises WceError `sql_error` for a number that SQLite does not take: so many values would be made room for.
    """
    must_be_short = {id(token) for token in brief}
    count = 0
    names = set()
    limited: set[int | str] = set()
    for token in tokens:
        if token.kind != "var":
            continue
        key: int | str
        if token.text[0] == "?":
            key = number_of(token, count) - 1
            count = max(count, key + 1)
        else:
            key = token.text[1:]
            names.add(key)
        if id(token) in must_be_short:
            limited.add(key)
    if count and names:
        raise WceError("syntax_error", "parameters go either by position (?) or by name (:name), not both")
    return Layout(count, frozenset(names), frozenset(limited))


def number_of(token: Token, before: int) -> int:
    """The number of a `?` or `?N`; `before` is the largest so far."""
    if token.text == "?":
        return before + 1
    digits = token.text[1:].lstrip("0")
    number = int(digits) if 0 < len(digits) <= len(str(MAX_NUMBER)) else 0
    if not 1 <= number <= MAX_NUMBER:
        raise WceError("sql_error", f"variable number must be between ?1 and ?{MAX_NUMBER}")
    return number


def _check_values(values: Iterable[tuple[int | str, Any]]) -> None:
    for key, value in values:
        if type(value) not in _PLAIN:
            raise invalid(f"params.{key}", "must be null, a number, a string or bytes")
        if type(value) is int and not _LEAST <= value <= _MOST:
            raise invalid(f"params.{key}", "does not fit into 64 bits")


def total_size(params: Params) -> int:
    """Characters and bytes of all strings that are bound."""
    values = params.values() if isinstance(params, dict) else params
    return sum(len(value) for value in values if isinstance(value, str | bytes))
