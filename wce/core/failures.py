"""Failed logins in a cenv's audit log: whoever owns it is to see them, and no stranger is to fill the file with them."""

from __future__ import annotations

import re
from typing import Final

from wce.core import audit
from wce.core.settings import CenvSettings
from wce.errors import WceError
from wce.log import LOGGER
from wce.model import PUBLIC_ID, Actor, AuditEntry, Role
from wce.store.session import Session
from wce.store.transaction import Transaction

_MAX_TRIED: Final = 64
_DAY: Final = 86_400
_LEAST: Final = 10
# Among the newest entries only: the log has no index, as each would slow down every write.
_COUNT: Final = (
    "SELECT count(*), coalesce(sum(ip_address = ?1), 0) FROM"
    " (SELECT action, timestamp, ip_address FROM _wce_audit_log ORDER BY id DESC LIMIT 1000)"
    " WHERE action = 'login.failure' AND timestamp > ?2"
)


def record(session: Session, config: CenvSettings, visitor: Actor, username: str) -> None:
    """Note that somebody has tried a name: where there is room for it, and where not too many are noted already."""
    tried = clean(username)[:_MAX_TRIED]
    who = Actor(PUBLIC_ID, tried, Role.PUBLIC, None, visitor.ip_address, visitor.user_agent)
    try:
        # The last room of a file is for those who make some: a stranger who could fill it would lock everybody out.
        with session.sparing(), session.transaction(visitor) as transaction:
            left = _left(transaction, config, visitor.ip_address)
            if left > 0:
                details = {"further": "only in the server's log"} if left == 1 else {}
                audit.record(transaction, AuditEntry("login.failure", "user", tried, details), who)
                return
            transaction.uncounted()
    except WceError as error:
        if error.code != "quota_exceeded":
            raise
        _tell(session, error.detail)
    else:
        _tell(session, "as many as are recorded in a day")


def clean(username: str) -> str:
    """A name that SQLite can bind, whatever somebody typed."""
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "\ufffd", username)


def _left(transaction: Transaction, config: CenvSettings, ip_address: str) -> int:
    """How many may still be noted: in a day as many as the file may have MiB, half of them from one address.

    An entry has at most 0.7 KB, so those of a whole year take a quarter of the file.
    """
    most = max(_LEAST, config.max_database_mb)
    count, from_here = transaction.execute(_COUNT, (ip_address, transaction.at - _DAY)).fetchone()
    return min(most - int(count), most // 2 - int(from_here))


def _tell(session: Session, reason: str) -> None:
    LOGGER.warning("login failure not recorded", extra={"cenv": session.cenv, "reason": reason})
