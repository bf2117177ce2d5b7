"""When a statement that only reads needs no transaction of its own around it, or need not run at all.

BEGIN, the question for the grants and COMMIT cost more than most reads. Where nobody has committed anything since the session last met
the file, the answer to the question is known, and where nobody has until the rows are there, they are of that very moment. Everything
read otherwise is thrown away and read again in a transaction. What was read then is the answer until somebody commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wce.errors import WceError
from wce.guard.kept import Part
from wce.guard.plan import Plan
from wce.model import JUMP, Limits, Params, Result

if TYPE_CHECKING:
    from wce.store.walindex import WalIndex


class StaleGrants(Exception):  # noqa: N818  # a state to react to, not a failure
    """The grants have changed since they were read: read them again and open another session."""


def require_same_people(known: int, found: int) -> None:
    """Raise `busy` where the counter of grants, which a request knew, is now that of what has taken the place of all that there was."""
    if 0 <= known <= found - JUMP:
        raise WceError("busy", "Everything in this cenv was replaced.", retry_after=1)


def stale(known: int, found: int) -> StaleGrants:
    """What to raise where that counter is another one; raises as `require_same_people`."""
    require_same_people(known, found)
    return StaleGrants()


class Glances:
    """What one session knows of its file without asking; `on` while a statement runs that way."""

    __slots__ = ("_grants", "_index", "_kept", "_mark", "on")

    def __init__(self, index: WalIndex | None, kept: Part) -> None:
        self._index = index
        self._kept = kept
        self._mark = b""
        self._grants = -1
        self.on = False

    def mark(self) -> bytes:
        """The moment, to be asked before the file is met; empty where it cannot be told."""
        return b"" if self._index is None else self._index.mark()

    def met(self, mark: bytes, grants_version: int) -> None:
        """So the file was at that moment, or later: then nobody sees the mark again."""
        self._mark = mark
        self._grants = grants_version

    def hold(self, grants_version: int) -> bool:
        """Whether nobody has committed anything since the file was met with these grants."""
        return bool(self._mark) and self._grants == grants_version and self.mark() == self._mark

    def find(self, sql: str, params: Params, limits: Limits) -> Result | None:
        """What the statement has answered before; for as long as they `hold`."""
        return self._kept.find(self._mark, sql, params, limits)

    def keep(self, plan: Plan, params: Params, limits: Limits, result: Result) -> None:
        """Remember what it has answered at the moment that was met; not where a cursor may hold the session at an earlier one."""
        if self._mark:
            self._kept.keep(self._mark, plan, params, limits, result)

    def begin(self, plan: Plan) -> bool:
        """Whether the statement may run so: a SELECT that was quick, as it may have to run again, and asks for nothing carried over."""
        self.on = plan.kind == "SELECT" and plan.took > 0 and not (plan.slow or plan.writes or plan.stateful)
        return self.on

    def end(self) -> bool:
        """Whether it was right to."""
        self.on = False
        return self.mark() == self._mark
