"""How many requests a cenv had, how they ended and how long they took, by quarters of an hour, and who was there last, in its own file.

A request is counted in memory only, so that who reads waits for no disk. What was counted is written once a minute, a few cenvs at a
time: figures for people may come late and, after a crash, be short of a minute.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from wce.core import logins
from wce.core.logins import Use
from wce.errors import WceError
from wce.log import LOGGER
from wce.model import HOUSEKEEPER
from wce.store.session import Session
from wce.store.sqlite import sqlite3
from wce.store.store import SYSTEM, Store

BUCKET_SECONDS: Final = 900
KEPT_SECONDS: Final = 8 * 86_400
BOUNDS_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)  # one more count for what took longer
_FLUSH_SECONDS: Final = 60.0
_MAX_AT_ONCE: Final = 200  # cenvs written by one round, so that it never takes the disk for long
_MAX_WAITING: Final = 20_000  # cenvs, or sessions and keys, in memory
_STOP_SECONDS: Final = 2.0  # for all that waits when the server stops, which has an end to keep


@dataclass(frozen=True, slots=True)
class Bucket:
    """A quarter of an hour; `durations` counts by BOUNDS_MS. `refused` are answers 4xx, `failed` 5xx."""

    started_at: int
    requests: int
    refused: int
    failed: int
    durations: tuple[int, ...]


@dataclass(slots=True)
class _Waiting:
    """What is to be written to one cenv: counts by the begin of their bucket, and when sessions and keys were last used."""

    buckets: dict[int, list[int]] = field(default_factory=dict)
    uses: dict[Use, int] = field(default_factory=dict)


class Traffic:
    """Counts the requests of all cenvs; `close` writes what waits."""

    def __init__(
        self, store: Store, now: Callable[[], float], flush_seconds: float = _FLUSH_SECONDS, stop_seconds: float = _STOP_SECONDS
    ) -> None:
        self._store = store
        self._now = now
        self._flush_seconds = flush_seconds
        self._stop_seconds = stop_seconds
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._uses = 0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def count(self, cenv: str, status: int, milliseconds: float) -> None:
        """One request was answered."""
        started_at = int(self._now()) // BUCKET_SECONDS * BUCKET_SECONDS
        place = 3 + bisect_left(BOUNDS_MS, milliseconds)
        with self._lock:
            waiting = self._of(cenv)
            if waiting is None:
                return
            counts = waiting.buckets.get(started_at)
            if counts is None:
                counts = waiting.buckets[started_at] = [0] * (4 + len(BOUNDS_MS))
            counts[0] += 1
            counts[1] += 400 <= status < 500
            counts[2] += status >= 500
            counts[place] += 1

    def note(self, cenv: str, use: Use) -> None:
        """A session or key is used now; more than once a minute changes nothing."""
        at = int(self._now())
        with self._lock:
            waiting = self._of(cenv)
            if waiting is None:
                return
            known = waiting.uses.get(use)
            if known is None and self._uses < _MAX_WAITING:
                self._uses += 1
                waiting.uses[use] = at
            elif known is not None and at - known >= logins.TOUCH_SECONDS:
                waiting.uses[use] = at

    def noted(self, cenv: str) -> dict[Use, int]:
        """When sessions and keys were last used, in Unix seconds, as far as this process has not written it yet."""
        with self._lock:
            waiting = self._waiting.get(cenv)
            return {} if waiting is None else dict(waiting.uses)

    def _of(self, cenv: str) -> _Waiting | None:
        """What waits for a cenv, None where there is no room for more; the lock is held."""
        waiting = self._waiting.get(cenv)
        if waiting is None:
            if len(self._waiting) >= _MAX_WAITING or self._closed.is_set():
                return None
            waiting = self._waiting[cenv] = _Waiting()
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="wce-traffic", daemon=True)
                self._thread.start()
        return waiting

    def read(self, session: Session) -> list[Bucket]:
        """All that is kept of a cenv, oldest first, with what this process has counted until now."""
        self._flush(session.cenv)
        rows = session.all("SELECT started_at, requests, refused, failed, durations FROM _wce_traffic ORDER BY started_at")
        return [Bucket(row[0], row[1], row[2], row[3], tuple(json.loads(row[4]))) for row in rows]

    def close(self) -> None:
        """End the thread and write what waits, as far as the time for it goes; a second call does nothing."""
        with self._lock:
            self._closed.set()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        until = time.monotonic() + self._stop_seconds
        for cenv in list(self._waiting):
            if time.monotonic() >= until:
                break
            self._write(cenv)
        with self._lock:
            left = len(self._waiting)
            self._waiting.clear()
        if left:
            LOGGER.warning("traffic not written", extra={"cenvs": left, "reason": "the server stops"})

    def _write_on(self) -> None:
        while not self._closed.wait(self._flush_seconds):
            self._round()

    def _round(self) -> None:
        with self._lock:
            cenvs = list(itertools.islice(self._waiting, _MAX_AT_ONCE))
        for cenv in cenvs:
            if self._closed.is_set():
                return  # `close` goes on, and looks at the time
            self._write(cenv)

    def _write(self, cenv: str) -> None:
        self._flush(cenv)
        self._store.connections.discard(cenv, SYSTEM)  # or it takes the place of one that requests use

    def _flush(self, cenv: str) -> None:
        with self._lock:
            taken = self._waiting.pop(cenv, None)
            if taken is None:
                return
            self._uses -= len(taken.uses)
        try:
            with self._store.session(cenv) as session, session.transaction(HOUSEKEEPER) as transaction:
                transaction.uncounted()
                logins.note_uses(transaction, taken.uses)
                for started_at, counts in taken.buckets.items():
                    _add(session, started_at, counts)
                transaction.execute("DELETE FROM _wce_traffic WHERE started_at < ?", (int(self._now()) - KEPT_SECONDS,))
        except (WceError, OSError, sqlite3.Error) as error:
            # Figures that cannot be written, as on a full disk or after the cenv was removed, stop nobody, and the thread least of all.
            LOGGER.warning("traffic not written", extra={"cenv": cenv, "reason": str(error)})


def _add(session: Session, started_at: int, counts: list[int]) -> None:
    """Add to what other processes and earlier rounds have written."""
    row = session.one("SELECT durations FROM _wce_traffic WHERE started_at = ?", (started_at,))
    known = json.loads(row[0]) if row else [0] * (1 + len(BOUNDS_MS))
    durations = json.dumps([old + new for old, new in zip(known, counts[3:], strict=True)], separators=(",", ":"))
    session.execute(
        "INSERT INTO _wce_traffic VALUES (?, ?, ?, ?, ?) ON CONFLICT (started_at) DO UPDATE SET requests = requests + excluded.requests,"
        " refused = refused + excluded.refused, failed = failed + excluded.failed, durations = excluded.durations",
        (started_at, *counts[:3], durations),
    )


def quantile(durations: tuple[int, ...], share: float) -> float | None:
    """About how many milliseconds so large a share of the requests took at most, straight within its bound; None without any."""
    total = sum(durations)
    if not total:
        return None
    wanted, seen, low = total * share, 0, 0.0
    for count, high in zip(durations, (*BOUNDS_MS, BOUNDS_MS[-1] * 2), strict=True):
        if seen + count >= wanted and count:
            return round(low + (high - low) * (wanted - seen) / count, 1)
        seen, low = seen + count, float(high)
    return low
