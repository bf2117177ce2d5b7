"""Requests that wait for a thread: cenvs take turns, and none holds so many threads that nothing is left for the others.

Threads that compute, or wait for a script, cannot be taken back. So a cenv begins another request only while more threads are free
than it holds already: alone it has half of them, the next one half of the rest, and so on. What it has beyond that waits here, where
it costs nobody a thread.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
NOBODY: Final = ""  # whose requests are no cenv's, and quick
NEWCOMERS: Final = "new"  # whoever sends a file for a new cenv, which may take minutes to build, and has none yet
_ID_ENDS: Final = 37  # in /{cenv}/…
_STOPS: Final = "/query/"  # what stops a statement would else wait for a thread behind the statement
_EXPLAINS: Final = "/query/explain"


def cenv_of(path: str, *, brings_file: bool = False) -> str:
    """What stands where a cenv's id does, for all that may take long; `brings_file`: who has paid for a new cenv out of a file."""
    if path[_ID_ENDS : _ID_ENDS + 1] != "/":
        return NEWCOMERS if brings_file else NOBODY
    if path.startswith(_STOPS, _ID_ENDS) and not path.startswith(_EXPLAINS, _ID_ENDS):
        return NOBODY
    return path[1:_ID_ENDS]


class Shares(Generic[T]):
    """The line, and who holds how many of the `threads`; its owner's lock guards every call."""

    def __init__(self, cenv: Callable[[T], str], threads: int) -> None:
        """`cenv` tells whose a request is."""
        self.threads = threads
        self._cenv = cenv
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()  # whose turn it is stands first
        self._held: dict[str, int] = {}
        self._total = 0
        self._waiting = 0

    def append(self, request: T) -> None:
        """It waits."""
        self._waiting += 1
        cenv = self._cenv(request)
        line = self._lines.get(cenv)
        if line is None:
            self._lines[cenv] = deque((request,))
        else:
            line.append(request)

    @property
    def ready(self) -> bool:
        """Whether one of those that wait may begin."""
        return bool(self._lines) and self._turn() is not None

    def next(self) -> tuple[str, T] | None:
        """The next that may begin, and the cenv that holds it then."""
        cenv = self._turn()
        if cenv is None:
            return None
        request = self._pop(cenv)
        if cenv in self._lines:
            self._lines.move_to_end(cenv)
        self._take(cenv)
        return cenv, request

    def begin(self, request: T) -> bool:
        """Begin with one that has not waited, unless it has to."""
        cenv = self._cenv(request)
        if not self._may(cenv):
            return False
        self._take(cenv)
        return True

    def end(self, cenv: str) -> None:
        """One of the cenv's has ended."""
        self._total -= 1
        left = self._held[cenv] - 1
        if left:
            self._held[cenv] = left
        else:
            del self._held[cenv]

    def popleft(self) -> T:
        """Any that waits, which is not to begin."""
        return self._pop(next(iter(self._lines)))

    def __len__(self) -> int:
        return self._waiting

    def _pop(self, cenv: str) -> T:
        self._waiting -= 1
        line = self._lines[cenv]
        request = line.popleft()
        if not line:
            del self._lines[cenv]
        return request

    def _turn(self) -> str | None:
        """Whose turn it is. While a thread is free, a cenv that may not begin holds one itself, so that few are looked at."""
        if self._total >= self.threads:
            return NOBODY if NOBODY in self._lines else None
        return next(filter(self._may, self._lines), None)

    def _may(self, cenv: str) -> bool:
        return cenv == NOBODY or self._held.get(cenv, 0) < self.threads - self._total

    def _take(self, cenv: str) -> None:
        self._held[cenv] = self._held.get(cenv, 0) + 1
        self._total += 1
