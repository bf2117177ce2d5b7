"""Clients that read nothing of their answers, where the server has no limit for them: the kernel ends their connections."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

_OPEN: Final = "/proc/self/fd"
_TCP: Final = (socket.AF_INET, socket.AF_INET6)


def end_after(seconds: float) -> bool:
    """End connections of this process whose other side takes nothing for so long; False when it does not listen yet.

    By TCP_USER_TIMEOUT of tcp(7), which the connections inherit from the socket that listens. The server that made it keeps it to itself.
    """
    found = False
    for name in os.listdir(_OPEN):
        with suppress(OSError):  # it was closed meanwhile
            # Nothing else may be copied: to close a copy of a database would drop SQLite's locks on it.
            if os.readlink(f"{_OPEN}/{name}").startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name))) as held:
                    if held.family in _TCP and held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                        held.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
                        found = True
    return found
