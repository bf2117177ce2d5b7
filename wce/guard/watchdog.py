"""Deadlines for running statements: one thread for the whole process interrupts those that are late, or fill the disk.

Nothing in SQLite bounds what a statement spills into temporary files, nor tells whose they are. So while statements run, the room
on their disk is looked at, the more often the less there is, and where it is used up whatever ran while it shrank has to end.
What is written goes into the log first and from there into the file, so a write ends when there is no room to do it once more.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from wce.errors import WceError
from wce.store.spill import Room

# SQLite forgets an interrupt that comes just before a statement starts, so a late one is interrupted again and again.
_REPEAT_SECONDS: Final = 0.05
_FRESH_SECONDS: Final = 1.0  # for what is known of the room when a statement starts
_FILLED_PER_SECOND: Final = 4_000_000_000  # bytes: faster than statements together write
_LEAST_WAIT_SECONDS: Final = 0.01
_SPILLED_BYTES: Final = 1 << 20  # less may be anything: a log, another program
_MARGIN_BYTES: Final = 8 << 20  # that may be written between a look and the end

_NO_ROOM: Final = "The server has no room for what this needs to sort, group or keep: ask for fewer rows, or fewer at once."
_TOO_LARGE: Final = "The server's disk has no room for a write of this size."
_STOPPED: Final = "The statement was stopped by its sender."
_ENDLESS: Final = Room(sys.maxsize, sys.maxsize)


class Interruptible(Protocol):
    def interrupt(self) -> None: ...


class Watch:
    """The deadline of one connection, which runs one statement at a time.

    One entry of the watchdog's heap counts for it, the one at `_next_look`, however many statements it runs in the meantime.
    """

    __slots__ = ("_begun", "_connection", "_deadline", "_full", "_lock", "_next_look", "_room", "_stopped", "_watchdog", "_writing")

    def __init__(self, watchdog: Watchdog, connection: Interruptible) -> None:
        self._watchdog = watchdog
        self._connection: Interruptible | None = connection
        self._lock = threading.Lock()
        self._deadline: float | None = None
        self._next_look = float("inf")
        self._room = 0  # to spill, when the statement started
        self._writing: object = None
        self._begun = 0  # room for cenvs, when the transaction wrote first
        self._full = ""
        self._stopped = False

    def start(self, seconds: float, writing: object = None) -> float:
        """A statement starts, in a transaction that writes or None; returns its deadline by `time.monotonic`."""
        now = time.monotonic()
        deadline = now + seconds
        room = self._watchdog.room_at(now)
        if writing is not self._writing:
            self._writing, self._begun = writing, room.cenvs
        look = min(deadline, now + _patience(room.spill if writing is None else min(room)))
        with self._lock:
            self._deadline, self._room, self._full, self._stopped = deadline, room.spill, "", False
            early = look < self._next_look
            if early:
                self._next_look = look
        if early:
            self._watchdog.remind(self, look)
        return deadline

    def told(self, error: WceError) -> WceError:
        """What the end of a statement means: `disk_full` where it was interrupted for that, and whether somebody stopped it."""
        if error.code != "query_timeout" or not (self._full or self._stopped):
            return error
        return WceError("disk_full", self._full) if self._full else WceError("query_timeout", _STOPPED)

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
            self._stopped = True
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
            room = self._watchdog.room_at(now, fresh=True)
            if now < self._deadline:  # a late one is late, whatever the disk says
                self._full = self._full or self._fills(room)
            if self._full or now >= self._deadline:
                # Under the lock: `stop` has not returned, so the interrupt cannot hit the next statement.
                self._connection.interrupt()
                self._next_look = now + _REPEAT_SECONDS
            else:
                self._next_look = min(self._deadline, now + _patience(room.spill if self._writing is None else min(room)))
            return self._next_look

    def _fills(self, room: Room) -> str:
        """What to say where it takes the last room that there is."""
        if room.spill < 0 and self._room - room.spill >= _SPILLED_BYTES:
            return _NO_ROOM
        taken = self._begun - room.cenvs
        if self._writing is not None and taken >= _SPILLED_BYTES and room.cenvs < taken + _MARGIN_BYTES:
            return _TOO_LARGE
        return ""


class Watchdog:
    """Owns the thread, which starts with the first statement and is joined by `close`."""

    def __init__(self, room: Callable[[], Room] = lambda: _ENDLESS) -> None:
        self._ask_room = room
        self._known_room = (-_FRESH_SECONDS, _ENDLESS)
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

    def room_at(self, now: float, *, fresh: bool = False) -> Room:
        """What there is, as of now or of a second ago."""
        checked, room = self._known_room
        if fresh or now - checked > _FRESH_SECONDS:
            room = self._ask_room()
            self._known_room = (now, room)
        return room

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


def _patience(room: int) -> float:
    """How long nobody has to look, as so much room is not filled before."""
    return max(_LEAST_WAIT_SECONDS, room / _FILLED_PER_SECOND)
