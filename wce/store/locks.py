"""Who may write: one transaction at a time in each cenv, one server in each storage folder."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wce import lane
from wce.config import SettingError, usable
from wce.errors import WceError

_PATIENCE_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.02
_SHORTEST_PAUSE_SECONDS: Final = 0.0001
# A quick write is over before the next request would be of any use: it would come to wait here, too.
_PATIENT_SECONDS: Final = 0.002
_LONGEST_PAUSE_SECONDS: Final = 0.002


class Ticket:
    """One thread in the queue; its gate, where it has to wait, opens when it is its turn."""

    __slots__ = ("gate", "thread")

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.gate: threading.Lock | None = None


class WriterLocks:
    """A lock for each cenv that serves in the order of asking. A cenv takes memory only while somebody writes or waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, deque[Ticket]] = {}  # the first of a queue holds the lock

    @contextmanager
    def hold(self, cenv: str, timeout_seconds: float) -> Iterator[None]:
        """`take` and `leave`."""
        ticket = self.take(cenv, timeout_seconds)
        try:
            yield
        finally:
            self.leave(cenv, ticket)

    def take(self, cenv: str, timeout_seconds: float) -> Ticket:
        """Wait for one's turn, which lasts until `leave`; WceError `busy` when it does not come in time.

        A thread that asks for what it holds already would wait for itself: RuntimeError, a mistake of the caller.
        """
        ticket = Ticket(threading.get_ident())
        with self._lock:
            queue = self._queues.get(cenv)
            if queue is None:
                self._queues[cenv] = deque((ticket,))
                return ticket
            if queue[0].thread == ticket.thread:
                raise RuntimeError("this thread already writes to the cenv on another connection")
            ticket.gate = gate = threading.Lock()
            gate.acquire()
            queue.append(ticket)
        come = False
        try:
            # Who gave his place away at once would let in the next writer, who would wait here, too, until all threads do.
            come = gate.acquire(timeout=max(0.0, min(_PATIENT_SECONDS, timeout_seconds)))
            if not come:
                lane.waiting()
                come = gate.acquire(timeout=max(0.0, timeout_seconds - _PATIENT_SECONDS))
        finally:
            if not come:
                self.leave(cenv, ticket)
        if not come:
            raise WceError("busy", "Other writers were in the way for too long.", retry_after=1)
        return ticket

    def leave(self, cenv: str, ticket: Ticket) -> None:
        """Let the next one write."""
        with self._lock:
            queue = self._queues[cenv]
            held = queue[0] is ticket
            queue.remove(ticket)
            if not queue:
                del self._queues[cenv]
            elif held and (gate := queue[0].gate) is not None:
                gate.release()

    def __len__(self) -> int:
        return len(self._queues)


class _Wait:
    """For another process: at first the next look comes at once, as whoever sleeps comes late."""

    __slots__ = ("_began", "_deadline", "_pause")

    def __init__(self, timeout_seconds: float) -> None:
        self._began = time.monotonic()
        self._deadline = self._began + timeout_seconds
        self._pause = _SHORTEST_PAUSE_SECONDS

    def on(self) -> bool:
        """Returns when it is time for another look; False when there is none left."""
        now = time.monotonic()
        if now > self._deadline:
            return False
        if now - self._began < _PATIENT_SECONDS:
            lane.give_way()  # a processor without work takes long to wake, above all a virtual one
            return True
        lane.waiting()
        time.sleep(self._pause)
        self._pause = min(_LONGEST_PAUSE_SECONDS, self._pause * 1.5)
        return True


class ProcessLocks:
    """A line in which the processes of one server wait for the writer of a cenv, before SQLite makes them.

    SQLite's own wait sleeps up to 100 ms between two looks; this one looks again at once, and after a while every fraction of a
    millisecond. SQLite's lock stays the one that counts: whoever has it leaves the line, two cenvs may share a line, and a turn that does
    not come is not waited for longer than asked.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor = -1

    def open(self) -> None:
        """Open the file whose bytes are locked; nothing is ever written to it."""
        if self._path is not None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Close it; the kernel lets go of everything."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @contextmanager
    def hold(self, cenv: str, timeout_seconds: float) -> Iterator[None]:
        """Be the first in line for as long as that lasts, with nobody else who waits in SQLite; not waited for longer than asked."""
        first = self.take(cenv, timeout_seconds, lambda: None)
        try:
            yield
        finally:
            if first:
                self.leave(cenv)

    def leave(self, cenv: str) -> None:
        """Let another process be the first."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, zlib.crc32(cenv.encode()))

    def take(self, cenv: str, timeout_seconds: float, taken: Callable[[], bool | None]) -> bool:
        """Be the first in line while no other process writes, to be waited for so long at most; True where the line has to be left.

        `taken` says whether one of them writes, None where that cannot be told. Only one thread of this process may ask for a cenv.
        """
        if self._descriptor < 0:
            return False
        byte, wait = zlib.crc32(cenv.encode()), _Wait(timeout_seconds)
        while not self._lock(byte):
            if not wait.on():
                return False
        while taken() and wait.on():
            pass
        return True

    def _lock(self, byte: int) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            return False
        return True


class FolderLock:
    """Keeps a second server off a storage folder; the processes of one server share an instance id and thereby the lock.

    The kernel drops the lock with the process, so nothing is left behind by a crash.
    """

    def __init__(self, folder: Path, instance: str, alone: Callable[[], None]) -> None:
        """`alone` is called while no other process of any server uses the folder."""
        self._path = folder / ".wce.lock"
        self._alone = alone
        self._instance = instance.encode()
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock, or share it with the processes of the same instance; SettingError when another server has it."""
        descriptor = self._open()
        try:
            self._wait(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def join(self) -> None:
        """Share the lock with whoever has it: enough for a command beside a running server, and no server starts in the meantime."""
        descriptor = self._open()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._flock(descriptor, fcntl.LOCK_SH):  # a server has it alone for the moment of its start
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise SettingError(f"WCE_STORAGE_DIR {self._path.parent} is held by a server that is starting")
            time.sleep(_PAUSE_SECONDS)
        self._descriptor = descriptor

    def _open(self) -> int:
        with usable("WCE_STORAGE_DIR"):
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _wait(self, descriptor: int) -> None:
        """A mismatch is waited out for a moment: the old server may be stopping, or another one only looking."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            if self._flock(descriptor, fcntl.LOCK_EX):
                self._alone()
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, self._instance, 0)
            # Turning an exclusive lock into a shared one lets it go for an instant, so who wrote last is read afterwards.
            if self._flock(descriptor, fcntl.LOCK_SH):
                if os.pread(descriptor, 256, 0) == self._instance:
                    return
                self._flock(descriptor, fcntl.LOCK_UN)
            if time.monotonic() > deadline:
                raise SettingError(f"WCE_STORAGE_DIR {self._path.parent} is in use by another server")
            time.sleep(_PAUSE_SECONDS)

    @staticmethod
    def _flock(descriptor: int, kind: int) -> bool:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let go; harmless when not held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
