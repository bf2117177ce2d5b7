"""Figures of single parts inside one process: the guard against raw sqlite3, a new cenv, an idle open cenv."""

from __future__ import annotations

import gc
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psutil

from bench import data
from wce.config import Settings
from wce.core import pages
from wce.guard import selftest
from wce.guard.guard import Guard
from wce.metrics import Metrics
from wce.model import Actor, Grants, Limits, Rights, Role, RowPolicy
from wce.store.store import Store

CALLS: Final = 2_000
ROUNDS: Final = 9
IDLE: Final = 200
ACTOR: Final = Actor(1, "bench", Role.EDITOR)
USER: Final = Grants(
    role=Role.EDITOR,
    rights={"notes": Rights(can_read=True, can_write=True)},
    policies=(
        RowPolicy(1, "notes", None, "read", "owner_id = $user_id"),
        RowPolicy(2, "notes", None, "write", "owner_id = $user_id"),
    ),
    variables={"user_id": data.MINE, "username": "bench", "role": "editor"},
    fingerprint="bench",
)


@dataclass(frozen=True)
class Figure:
    """One measured value and the most that we want."""

    name: str
    value: float
    unit: str
    wanted: float


def _microseconds(call: Callable[[int], object], ids: list[int]) -> float:
    """Median over rounds of the time of one call."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for index in range(CALLS):
            call(ids[index % len(ids)])
        rounds.append((time.perf_counter() - started) / CALLS * 1e6)
    return statistics.median(rounds)


def _guard(store: Store, cenv: str) -> Figure:
    with store.session(cenv) as session, session.transaction(ACTOR) as transaction:
        for statement in data.CREATE:
            transaction.execute(statement)
        session.connection.executemany("INSERT INTO notes VALUES (?, ?, ?, ?, ?)", data.rows(list(range(data.OWNERS))))
        version = transaction.execute("SELECT grants FROM _wce_state").fetchone()[0]
    guard = Guard(store)
    raw = sqlite3.connect(store.path(cenv), isolation_level=None)
    ids = data.own_ids()

    def careless(key: int) -> object:
        return raw.execute(data.READ, (key,)).fetchall()

    def guarded(key: int) -> object:
        with guard.open_session(cenv, USER, version, Limits()) as session, session.transaction(ACTOR):
            return session.run(data.READ, (key,)).rows

    assert careless(ids[0]) == guarded(ids[0])
    overhead = _microseconds(guarded, ids) - _microseconds(careless, ids)
    raw.close()
    guard.close()
    return Figure("guard: read by key, over raw sqlite3", overhead, "µs", 60)


def _new_cenv(store: Store) -> Figure:
    times = []
    for _ in range(30):
        started = time.perf_counter()
        store.create(lambda _: None, ACTOR)
        times.append((time.perf_counter() - started) * 1e3)
    return Figure("new cenv, beside the password hash", statistics.median(times), "ms", 15)


def _self_test() -> Figure:
    times = []
    for _ in range(9):
        started = time.perf_counter()
        selftest.run()
        times.append((time.perf_counter() - started) * 1e3)
    return Figure("guard: self-test at start", statistics.median(times), "ms", 50)


def _idle(store: Store) -> Figure:
    cenvs = [store.create(lambda _: None, ACTOR) for _ in range(IDLE)]
    store.connections.close()
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss
    for cenv in cenvs:
        with store.session(cenv) as session:
            session.one("SELECT grants FROM _wce_state")
    return Figure("idle open cenv", (process.memory_info().rss - before) / IDLE / 1024, "KiB", 300)


def _invalidation(store: Store, cenv: str) -> Figure:
    """What a commit pays for pages that are made from other tables than it writes."""
    watched = [f"watched_{number}" for number in range(50)]
    with store.session(cenv) as session, session.transaction(ACTOR) as transaction:
        for table in watched:
            transaction.execute("INSERT INTO _wce_page_tables VALUES (?, 0)", (table,))
        transaction.touch("notes", 1)
        transaction.watched = 1
        cost = _microseconds(lambda _: pages.forget(transaction), [0])
    return Figure("pages: a write that none depends on", cost, "µs", 20)


def run() -> list[Figure]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(replace(Settings(), storage_dir=Path(folder, "cenvs"), max_open_cenvs=2 * IDLE), Metrics())
        store.open()
        try:
            cenv = store.create(lambda _: None, ACTOR)
            return [_idle(store), _guard(store, cenv), _invalidation(store, cenv), _self_test(), _new_cenv(store)]
        finally:
            store.close()
