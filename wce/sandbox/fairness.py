"""Who gets the next worker: cenvs take turns, and none holds more than its share."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from wce.errors import WceError

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Ticket(Generic[T]):
    """A place in the line; `given` is what the wait was for, once `called` is set."""

    cenv: str
    called: threading.Event = field(default_factory=threading.Event)
    given: T | None = None


class Turns(Generic[T]):
    """`slots` run at once, of one cenv at most half of them. Its owner's lock guards every call."""

    def __init__(self, slots: int, queue: int) -> None:
        self._slots = slots
        self._share = max(1, slots // 2)
        self._queue = queue
        self._running: dict[str, int] = {}
        self._lines: OrderedDict[str, deque[Ticket[T]]] = OrderedDict()  # whose turn it is stands first
        self.busy = 0
        self.waiting = 0

    def start(self, cenv: str) -> bool:
        """Count one more that runs, if the cenv may have it."""
        running = self._running.get(cenv, 0)
        if self.busy >= self._slots or running >= self._share:
            return False
        self.busy += 1
        self._running[cenv] = running + 1
        return True

    def end(self, cenv: str) -> None:
        """One has run; the cenv's others go behind those who came meanwhile."""
        self.busy -= 1
        left = self._running.pop(cenv) - 1
        if left:
            self._running[cenv] = left
        if cenv in self._lines:
            self._lines.move_to_end(cenv)

    def join(self, cenv: str) -> Ticket[T]:
        """Wait in the line, of which half is the most for one cenv; raises `busy` where it is full."""
        line = self._lines.get(cenv, deque())
        if self.waiting >= self._queue or len(line) >= max(1, self._queue // 2):
            raise WceError("busy", "Too many scripts wait already.", retry_after=1)
        ticket: Ticket[T] = Ticket(cenv)
        line.append(ticket)
        self._lines[cenv] = line
        self.waiting += 1
        return ticket

    def leave(self, ticket: Ticket[T]) -> None:
        """Give up waiting."""
        line = self._lines[ticket.cenv]
        line.remove(ticket)
        self.waiting -= 1
        if not line:
            del self._lines[ticket.cenv]

    def next(self) -> Ticket[T] | None:
        """Take the next that may run out of the line, and count it as running."""
        for cenv, line in self._lines.items():
            if self.start(cenv):
                ticket = line[0]
                self.leave(ticket)
                if cenv in self._lines:
                    self._lines.move_to_end(cenv)
                return ticket
        return None

    def clear(self) -> list[Ticket[T]]:
        """Everybody who waits, who does so no more."""
        tickets = [ticket for line in self._lines.values() for ticket in line]
        self._lines.clear()
        self.waiting = 0
        return tickets
