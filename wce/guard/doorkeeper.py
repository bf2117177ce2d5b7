"""What every authorizer holds of the statement that SQLite asks it about."""

from __future__ import annotations

from typing import Final

from wce.errors import WceError
from wce.guard.actions import DENY
from wce.guard.plan import Plan

# SQLite before 3.43 says, where a virtual table is declared, that it updates the catalogue; a real UPDATE also needs writable_schema.
DECLARED: Final = frozenset({"type", "name", "tbl_name", "rootpage", "sql"})


class Doorkeeper:
    """Default: deny. `plan` is the statement being prepared, `denied` the first reason for a refusal."""

    def __init__(self) -> None:
        self._calls = 0
        self._deadline = 0.0
        self.plan = Plan("", "SELECT")
        self.denied: WceError | None = None

    def expect(self, plan: Plan, deadline: float) -> None:
        """From here on SQLite prepares or runs this plan."""
        self.plan = plan
        self.denied = None
        self._calls = 0
        self._deadline = deadline

    def _deny(self, reason: WceError) -> int:
        if self.denied is None:
            self.denied = reason
        return DENY
