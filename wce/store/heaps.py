"""Where SQLite's memory comes from: few heaps for all threads."""

from __future__ import annotations

import ctypes
from collections.abc import MutableMapping
from typing import Final

_VARIABLE: Final = "MALLOC_ARENA_MAX"  # by which glibc is told when a process starts
_ARENA_MAX: Final = -8  # M_ARENA_MAX of mallopt(3)
_HEAPS: Final = 2


def share_heaps(environ: MutableMapping[str, str]) -> bool:
    """Let all threads take their memory from two heaps of glibc, here and in processes that get this environment; whether it is so now.

    Where the environment says already how many it stays as that.

    By itself each thread gets a heap of its own, up to eight for each core. Connections are opened by all threads and closed by whoever
    needs room, so that each heap grew to the most that its thread ever had open, with holes that no other thread could use.
    """
    if _VARIABLE in environ:
        return False
    environ[_VARIABLE] = str(_HEAPS)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another library than glibc
        return False
    return bool(mallopt(_ARENA_MAX, _HEAPS))
