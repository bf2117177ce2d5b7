"""What threads that answer requests owe each other: who is about to wait says so, who computes for long lets the others go first.

Python runs one thread at a time. A server that lets one quick request run after the other on one warm thread does more than one
that changes between many; it only has to know who waits for a disk, a lock or another process. See `wce.web.dispatch`.

The kernel gives each thread that wants a processor its turn, of several milliseconds, in which a quick request is answered many times
over. So what may run for long ends its turn by itself after one.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from typing import Final

OPS: Final = 10_000  # of SQLite's machine between two calls of `until`: half a millisecond at most as a rule
TURN_SECONDS: Final = 0.001
# `os.sched_yield` would keep the interpreter meanwhile.
_give_way: Final = ctypes.CDLL(None).sched_yield
_local: Final = threading.local()


def on_waiting(callback: Callable[[], None]) -> None:
    """What `waiting` does in this thread; a server's thread says so once."""
    _local.callback = callback


def waiting() -> None:
    """This thread will wait, or leave Python for long. Costs nothing much; in threads that serve nobody, nothing."""
    callback = getattr(_local, "callback", None)
    if callback is not None:
        callback()


def until(deadline: float) -> Callable[[], bool]:
    """For SQLite's progress handler: says when it is late by `time.monotonic`, which ends the statement, and lets others go first.

    That is every thread that waits for this processor, each time that a turn is over; it costs 2 µs, and nothing more where none waits.
    """
    ends = time.monotonic() + TURN_SECONDS

    def late() -> bool:
        nonlocal ends
        now = time.monotonic()
        if now >= ends:
            _give_way()
            now = time.monotonic()
            ends = now + TURN_SECONDS
        return now > deadline

    return late
