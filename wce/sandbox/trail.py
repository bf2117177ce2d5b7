"""What the SQL of one page or one call rests on, noted as it runs."""

from __future__ import annotations

from wce.guard.footprint import footprint
from wce.guard.session import GuardedSession
from wce.model import Params


class Trail:
    """`tables` are those that were read. `fleeting`: the same statements may have another answer without any commit.

    `commit` is the one whose effect they saw, -1 where none ran.
    """

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self.fleeting = False
        self.commit = -1

    def notice(self, guarded: GuardedSession, sql: str, params: Params) -> None:
        """A statement has just run in the session's open transaction."""
        if self.fleeting:
            return
        found = footprint(guarded, guarded.plan(sql), params)
        self.tables |= found.tables
        self.fleeting = found.fleeting
        self.commit = guarded.commit_number
