"""The descriptors of this process: how many of them connections to cenvs may have, and the three that are always there."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass
from typing import Final, TextIO

EACH: Final = 3  # the file, its WAL and its -shm
_RESERVED: Final = 200  # left for sockets, logs, temporary files and the sandbox's pipes
_LEAST: Final = 8
_ENDLESS: Final = 1 << 20
_STANDARD: Final = 2  # the last of the three


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


def fill_standard() -> None:
    """Open standard input, output and error where whoever started this process closed them.

    Python has None for them then, and the next socket or file would get their numbers, and with them what libraries print.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STANDARD:
        os.set_inheritable(opened, True)
    os.close(opened)
    sys.stdout, sys.stderr = sys.stdout or _writer(1), sys.stderr or _writer(_STANDARD)


def _writer(descriptor: int) -> TextIO:
    return open(descriptor, "w", encoding="utf-8", closefd=False)
