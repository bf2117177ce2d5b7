"""Who gets the next worker: cenvs take turns, and none holds more than its share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from wce.errors import WceError
from wce.lines import Lines

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Ticket(Generic[T]):
    """A place in the line; `given` is what the wait was for, once `called` is set."""

    cenv: str
    called: threading.Event = field(default_factory=threading.Event)
    given: T | None = None


class Turns(Lines[Ticket[T]]):
    """`slots` run at once, of one cenv at most half of them."""

    def __init__(self, slots: int, queue: int) -> None:
        super().__init__()
        self._slots = slots
        self._share = max(1, slots // 2)
        self._queue = queue

    def end(self, cenv: str) -> None:
        """One has run; the cenv's others go behind those who came meanwhile."""
        super().end(cenv)
        if cenv in self._lines:
            self._lines.move_to_end(cenv)

    def join(self, cenv: str) -> Ticket[T]:
        """Wait in the line, of which half is the most for one cenv; raises `busy` where it is full."""
        if len(self) >= self._queue or len(self._lines.get(cenv, ())) >= max(1, self._queue // 2):
            raise WceError("busy", "Too many scripts are waiting already.", retry_after=1)
        ticket: Ticket[T] = Ticket(cenv)
        self.append(cenv, ticket)
        return ticket

    def leave(self, ticket: Ticket[T]) -> None:
        """Give up waiting."""
        line = self._lines[ticket.cenv]
        line.remove(ticket)
        self._waiting -= 1
        if not line:
            del self._lines[ticket.cenv]

    def _may(self, cenv: str) -> bool:
        return self.busy < self._slots and self._held.get(cenv, 0) < self._share
