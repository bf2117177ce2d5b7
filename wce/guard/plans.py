"""The plans that a session has made, by the text of their statements, so that none is made twice for one request."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from wce.guard.plan import Plan

_MAX_PLANS: Final = 256
_MAX_CACHED: Final = 8_192  # characters; longer texts are rarely run twice, and their plans go when nobody has the session
_MAX_LONG: Final = 1_000_000  # characters of those together


class Plans:
    """Those of short texts stay, the least recently used go first; those of long ones stay until `rest`."""

    __slots__ = ("_long", "_short")

    def __init__(self) -> None:
        self._short: OrderedDict[str, Plan] = OrderedDict()
        self._long: dict[str, Plan] = {}

    def find(self, sql: str) -> Plan | None:
        plan = self._short.get(sql)
        if plan is None:
            return self._long.get(sql)
        self._short.move_to_end(sql)
        return plan

    def keep(self, sql: str, plan: Plan) -> None:
        if len(sql) <= _MAX_CACHED:
            self._short[sql] = plan
            if len(self._short) > _MAX_PLANS:
                self._short.popitem(last=False)
            return
        if sum(map(len, self._long)) + len(sql) > _MAX_LONG:
            self._long.clear()
        self._long[sql] = plan

    def rest(self) -> None:
        """Nobody has the session for now."""
        self._long.clear()

    def clear(self) -> None:
        """The schema has changed."""
        self._short.clear()
        self._long.clear()
