"""What threads that answer requests owe each other: who is about to wait says so, who computes for long lets the others go first.

Python runs one thread at a time. A server that lets one quick request run after the other on one warm thread does more than one
that changes between many; it only has to know who waits for a disk, a lock or another process. See `wce.web.dispatch`.

The kernel gives each thread that wants a processor its turn, of several milliseconds, in which a quick request is answered many times
over. So what may run for long ends its turn by itself after one.

The interpreter is taken from whoever runs in much shorter turns, and a quick request gives it away itself at every step of SQLite; beside
one that works in Python for long it would wait for it a dozen times. So such work pauses for as long as a quick request is answered.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from typing import Final

OPS: Final = 10_000  # of SQLite's machine between two calls of `until`: half a millisecond at most as a rule
TURN_SECONDS: Final = 0.001
# So that among quick requests without an end a quarter of the time is left for it.
PAUSE_SECONDS: Final = 0.003
_LOOK_SECONDS: Final = 0.0002
# Lets the threads go first that wait for this processor; `os.sched_yield` would keep the interpreter meanwhile.
give_way: Final = ctypes.CDLL(None).sched_yield


class _Local(threading.local):
    """What a thread's server has told it, and until when it may work without a pause."""

    step_aside: Callable[[], None] | None = None
    is_another_quick: Callable[[], bool] | None = None
    turn_ends = 0.0


_local: Final = _Local()


def serve(step_aside: Callable[[], None], is_another_quick: Callable[[], bool]) -> None:
    """What `waiting` does in this thread, and how it learns whether another one answers a quick request; its server says so once."""
    _local.step_aside, _local.is_another_quick = step_aside, is_another_quick


def waiting() -> None:
    """This thread will wait, or leave Python for long. Costs nothing much; in threads that serve nobody, nothing."""
    if _local.step_aside is not None:
        _local.step_aside()


def pause() -> None:
    """Between two pieces of long work in Python: once a turn is over, let the quick request go first that another thread answers."""
    now = time.monotonic()
    if _local.is_another_quick is None or now < _local.turn_ends:
        return
    longest = now + PAUSE_SECONDS
    while now < longest and _local.is_another_quick():
        time.sleep(_LOOK_SECONDS)
        now = time.monotonic()
    _local.turn_ends = now + TURN_SECONDS


def until(deadline: float) -> Callable[[], bool]:
    """For SQLite's progress handler: says when it is late by `time.monotonic`, which ends the statement, and lets others go first.

    That is every thread that waits for this processor, each time that a turn is over; it costs 2 µs, and nothing more where none waits.
    """
    ends = time.monotonic() + TURN_SECONDS

    def late() -> bool:
        nonlocal ends
        now = time.monotonic()
        if now >= ends:
            give_way()
            now = time.monotonic()
            ends = now + TURN_SECONDS
        return now > deadline

    return late
