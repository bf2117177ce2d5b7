"""What the first screen of a cenv tells: its figures, for administrators those of its people and what they did."""

from __future__ import annotations

from dataclasses import dataclass

from wce.core import audit
from wce.core.settings import CenvSettings
from wce.model import PUBLIC_ID
from wce.store.session import Session

_ENTRIES = 12
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Size:
    """The file's pages in use, and the most that it may have, in bytes."""

    used_bytes: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Setup:
    """What a new cenv usually gets, and how many of it there are; the owner is no user here."""

    users: int
    permissions: int
    policies: int
    endpoints: int
    templates: int


def size(session: Session, config: CenvSettings) -> Size:
    """Free pages within the file are room and not data."""
    pages, free, page = (session.one(f"PRAGMA {name}") or (0,) for name in ("page_count", "freelist_count", "page_size"))
    return Size((pages[0] - free[0]) * page[0], config.max_database_mb * _MIB)


def setup(session: Session) -> Setup:
    """Counted in one statement."""
    row = session.one(
        "SELECT (SELECT count(*) FROM _wce_users WHERE user_id <> ? AND role <> 'owner'), (SELECT count(*) FROM _wce_table_permissions),"
        " (SELECT count(*) FROM _wce_row_policies), (SELECT count(*) FROM _wce_endpoints), (SELECT count(*) FROM _wce_templates)",
        (PUBLIC_ID,),
    )
    return Setup(*(row or (0, 0, 0, 0, 0)))


def signed_in(session: Session, now: float) -> int:
    """How many sessions hold."""
    row = session.one("SELECT count(*) FROM _wce_sessions WHERE expires_at > ?", (int(now),))
    return int(row[0]) if row else 0


def activity(session: Session) -> tuple[audit.AuditRecord, ...]:
    """The newest entries of the audit log."""
    return audit.find(session, audit.AuditFilters(), limit=_ENTRIES).entries
