"""The types of columns, from all values of a file: INTEGER, REAL or TEXT, the narrowest that holds all."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

INTEGER: Final = "INTEGER"
REAL: Final = "REAL"
TEXT: Final = "TEXT"
KINDS: Final = (INTEGER, REAL, TEXT)
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_DECIMAL: Final = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?=[.eE])\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")  # 00123 is an article number
_COMMA: Final = re.compile(r"-?[0-9]+,[0-9]+")
_LARGEST: Final = 2**63
_DELIMITERS: Final = (",", ";", "\t")


def of_field(field: str) -> str | None:
    """The narrowest type of a field of CSV; None for an empty one, which is NULL. +49… and 007 stay the texts that they are."""
    if not field:
        return None
    if _WHOLE.fullmatch(field):
        return INTEGER if -_LARGEST <= int(field) < _LARGEST else TEXT
    return REAL if _DECIMAL.fullmatch(field) and math.isfinite(float(field)) else TEXT


def of_value(value: Any) -> str | None:
    """The same for a value of JSON."""
    if value is None:
        return None
    if isinstance(value, int):
        return INTEGER if -_LARGEST <= value < _LARGEST else TEXT
    return REAL if isinstance(value, float) else TEXT


def wider(kind: str | None, other: str | None) -> str | None:
    """The type that holds the values of both."""
    if kind is None or other is None or kind == other:
        return kind or other
    return TEXT if TEXT in (kind, other) else REAL


def field_as(kind: str, field: str) -> int | float | str | None:
    """A field of CSV as a value of that type; raises ValueError."""
    if not field:
        return None
    found = of_field(field)
    if kind == TEXT:
        return field
    if found == INTEGER and kind == INTEGER:
        return int(field)
    if kind == REAL and found in (INTEGER, REAL):
        return float(field)
    raise ValueError(f"{field[:40]!r} is not {kind}{': a number has a decimal point' if _COMMA.fullmatch(field) else ''}")


def value_as(kind: str, value: Any) -> int | float | str | None:
    """A value of JSON as one of that type; what is nested becomes JSON again. Raises ValueError."""
    if value is None:
        return None
    if kind == TEXT:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    found = of_value(value)
    if kind == INTEGER and found == INTEGER:
        return int(value)
    if kind == REAL and found in (INTEGER, REAL):
        return float(value)
    raise ValueError(f"{str(value)[:40]!r} is not {kind}")


def delimiter(header: str) -> str:
    """What separates the columns: whatever the first line has most of outside its quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(_DELIMITERS, key=bare.count)
