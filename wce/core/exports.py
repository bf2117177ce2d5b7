"""Handing a cenv to its owner as one SQLite file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wce.core import audit
from wce.core.roles import current
from wce.errors import WceError
from wce.model import Actor, AuditEntry, Role
from wce.store.copies import clean_copy
from wce.store.session import Session
from wce.store.store import Store
from wce.store.transaction import Transaction

MIMETYPE: Final = "application/vnd.sqlite3"


@contextmanager
def export(store: Store, session: Session, actor: Actor) -> Iterator[Path]:
    """`with` the path of a copy that is gone afterwards. The log tells of it before there is a byte of it."""
    with session.transaction(actor) as transaction:
        require_owner(transaction, actor)
        audit.record(transaction, AuditEntry("cenv.export", "cenv", session.cenv))
    with clean_copy(store, session.cenv) as path:
        yield path


def require_owner(transaction: Session | Transaction, actor: Actor) -> Actor:
    """The actor as he is now; raises `forbidden` unless he is the owner, who may have handed the cenv over since the request began."""
    now = current(transaction, actor)
    if now.role is not Role.OWNER:
        raise WceError("forbidden", "Only the owner may do this.")
    return now


def file_name(cenv: str, at: float) -> str:
    """What the file should be called."""
    return f"cenv-{cenv[:8]}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(at))}.sqlite3"
