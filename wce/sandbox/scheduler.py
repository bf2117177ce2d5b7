"""Runs the jobs of hooks and schedules in the background: soon after the commit that caused them, or when their time comes.

Several processes share the work: each job is claimed in its cenv's own file, so one process runs it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from wce.core import jobs
from wce.core.schedules import SHELF as SCHEDULES
from wce.errors import WceError
from wce.log import LOGGER
from wce.model import Commit
from wce.sandbox.jobs import Jobs
from wce.store.sqlite import sqlite3
from wce.store.store import SYSTEM, Store

_THREADS: Final = 2  # a cenv occupies one at most, so that its slow jobs never hold up those of all others
_LONGEST_WAIT: Final = 30.0  # the clock may jump
_PAUSE_SECONDS: Final = 0.02  # between two cenvs of a scan, which is in no hurry
_SCAN_SECONDS: Final = 600.0  # what a process that died has left is found by another one
_RETRY_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 2.0  # for what runs when the end comes


class Scheduler:
    """Begins with the first job that it is told of; `start` lets it look for what waits from before.

    `stop` and then `join` end it, with the pool closed in between.
    """

    def __init__(self, store: Store, work: Jobs, now: Callable[[], float], *, scan_seconds: float = _SCAN_SECONDS) -> None:
        self._store = store
        self._work = work
        self._now = now
        self._scan_seconds = scan_seconds
        self._changed = threading.Condition()
        self._due: dict[str, float] = {}  # when to look at a cenv
        self._busy: set[str] = set()
        self._closed = threading.Event()
        self._threads: dict[str, threading.Thread] = {}

    def start(self) -> None:
        """Look through the cenvs of the store, now and from time to time."""
        with self._changed:
            self._begin("wce-jobs-scan", self._scan_on)

    def notice(self, commit: Commit) -> None:
        """Told of every commit: `store.hooks.add("jobs", notice)`."""
        if jobs.TABLE in commit.tables or SCHEDULES.table in commit.tables:
            self._look(commit.cenv, self._now())

    def stop(self) -> None:
        """Take up nothing more, and give what runs a moment."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        for thread in list(self._threads.values()):
            thread.join(_GRACE_SECONDS)

    def join(self) -> None:
        """Wait for the threads; a second call does nothing."""
        for thread in list(self._threads.values()):
            thread.join()
        self._threads.clear()

    def _begin(self, name: str, work: Callable[[], None]) -> None:
        """Start a thread, unless it runs or all have come to their end; the lock is held."""
        if name not in self._threads and not self._closed.is_set():
            self._threads[name] = threading.Thread(target=work, name=name, daemon=True)
            self._threads[name].start()

    def _look(self, cenv: str, at: float) -> None:
        with self._changed:
            self._due[cenv] = min(at, self._due.get(cenv, at))
            for index in range(_THREADS):
                self._begin(f"wce-jobs-{index}", self._run_on)
            self._changed.notify()

    def _run_on(self) -> None:
        while (cenv := self._take()) is not None:
            again: float | None = None
            try:
                again = self._work.run_one(cenv)
            except (WceError, sqlite3.Error) as error:
                again = self._after(cenv, error)
            except Exception:  # noqa: BLE001 # one cenv must not end the work for all others
                LOGGER.exception("jobs failed", extra={"cenv": cenv})
                again = self._now() + _RETRY_SECONDS
            finally:
                self._give_back(cenv, again)

    def _after(self, cenv: str, error: Exception) -> float | None:
        """When to look again at a cenv whose queue could not be read."""
        if isinstance(error, WceError) and error.code in ("no_such_cenv", "cenv_damaged", "newer_schema"):
            return None
        LOGGER.warning("jobs put off", extra={"cenv": cenv, "reason": str(error)})
        return self._now() + _RETRY_SECONDS

    def _take(self) -> str | None:
        """The cenv that has been due for longest, None at the end."""
        with self._changed:
            while not self._closed.is_set():
                free = [(at, cenv) for cenv, at in self._due.items() if cenv not in self._busy]
                at, cenv = min(free, default=(None, ""))
                wait = None if at is None else at - self._now()
                if wait is not None and wait <= 0:
                    self._busy.add(cenv)
                    del self._due[cenv]
                    return cenv
                self._changed.wait(None if wait is None else min(wait, _LONGEST_WAIT))
        return None

    def _give_back(self, cenv: str, again: float | None) -> None:
        with self._changed:
            self._busy.discard(cenv)
            if again is not None:
                # Behind those that wait already.
                again = max(again, self._now())
                self._due[cenv] = min(again, self._due.get(cenv, again))
            self._changed.notify()

    def _scan_on(self) -> None:
        while not self._closed.is_set():
            try:
                self._scan_all()
            except OSError as error:  # the folder is away; the next scan may find it
                LOGGER.warning("cenvs not scanned", extra={"reason": str(error)})
            self._closed.wait(self._scan_seconds)

    def _scan_all(self) -> None:
        """Look into every cenv, one after the other, and keep none open."""
        for cenv in self._store.cenvs():
            if self._closed.wait(_PAUSE_SECONDS):
                return
            self._scan(cenv)

    def _scan(self, cenv: str) -> None:
        try:
            at = self._work.next_due(cenv)
        except (WceError, sqlite3.Error) as error:
            LOGGER.debug("not scanned", extra={"cenv": cenv, "reason": str(error)})
            return
        except Exception:  # noqa: BLE001 # nor the scan
            LOGGER.exception("not scanned", extra={"cenv": cenv})
            return
        finally:
            self._store.connections.discard(cenv, SYSTEM)
        if at is not None:
            self._look(cenv, at)
