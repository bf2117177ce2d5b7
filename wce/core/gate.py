"""A turnstile: at most so many at once, the others wait in the order they came, and the line has an end."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from types import TracebackType

from wce import lane
from wce.errors import WceError


@dataclass(slots=True)
class _Line:
    inside: int = 0
    waiting: deque[threading.Event] = field(default_factory=deque)


class Place:
    """`with` a place of a gate; a class and not a generator because every statement goes through it."""

    __slots__ = ("_asked", "_gate")

    def __init__(self, gate: Gate, key: Hashable, limit: int, timeout_seconds: float) -> None:
        self._gate = gate
        self._asked = (key, limit, timeout_seconds)

    def __enter__(self) -> None:
        self._gate.take(*self._asked)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._gate.leave(self._asked[0])


class Gate:
    """One line per key; a key that nobody uses costs nothing. `on_wait` is told how many more (1) or fewer (-1) wait."""

    def __init__(self, queue: int, on_wait: Callable[[int], None] | None = None) -> None:
        self._queue = queue
        self._on_wait = on_wait
        self._lock = threading.Lock()
        self._lines: dict[Hashable, _Line] = {}

    def enter(self, key: Hashable, limit: int, timeout_seconds: float) -> Place:
        """`with` one of `limit` places; raises `busy` when the line is full or no place comes free in time."""
        return Place(self, key, limit, timeout_seconds)

    def take(self, key: Hashable, limit: int, timeout_seconds: float) -> None:
        """What `with` does at its beginning."""
        with self._lock:
            line = self._lines.get(key)
            if line is None:
                line = self._lines[key] = _Line()
            if line.inside < limit and not line.waiting:
                line.inside += 1
                return
            if len(line.waiting) >= self._queue:
                raise WceError("busy", "Too many requests are waiting already.", retry_after=1)
            turn = threading.Event()
            line.waiting.append(turn)
        self._tell(1)
        lane.waiting()
        try:
            turn.wait(timeout_seconds)
        finally:
            self._tell(-1)
            with self._lock:
                # Looked at under the lock: a place handed over after the wait ended is ours all the same.
                if not (arrived := turn.is_set()):
                    line.waiting.remove(turn)
        if not arrived:
            raise WceError("busy", "No place became free in time.", retry_after=1)

    def leave(self, key: Hashable) -> None:
        """What `with` does at its end."""
        with self._lock:
            line = self._lines[key]
            if line.waiting:
                line.waiting.popleft().set()  # the place goes from hand to hand, so that nobody overtakes
                return
            line.inside -= 1
            if not line.inside:
                del self._lines[key]

    def _tell(self, change: int) -> None:
        if self._on_wait is not None:
            self._on_wait(change)

    def __len__(self) -> int:
        return len(self._lines)
