"""What the operator of a server may do in any cenv, from its command line: he has the file, so no role of the cenv is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from wce.core import audit
from wce.core.passwords import Passwords
from wce.core.users import User, end_sessions, find_user
from wce.errors import WceError, invalid
from wce.model import PUBLIC_ID, Actor, AuditEntry, Role
from wce.store.session import Session
from wce.store.store import Store
from wce.store.transaction import Transaction

# Stands in the audit log; no account may be called like this.
OPERATOR: Final = Actor(PUBLIC_ID, "(operator)", Role.OWNER, None, "", "wce")
_CHANGED: Final = {"password": "changed"}
_COUNTS: Final = {  # in files of every schema
    "users": "SELECT count(*) FROM _wce_users WHERE user_id <> 0",
    "tables": (
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 5) <> '_wce_' AND substr(name, 1, 7) <> 'sqlite_'"
    ),
    "endpoints": "SELECT count(*) FROM _wce_endpoints",
    "sessions": "SELECT count(*) FROM _wce_sessions",
    "audit_entries": "SELECT count(*) FROM _wce_audit_log",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """One cenv at a glance. `owner` is None in a file that has lost him."""

    cenv_id: str
    owner: str | None
    created_at: int | None
    bytes: int
    schema: int
    commits: int
    counts: dict[str, int]


def summarize(store: Store, cenv: str) -> Summary:
    """What there is to know of a cenv without looking into its data; nothing of the file changes, its schema neither."""
    with store.reading(cenv) as session:
        owner = session.one("SELECT username, created_at FROM _wce_users WHERE role = 'owner'") or (None, None)
        counts = {name: (session.one(sql) or (0,))[0] for name, sql in _COUNTS.items()}
        (schema,) = session.one("PRAGMA user_version") or (0,)
        (commits,) = session.one("SELECT commits FROM _wce_state") or (0,)
    return Summary(cenv, owner[0], owner[1], store.path(cenv).stat().st_size, schema, commits, counts)


def find_by_name(session: Session | Transaction, username: str) -> User:
    """One account by its name; raises `not_found`."""
    row = session.execute(
        "SELECT user_id FROM _wce_users WHERE username = ? COLLATE NOCASE AND user_id <> ?", (username, PUBLIC_ID)
    ).fetchone()
    if row is None:
        raise WceError("not_found", f"There is no user {username}.")
    return find_user(session, row[0])


def set_password(session: Session, passwords: Passwords, username: str, password: str) -> User:
    """Give anybody a new password, the owner too; all his sessions and keys end."""
    password_hash = passwords.hash(password)
    with session.transaction(OPERATOR) as transaction:
        user = find_by_name(transaction, username)
        transaction.execute("UPDATE _wce_users SET password_hash = ? WHERE user_id = ?", (password_hash, user.user_id))
        ended = end_sessions(transaction, user.user_id)
        transaction.execute("DELETE FROM _wce_api_keys WHERE user_id = ?", (user.user_id,))
        _record(transaction, "user.update", user, sessions_ended=ended, **_CHANGED)
        return user


def set_role(session: Session, username: str, role: Role) -> User:
    """Give anybody another role. The new owner takes the place of the old one, who becomes an administrator.

    A lower role ends sessions.
    """
    with session.transaction(OPERATOR) as transaction:
        user = find_by_name(transaction, username)
        if user.role is Role.OWNER and role is not Role.OWNER:
            raise WceError("last_owner", "Make somebody else the owner; this one then becomes an administrator.")
        if role is Role.OWNER and not user.enabled:
            raise invalid("username", "must be an enabled user")
        if role is Role.OWNER:
            former = "UPDATE _wce_users SET role = 'admin' WHERE role = 'owner' AND user_id <> ? RETURNING user_id"
            for (former_id,) in transaction.execute(former, (user.user_id,)).fetchall():
                end_sessions(transaction, former_id)
        transaction.execute("UPDATE _wce_users SET role = ? WHERE user_id = ?", (role, user.user_id))
        if role.rank < user.role.rank:
            end_sessions(transaction, user.user_id)
        _record(transaction, "user.hand_over" if role is Role.OWNER else "user.update", user, role=role)
        return find_user(transaction, user.user_id)


def _record(transaction: Transaction, action: str, user: User, **details: Any) -> None:
    transaction.touch("_wce_users", 1)
    audit.record(transaction, AuditEntry(action, "user", str(user.user_id), {"username": user.username} | details))
