"""Requests that wait for a thread: cenvs take turns, and none holds so many threads that nothing is left for the others.

Threads that compute, or wait for a script, cannot be taken back. So a cenv begins another request only while more threads are free
than it holds already: alone it has half of them, the next one half of the rest, and so on. What it has beyond that waits here, where
it costs nobody a thread.
"""

from __future__ import annotations

from typing import Final, TypeVar

from wce.lines import Lines

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


class Shares(Lines[T]):
    """Requests that wait, and who holds how many of the `threads`."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.threads = threads

    @property
    def ready(self) -> bool:
        """Whether one of those that wait may begin."""
        return bool(self._lines) and self._turn() is not None

    def _turn(self) -> str | None:
        """Whose turn it is. While a thread is free, a cenv that may not begin holds one itself, so that few are looked at."""
        if self.busy >= self.threads:
            return NOBODY if NOBODY in self._lines else None
        return next(filter(self._may, self._lines), None)

    def _may(self, cenv: str) -> bool:
        return cenv == NOBODY or self._held.get(cenv, 0) < self.threads - self.busy
