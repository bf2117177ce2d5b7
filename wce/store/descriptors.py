"""How many of this process's descriptors connections to cenvs may have."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Final

EACH: Final = 3  # the file, its WAL and its -shm
_RESERVED: Final = 200  # left for sockets, logs, temporary files and the sandbox's pipes
_LEAST: Final = 8
_MOST_WAITING: Final = 32
_ENDLESS: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Share:
    """So many connections may be open, with so many `descriptors`, while so many more wait to be closed."""

    connections: int
    descriptors: int
    waiting: int

    @property
    def most(self) -> int:
        """Descriptors that all of them take at most, with the one that is being closed."""
        return EACH * (self.connections + self.waiting + 1)


def limit() -> int:
    """How many descriptors this process may have."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _ENDLESS if soft == resource.RLIM_INFINITY else soft


def share(wanted: int) -> Share:
    """The share of those that are not left for other things; an eighth of it at most is for what waits."""
    spare = limit() - _RESERVED
    waiting = max(1, min(_MOST_WAITING, spare // EACH // 8))
    descriptors = max(EACH * _LEAST, spare - EACH * (waiting + 1))
    return Share(max(_LEAST, min(wanted, descriptors // EACH)), descriptors, waiting)
