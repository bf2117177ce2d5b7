"""Lets a thread that answers requests say that it is about to wait, so that the server gives its place to another at once.

Python runs one thread at a time. A server that lets one quick request run after the other on one warm thread does more than one
that changes between many; it only has to know who waits for a disk, a lock or another process. See `wce.web.dispatch`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

_local: Final = threading.local()


def on_waiting(callback: Callable[[], None]) -> None:
    """What `waiting` does in this thread; a server's thread says so once."""
    _local.callback = callback


def waiting() -> None:
    """This thread will wait, or leave Python for long. Costs nothing much; in threads that serve nobody, nothing."""
    callback = getattr(_local, "callback", None)
    if callback is not None:
        callback()
