"""The functions that templates are given, beside their filters; docs/templates.md is held against the table."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn
from urllib.parse import quote, urlencode

from jinja2.sandbox import safe_range

from wce.sandbox.database import Database
from wce.sandbox.filters import plain
from wce.sandbox.jinja import Named
from wce.sandbox.messages import Fault
from wce.sandbox.page import Page

_PLACEHOLDER: Final = re.compile(r"\{(\w+)(?:\.\.\.)?\}")
_INDEX: Final = re.compile(r"(|.*/)index")
_RANDOM: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Function:
    """One function: how it is called and what it does, in a sentence."""

    name: str
    signature: str
    does: str
    make: Callable[[Functions], Callable[..., Any]]


class Functions:
    """Those that know the page at hand, or its way to the database."""

    def __init__(self, database: Database, page: Callable[[], Page]) -> None:
        self._database = database
        self._page = page

    def table(self) -> dict[str, Callable[..., Any]]:
        """Every function by its name."""
        return {entry.name: Named(entry.name, entry.make(self)) for entry in TABLE}

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters that know the page."""
        return {"random": self.random}

    def query(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        return self._database.query(str(sql), None if params is None else plain(params))

    def query_one(self, sql: str, params: Any = None) -> dict[str, Any] | None:
        return self._database.query_one(str(sql), None if params is None else plain(params))

    def url_for_page(self, page: str, /, **params: Any) -> str:
        """The path of a page: its placeholders filled from `params`, of which the others stand behind a `?`."""
        used = set()

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            if name not in params:
                raise ValueError(f"url_for_page: {page} needs {name}")
            used.add(name)
            return str(params[name])

        # A name that only ends so is no folder, and what a row calls index is none either.
        folder = _INDEX.fullmatch(page)
        path = quote(_PLACEHOLDER.sub(fill, page if folder is None else folder[1]), safe="/")
        rest = {name: value for name, value in params.items() if name not in used and value is not None}
        return self._page().base + path + (f"?{urlencode(rest)}" if rest else "")

    def not_found(self, message: str = "") -> NoReturn:
        """End the page: its path leads to nothing."""
        raise Fault("abort", str(message) or "No page has this path.", status=404)

    def now(self) -> datetime:
        self._page().note("now")
        return datetime.now(UTC)

    def random(self, values: Any) -> Any:
        self._page().note("random")
        return _RANDOM.choice(list(values))


TABLE: Final = (
    Function("query", "(sql, params=none)", "The rows as a list of dicts.", lambda functions: functions.query),
    Function("query_one", "(sql, params=none)", "The first row as a dict, or none.", lambda functions: functions.query_one),
    Function(
        "url_for_page",
        "(page, **params)",
        "The address of a page; what its path has no place for goes after the `?`.",
        lambda functions: functions.url_for_page,
    ),
    Function("not_found", '(message="")', "Ends the page with status 404.", lambda functions: functions.not_found),
    Function("now", "()", "The current time, in UTC.", lambda functions: functions.now),
    Function("range", "(start, stop, step)", "Whole numbers, at most 100,000.", lambda _: safe_range),
)
