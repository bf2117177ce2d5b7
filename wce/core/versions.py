"""Every saved text of a script, so that an earlier one can be looked at and brought back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wce.errors import WceError
from wce.store.session import Session
from wce.store.transaction import Transaction

MAX_VERSIONS: Final = 100  # of one script
MAX_SIZE: Final = 32 * 1024 * 1024  # of all versions of a kind, those of deleted scripts among them
_ENTRY: Final = 1_000  # what a version counts beside its characters
_COLUMNS: Final = "v.id, v.created_at, v.created_by, u.username"
_FROM: Final = "FROM _wce_versions v LEFT JOIN _wce_users u ON u.user_id = v.created_by"


@dataclass(frozen=True, slots=True)
class Version:
    """One saved text. `created_by` and `username` are None when its author is gone; `script` is empty in lists."""

    id: int
    created_at: int
    created_by: int | None
    username: str | None
    script: str = ""


def list_versions(session: Session, kind: str, item_id: int) -> list[Version]:
    """All that are kept of a script, newest first; the first one is the text in force."""
    rows = session.all(f"SELECT {_COLUMNS} {_FROM} WHERE v.kind = ? AND v.item_id = ? ORDER BY v.id DESC", (kind, item_id))
    return [Version(*row) for row in rows]


def find_version(session: Session | Transaction, kind: str, item_id: int, version_id: int) -> Version:
    """One with its text; raises `not_found`."""
    row = session.execute(
        f"SELECT {_COLUMNS}, v.content {_FROM} WHERE v.kind = ? AND v.item_id = ? AND v.id = ?", (kind, item_id, version_id)
    ).fetchone()
    if row is None:
        raise WceError("not_found", "No such version.")
    return Version(*row)


def keep(transaction: Transaction, kind: str, item_id: int, script: str) -> None:
    """Keep the text that is being saved, and forget the oldest beyond MAX_VERSIONS and MAX_SIZE."""
    transaction.execute(
        "INSERT INTO _wce_versions (kind, item_id, content, created_at, created_by) VALUES (?, ?, ?, ?, ?)",
        (kind, item_id, script, transaction.at, transaction.actor.user_id),
    )
    transaction.execute(
        "DELETE FROM _wce_versions WHERE kind = ?1 AND item_id = ?2 AND id <="
        " (SELECT id FROM _wce_versions WHERE kind = ?1 AND item_id = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
        (kind, item_id, MAX_VERSIONS),
    )
    transaction.execute(
        "DELETE FROM _wce_versions WHERE kind = ?1 AND id <= (SELECT max(id) FROM"
        " (SELECT id, sum(length(content) + ?2) OVER (ORDER BY id DESC) AS size FROM _wce_versions WHERE kind = ?1) WHERE size > ?3)",
        (kind, _ENTRY, MAX_SIZE),
    )
