"""The open connections of this process: each thread has its own, all threads share one bound."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Generic, TypeVar

from wce.metrics import Metrics
from wce.store import descriptors
from wce.store.entries import Closable, Entries, Entry, File

# Of what SQLite may have at all: a quarter where the machine has 2 GiB or more, and of its memory an eighth where it has less.
SCHEMAS_BYTES: Final = min(256 * 1024 * 1024, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8)
_MUCH: Final = 4  # of which one cenv's part is much
# How long a file that was replaced or removed by another process may go on being read through an old connection.
_CHECK_SECONDS: Final = 0.25


T = TypeVar("T", bound=Closable)


class _Home(threading.local):
    """A thread's own connections: cenv → key → entry."""

    def __init__(self, connections: Connections) -> None:
        self.entries: Entries = {}
        self._will = _Will(connections, self.entries)


class _Will:
    """Dies with its thread and closes what that had open; a server with a thread for each request would else fill the cache."""

    def __init__(self, connections: Connections, entries: Entries) -> None:
        self._connections = connections
        self._entries = entries
        self._foreign = isinstance(threading.current_thread(), threading._DummyThread)  # a server's own, which ends with it

    def __del__(self) -> None:
        if self._entries and not self._foreign:  # SQLite's callbacks (PyGILState_Release) would end the state of a foreign one twice
            self._connections.orphan(self._entries)


class Use(Generic[T]):
    """`with` one resource; a class and not a generator because this runs several times in every request."""

    __slots__ = ("_cenv", "_connections", "_entry", "_key", "_open")

    def __init__(self, connections: Connections, cenv: str, key: Hashable, open_: Callable[[], T]) -> None:
        self._connections = connections
        self._cenv = cenv
        self._key = key
        self._open = open_

    def __enter__(self) -> T:
        self._entry = self._connections.take(self._cenv, self._key, self._open)
        return self._entry.held  # type: ignore[return-value]  # what `open_` gave; to cast is a call

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connections.give_back(self._entry)


class Connections:
    """A cache by (thread, cenv, key), the least recently used closed first, never one that is in use.

    A nested `use` of the same key in one thread gets the same resource. `identity` tells the file behind a cenv
    (None: no file); where it has changed, everything open on the old file is let go.
    """

    def __init__(
        self,
        limit: int,
        metrics: Metrics | None = None,
        identity: Callable[[str], object] | None = None,
        most_bytes: int = SCHEMAS_BYTES,
    ) -> None:
        share = descriptors.share(limit)
        self._descriptor_limit, self.limit = share.descriptors, share.connections
        self._metrics = metrics
        self._identity = identity
        self._home = _Home(self)
        self._lock = threading.Lock()
        self._order: OrderedDict[Entry, None] = OrderedDict()  # least recently used first
        self._files: dict[str, File] = {}
        self._descriptors = 0
        self._most_bytes = most_bytes
        self._bytes = 0  # of all schemas
        self._uses = 0  # not yet told to the metrics, whose counters cost more than all of `take`

    def use(self, cenv: str, key: Hashable, open_: Callable[[], T]) -> Use[T]:
        """`with connections.use(…) as resource`: this thread's, opened by `open_` where there is none."""
        return Use(self, cenv, key, open_)

    @contextmanager
    def sharing(self, entries: Entries) -> Iterator[None]:
        """`with` these in place of the thread's own, empty at first; one thread at a time, for the caller to see to."""
        own, self._home.entries = self._home.entries, entries
        try:
            yield
        finally:
            self._home.entries = own

    def holds(self, cenv: str) -> bool:
        """Whether any thread has the file open."""
        return cenv in self._files

    def weigh(self, cenv: str, size: int) -> None:
        """Say how many bytes each connection to a cenv takes for its schema; where all together take too many, idle ones go."""
        with self._lock:
            file = self._files.get(cenv)
            if file is None or file.weight == size:
                return
            file.weight = size
            for entry in file.entries:
                self._bytes += size - entry.weight
                entry.weight = size
            closing = self._lighten()
        _close(closing)

    def discard(self, cenv: str, key: Hashable) -> None:
        """Close this thread's resource, or when it is in use as soon as it is not; the next `use` opens a new one."""
        with self._lock:
            entry = self._home.entries.get(cenv, {}).pop(key, None)
            closing = [] if entry is None else self._drop([entry])
        _close(closing)

    def close_cenv(self, cenv: str) -> None:
        """Close what all threads have open on a cenv: the idle before this returns, the others when they are released."""
        with self._lock:
            file = self._files.get(cenv)
            closing = [] if file is None else self._drop(list(file.entries))
        _close(closing)

    def close(self) -> None:
        """Close everything; what is still in use goes when it is released."""
        with self._lock:
            closing = self._drop(list(self._order))
        _close(closing)

    def orphan(self, entries: Entries) -> None:
        """Close what a thread that has ended had open."""
        with self._lock:
            closing = self._drop([entry for keys in entries.values() for entry in keys.values()])
        _close(closing)

    def moved(self, cenv: str) -> bool:
        """Whether a connection that this thread holds reads a file that is no longer the cenv's."""
        mine = self._home.entries.get(cenv)
        if not mine or self._identity is None:
            return False
        found = self._identity(cenv)
        # list() of a dict is one step to other threads, which may take idle entries out of it.
        return any(entry.uses and entry.file.identity != found for entry in list(mine.values()))

    def __len__(self) -> int:
        return len(self._order)

    def take(self, cenv: str, key: Hashable, open_: Callable[[], Closable]) -> Entry:
        mine = self._home.entries.get(cenv)
        entry = mine.get(key) if mine else None
        if entry is not None:
            if time.monotonic() - entry.file.checked > _CHECK_SECONDS:
                self._check(entry.file)
            with self._lock:
                # Another thread may have closed it since; then it is in no order any more.
                if entry in self._order:
                    entry.uses += 1
                    self._uses += 1
                    self._order.move_to_end(entry)
                    return entry
        return self._open(cenv, key, open_)

    def _open(self, cenv: str, key: Hashable, open_: Callable[[], Closable]) -> Entry:
        with self._lock:
            closing = self._evict(1, 2 if cenv in self._files else 3)
        _close(closing)
        identity = self._identity(cenv) if self._identity else None  # before opening: a change in between shows as a change
        opened, closing = open_(), []
        with self._lock:
            file = self._files.get(cenv)
            if file is not None and file.identity != identity:
                closing = self._drop(list(file.entries))
                file = None
            entry = self._remember(file or File(cenv, identity), key, opened)
            closing += self._lighten()
        _close(closing)
        return entry

    def _remember(self, file: File, key: Hashable, opened: Closable) -> Entry:
        entry = Entry(file, key, opened, self._home.entries)
        entry.uses = 1
        file.weight = getattr(opened, "weight", file.weight)
        entry.weight = file.weight
        self._bytes += entry.weight
        entry.home.setdefault(file.cenv, {})[key] = entry
        self._order[entry] = None
        self._files[file.cenv] = file
        self._descriptors -= file.descriptors
        file.entries.add(entry)
        file.peak = max(file.peak, len(file.entries))
        self._descriptors += file.descriptors
        self._uses += 1
        if self._metrics:
            self._metrics.connection_opens.inc()
        self._measure()
        return entry

    def give_back(self, entry: Entry) -> None:
        with self._lock:
            entry.uses -= 1
            if entry.uses or not (entry.doomed or len(self._order) > self.limit or self._bytes > self._most_bytes):
                return
            closing = self._drop([entry]) if entry.doomed else self._evict(0, 0) + self._lighten()
        _close(closing)

    def _check(self, file: File) -> None:
        """Let go of everything on a file that is no longer at its place."""
        if self._identity is None or self._identity(file.cenv) == file.identity:
            file.checked = time.monotonic()
            with self._lock:
                self._measure()
            return
        with self._lock:
            closing = self._drop(list(file.entries))
        _close(closing)

    def _evict(self, connections: int, more_descriptors: int) -> list[Closable]:
        """Take out idle entries until so many more fit; the lock is held. Where all are in use the bound is overstepped."""
        closing: list[Closable] = []
        most, most_descriptors = self.limit - connections, self._descriptor_limit - more_descriptors
        while len(self._order) > most or self._descriptors > most_descriptors:
            idle = next((entry for entry in self._order if not entry.uses), None)
            if idle is None:
                break
            closing += self._drop([idle])
        return closing

    def _lighten(self) -> list[Closable]:
        """Take out idle entries until the schemas fit; the lock is held. What is in use stays.

        Those of the cenv that has most go first where that is much; else it may only be the busiest, and what has rested longest goes.
        """
        closing: list[Closable] = []
        while self._bytes > self._most_bytes:
            idle = [entry for entry in self._order if entry.weight and not entry.uses]
            if not idle:
                break
            heaviest = max(idle, key=lambda entry: entry.file.total)
            closing += self._drop([heaviest if heaviest.file.total > self._most_bytes // _MUCH else idle[0]])
        return closing

    def _drop(self, entries: list[Entry]) -> list[Closable]:
        """Forget entries and return what the caller closes after releasing the lock; those in use are only marked."""
        closing: list[Closable] = []
        for entry in entries:
            if entry.uses:
                entry.doomed = True
            elif entry in self._order:
                del self._order[entry]
                closing.append(entry.held)
                self._forget(entry)
        self._measure()
        return closing

    def _forget(self, entry: Entry) -> None:
        file = entry.file
        self._descriptors -= file.descriptors
        file.entries.discard(entry)
        self._descriptors += file.descriptors
        self._bytes -= entry.weight
        if not file.entries and self._files.get(file.cenv) is file:
            del self._files[file.cenv]
        keys = entry.home.get(file.cenv, {})
        if keys.get(entry.key) is entry:
            del keys[entry.key]
        if not keys:
            entry.home.pop(file.cenv, None)

    def _measure(self) -> None:
        if self._metrics:
            self._metrics.open_connections.set(len(self._order))
            self._metrics.open_cenvs.set(len(self._files))
            self._metrics.connection_uses.inc(self._uses)
            self._uses = 0


def _close(resources: Iterable[Closable]) -> None:
    for item in resources:
        item.close()
