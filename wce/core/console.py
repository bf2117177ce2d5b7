"""What a user's SQL console remembers: the statements that he ran, and those that he keeps under a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wce.core.roles import current
from wce.errors import WceError, invalid
from wce.model import Actor
from wce.store.session import Session

MAX_HISTORY: Final = 200  # of one user
MAX_SAVED: Final = 200
MAX_SQL: Final = 100_000  # characters
# Bytes of all of one user, who may hold no rights at all: with more, he would take the room that others have for their data.
MAX_HISTORY_BYTES: Final = 1024 * 1024
MAX_SAVED_BYTES: Final = 2 * 1024 * 1024
MAX_NAME: Final = 100
_MAX_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Ran:
    """One statement that ran; `error` says why it did not."""

    id: int
    sql: str
    created_at: int
    duration_ms: float | None
    row_count: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Saved:
    """One statement under a name, unique to its user without regard to case."""

    id: int
    name: str
    sql: str
    modified_at: int


def list_history(session: Session, actor: Actor) -> list[Ran]:
    """One's own, newest first."""
    rows = session.all(
        "SELECT id, sql, created_at, duration_ms, row_count, error FROM _wce_query_history WHERE user_id = ? ORDER BY id DESC LIMIT ?",
        (actor.user_id, MAX_HISTORY),
    )
    return [Ran(*row) for row in rows]


def add_history(session: Session, actor: Actor, sql: str, *, duration_ms: float | None, row_count: int | None, error: str | None) -> Ran:
    """Keep a statement that ran, and forget the oldest beyond those that there may be."""
    sql = _statement(sql)
    error = None if error is None else error[:_MAX_ERROR]
    with session.transaction(actor) as transaction:
        current(transaction, actor)
        added = transaction.execute(
            "INSERT INTO _wce_query_history (user_id, sql, created_at, duration_ms, row_count, error)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            (actor.user_id, sql, transaction.at, duration_ms, row_count, error),
        ).fetchone()[0]
        transaction.execute(
            "DELETE FROM _wce_query_history WHERE user_id = ?1 AND id <= (SELECT id FROM (SELECT id, row_number() OVER newest AS place,"
            " sum(length(CAST(sql AS BLOB))) OVER newest AS bytes FROM _wce_query_history WHERE user_id = ?1"
            " WINDOW newest AS (ORDER BY id DESC)) WHERE place > ?2 OR bytes > ?3 ORDER BY id DESC LIMIT 1)",
            (actor.user_id, MAX_HISTORY, MAX_HISTORY_BYTES),
        )
        return Ran(added, sql, transaction.at, duration_ms, row_count, error)


def clear_history(session: Session, actor: Actor) -> None:
    """Forget all of one's own."""
    with session.transaction(actor) as transaction:
        transaction.execute("DELETE FROM _wce_query_history WHERE user_id = ?", (actor.user_id,))


def list_saved(session: Session, actor: Actor) -> list[Saved]:
    """One's own, by name."""
    rows = session.all(
        "SELECT id, name, sql, modified_at FROM _wce_saved_queries WHERE user_id = ? ORDER BY name COLLATE NOCASE", (actor.user_id,)
    )
    return [Saved(*row) for row in rows]


def save(session: Session, actor: Actor, name: str, sql: str) -> tuple[Saved, bool]:
    """Keep a statement under a name, in place of the one that has it; whether it is a new one."""
    name, sql = name.strip(), _statement(sql)
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise invalid("name", f"must have 1 to {MAX_NAME} printable characters")
    with session.transaction(actor) as transaction:
        current(transaction, actor)
        count, known, others = transaction.execute(
            "SELECT count(*), max(name = ?2), coalesce(sum(length(CAST(sql AS BLOB))) FILTER (WHERE name <> ?2), 0)"
            " FROM _wce_saved_queries WHERE user_id = ?1",
            (actor.user_id, name),
        ).fetchone()
        if (not known and count >= MAX_SAVED) or others + len(sql.encode()) > MAX_SAVED_BYTES:
            raise WceError("quota_exceeded", f"A user may save at most {MAX_SAVED} statements, with {MAX_SAVED_BYTES} bytes in all.")
        row = transaction.execute(
            "INSERT INTO _wce_saved_queries (user_id, name, sql, modified_at) VALUES (?, ?, ?, ?) ON CONFLICT (user_id, name) DO UPDATE"
            " SET name = excluded.name, sql = excluded.sql, modified_at = excluded.modified_at RETURNING id, name, sql, modified_at",
            (actor.user_id, name, sql, transaction.at),
        ).fetchone()
        return Saved(*row), not known


def delete_saved(session: Session, actor: Actor, saved_id: int) -> None:
    """Forget one of one's own."""
    with session.transaction(actor) as transaction:
        gone = transaction.execute("DELETE FROM _wce_saved_queries WHERE id = ? AND user_id = ? RETURNING 1", (saved_id, actor.user_id))
        if gone.fetchone() is None:
            raise WceError("not_found", "No such saved statement.")


def _statement(sql: str) -> str:
    if not sql.strip() or len(sql) > MAX_SQL or "\0" in sql:
        raise invalid("sql", f"must have 1 to {MAX_SQL} characters, none of them NUL")
    return sql
