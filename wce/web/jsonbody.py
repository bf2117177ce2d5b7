"""Reading a JSON body that may be hostile: strict, bounded, and every refusal names its place."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

from wce.errors import Position, WceError

MAX_DEPTH: Final = 64
# SQLite's widest integer has 19 digits; a longer literal is out of range whatever it says, and
# int() of many thousand digits is slow. Its stand-in is refused by every field that takes a number.
_INTEGER_DIGITS: Final = 20
TOO_BIG: Final = 1 << 64

# A string without an end goes to the end of the text: to look for its end again from each quote inside it would never be over.
_TO_ITS_END: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_STRING: Final = re.compile(_TO_ITS_END, re.DOTALL)
_WORD: Final = re.compile(_TO_ITS_END + r'|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)
_BETWEEN: Final = re.compile(r"[^{}\[\]]++")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_LONE: Final = re.compile("[\ud800-\udfff]")


class _RefusedError(ValueError):
    """The fast parse met something that JSON allows or Python tolerates and we do not; `_explain` finds where."""


def parse(body: bytes) -> dict[str, Any]:
    """The object in `body`; raises `malformed` with line and column otherwise.

    Refused besides bad syntax: NaN and Infinity, numbers that overflow, duplicate keys, unpaired surrogates, more than
    64 levels, anything but an object at the top.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("The body is not UTF-8", body[: error.start].decode("utf-8"), error.start) from error
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deep(text):
        _explain(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise WceError("malformed", f"JSON: {error.msg}", position=Position(error.lineno, error.colno)) from error
    except _RefusedError:
        _explain(text)
        raise  # every reason to refuse is one that _explain raises for
    _require_whole(text, value)
    if not isinstance(value, dict):
        raise WceError("malformed", "JSON: the body must be an object", position=Position(1, 1))
    return value


def _is_deep(text: str) -> bool:
    """Whether more levels than allowed are open at once, or not all are closed; brackets inside of strings are none."""
    brackets = _BETWEEN.sub("", _STRING.sub("", text)).replace("{", "[").replace("}", "]")
    for _ in range(MAX_DEPTH):  # each time the innermost ones go
        if not brackets:
            return False
        brackets = brackets.replace("[]", "")
    return bool(brackets)


def _require_whole(text: str, value: Any) -> None:
    """Refuse halves of surrogate pairs, which no text in UTF-8 can hold."""
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            _explain(text)
            raise  # every half is one that _explain finds


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedError
    return found


def _refuse(literal: str) -> NoReturn:
    raise _RefusedError(literal)


def _finite(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise _RefusedError(literal)
    return value


def _integer(literal: str) -> int:
    if len(literal) > _INTEGER_DIGITS:
        return -TOO_BIG if literal.startswith("-") else TOO_BIG
    return int(literal)


def _explain(text: str) -> None:
    """Walk the words and raise `malformed` at the first thing refused; broken syntax is left to the parser."""
    open_keys: list[set[str] | None] = []  # one entry per open container: its keys so far, None for an array
    expect_key = False
    for match in _WORD.finditer(text):
        word = match.group()
        if word in "{[":
            open_keys.append(set() if word == "{" else None)
            expect_key = word == "{"
            if len(open_keys) > MAX_DEPTH:
                raise _malformed(f"More than {MAX_DEPTH} levels", text, match.start())
        elif word in "}]":
            if open_keys:
                open_keys.pop()
            expect_key = False
        elif word == ",":
            expect_key = bool(open_keys) and open_keys[-1] is not None
        elif word != ":":
            _check(word, open_keys[-1] if expect_key and open_keys else None, text, match.start())
            expect_key = False


def _check(word: str, keys: set[str] | None, text: str, at: int) -> None:
    if not word.startswith('"'):
        if word in ("NaN", "Infinity", "-Infinity") or _overflows(word):
            raise _malformed(f"{word[:20]} is not a JSON number", text, at)
        return
    try:
        string = json.loads(word) if "\\" in word else word[1:-1]
    except json.JSONDecodeError:
        return  # the parser says it with its own place
    if _LONE.search(string):
        raise _malformed("An unpaired surrogate", text, at)
    if keys is not None:
        if string in keys:
            raise _malformed(f"The key {word[:80]} appears twice", text, at)
        keys.add(string)


def _overflows(word: str) -> bool:
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", word) or word.lstrip("-").isdigit():
        return False
    return math.isinf(float(word))


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite, parse_int=_integer)


def _malformed(message: str, text: str, at: int) -> WceError:
    line = text.count("\n", 0, at) + 1
    return WceError("malformed", f"JSON: {message}", position=Position(line, at - text.rfind("\n", 0, at)))
