"""The audit log: written in the transaction of the act, each row chained to the one before it by a hash."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from wce.errors import invalid
from wce.model import Actor, AuditEntry, Params, Value
from wce.store.session import Session
from wce.store.sqlite import Cursor
from wce.store.transaction import STATE_AND_HEAD, Transaction

DEFAULT_ENTRIES: Final = 100
MAX_ENTRIES: Final = 1_000
_MAX_AGENT: Final = 300
# One trim removes at most so many rows, so that it never holds the writer for long.
_MAX_TRIMMED: Final = 10_000
_COLUMNS: Final = "id, timestamp, user_id, username, action, resource_type, resource_id, details, ip_address, user_agent"
_INSERT: Final = f"INSERT INTO _wce_audit_log ({_COLUMNS}, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# `default` lets a row that somebody filled with other types be told as changed instead of failing the walk.
_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=repr).encode
_TRIM: Final = "audit.trim"
_MAX_ID: Final = 2**63 - 1
_TOMBSTONE: Final = "FROM _wce_audit_tombstones ORDER BY last_id DESC LIMIT 1"
_WALK: Final = (
    f"SELECT (SELECT audit_hash FROM _wce_state WHERE id = 1), (SELECT last_id {_TOMBSTONE}), (SELECT hash {_TOMBSTONE}),"
    f" (SELECT removed {_TOMBSTONE}), hash, {_COLUMNS} FROM _wce_audit_log ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row of the log."""

    id: int
    timestamp: int
    user_id: int
    username: str
    action: str
    resource_type: str
    resource_id: str
    details: Mapping[str, Any]
    ip_address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """What to look for; empty means all.

    `user` is an id or a name. `action` is exact, or a prefix when it ends in `*`. `resource` is a type, an id, or `type/id`.
    `since` is inclusive, `until` exclusive, both in Unix seconds.
    """

    user: str = ""
    action: str = ""
    resource: str = ""
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Newest first; `next_cursor` is None on the last page."""

    entries: tuple[AuditRecord, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the chain found. `first_bad_id` is the first row that does not follow from the one before it."""

    ok: bool
    count: int
    first_bad_id: int | None = None
    reason: str = ""


class Walks(Protocol):
    """A session, or a file from elsewhere that is read as one."""

    def execute(self, sql: str, params: Params = ()) -> Cursor: ...

    def one(self, sql: str, params: Params = ()) -> tuple[Any, ...] | None: ...


def record(transaction: Transaction, entry: AuditEntry, actor: Actor | None = None) -> None:
    """Write the entry when the transaction commits; until then the last insert's rowid stays what the user's SQL made it."""
    who = actor or transaction.actor
    by_key = {} if who.key_id is None else {"key_id": who.key_id}
    details = _details({**entry.details, **by_key})
    transaction.before_commit(lambda open_: _append(open_, who, entry, details))


def find(session: Session, filters: AuditFilters, *, limit: int = DEFAULT_ENTRIES, cursor: str = "") -> AuditPage:
    """One page of the log, newest first."""
    if not 1 <= limit <= MAX_ENTRIES:
        raise invalid("limit", f"must be from 1 to {MAX_ENTRIES}")
    conditions, values = _conditions(filters)
    if cursor:
        conditions.append("id < ?")
        values.append(_read_cursor(cursor))
    where = " AND ".join(conditions) or "1"
    rows = session.all(f"SELECT {_COLUMNS} FROM _wce_audit_log WHERE {where} ORDER BY id DESC LIMIT ?", (*values, limit + 1))
    entries = tuple(_to_record(row) for row in rows[:limit])
    return AuditPage(entries, _write_cursor(entries[-1].id) if len(rows) > limit else None)


def verify(session: Walks) -> Verification:
    """Walk the whole chain and say where it breaks: a row edited, removed or put in, a tail cut off, a prefix removed by someone else.

    The chain has no key: who can write the file outside of WCE and knows the rule can write all of it anew.
    """
    walk = session.execute(_WALK)  # one statement sees one snapshot
    row = walk.fetchone()
    if row is None:
        return Verification(session.one("SELECT 1 FROM _wce_state WHERE audit_hash = ''") is not None, 0, None, "the log is empty")
    head, tombstone, link = row[0], row[1:4], row[2] or ""
    attested = tombstone[0] is None
    count = last_id = 0
    while row is not None:
        count, last_id, link = count + 1, row[5], _link(link, row[5:])
        if link != row[4]:
            return Verification(False, count, last_id, "this row was changed, or rows before it were removed or put in")
        attested = attested or (row[9] == _TRIM and row[12] == _canonical(_removal(*tombstone)))
        row = walk.fetchone()
    if link != head:
        return Verification(False, count, last_id + 1, "the last rows were removed")
    if not attested:
        return Verification(False, count, last_id, "a removed beginning is not accounted for")
    return Verification(True, count)


def trim(session: Session, actor: Actor, older_than: int) -> int:
    """Remove rows from the beginning that are older than a time, leave a tombstone and say so in the log; returns how many went."""
    with session.transaction(actor) as transaction:
        return trim_in(transaction, older_than)


def trim_in(transaction: Transaction, older_than: int) -> int:
    """As `trim`, within a transaction that does more; at most 10,000 rows at a time."""
    first = transaction.execute("SELECT id, timestamp FROM _wce_audit_log ORDER BY id LIMIT 1").fetchone()
    if first is None or first[1] >= older_than:
        return 0
    # `+timestamp` walks along the ids from the first row on and stops at the first young one.
    kept = transaction.execute(
        "SELECT id FROM _wce_audit_log WHERE +timestamp >= ? OR id >= ? ORDER BY id LIMIT 1", (older_than, first[0] + _MAX_TRIMMED)
    ).fetchone()
    last = transaction.execute(
        "SELECT id, hash FROM _wce_audit_log WHERE id < ? ORDER BY id DESC LIMIT 1", (kept[0] if kept else _MAX_ID,)
    ).fetchone()
    removed: int = transaction.execute("DELETE FROM _wce_audit_log WHERE id <= ?", (last[0],)).rowcount
    transaction.execute(
        "INSERT INTO _wce_audit_tombstones (last_id, hash, removed, at) VALUES (?, ?, ?, ?)", (*last, removed, transaction.at)
    )
    record(transaction, AuditEntry(_TRIM, "audit", "", _removal(last[0], last[1], removed)))
    return removed


def _append(transaction: Transaction, actor: Actor, entry: AuditEntry, details: str) -> None:
    previous, last_id = transaction.trail or transaction.head or transaction.log(STATE_AND_HEAD).fetchone()[4:]
    row = (
        last_id + 1,
        transaction.at,
        actor.user_id,
        actor.username,
        entry.action,
        entry.resource_type,
        entry.resource_id,
        details,
        actor.ip_address,
        actor.user_agent[:_MAX_AGENT],
    )
    link = _link(previous, row)
    transaction.log(_INSERT, (*row, link))
    transaction.trail = (link, last_id + 1)  # the commit writes it to _wce_state, with its own number


def _link(previous: str, row: tuple[Value, ...]) -> str:
    try:
        text = orjson.dumps(row)  # the same bytes for what a row of ours holds, in a tenth of the time
    except TypeError:  # somebody has put something else into the row
        text = _canonical(row).encode("utf-8", "surrogatepass")
    return hashlib.sha256(previous.encode() + text).hexdigest()


def _details(value: dict[str, Any]) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        return _canonical(value)


def _removal(last_id: int, link: str, removed: int) -> dict[str, int | str]:
    """What the log says about a tombstone; a tombstone without such an entry was not ours."""
    return {"last_id": last_id, "hash": link, "removed": removed}


def _conditions(filters: AuditFilters) -> tuple[list[str], list[Value]]:
    conditions: list[str] = []
    values: list[Value] = []

    def add(condition: str, *bound: Value) -> None:
        conditions.append(condition)
        values.extend(bound)

    if filters.user:
        is_id = filters.user.isascii() and filters.user.isdigit() and len(filters.user) < 19
        add("(user_id = ? OR username = ? COLLATE NOCASE)", int(filters.user) if is_id else None, filters.user)
    if filters.action.endswith("*"):
        prefix = filters.action[:-1]
        add("substr(action, 1, ?) = ?", len(prefix), prefix)
    elif filters.action:
        add("action = ?", filters.action)
    if filters.resource:
        add("? IN (resource_type, resource_id, resource_type || '/' || resource_id)", filters.resource)
    if filters.since is not None:
        add("timestamp >= ?", _fitting(filters.since))
    if filters.until is not None:
        add("timestamp < ?", _fitting(filters.until))
    return conditions, values


def _fitting(number: int) -> int:
    """The nearest number that SQLite can hold."""
    return max(-_MAX_ID, min(number, _MAX_ID))


def _to_record(row: tuple[Any, ...]) -> AuditRecord:
    values = list(row)
    values[7] = json.loads(row[7])
    return AuditRecord(*values)


def _write_cursor(last_id: int) -> str:
    return base64.urlsafe_b64encode(str(last_id).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        last_id = int(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)[:20])
    except ValueError as error:  # binascii.Error is one
        raise invalid("cursor", "is not one that this server gave") from error
    return _fitting(last_id)
