"""What the first screen of a cenv tells: its figures, for administrators those of its people and what they did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wce.core import audit
from wce.core.settings import CenvSettings
from wce.model import PUBLIC_ID
from wce.store.session import Session

_ENTRIES: Final = 12
_SLOWEST: Final = 6
_MIB: Final = 1024 * 1024


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


@dataclass(frozen=True, slots=True)
class Slow:
    """A statement or script with its mean duration; `source` is console, endpoint, hook, schedule or template."""

    what: str
    source: str
    username: str
    count: int
    mean_ms: float


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


def slowest(session: Session) -> list[Slow]:
    """What took longest on average: statements of consoles, and scripts by their last runs."""
    rows = session.all(
        "SELECT h.sql, 'console', u.username, count(*), avg(h.duration_ms) AS mean FROM _wce_query_history AS h JOIN _wce_users AS u"
        " ON u.user_id = h.user_id WHERE h.duration_ms IS NOT NULL GROUP BY h.sql, h.user_id"
        " UNION ALL SELECT coalesce(e.method || ' ' || e.path, k.name, s.name, t.name), r.kind, '', count(*), avg(r.duration_ms)"
        " FROM _wce_script_runs AS r LEFT JOIN _wce_endpoints AS e ON r.kind = 'endpoint' AND e.id = r.item_id"
        " LEFT JOIN _wce_hooks AS k ON r.kind = 'hook' AND k.id = r.item_id"
        " LEFT JOIN _wce_schedules AS s ON r.kind = 'schedule' AND s.id = r.item_id"
        " LEFT JOIN _wce_templates AS t ON r.kind = 'template' AND t.id = r.item_id GROUP BY r.kind, r.item_id ORDER BY 5 DESC LIMIT ?",
        (_SLOWEST,),
    )
    return [Slow(what or "deleted", source, username, count, round(mean, 2)) for what, source, username, count, mean in rows]
