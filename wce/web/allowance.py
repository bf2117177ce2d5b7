"""How long one request may hold the turn before others go on beside it.

A fixed time would be shorter than what every request takes on a slow or a busy machine. There each turn would be taken from one that is
as quick as all the others, and the two threads would take the interpreter from each other, which makes both slower still.
"""

from __future__ import annotations

from typing import Final

LEAST_SECONDS: Final = 0.003
_TIMES: Final = 6.0  # as long as a usual request
_MOST: Final = 4.0  # times the least
_STEP: Final = 1.05


class Allowance:
    """`seconds` follows the median of what requests take, so that a few long ones do not stretch it, up to `most_seconds`."""

    __slots__ = ("_least", "most_seconds", "seconds")

    def __init__(self, least_seconds: float = LEAST_SECONDS) -> None:
        self.seconds = self._least = least_seconds
        self.most_seconds = least_seconds * _MOST

    def note(self, took_seconds: float) -> None:
        """A request has ended, or has just lost its turn."""
        longer = took_seconds * _TIMES > self.seconds
        self.seconds = min(self.most_seconds, self.seconds * _STEP) if longer else max(self._least, self.seconds / _STEP)
