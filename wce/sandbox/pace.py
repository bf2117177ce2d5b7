"""Whether the thread that answers a request keeps its place while a script runs. Why it matters: `wce.web.dispatch`."""

from __future__ import annotations

from typing import Final

from wce import lane

QUICK_SECONDS: Final = 0.002
_MOST: Final = 1_000


class Pace:
    """Remembers which scripts were quick the last time they ran.

    A quick one is over before another request would be of any use, and changing threads takes as long as many a script. One that turns
    out to be slow holds up others for a moment only: the server's own watch calls the next thread.
    """

    def __init__(self) -> None:
        self._quick: set[str] = set()
        self._hurries = False

    def begin(self, key: str) -> None:
        """The script of that key is about to run."""
        self._hurries = key in self._quick

    def waiting(self) -> None:
        """The thread will wait for the worker."""
        if not self._hurries:
            lane.waiting()

    def end(self, key: str, seconds: float) -> None:
        """It has ended after so long, well or not."""
        self._hurries = False
        if seconds > QUICK_SECONDS:
            self._quick.discard(key)
            return
        if len(self._quick) >= _MOST:
            self._quick.clear()
        self._quick.add(key)
