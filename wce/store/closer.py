"""Closing what was taken out of the cache of connections, without anybody waiting for it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable

from wce.log import LOGGER
from wce.store.entries import Closable


def close_all(resources: Iterable[Closable]) -> None:
    """Close them now."""
    for item in resources:
        item.close()


class _Mark(threading.Event):
    """Stands in the line, and tells when all before it are closed."""

    close = threading.Event.set


class Closer:
    """When the last connection to a file goes, SQLite writes what is left of its log into the file, and syncs both.

    From `start` to `stop` one thread does that, for at most so many. What there is no room for, and everything without a thread,
    is closed by whoever asks.
    """

    def __init__(self, most_waiting: int) -> None:
        self._waiting: queue.Queue[Closable | None] = queue.Queue(most_waiting)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # nothing is handed over after the end

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._close_on, name="wce-closer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close what waits and end; harmless where nothing was begun."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join()

    def close(self, resources: Iterable[Closable]) -> None:
        """Close them, now or soon; nobody uses them any more."""
        for item in resources:
            if not self._hand_over(item):
                item.close()

    def finish(self) -> None:
        """Wait until what was handed over before is closed; others may go on handing over."""
        mark = _Mark()
        with self._lock:
            running = self._thread is not None
            if running:
                self._waiting.put(mark)
        if running:
            mark.wait()
        else:
            self._waiting.join()

    def _hand_over(self, item: Closable) -> bool:
        with self._lock:
            if self._thread is None:
                return False
            try:
                self._waiting.put_nowait(item)
            except queue.Full:
                return False
            return True

    def _close_on(self) -> None:
        while (item := self._waiting.get()) is not None:
            try:
                item.close()
            except Exception:  # noqa: BLE001 # one that cannot be closed must not keep all others open
                LOGGER.exception("connection not closed")
            finally:
                self._waiting.task_done()
        self._waiting.task_done()
