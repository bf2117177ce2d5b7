"""How many of this process's descriptors connections to cenvs may have."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Final

EACH: Final = 3  # the file, its WAL and its -shm
_RESERVED: Final = 200  # left for sockets, logs, temporary files and the sandbox's pipes
_LEAST: Final = 8
_ENDLESS: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Share:
    """So many connections may be open, with so many `descriptors`."""

    connections: int
    descriptors: int


def limit() -> int:
    """How many descriptors this process may have."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _ENDLESS if soft == resource.RLIM_INFINITY else soft


def share(wanted: int) -> Share:
    """The share of those that are not left for other things."""
    descriptors = max(EACH * _LEAST, limit() - _RESERVED)
    return Share(min(max(_LEAST, wanted), descriptors // EACH), descriptors)
