"""Counters of fixed windows in a piece of memory that all processes of one server share: for limits of requests, and scripts that rest.

`hit` counts several keys in one step. Memory is bounded: a table of slots, and where a bucket is full of windows that still run,
the one with the fewest hits goes, so a flood of new addresses never frees a heavy user.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import secrets
import struct
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wce.cache import Cache
from wce.log import LOGGER

_SLOT: Final = struct.Struct("<QdQ")  # hash of the key, end of the window in Unix seconds, hits
_SALT_BYTES: Final = 16
_BUCKET: Final = 8
_PREPARED: Final = 16_384  # questions whose hashes are remembered
SLOTS: Final = 65_536  # 1.5 MiB


@dataclass(frozen=True, slots=True)
class Prepared:
    """Windows to count in: (hash of the key, seconds) and the limit of each; `places` are where their slots were last."""

    windows: list[tuple[int, int]]
    limits: list[int]
    places: list[int]


class _FileLock:
    """One holder over all threads and processes."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._threads = threading.Lock()  # flock is per open file, so it does not part the threads of one process

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()


def _has_room(file: int, size: int) -> bool:
    """Take the room on the disk now: to write to a page that there is no room for ends the process (SIGBUS), and all others with it."""
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        LOGGER.warning("limits are counted by each process for itself", extra={"reason": str(error)})
        return False
    return True


class Counters:
    """Hits per key and window; `path` None keeps them in this process alone."""

    waits = False  # for another machine, when it counts

    def __init__(self, path: Path | None = None, slots: int = SLOTS, now: Callable[[], float] = time.time) -> None:
        if slots % _BUCKET:
            raise ValueError(f"slots must be a multiple of {_BUCKET}")
        self.now = now
        self.machine: Counters = self  # those that are never asked of another machine
        self._buckets = slots // _BUCKET
        self._prepared: Cache[Hashable, Prepared] = Cache(_PREPARED)
        self._exclusive: AbstractContextManager[object] = threading.Lock()
        size = _SALT_BYTES + slots * _SLOT.size
        self._file: int | None = None
        if path is None:
            self._memory = mmap.mmap(-1, size)
        else:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._exclusive = _FileLock(self._file)
            with self._exclusive:
                if os.fstat(self._file).st_size != size:
                    os.ftruncate(self._file, 0)
                    os.ftruncate(self._file, size)
                self._memory = mmap.mmap(self._file if _has_room(self._file, size) else -1, size)
                self._salt_once()
        if path is None:
            self._salt_once()
        # Keyed, so that nobody outside can compute two keys that share a bucket.
        self._salt = bytes(self._memory[:_SALT_BYTES])

    def _salt_once(self) -> None:
        if self._memory[:_SALT_BYTES] == bytes(_SALT_BYTES):
            self._memory[:_SALT_BYTES] = secrets.token_bytes(_SALT_BYTES)

    def _hash(self, key: str) -> int:
        digest = hashlib.blake2b(key.encode(), digest_size=8, key=self._salt).digest()
        return int.from_bytes(digest, "little") or 1  # 0 marks a free slot

    def _bucket(self, wanted: int) -> int:
        """Where the slots begin of which one may be the key's."""
        return _SALT_BYTES + (wanted % self._buckets) * _BUCKET * _SLOT.size

    def _slot(self, wanted: int, now: float) -> tuple[int, float, int]:
        """(offset, end, hits) of the key's slot, else of the one to be taken, with 0 hits."""
        first = self._bucket(wanted)
        spare, spare_rank = first, (3, 0)
        for offset in range(first, first + _BUCKET * _SLOT.size, _SLOT.size):
            found, end, hits = _SLOT.unpack_from(self._memory, offset)
            if found == wanted and end > now:
                return offset, end, hits
            rank = (0, 0) if found == wanted else (1, 0) if end <= now else (2, hits)
            if rank < spare_rank:
                spare, spare_rank = offset, rank
        return spare, 0.0, 0

    def hit(self, keys: Sequence[tuple[str, int]], amount: int = 1) -> list[tuple[int, float]]:
        """Count `amount` for each (key, window in seconds) in one step; answers (hits, end of the window) for each."""
        windows = [(self._hash(key), seconds) for key, seconds in keys]
        return self.count(windows, [_SALT_BYTES] * len(windows), amount)

    def prepare(self, name: Hashable, make: Callable[[], Sequence[tuple[str, int, int]]]) -> Prepared:
        """What `make` gives as (key, limit, window in seconds), made ready for `count` and remembered under a name."""
        found = self._prepared.get(name)
        if found is not None:
            return found
        asked = make()
        windows = [(self._hash(key), seconds) for key, _, seconds in asked]
        return self._prepared.put(name, Prepared(windows, [item[1] for item in asked], [_SALT_BYTES] * len(windows)))

    def count(
        self, hashed: Sequence[tuple[int, int]], places: list[int], amount: int = 1, limits: Sequence[int] = ()
    ) -> list[tuple[int, float]]:
        """As `hit`, for keys that are hashed already; `places` are where to look first, and kept up.

        With `limits` the first window that is over its own is the last one that is counted, and answered.
        """
        now = self.now()
        answers = []
        with self._exclusive:
            for index, (wanted, seconds) in enumerate(hashed):
                offset = places[index]
                found, end, hits = _SLOT.unpack_from(self._memory, offset)
                if found != wanted or end <= now:
                    offset, end, hits = self._slot(wanted, now)
                    places[index] = offset
                # A clock that was set back must not stretch a window.
                end = min(end, now + seconds) if hits else now + seconds
                hits += amount
                _SLOT.pack_into(self._memory, offset, wanted, end, hits)
                answers.append((hits, end))
                if limits and hits > limits[index]:
                    break
        return answers

    def read(self, key: str) -> tuple[int, float]:
        """(hits, end of the window) of a key; (0, now) where no window runs."""
        now, wanted = self.now(), self._hash(key)
        first = self._bucket(wanted)
        # Nearly always it is not there, which is seen at once and without a turn.
        if self._memory.find(wanted.to_bytes(8, "little"), first, first + _BUCKET * _SLOT.size) < 0:
            return 0, now
        with self._exclusive:
            _, end, hits = self._slot(wanted, now)
        return hits, end if hits else now

    def forget(self, key: str) -> None:
        """End the window of a key."""
        with self._exclusive:
            offset, _, hits = self._slot(self._hash(key), self.now())
            if hits:
                _SLOT.pack_into(self._memory, offset, 0, 0.0, 0)

    def reset(self) -> None:
        """Forget every key."""
        with self._exclusive:
            self._memory[_SALT_BYTES:] = bytes(len(self._memory) - _SALT_BYTES)

    def close(self) -> None:
        """Let go of the table; a second call does nothing."""
        self._memory.close()
        if self._file is not None:
            os.close(self._file)
            self._file = None
