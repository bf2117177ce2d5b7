"""What grows by itself is cut back here, a little at each login, so that no timer has to visit cenvs that nobody uses."""

from __future__ import annotations

from wce.core import audit
from wce.core.settings import CenvSettings
from wce.store.transaction import Transaction

_DAY = 86_400
IDEMPOTENCY_SECONDS = _DAY


def prune(transaction: Transaction, config: CenvSettings) -> None:
    """Remove expired sessions, tokens and first answers, and audit rows past their retention."""
    transaction.execute("DELETE FROM _wce_sessions WHERE expires_at <= ?", (transaction.at,))
    transaction.execute("DELETE FROM _wce_revoked_tokens WHERE expires_at <= ?", (transaction.at,))
    prune_answers(transaction)
    audit.trim_in(transaction, transaction.at - config.audit_retention_days * _DAY)


def prune_answers(transaction: Transaction) -> None:
    """Remove first answers that no repeat may ask for any more."""
    transaction.execute("DELETE FROM _wce_idempotency WHERE created_at <= ?", (transaction.at - IDEMPOTENCY_SECONDS,))
