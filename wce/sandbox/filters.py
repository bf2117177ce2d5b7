"""What templates can call beside Jinja's own statements, in tables: docs/templates.md is held against them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from math import isfinite
from typing import Any, Final

from jinja2 import Undefined, filters
from jinja2.exceptions import UndefinedError
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from wce.sandbox.answer import base64_text
from wce.sandbox.jinja import check_format
from wce.sandbox.library import at
from wce.sandbox.markup import to_html

# Of Jinja's filters those that stay as they are.
KEPT: Final = tuple(
    """
    abs batch capitalize count d default dictsort e escape filesizeformat first float forceescape groupby int items join last length
    list lower map max min reject rejectattr replace reverse round safe select selectattr slice sort string striptags sum title trim
    truncate unique upper urlencode urlize wordcount wordwrap xmlattr
    """.split()  # noqa: SIM905 - as names
)
# Those that give their items one by one, as something of which nothing but its place in memory could be shown.
_LAZY: Final = frozenset({"batch", "items", "map", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "unique"})
_MAX_WIDTH: Final = 1_000
_DATE: Final = re.compile(r"(?:[^%]|%-?[aAbBdHIjmMpSyYZ%])*")
_MAX_FORMAT: Final = 100
_MAX_DECIMALS: Final = 20
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=lambda raw: {"$base64": base64_text(raw)})


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of ours, or one of Jinja's that has bounds here."""

    name: str
    signature: str
    does: str
    run: Callable[..., Any]


def gathered(lazy: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with a list in the place of an iterator."""

    @wraps(lazy)  # with the marks by which Jinja knows what to pass
    def run(*args: Any, **kwargs: Any) -> Any:
        found = lazy(*args, **kwargs)
        return list(found) if isinstance(found, Iterator) else found

    return run


def date(value: Any, format: str = "%Y-%m-%d") -> str:  # noqa: A002 - as authors write it
    """A moment as text, in UTC."""
    if value is None or value == "":
        return ""
    if len(format) > _MAX_FORMAT or not _DATE.fullmatch(format):
        raise ValueError(f"date: the format {format[:_MAX_FORMAT]!r} has something other than %Y %m %d %H %M %S %B %b %A %a %j %y %I %p")
    return moment(value).strftime(format)


def moment(value: Any) -> datetime:
    """Unix seconds, ISO text (as SQLite writes it) or a date of ours as a moment in UTC."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return at(value)
    found = datetime.fromisoformat(str(value).strip())
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def number(value: Any, decimals: int = 0, comma: str = ",", point: str = ".") -> str:
    """A number with its thousands apart."""
    if not 0 <= decimals <= _MAX_DECIMALS:
        raise ValueError(f"number: decimals must be from 0 to {_MAX_DECIMALS}")
    if value is None or value == "":
        return ""
    amount = value if isinstance(value, int | float) else float(value)
    return f"{amount:,.{decimals}f}".translate({ord(","): comma, ord("."): point})


def to_json(value: Any) -> Markup:
    """JSON that can stand inside of a script element."""
    # Not by orjson, which takes sixty times the memory of a list of short texts and dies where it does not get it.
    return htmlsafe_json_dumps(plain(value), dumps=_JSON.encode)


def plain(value: Any) -> Any:
    """The value as lists, dicts and scalars; raises ValueError for what is no data."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return value if isfinite(value) else None
    if value is None or isinstance(value, int | bytes):  # and a bool, which is an int
        return value
    if isinstance(value, Undefined):
        raise UndefinedError(f"{value._undefined_name!r} is undefined")
    raise ValueError(f"a {type(value).__name__} is not plain data")


def center(value: str, width: int = 80) -> str:
    """Text in the middle of a line."""
    if width > _MAX_WIDTH:
        raise ValueError(f"center: the width may be at most {_MAX_WIDTH}")
    return filters.do_center(value, width)


def indent(text: str, width: int = 4, first: bool = False, blank: bool = False) -> str:
    """Text with every line further right."""
    if not isinstance(width, int) or width > _MAX_WIDTH:
        raise ValueError(f"indent: the width must be a number of at most {_MAX_WIDTH}")
    return filters.do_indent(text, width, first, blank)


def format_text(text: str, *args: Any, **kwargs: Any) -> str:
    """Values put into a text."""
    check_format(str(text))
    return filters.do_format(text, *args, **kwargs)


def markdown(text: Any) -> Markup:
    """A Markdown text as HTML."""
    return to_html("" if text is None else str(text))


TABLE: Final = (
    Filter("markdown", "", "A Markdown text as HTML that can do nothing: scripts, styles, forms and frames are taken out.", markdown),
    Filter(
        "date", "(format='%Y-%m-%d')", "A date: Unix seconds, ISO text or `now()`, as text in UTC; the letters are those of strftime.", date
    ),
    Filter("number", "(decimals=0, comma=',', point='.')", "A number with that many decimals and separated thousands.", number),
    Filter("json", "", "The value as JSON for a `<script>`, or for an attribute in single quotes; `tojson` is the same.", to_json),
    Filter("format", "(*values)", "Values put into a text as with `%`; no width of four or more digits.", format_text),
    Filter("center", "(width=80)", "Text in the middle of a line of at most 1,000 characters.", center),
    Filter("indent", "(width=4, first=false, blank=false)", "Text with its lines indented, by at most 1,000 characters.", indent),
)
_KEPT: Final = {name: filters.FILTERS[name] for name in KEPT}
FILTERS: Final[Mapping[str, Callable[..., Any]]] = (
    _KEPT | {name: gathered(_KEPT[name]) for name in _LAZY} | {entry.name: entry.run for entry in TABLE} | {"tojson": to_json}
)
