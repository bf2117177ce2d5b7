"""The front matter of a Markdown page: YAML between two lines of `---`, read without anything that YAML could build or multiply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import yaml

from wce.sandbox.messages import Fault

LAYOUT: Final = "layout"
MAX_FRONT: Final = 16 * 1024  # characters
_MAX_DEPTH: Final = 8
_MAX_DATA: Final = 20  # queries
_BLOCK: Final = re.compile(r"---[ \t]*\r?\n(.*?)(?:^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE)
_NAME: Final = re.compile(r"[A-Za-z]\w{0,63}", re.ASCII)
_TEXTS: Final = ("title", LAYOUT, "description")
# What would be taken for a parameter inside of a text, a quoted name or a comment of SQL.
_QUOTED: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_PARAMETER: Final = re.compile(r"(?<![\w:]):([A-Za-z_]\w*)")

FIELDS: Final = {
    "title": "the title, as `page.title`",
    LAYOUT: "the name of a Jinja template that is given `content` (the HTML) and `page` (the front matter)",
    "description": "a sentence about the page",
    "tags": "a list of words",
    "date": "a date, `2026-01-31`",
    "data": "queries by name: `posts: SELECT …`; their rows are in the page as `posts`, and `:slug` in one is the `slug` of the path",
}


@dataclass(frozen=True, slots=True)
class Front:
    """What stands before the text, which begins after `lines` lines. `data` are queries by name, apart from the other `values`."""

    values: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    lines: int = 0
    places: Mapping[str, int] = field(default_factory=dict)  # lines of the queries and of the layout


def split(source: str, reserved: frozenset[str]) -> tuple[Front, str]:
    """Front matter and text; raises Fault `syntax`. No query may have one of the `reserved` names."""
    if not source.startswith("---"):
        return Front(), source
    found = _BLOCK.match(source)
    if found is None:
        if re.match(r"---[ \t]*\r?\n", source) is None:
            return Front(), source
        raise Fault("syntax", "The front matter has no end: add a line of ---.", 1, 1)
    text = found[1]
    if len(text) > MAX_FRONT:
        raise Fault("syntax", f"The front matter may have at most {MAX_FRONT // 1024} KiB.", 1, 1)
    values = _values(text)
    data = _data(text, values.pop("data", None), reserved)
    places = {name: _line(text, name) for name in (*data, LAYOUT)}
    return Front(values, data, source.count("\n", 0, found.end()), places), source[found.end() :]


def parameters(sql: str, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Those of the given values that the statement asks for by name."""
    names = _PARAMETER.findall(_QUOTED.sub(" ", sql))
    return {name: given[name] for name in names if name in given} or None


def _values(text: str) -> dict[str, Any]:
    try:
        _require_flat(text)
        found = yaml.load(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (0, 0) if mark is None else (mark.line, mark.column)
        raise Fault("syntax", f"The front matter is not YAML: {error.problem}", line + 2, column + 1) from None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, OverflowError) as error:
        raise Fault("syntax", f"The front matter is not YAML: {error}", 1, 1) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Fault("syntax", "The front matter must be of the form `name: value`.", 2, 1)
    values = {}
    for name, value in found.items():
        if not isinstance(name, str):
            raise Fault("syntax", "The names in the front matter must be texts.", 2, 1)
        values[name] = _plain(text, name, value)
    for name in _TEXTS:
        if name in values and not isinstance(values[name], str):
            raise _at(text, name, "must be a text")
    if not isinstance(values.get("tags", []), list):
        raise _at(text, "tags", "must be a list")
    return values


def _require_flat(text: str) -> None:
    """Refuse aliases, by which a few lines become millions, own tags and deep nesting."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            refused = "anchors and aliases are not allowed"
        elif getattr(event, "tag", None) is not None:
            refused = "tags are not allowed"
        elif depth > _MAX_DEPTH:
            refused = f"it has more than {_MAX_DEPTH} levels"
        else:
            continue
        line, column = (0, 0) if event.start_mark is None else (event.start_mark.line, event.start_mark.column)
        raise Fault("syntax", f"The front matter cannot be used: {refused}.", line + 2, column + 1)


def _plain(text: str, name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(text, name, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(text, name, item) for item in value]
    if isinstance(value, date):  # and a datetime, which is one
        return value.isoformat()
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise _at(text, name, "holds a number that is too large")
    if value is None or isinstance(value, str | int | float):
        return value
    raise _at(text, name, "holds something other than texts, numbers, lists and names with values")


def _data(text: str, given: Any, reserved: frozenset[str]) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > _MAX_DATA:
        raise _at(text, "data", f"must hold at most {_MAX_DATA} queries, `name: SELECT …`")
    for name, sql in given.items():
        if not _NAME.fullmatch(name) or name in reserved:
            raise _at(text, "data", f"has a query of a name that cannot be: {name[:80]}")
        if not isinstance(sql, str):
            raise _at(text, "data", f"{name} must be the text of a query")
    return given


def _at(text: str, name: str, message: str) -> Fault:
    return Fault("syntax", f"{name} {message}", _line(text, name), 1)


def _line(text: str, name: str) -> int:
    """The line of a name in the source, where the front matter begins on the second."""
    found = re.search(rf"^\s*{re.escape(name)}\s*:", text, re.MULTILINE)
    return 2 if found is None else text.count("\n", 0, found.end()) + 2
