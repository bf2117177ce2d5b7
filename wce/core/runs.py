"""What the last runs of every script did: how long, with what end, and what they printed.

A run is kept in memory for a moment and written with its neighbours, outside of the script's own transaction, so that an answer
does not wait for a write and a failed script leaves its traces.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from wce.core.gate import Gate
from wce.errors import WceError
from wce.log import LOGGER
from wce.model import HOUSEKEEPER
from wce.store.session import Session
from wce.store.sqlite import sqlite3
from wce.store.store import WAIT_SECONDS, Store
from wce.store.transaction import Transaction

_TABLES: Final = {"endpoint": "_wce_endpoints", "hook": "_wce_hooks", "schedule": "_wce_schedules", "template": "_wce_templates"}
MAX_RUNS: Final = 200  # of one script
_MAX_PRINTED: Final = 8_192  # characters of one run
_MAX_WAITING: Final = 20_000  # runs, over all cenvs of this process
_GATHER_SECONDS: Final = 0.05  # so that one write takes all of many failures
_MAX_READERS: Final = 64  # that wait for one cenv to be written
_FLUSH_SECONDS: Final = 1.0
_COLUMNS: Final = "kind, item_id, started_at, duration_ms, status, error, prints, user_id, request_id"
_to_text: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `status` is of its answer, None where there was none. `error` says what went wrong, each print has level, text and line.

    Both hold plain values only. `started_at` is in Unix seconds, `user_id` whoever caused the run, None for nobody.
    """

    kind: str
    item_id: int
    started_at: int
    duration_ms: float
    status: int | None = None
    error: Mapping[str, Any] | None = None
    prints: Sequence[Mapping[str, Any]] = field(default=())
    user_id: int | None = None
    request_id: str = ""
    id: int = 0


class Runs:
    """Takes the runs of all cenvs and writes them at most once a second, and soon after one has failed."""

    def __init__(self, store: Store, flush_seconds: float = _FLUSH_SECONDS) -> None:
        self._store = store
        self._flush_seconds = flush_seconds
        self._lock = threading.Lock()
        self._gate = Gate(_MAX_READERS)
        self._waiting: dict[str, dict[tuple[str, int], deque[Run]]] = {}
        self._count = 0
        self._work = threading.Event()  # there is something to write
        self._hurry = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def record(self, cenv: str, run: Run) -> None:
        """Keep a run; the oldest of the same script that still waits makes room for it."""
        if run.prints:
            run = replace(run, prints=_cut(run.prints))
        with self._lock:
            if self._closed.is_set() or self._count >= _MAX_WAITING:
                self._hurry.set()
                return
            queue = self._waiting.setdefault(cenv, {}).setdefault((run.kind, run.item_id), deque(maxlen=MAX_RUNS))
            self._count += len(queue) < MAX_RUNS
            queue.append(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="wce-runs", daemon=True)
                self._thread.start()
        self._work.set()
        if run.error is not None:
            self._hurry.set()

    def last(self, session: Session, kind: str, item_id: int, limit: int = MAX_RUNS) -> list[Run]:
        """The last runs of one script, newest first; those of other processes come within a second."""
        self.flush(session.cenv)
        rows = session.all(
            f"SELECT {_COLUMNS}, id FROM _wce_script_runs WHERE kind = ? AND item_id = ? ORDER BY id DESC LIMIT ?", (kind, item_id, limit)
        )
        return [_read(row) for row in rows]

    def flush(self, cenv: str) -> None:
        """Write what waits for one cenv."""
        try:
            with self._gate.enter(cenv, 1, WAIT_SECONDS):  # also waits for what somebody else is just writing
                with self._lock:
                    taken = self._waiting.pop(cenv, {})
                    self._count -= sum(map(len, taken.values()))
                if taken:
                    self._write(cenv, [run for queue in taken.values() for run in queue])
        except (WceError, OSError, sqlite3.Error) as error:
            # A log that cannot be written, as on a full disk or after the cenv was removed, stops nobody, and the thread least of all.
            LOGGER.warning("script runs not written", extra={"cenv": cenv, "reason": str(error)})

    def close(self) -> None:
        """Write what waits and end the thread; a second call does nothing."""
        with self._lock:
            self._closed.set()
            thread, self._thread = self._thread, None
        self._work.set()
        self._hurry.set()
        if thread is not None:
            thread.join()
        self._flush_all()

    def _write_on(self) -> None:
        while not self._closed.is_set():
            self._work.wait()
            self._work.clear()
            self._hurry.wait(self._flush_seconds)
            self._closed.wait(_GATHER_SECONDS)
            self._hurry.clear()
            self._flush_all()

    def _flush_all(self) -> None:
        with self._lock:
            cenvs = list(self._waiting)
        for cenv in cenvs:
            self.flush(cenv)

    def _write(self, cenv: str, runs: list[Run]) -> None:
        with self._store.session(cenv) as session, session.transaction(HOUSEKEEPER) as transaction:
            transaction.uncounted()
            insert(transaction, runs)


def insert(transaction: Transaction, runs: Iterable[Run]) -> None:
    """Write runs, and forget the oldest of each script beyond MAX_RUNS and all of a script that was deleted meanwhile."""
    scripts = set()
    for run in runs:
        error = None if run.error is None else _to_text(dict(run.error))
        prints = _to_text([dict(item) for item in run.prints])
        values = (run.kind, run.item_id, run.started_at, run.duration_ms, run.status, error, prints, run.user_id)
        transaction.execute(f"INSERT INTO _wce_script_runs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, run.request_id))
        scripts.add((run.kind, run.item_id))
    for kind, item_id in scripts:
        gone = kind in _TABLES and transaction.execute(f"SELECT 1 FROM {_TABLES[kind]} WHERE id = ?", (item_id,)).fetchone() is None
        transaction.execute(
            "DELETE FROM _wce_script_runs WHERE kind = ?1 AND item_id = ?2 AND id <="
            " (SELECT id FROM _wce_script_runs WHERE kind = ?1 AND item_id = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
            (kind, item_id, 0 if gone else MAX_RUNS),
        )


def _cut(prints: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """As many of the prints as are kept; where that is not all, a last one says so."""
    kept: list[Mapping[str, Any]] = []
    left = _MAX_PRINTED
    for item in prints:
        text = str(item.get("text", ""))
        if len(text) > left:
            last = {"level": "warning", "text": "… the rest is not kept", "line": item.get("line", 0)}
            return (*kept, {**item, "text": text[: max(left, 0)]}, last)
        kept.append(item)
        left -= len(text) + 1
    return tuple(kept)


def _read(row: tuple[Any, ...]) -> Run:
    kind, item_id, started_at, duration_ms, status, error, prints, user_id, request_id, run_id = row
    known = None if error is None else MappingProxyType(json.loads(error))
    return Run(kind, item_id, started_at, duration_ms, status, known, tuple(json.loads(prints)), user_id, request_id, run_id)
