"""What grows by itself is cut back here: a little at each login, and on the rounds of the scheduler where nobody logs in."""

from __future__ import annotations

from typing import Final

from wce.core import audit
from wce.core.settings import CenvSettings
from wce.model import Actor
from wce.store.session import Session
from wce.store.transaction import Transaction

_DAY: Final = 86_400
IDEMPOTENCY_SECONDS: Final = _DAY
_REST_SECONDS: Final = 3600
_MOST: Final = 1000  # rows of one table that one sweep removes, so that it never holds the writer for long
_EXPIRING: Final = {"_wce_sessions": "session_id", "_wce_revoked_tokens": "token_hash"}


def prune(transaction: Transaction, config: CenvSettings) -> None:
    """Remove expired sessions, tokens and first answers, and audit rows past their retention."""
    transaction.execute("DELETE FROM _wce_sessions WHERE expires_at <= ?", (transaction.at,))
    transaction.execute("DELETE FROM _wce_revoked_tokens WHERE expires_at <= ?", (transaction.at,))
    prune_answers(transaction)
    audit.trim_in(transaction, transaction.at - config.audit_retention_days * _DAY)


def sweep(session: Session, actor: Actor, config: CenvSettings, now: float) -> bool:
    """Remove what has been expired for an hour, and audit rows a day past their retention; returns whether there was anything.

    A cenv is written to once an hour at most, however many sessions end in it, and one without any is only read.
    """
    before, kept_from = int(now) - _REST_SECONDS, int(now) - config.audit_retention_days * _DAY
    expired = any(session.one(f"SELECT 1 FROM {table} WHERE expires_at <= ? LIMIT 1", (before,)) for table in _EXPIRING)
    # What programs with keys do is written down, too, and they never log in.
    old = session.one("SELECT 1 FROM (SELECT timestamp FROM _wce_audit_log ORDER BY id LIMIT 1) WHERE timestamp < ?", (kept_from - _DAY,))
    if not expired and old is None:
        return False
    with session.transaction(actor) as transaction:
        for table, key in _EXPIRING.items():
            some = f"SELECT {key} FROM {table} WHERE expires_at <= ? LIMIT {_MOST}"
            transaction.execute(f"DELETE FROM {table} WHERE {key} IN ({some})", (transaction.at,))
        audit.trim_in(transaction, kept_from)
    return True


def prune_answers(transaction: Transaction) -> None:
    """Remove first answers that no repeat may ask for any more."""
    transaction.execute("DELETE FROM _wce_idempotency WHERE created_at <= ?", (transaction.at - IDEMPOTENCY_SECONDS,))
