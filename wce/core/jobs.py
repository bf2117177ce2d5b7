"""Jobs: runs of hooks and schedules that wait in the file until some process of the server takes them.

A job is queued in the transaction that it is due to, and ends in the transaction of its own effect. So none is lost and none
takes effect twice, whatever dies at whatever moment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from wce.core.runs import Run, insert
from wce.errors import WceError
from wce.model import HOUSEKEEPER
from wce.store.session import Session
from wce.store.transaction import Transaction

TABLE: Final = "_wce_jobs"  # stands among the tables of a commit that queued some
MAX_ATTEMPTS: Final = 5
BACK_OFF_SECONDS: Final = (1, 5, 25, 125)  # before the second, third… attempt
LEASE_SECONDS: Final = 180  # longer than any script may take, and than any job is put off
PATIENCE_SECONDS: Final = 3_600  # in which a job waits for the server's resources before that counts as a failure
MAX_WAITING: Final = 10_000  # jobs of one cenv
_COLUMNS: Final = "id, kind, item_id, payload, attempts, created_at"


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that the holder may run until its lease ends. `attempt` counts from 1."""

    id: int
    kind: str
    item_id: int
    payload: Mapping[str, Any]
    attempt: int
    created_at: int


def add(transaction: Transaction, kind: str, item_id: int, payload: Mapping[str, Any]) -> bool:
    """Queue a job, due at once; when too many wait it is not queued but noted as a failed run, and the answer is False."""
    if _waiting(transaction) >= MAX_WAITING:
        refuse(transaction, kind, item_id, f"{MAX_WAITING} jobs wait already, so this one was dropped.")
        return False
    transaction.execute(
        "INSERT INTO _wce_jobs (kind, item_id, payload, due_at, created_at) VALUES (?, ?, ?, ?, ?)",
        (kind, item_id, json.dumps(dict(payload), separators=(",", ":")), transaction.at, transaction.at),
    )
    transaction.touch(TABLE, 1)
    return True


def refuse(transaction: Transaction, kind: str, item_id: int, reason: str) -> None:
    """Note among the runs of a script that it did not run."""
    insert(transaction, [Run(kind, item_id, transaction.at, 0.0, error={"message": reason}, user_id=transaction.actor.user_id or None)])


def claim(session: Session, now: float) -> Claim | None:
    """Take the job that has been due for longest, or None. Costs one read where nothing is due."""
    if session.one("SELECT 1 FROM _wce_jobs WHERE due_at <= ? LIMIT 1", (int(now),)) is None:
        return None
    with session.transaction(HOUSEKEEPER) as transaction:
        _give_up_on_the_fatal(transaction, int(now))
        row = transaction.execute(
            f"UPDATE _wce_jobs SET attempts = attempts + 1, due_at = ?2 WHERE id ="
            f" (SELECT id FROM _wce_jobs WHERE due_at <= ?1 ORDER BY due_at, id LIMIT 1) RETURNING {_COLUMNS}",
            (int(now), int(now) + LEASE_SECONDS),
        ).fetchall()
    return _read(row[0]) if row else None


def finish(transaction: Transaction, held: Claim) -> None:
    """End a job, in the transaction of its effect; raises `busy`, which undoes the effect, when somebody else has taken it over."""
    ended = transaction.execute("DELETE FROM _wce_jobs WHERE id = ? AND attempts = ?", (held.id, held.attempt)).rowcount
    if ended != 1:
        raise WceError("busy", "Another process has taken this job over.", retry_after=1)


def drop(session: Session, held: Claim) -> None:
    """End a job that has nothing to do, such as one of a script that is gone; harmless when it is not ours any more."""
    with session.transaction(HOUSEKEEPER) as transaction:
        transaction.execute("DELETE FROM _wce_jobs WHERE id = ? AND attempts = ?", (held.id, held.attempt))


def fail(session: Session, held: Claim, now: float) -> int | None:
    """Put a failed job off; returns the time of its next attempt, None after the last one."""
    if held.attempt >= MAX_ATTEMPTS:
        drop(session, held)
        return None
    due_at = int(now) + BACK_OFF_SECONDS[held.attempt - 1]
    with session.transaction(HOUSEKEEPER) as transaction:
        transaction.execute("UPDATE _wce_jobs SET due_at = ? WHERE id = ? AND attempts = ?", (due_at, held.id, held.attempt))
    return due_at


def put_off(session: Session, held: Claim, now: float, seconds: int) -> int | None:
    """Let a job that found no room to run wait without the loss of an attempt; returns its time, None where it has waited for too long."""
    if now - held.created_at >= PATIENCE_SECONDS:
        return None
    due_at = int(now) + seconds
    with session.transaction(HOUSEKEEPER) as transaction:
        transaction.execute(
            "UPDATE _wce_jobs SET due_at = ?, attempts = attempts - 1 WHERE id = ? AND attempts = ?", (due_at, held.id, held.attempt)
        )
    return due_at


def bring_forward(session: Session, now: float) -> None:
    """Let no job wait for longer than one may, as after a clock that was ahead; one that runs keeps its lease."""
    if session.one("SELECT 1 FROM _wce_jobs WHERE due_at > ? LIMIT 1", (int(now) + LEASE_SECONDS,)) is not None:
        with session.transaction(HOUSEKEEPER) as transaction:
            transaction.execute("UPDATE _wce_jobs SET due_at = ?1 WHERE due_at > ?1", (int(now) + LEASE_SECONDS,))


def next_due(session: Session) -> int | None:
    """When the next job or schedule is due, in Unix seconds; None where nothing waits."""
    row = session.one("SELECT min(at) FROM (SELECT min(due_at) AS at FROM _wce_jobs UNION ALL SELECT min(next_at) FROM _wce_schedules)")
    return None if row is None else row[0]


def _waiting(transaction: Transaction) -> int:
    """How many jobs wait; counted only where the ids say that there may be many."""
    (reach,) = transaction.execute("SELECT (SELECT max(id) FROM _wce_jobs) - (SELECT min(id) FROM _wce_jobs)").fetchone()
    if reach is None or reach < MAX_WAITING:
        return reach or 0
    count: int = transaction.execute("SELECT count(*) FROM _wce_jobs").fetchone()[0]
    return count


def _give_up_on_the_fatal(transaction: Transaction, now: int) -> None:
    """A job that took the server down with it at every attempt is not tried again."""
    fatal = transaction.execute(
        "DELETE FROM _wce_jobs WHERE due_at <= ? AND attempts >= ? RETURNING kind, item_id", (now, MAX_ATTEMPTS)
    ).fetchall()
    for kind, item_id in fatal:
        refuse(transaction, kind, item_id, "The server stopped during every attempt.")


def _read(row: tuple[Any, ...]) -> Claim:
    job_id, kind, item_id, payload, attempt, created_at = row
    return Claim(job_id, kind, item_id, MappingProxyType(json.loads(payload)), attempt, created_at)
