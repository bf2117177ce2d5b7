"""Finds the view of an address by two look-ups in tables, where Werkzeug walks a machine of states; that still decides about the rest.

The tables hold what is asked most: a whole path, `/{cenv}` and a whole path, and `/{cenv}/api` and `/{cenv}/pages` with anything behind
them. An address that they do not know, or not under this method, is Werkzeug's, with its redirects, its 404 and its 405.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from werkzeug.routing import Rule

_IN_CENV: Final = "/<cenv:cenv_id>"
_CENV_CHARACTERS: Final = 37  # the slash and the UUID
_CENV: Final = re.compile(r"/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REST: Final = re.compile(r"(/[^<>]*/)<path:(\w+)>")
_PLAIN: Final = re.compile(r"[\x21-\x2e\x30-\x7e][\x21-\x7e]*")  # what a `path` takes, less what needs a second look
Found = tuple[Rule, dict[str, Any]]


class Router:
    """The rules of one application, read once."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._whole: dict[tuple[str, str], Rule | None] = {}
        self._in_cenv: dict[tuple[str, str], Rule | None] = {}
        self._below: dict[tuple[str, str], tuple[Rule, str] | None] = {}
        self._exact: dict[str, frozenset[str]] = {}  # what stands below such a beginning and has rules of its own, by its first part
        rules = list(rules)
        for rule in rules:
            self._learn(rule)
        self._keep_apart([rule.rule.removeprefix(_IN_CENV) for rule in rules if rule.rule.startswith(_IN_CENV)])

    def match(self, path: str, method: str) -> Found | None:
        """The rule and what its converters make of the path; None where Werkzeug has to look."""
        rule = self._whole.get((path, method))
        if rule is not None:
            return rule, {}
        if not _CENV.match(path):
            return None
        cenv, rest = path[1:_CENV_CHARACTERS], path[_CENV_CHARACTERS:]
        rule = self._in_cenv.get((rest, method))
        if rule is not None:
            return rule, {"cenv_id": cenv}
        end = rest.find("/", 1) + 1
        below = self._below.get((rest[:end], method))
        if below is None or not _PLAIN.fullmatch(rest, end):
            return None
        exact = self._exact[rest[:end]]
        if exact and rest[end:].partition("/")[0] in exact:
            return None
        return below[0], {"cenv_id": cenv, below[1]: rest[end:]}

    def _learn(self, rule: Rule) -> None:
        if rule.defaults or rule.redirect_to or rule.build_only or rule.alias or rule.websocket or rule.host or rule.subdomain:
            return
        text = rule.rule
        methods = (rule.methods or set()) - {"OPTIONS"}
        if "<" not in text:
            self._put(self._whole, text, methods, rule)
        elif text.startswith(_IN_CENV):
            rest = text.removeprefix(_IN_CENV)
            found = _REST.fullmatch(rest)
            if "<" not in rest:
                self._put(self._in_cenv, rest, methods, rule)
            elif found:
                self._put(self._below, found[1], methods, (rule, found[2]))

    @staticmethod
    def _put(table: dict[tuple[str, str], Any], path: str, methods: Iterable[str], value: object) -> None:
        """Two rules for the same: Werkzeug says which."""
        for method in methods:
            table[path, method] = None if (path, method) in table else value

    def _keep_apart(self, rests: list[str]) -> None:
        """Where something more exact stands under the same beginning, the order of the rules is Werkzeug's to know."""
        for start, method in list(self._below):
            parts = [rest.removeprefix(start).partition("/")[0] for rest in rests if rest.startswith(start) and rest != start]
            self._exact[start] = frozenset(part for part in parts if "<" not in part)
            if sum("<" in part for part in parts) > 1 or start.count("/") != 2:
                del self._below[start, method]
