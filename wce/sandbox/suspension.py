"""Scripts that keep running out of time rest for a while, so that they cannot keep workers from others."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from wce.errors import WceError

_TIMES: Final = 3
_SECONDS: Final = 60.0
_KEPT: Final = 4_096  # scripts


class Suspensions:
    """A script, known by its cenv and its key, that ran out of time three times within a minute rests for one."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._late: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def check(self, cenv: str, key: str) -> None:
        """Raise `busy` while the script is suspended."""
        if not self._late:  # as almost always
            return
        with self._lock:
            left = self._left(self._late.get((cenv, key), []))
        if left > 0:
            seconds = math.ceil(left)
            told = f"This script ran out of time {_TIMES} times within a minute and is suspended for {seconds} more seconds."
            raise WceError("busy", told, retry_after=seconds)

    def note(self, cenv: str, key: str) -> None:
        """The script has run out of time."""
        now = self._now()
        with self._lock:
            times = [at for at in self._late.pop((cenv, key), []) if at > now - _SECONDS]
            self._late[cenv, key] = [*times, now][-_TIMES:]
            if len(self._late) > _KEPT:
                self._late.popitem(last=False)

    def count(self) -> int:
        """How many scripts are suspended now."""
        with self._lock:
            return sum(self._left(times) > 0 for times in self._late.values())

    def _left(self, times: list[float]) -> float:
        """Seconds until the script may run again."""
        return times[-1] + _SECONDS - self._now() if len(times) == _TIMES else 0.0
