"""Deadlines for running statements: one thread for the whole process interrupts those that are late."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from typing import Final, Protocol

# SQLite forgets an interrupt that comes just before a statement starts, so a late one is interrupted again and again.
_REPEAT_SECONDS: Final = 0.05


class Interruptible(Protocol):
    def interrupt(self) -> None: ...


class Watch:
    """The deadline of one connection, which runs one statement at a time.

    One entry of the watchdog's heap counts for it, the one at `_next_look`, however many statements it runs in the meantime.
    """

    __slots__ = ("_connection", "_deadline", "_lock", "_next_look", "_watchdog")

    def __init__(self, watchdog: Watchdog, connection: Interruptible) -> None:
        self._watchdog = watchdog
        self._connection: Interruptible | None = connection
        self._lock = threading.Lock()
        self._deadline: float | None = None
        self._next_look = float("inf")

    def start(self, seconds: float) -> float:
        """A statement starts; returns its deadline by `time.monotonic`."""
        deadline = time.monotonic() + seconds
        with self._lock:
            self._deadline = deadline
            early = deadline < self._next_look
            if early:
                self._next_look = deadline
        if early:
            self._watchdog.remind(self, deadline)
        return deadline

    def stop(self) -> None:
        """The statement has ended; once this returns it is never interrupted any more."""
        with self._lock:
            self._deadline = None

    def cancel(self) -> None:
        """Make the statement that runs now late; without one nothing happens."""
        now = time.monotonic()
        with self._lock:
            if self._deadline is None:
                return
            self._deadline = self._next_look = now
        self._watchdog.remind(self, now)

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._deadline = None
            self._connection = None

    def look(self, at: float) -> float | None:
        """Interrupt when it is late; returns when to look again, None: not before the next `start`."""
        with self._lock:
            if at != self._next_look:
                return None  # an earlier entry has taken over
            self._next_look = float("inf")
            if self._deadline is None or self._connection is None:
                return None
            now = time.monotonic()
            if now >= self._deadline:
                # Under the lock: `stop` has not returned, so the interrupt cannot hit the next statement.
                self._connection.interrupt()
                self._next_look = now + _REPEAT_SECONDS
            else:
                self._next_look = self._deadline
            return self._next_look


class Watchdog:
    """Owns the thread, which starts with the first statement and is joined by `close`."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._heap: list[tuple[float, int, Watch]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, connection: Interruptible) -> Watch:
        return Watch(self, connection)

    def remind(self, watch: Watch, at: float) -> None:
        """Look at a watch when the time has come."""
        with self._condition:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="wce-watchdog", daemon=True)
                self._thread.start()
            heapq.heappush(self._heap, (at, next(self._numbers), watch))
            if self._heap[0][2] is watch:
                self._condition.notify()

    def close(self) -> None:
        """Stop the thread and wait for it."""
        with self._condition:
            self._closed = True
            self._condition.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._closed and (not self._heap or self._heap[0][0] > time.monotonic()):
                    self._condition.wait(self._heap[0][0] - time.monotonic() if self._heap else None)
                if self._closed:
                    return
                at, _, watch = heapq.heappop(self._heap)
            again = watch.look(at)
            if again is not None:
                with self._condition:
                    heapq.heappush(self._heap, (again, next(self._numbers), watch))
