"""Which of waitress's threads answers next: one at a time while requests are quick, more where they are not.

waitress wakes a thread for each request. Only one of them can run Python, `sqlite3` gives the interpreter away at every step of a
statement, and each thread has connections of its own to keep warm: with eight threads a read by key cost 2.4 ms of CPU, with one
1.5 ms. So one thread works through the queue, and the next is called when it says that it waits (`wce.lane`) or when it has been
busy with one request for longer than `wce.web.allowance` lets it. Threads are called last in, first out, so the warmest comes first.
How many of them one cenv may hold says `wce.web.shares`.
"""

from __future__ import annotations

import sys
import threading
import time
from functools import partial
from typing import Any, Final

from waitress.task import ThreadedTaskDispatcher

from wce import lane
from wce.web.allowance import LEAST_SECONDS, Allowance
from wce.web.shares import NOBODY, Shares, cenv_of

# How long a thread that computes keeps the interpreter when another one wants it. Five milliseconds, Python's own, are far more than
# most requests take, and each step of SQLite would wait for them again.
SWITCH_SECONDS: Final = 0.0002


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]  # waitress has no types
    """A pool of threads, most of which rest; all of its state is under the parent's `lock`."""

    def __init__(self, patience_seconds: float = LEAST_SECONDS) -> None:
        super().__init__()
        self.queue: Shares[Any] = Shares(0)
        self._allowance = Allowance(patience_seconds)
        self._resting: list[threading.Condition] = []
        self._runner: threading.Condition | None = None  # who works through the queue
        self._since = 0.0
        self._behind = threading.Event()  # somebody waits behind the runner
        sys.setswitchinterval(SWITCH_SECONDS)
        self._watcher = threading.Thread(target=self._watch, name="wce-dispatch", daemon=True)
        self._ended = threading.Event()

    def set_thread_count(self, count: int) -> None:
        """As the parent does; it wakes only threads that wait for its own condition."""
        if self._watcher.ident is None:
            self._watcher.start()
        with self.lock:
            self.queue.threads = count
        super().set_thread_count(count)
        with self.lock:
            while self._resting and self.stop_count:
                self._resting.pop().notify()

    def add_task(self, task: Any) -> None:
        """Queue a request."""
        with self.lock:
            self.queue.append(_cenv(task), task)
            if not self.queue.ready:
                return
            if self._runner is None:
                self._call()
            elif not self._behind.is_set():
                self._behind.set()

    def handler_thread(self, thread_no: int) -> None:
        """One thread, until it is told to stop."""
        me = threading.Condition(self.lock)
        lane.serve(partial(self._step_aside, me), lambda: self._runner not in (None, me))
        done: str | None = None
        while (found := self._next(me, thread_no, done)) is not None:
            done, task = found
            try:
                task.service()
            except BaseException:  # whatever a request does, the thread goes on
                self.logger.exception("Exception when servicing %r", task)
            found = task = None  # who rests does not keep it

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """As the parent does."""
        done = super().shutdown(cancel_pending, timeout)
        with self.lock:  # or the watcher might forget that somebody waits just after this was said
            self._ended.set()
            self._behind.set()
        self._watcher.join(timeout)
        return bool(done)

    def _next(self, me: threading.Condition, thread_no: int, done: str | None) -> tuple[str, Any] | None:
        """The next request for this thread, and whose it is; None when it is to stop. `done` tells whose it has just ended."""
        with self.lock:
            if self._runner is me:
                self._runner = None
                if done is not None:
                    self._allowance.note(time.monotonic() - self._since)
            if done is not None:
                self.queue.end(done)
                if self._runner is not None and self.queue.ready:
                    self._behind.set()
            called = False  # a thread that was called takes a request even if it woke so late that another was called, too
            while not self.stop_count and not (self.queue.ready and (called or self._runner is None)):
                if self._runner is me:
                    self._runner = None
                self._resting.append(me)
                self.active_count -= 1
                me.wait()
                self.active_count += 1
                called = True
            if self.stop_count:
                self.active_count -= 1
                self.stop_count -= 1
                self.threads.discard(thread_no)
                self.thread_exit_cv.notify()
                return None
            self._runner, self._since = me, time.monotonic()
            found = self.queue.next()
            if self.queue.ready and not self._behind.is_set():
                self._behind.set()
            return found

    def _call(self) -> None:
        """Let the thread that rested last be the runner."""
        if self._resting:
            self._runner, self._since = self._resting.pop(), time.monotonic()
            self._runner.notify()

    def _step_aside(self, me: threading.Condition) -> None:
        with self.lock:
            if self._runner is me:
                self._runner = None
                if self.queue.ready:
                    self._call()

    def _watch(self) -> None:
        """While requests wait: see to it that no slow one keeps the others."""
        while True:
            self._behind.wait()
            if self._ended.wait(self._allowance.seconds):
                return
            with self.lock:
                if self._ended.is_set():
                    return
                if not self.queue.ready:
                    self._behind.clear()
                    continue
                took = time.monotonic() - self._since
                if self._runner is None:
                    self._call()
                elif took > self._allowance.seconds:
                    self._allowance.note(took)
                    self._runner = None
                    self._call()


def _cenv(channel: Any) -> str:
    """Whose request waits on a channel of waitress's; one that could not be read has no path."""
    requests = getattr(channel, "requests", None)
    if not requests:
        return NOBODY
    admitted = getattr(requests[0], "admitted", None)
    return cenv_of(getattr(requests[0], "path", ""), brings_file=admitted is not None and admitted.paid)
