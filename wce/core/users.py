"""The users of a cenv: who there is, and who may make, change and remove whom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from wce.core import audit
from wce.core.passwords import Passwords
from wce.core.roles import may_act_on, may_give, require_administrator
from wce.core.settings import CenvSettings
from wce.errors import WceError, invalid
from wce.model import PUBLIC_ID, Actor, AuditEntry, Role
from wce.store.session import Session
from wce.store.transaction import Transaction

_USERNAME: Final = re.compile(r"[A-Za-z0-9_]{3,32}")
_RESERVED: Final = "public"
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)+")
_MAX_EMAIL: Final = 254
_COLUMNS: Final = "user_id, username, role, email, created_at, invited_by, last_login, enabled"


@dataclass(frozen=True, slots=True)
class User:
    """One account; the password's hash never leaves the database."""

    user_id: int
    username: str
    role: Role
    email: str | None
    created_at: int
    invited_by: int | None
    last_login: int | None
    enabled: bool


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What to change; None leaves as it is, an empty `email` removes it."""

    role: Role | None = None
    enabled: bool | None = None
    email: str | None = None
    password: str | None = None


def check_username(username: str) -> str:
    """The name, if it may be one; raises `validation`."""
    if not _USERNAME.fullmatch(username):
        raise invalid("username", "must have 3 to 32 letters from A to Z, digits or underscores")
    if username.lower() == _RESERVED:
        raise invalid("username", "is reserved for visitors who are not signed in: choose another name")
    return username


def check_email(email: str | None) -> str | None:
    """The address, if it looks like one; nothing for an empty one."""
    if not email:
        return None
    if len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email):
        raise invalid("email", "must be an e-mail address")
    return email


def list_users(session: Session) -> list[User]:
    """All accounts by name; the public principal is none."""
    rows = session.all(f"SELECT {_COLUMNS} FROM _wce_users WHERE user_id <> ? ORDER BY username COLLATE NOCASE", (PUBLIC_ID,))
    return [_to_user(row) for row in rows]


def find_user(session: Session | Transaction, user_id: int) -> User:
    """One account; raises `not_found`."""
    row = session.execute(f"SELECT {_COLUMNS} FROM _wce_users WHERE user_id = ? AND user_id <> ?", (user_id, PUBLIC_ID)).fetchone()
    if row is None:
        raise WceError("not_found", "No such user.")
    return _to_user(row)


def create_user(
    session: Session,
    passwords: Passwords,
    config: CenvSettings,
    actor: Actor,
    *,
    username: str,
    password: str,
    role: Role,
    email: str | None = None,
) -> User:
    """Make an account for somebody else, with a role below the actor's own."""
    check_username(username)
    email = check_email(email)
    if not may_give(actor.role, role):
        raise WceError("forbidden", "You may give only roles below your own.")
    password_hash = passwords.hash(password)
    with session.transaction(actor) as transaction:
        now = require_administrator(transaction, actor)
        if not may_give(now.role, role):
            raise WceError("forbidden", "You may give only roles below your own.")
        user_id = _insert(transaction, config, username, password_hash, role, email, actor.user_id)
        _audit(transaction, "user.create", user_id, username=username, role=role, email=email)
        return find_user(transaction, user_id)


def register(
    session: Session,
    passwords: Passwords,
    config: CenvSettings,
    version: int,
    actor: Actor,
    *,
    username: str,
    password: str,
    email: str | None = None,
) -> User:
    """A visitor makes his own account, where the cenv allows that; `version` is State.settings, and raises `busy` where that moves."""
    if not config.allow_registration:
        raise WceError("forbidden", "Registration is not open here: ask an administrator of this cenv for an account.")
    check_username(username)
    email = check_email(email)
    role = Role(config.registration_role)
    password_hash = passwords.hash(password)
    with session.transaction(actor) as transaction:
        if transaction.execute("SELECT settings FROM _wce_state").fetchone() != (version,):  # hashing takes a while, and so may a turn
            raise WceError("busy", "The settings have just been changed.", retry_after=1)
        user_id = _insert(transaction, config, username, password_hash, role, email, None)
        _audit(transaction, "user.register", user_id, username=username, role=role, email=email)
        return find_user(transaction, user_id)


def update_user(session: Session, passwords: Passwords, actor: Actor, user_id: int, changes: UserChanges) -> User:
    """Change somebody below the actor; a new password, a lower role and disabling end his sessions, the first and last his keys, too.

    An administrator may change his own e-mail address here and nothing else of himself. Raises `last_owner` for what would leave
    the cenv without its owner.
    """
    if changes.email is not None:
        check_email(changes.email)
    password_hash = None if changes.password is None else passwords.hash(changes.password)
    with session.transaction(actor) as transaction:
        now = require_administrator(transaction, actor)
        user = find_user(transaction, user_id)
        _require_allowed(now, user, changes)
        if changes.role is not None:
            transaction.execute("UPDATE _wce_users SET role = ? WHERE user_id = ?", (changes.role, user_id))
        if changes.enabled is not None:
            transaction.execute("UPDATE _wce_users SET enabled = ? WHERE user_id = ?", (changes.enabled, user_id))
        if changes.email is not None:
            transaction.execute("UPDATE _wce_users SET email = ? WHERE user_id = ?", (changes.email or None, user_id))
        if password_hash is not None:
            transaction.execute("UPDATE _wce_users SET password_hash = ? WHERE user_id = ?", (password_hash, user_id))
        if password_hash is not None or changes.enabled is False or (changes.role is not None and changes.role.rank < user.role.rank):
            end_sessions(transaction, user_id)
        if password_hash is not None or changes.enabled is False:
            transaction.execute("DELETE FROM _wce_api_keys WHERE user_id = ?", (user_id,))
        transaction.touch("_wce_users", 1)
        _audit(transaction, "user.update", user_id, username=user.username, **_shown(changes))
        return find_user(transaction, user_id)


def delete_user(session: Session, actor: Actor, user_id: int) -> None:
    """Remove somebody below the actor, with his sessions, permissions and policies; his id is never given again."""
    with session.transaction(actor) as transaction:
        now = require_administrator(transaction, actor)
        user = find_user(transaction, user_id)
        if user.role is Role.OWNER:
            raise WceError("last_owner")
        _require_below(now, user)
        end_sessions(transaction, user_id)
        transaction.execute("DELETE FROM _wce_users WHERE user_id = ?", (user_id,))
        transaction.touch("_wce_users", 1)
        _audit(transaction, "user.delete", user_id, username=user.username, role=user.role)


def hand_over(session: Session, passwords: Passwords, actor: Actor, user_id: int, password: str) -> User:
    """The owner, who proves himself by his password, makes another user the owner and becomes an administrator.

    His sessions end, as with every lower role, but for the one in which he has just given his password.
    """
    if actor.role is not Role.OWNER:
        raise WceError("forbidden", "Only the owner may hand over the cenv.")
    proof = prove(session, passwords, actor, password)
    with session.transaction(actor) as transaction:
        still = "SELECT 1 FROM _wce_users WHERE user_id = ? AND role = ? AND enabled AND password_hash = ?"
        if transaction.execute(still, (actor.user_id, Role.OWNER, proof)).fetchone() is None:
            raise WceError("forbidden", "Only the owner may hand over the cenv.")
        heir = find_user(transaction, user_id)
        if heir.user_id == actor.user_id or not heir.enabled:
            raise invalid("user_id", "must be another enabled user")
        # In this order: at no moment may there be two owners.
        transaction.execute("UPDATE _wce_users SET role = ? WHERE user_id = ?", (Role.ADMIN, actor.user_id))
        transaction.execute("UPDATE _wce_users SET role = ? WHERE user_id = ?", (Role.OWNER, user_id))
        end_sessions(transaction, actor.user_id, but=actor.session_id)
        transaction.touch("_wce_users", 2)
        _audit(transaction, "user.hand_over", user_id, username=heir.username, was=heir.role)
        return find_user(transaction, user_id)


def prove(session: Session, passwords: Passwords, actor: Actor, password: str) -> str:
    """The stored hash of the actor's password once he has given that password; raises `bad_credentials` and notes the failure.

    The check runs outside of any transaction, so whoever relies on it looks again inside (`require_still`).
    """
    row = session.one("SELECT password_hash FROM _wce_users WHERE user_id = ? AND enabled", (actor.user_id,))
    stored = row[0] if row else None
    if not passwords.verify(password, stored) or stored is None:
        with session.transaction(actor) as transaction:
            _audit(transaction, "password.failure", actor.user_id)
        raise WceError("bad_credentials", "The password is wrong.")
    return str(stored)


def require_still(transaction: Session | Transaction, actor: Actor, proof: str) -> None:
    """Raise `bad_credentials` unless the hash that `prove` told is that of the actor's password now: it takes time to check one."""
    still = "SELECT 1 FROM _wce_users WHERE user_id = ? AND enabled AND password_hash = ?"
    if transaction.execute(still, (actor.user_id, proof)).fetchone() is None:
        raise WceError("bad_credentials", "The password is wrong.")


def end_sessions(transaction: Transaction, user_id: int, session_id: str | None = None, *, but: str | None = None) -> int:
    """End one session of a user, or all of them `but` one; their tokens stay refused until they would have expired."""
    which, values = "user_id = ?1 AND (?2 IS NULL OR session_id = ?2) AND session_id IS NOT ?3", (user_id, session_id, but)
    transaction.execute(
        "INSERT OR IGNORE INTO _wce_revoked_tokens (token_hash, expires_at)"
        f" SELECT token_hash, expires_at FROM _wce_sessions WHERE {which}",
        values,
    )
    return transaction.execute(f"DELETE FROM _wce_sessions WHERE {which}", values).rowcount


def insert_user(transaction: Transaction, username: str, password_hash: str, role: Role, email: str | None, invited_by: int | None) -> int:
    """The row alone; raises `name_taken`."""
    if transaction.execute("SELECT 1 FROM _wce_users WHERE username = ? COLLATE NOCASE", (username,)).fetchone():
        raise WceError("name_taken", f"There is already a user {username}.")
    cursor = transaction.execute(
        "INSERT INTO _wce_users (username, password_hash, role, email, created_at, invited_by, enabled) VALUES (?, ?, ?, ?, ?, ?, 1)",
        (username, password_hash, role, email, transaction.at, invited_by),
    )
    transaction.touch("_wce_users", 1)
    return int(cursor.lastrowid or 0)


def _insert(
    transaction: Transaction, config: CenvSettings, username: str, password_hash: str, role: Role, email: str | None, invited_by: int | None
) -> int:
    (count,) = transaction.execute("SELECT count(*) FROM _wce_users WHERE user_id <> ?", (PUBLIC_ID,)).fetchone()
    if count >= config.max_users:
        raise WceError("max_users", f"This cenv may have {config.max_users} users: remove some, or raise max_users in its configuration.")
    return insert_user(transaction, username, password_hash, role, email, invited_by)


def _require_allowed(actor: Actor, user: User, changes: UserChanges) -> None:
    """Raise unless the actor, as he is now, may make these changes to this user."""
    if user.user_id == actor.user_id and (changes.role, changes.enabled, changes.password) == (None, None, None):
        return
    if user.role is Role.OWNER and (changes.role not in (None, Role.OWNER) or changes.enabled is False):
        raise WceError("last_owner")
    _require_below(actor, user)
    if changes.role is not None and not may_give(actor.role, changes.role):
        raise WceError("forbidden", "You may give only roles below your own.")


def _require_below(actor: Actor, user: User) -> None:
    if not may_act_on(actor.role, user.role):
        raise WceError("forbidden", "You may act only on users whose role is below your own.")


def _shown(changes: UserChanges) -> dict[str, Any]:
    """The changes as the log may hold them: that the password changed, never to what."""
    given = {"role": changes.role, "enabled": changes.enabled, "email": changes.email}
    shown: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return shown if changes.password is None else shown | {"password": "changed"}


def _audit(transaction: Transaction, action: str, user_id: int, **details: Any) -> None:
    audit.record(transaction, AuditEntry(action, "user", str(user_id), details))


def _to_user(row: tuple[Any, ...]) -> User:
    user_id, username, role, email, created_at, invited_by, last_login, enabled = row
    return User(user_id, username, Role(role), email, created_at, invited_by, last_login, bool(enabled))
