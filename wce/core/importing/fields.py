"""What a value of WCE's own columns may be in a file from elsewhere; each raises ValueError with the rule that is broken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from wce import values

MAX_ID: Final = 10**15  # larger ones would leave too few
_MAX_TIME: Final = 10**11
_MAX_JSON: Final = 1_000_000
_HASH: Final = re.compile(r"[0-9a-f]{64}")

Field = Callable[[Any], Any]


def integer(low: int, high: int) -> Field:
    """A whole number."""

    def cast(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return cast


def text(most: int, *, least: int = 0) -> Field:
    """A text of so many characters, without NUL."""

    def cast(value: Any) -> str:
        if not isinstance(value, str) or not least <= len(value) <= most or "\0" in value:
            raise ValueError(f"must be a text of {least} to {most} characters")
        return value

    return cast


def matching(pattern: str, told: str) -> Field:
    """A text of a form."""
    compiled = re.compile(pattern)

    def cast(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError(told)
        return value

    return cast


def choice(*allowed: str) -> Field:
    """One of a few words."""

    def cast(value: Any) -> str:
        if value not in allowed:
            raise ValueError("must be one of " + ", ".join(allowed))
        return str(value)

    return cast


def maybe(field: Field) -> Field:
    """NULL, or what the field says."""
    return lambda value: None if value is None else field(value)


def real(value: Any) -> float:
    """A number."""
    if type(value) not in (int, float):
        raise ValueError("must be a number")
    return float(value)


def blob(most: int) -> Field:
    """So many bytes."""

    def cast(value: Any) -> bytes:
        if not isinstance(value, bytes) or len(value) > most:
            raise ValueError(f"must be a blob of at most {most} bytes")
        return value

    return cast


def json_object(value: Any) -> str:
    """The text of a JSON object that an answer can tell again, which has no thousand levels and no number of more than 64 bits."""
    try:
        found = json.loads(value) if isinstance(value, str) and len(value) <= _MAX_JSON else None
        values.encode(found)
    except (TypeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("must be a JSON object")
    return str(value)


def digest(value: Any) -> str:
    """SHA-256 in hexadecimal."""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ValueError("must be a SHA-256")
    return value


ID: Final = integer(1, MAX_ID)
PRINCIPAL: Final = integer(0, MAX_ID)
TIME: Final = integer(0, _MAX_TIME)
FLAG: Final = integer(0, 1)
NAME: Final = text(1_000, least=1)
