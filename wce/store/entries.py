"""What is open: one resource of one thread, and all that is open of one cenv."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Protocol


class Closable(Protocol):
    """What the cache holds: a connection, or anything built on one."""

    def close(self) -> None: ...


class Entry:
    """One open resource of one thread."""

    __slots__ = ("doomed", "file", "held", "home", "key", "uses", "weight")

    def __init__(self, file: File, key: Hashable, held: Closable, home: Entries) -> None:
        self.file = file
        self.key = key
        self.held = held
        self.home = home
        self.uses = 0
        self.doomed = False  # to be closed as soon as nobody uses it
        self.weight = 0  # bytes that it takes for the schema


Entries = dict[str, dict[Hashable, Entry]]  # of one thread: by cenv and key


class File:
    """What is open of one cenv, over all threads."""

    __slots__ = ("cenv", "checked", "entries", "identity", "peak", "weight")

    def __init__(self, cenv: str, identity: object) -> None:
        self.cenv = cenv
        self.identity = identity
        self.checked = time.monotonic()
        self.entries: set[Entry] = set()
        self.peak = 0
        self.weight = 0  # of each connection

    @property
    def total(self) -> int:
        """Bytes of all connections for the schema."""
        return self.weight * len(self.entries)

    @property
    def descriptors(self) -> int:
        """One WAL each and one -shm; of the file itself as many as were ever open at once.

        SQLite keeps the descriptor of a closed connection until the last connection to the file goes, because
        closing it would drop the locks of the others (os_unix.c, `setPendingFd`).
        """
        return len(self.entries) + self.peak + 1 if self.entries else 0
