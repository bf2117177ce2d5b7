"""Scripts that keep using up what they may rest for a while, so that they cannot keep workers and processors from others."""

from __future__ import annotations

import math
from typing import Final

from wce.counters import Counters
from wce.errors import WceError

# How often a script may end by each within a minute. Who runs out of time has held a worker for seconds; who is ended by his memory, only
# for some tenths, but beginning him again and again costs the neighbours more than anything else that a script can do.
_TIMES: Final = {"time": 3, "memory": 10, "crash": 10}
_SECONDS: Final = 60


class Suspensions:
    """A script, known by its cenv and its key, that was ended too often within a minute rests for one, in every process.

    `counters` are those of this machine: they are looked at before each call. Each time begins a window of its own, so that all are
    open at once only where they lie within one minute.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._here: dict[str, float] = {}  # when what this process has suspended may run again

    def check(self, cenv: str, key: str) -> None:
        """Raise `busy` while the script is suspended."""
        hits, end = self._counters.read(_name(cenv, key, "rest"))
        left = end - self._counters.now()
        if hits and left <= _SECONDS:  # more is left where the clock was set back
            seconds = math.ceil(left)
            told = f"This script ran out of time or memory too often within a minute and is suspended for {seconds} more seconds."
            raise WceError("busy", told, retry_after=seconds)

    def note(self, cenv: str, key: str, kind: str) -> None:
        """The script has ended by a fault of that kind; most of them are nobody's burden."""
        most = _TIMES.get(kind, 0)
        for time in range(1, most + 1):
            if self._counters.hit([(_name(cenv, key, f"{kind} {time}"), _SECONDS)])[0][0] > 1:
                continue
            if time == most:
                self.count()  # so that those that are over go
                self._here[cenv + key] = self._counters.hit([(_name(cenv, key, "rest"), _SECONDS)])[0][1]
            break

    def count(self) -> int:
        """How many scripts that this process suspended are so now."""
        now = self._counters.now()
        for script, end in tuple(self._here.items()):
            if end <= now:
                self._here.pop(script, None)
        return len(self._here)


def _name(cenv: str, key: str, what: str) -> str:
    return f"late {cenv} {what} {key}"
