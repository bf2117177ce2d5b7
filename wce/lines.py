"""Who waits, in one line for each cenv: cenvs take turns, and whoever begins counts for his cenv until he ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Lines(ABC, Generic[T]):
    """Its owner's lock guards every call."""

    def __init__(self) -> None:
        self.busy = 0
        self._held: dict[str, int] = {}
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()  # whose turn it is stands first
        self._waiting = 0

    @abstractmethod
    def _may(self, cenv: str) -> bool:
        """Whether one more of the cenv's may begin."""

    def begin(self, cenv: str) -> bool:
        """Begin with one that has not waited, unless it has to."""
        if not self._may(cenv):
            return False
        self._take(cenv)
        return True

    def append(self, cenv: str, one: T) -> None:
        """It waits."""
        self._waiting += 1
        line = self._lines.get(cenv)
        if line is None:
            self._lines[cenv] = deque((one,))
        else:
            line.append(one)

    def next(self) -> tuple[str, T] | None:
        """The next that may begin, and the cenv that holds it then."""
        cenv = self._turn() if self._waiting else None
        if cenv is None:
            return None
        one = self._pop(cenv)
        if cenv in self._lines:
            self._lines.move_to_end(cenv)
        self._take(cenv)
        return cenv, one

    def end(self, cenv: str) -> None:
        """One of the cenv's has ended."""
        self.busy -= 1
        left = self._held[cenv] - 1
        if left:
            self._held[cenv] = left
        else:
            del self._held[cenv]

    def popleft(self) -> T:
        """Any that waits, which is not to begin."""
        return self._pop(next(iter(self._lines)))

    def __len__(self) -> int:
        """How many wait."""
        return self._waiting

    def _turn(self) -> str | None:
        return next(filter(self._may, self._lines), None)

    def _pop(self, cenv: str) -> T:
        self._waiting -= 1
        line = self._lines[cenv]
        one = line.popleft()
        if not line:
            del self._lines[cenv]
        return one

    def _take(self, cenv: str) -> None:
        self._held[cenv] = self._held.get(cenv, 0) + 1
        self.busy += 1
