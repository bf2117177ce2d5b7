"""Signing in and out: sessions, and who a token stands for."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from wce.core import audit, failures, totp, upkeep
from wce.core.passwords import Passwords
from wce.core.settings import CenvSettings
from wce.core.tokens import Claims, Tokens
from wce.core.tokens import token_hash as hash_token
from wce.core.totp import Proof
from wce.core.users import end_sessions, prove
from wce.errors import WceError
from wce.model import PUBLIC_ID, Actor, AuditEntry, Role, State
from wce.store.session import Session
from wce.store.transaction import Transaction

Use = str | int  # the id of a session, or of an API key
TOUCH_SECONDS: Final = 60
_MAX_AGENT: Final = 300
_NO_PROOF: Final = Proof()
STATE: Final = "t.grants, t.settings, t.endpoints, t.templates, t.commits"
_PEOPLE: Final = f"SELECT t.people, {STATE} FROM _wce_state t WHERE t.id = 1"
_WHO: Final = (
    "SELECT u.username, u.role, s.last_used, s.expires_at FROM _wce_sessions s"
    " CROSS JOIN _wce_users u ON u.user_id = s.user_id AND u.enabled"
    " WHERE s.session_id = ? AND s.user_id = ? AND s.token_hash = ?"
    " AND NOT EXISTS (SELECT 1 FROM _wce_revoked_tokens r WHERE r.token_hash = s.token_hash)"
)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A fresh login; `token` is told once and never stored."""

    token: str
    expires_at: int
    session_id: str
    user_id: int


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Who a request acts as. `last_used` is None for someone who is not signed in."""

    actor: Actor
    state: State
    last_used: int | None = None


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One login as its user sees it."""

    session_id: str
    created_at: int
    last_used: int
    expires_at: int
    ip_address: str
    user_agent: str
    current: bool


def log_in(
    session: Session,
    passwords: Passwords,
    tokens: Tokens,
    config: CenvSettings,
    visitor: Actor,
    username: str,
    password: str,
    second: Proof = _NO_PROOF,
) -> LoggedIn:
    """Check the password and begin a session; raises `bad_credentials`, the same for unknown, disabled and wrong.

    With a second factor `totp_required` follows until `second` holds a good code.

    The check runs before the transaction: it takes a quarter of a second, and writers wait for nobody's bcrypt.
    """
    row = session.one(
        "SELECT user_id, username, role, password_hash FROM _wce_users WHERE username = ? AND enabled AND user_id <> ?",
        (failures.clean(username), PUBLIC_ID),
    )
    if not passwords.verify(password, row[3] if row else None) or row is None:
        failures.record(session, config, visitor, username)
        raise WceError("bad_credentials")
    user_id, name, role, stored = row
    actor = Actor(user_id, name, Role(role), ip_address=visitor.ip_address, user_agent=visitor.user_agent)
    with session.transaction(actor) as transaction:
        still = "SELECT 1 FROM _wce_users WHERE user_id = ? AND enabled AND password_hash = ?"
        if transaction.execute(still, (user_id, stored)).fetchone() is None:
            raise WceError("bad_credentials")
        refusal = totp.judge(transaction, user_id, second)
        if refusal is None:
            upkeep.prune(transaction, config)
            login = _begin(transaction, tokens, session.cenv, actor, config)
            audit.record(transaction, AuditEntry("login.success", "user", str(user_id), {"session_id": login.session_id}))
            return login
    raise refusal  # after the commit that counts it


def log_out(session: Session, actor: Actor) -> None:
    """End the actor's own session; its token is refused from now on, everywhere."""
    if actor.session_id is not None:
        revoke_session(session, actor, actor.session_id, action="logout")


def authenticate(session: Session, claims: Claims, now: float, ip_address: str = "", user_agent: str = "") -> Authenticated:
    """Whom a verified token stands for, by the rows of this moment; raises `bad_token` when session or user is gone or disabled."""
    row, state = find_person(session, _WHO, (claims.session_id, claims.user_id, claims.token_hash))
    if row is None or row[3] <= int(now) or claims.user_id == PUBLIC_ID:
        raise WceError("bad_token")
    actor = _actor(claims.user_id, row[0], row[1], claims.session_id, ip_address, user_agent)
    return Authenticated(actor, state, row[2])


def find_person(session: Session, sql: str, params: tuple[Any, ...]) -> tuple[tuple[Any, ...] | None, State]:
    """A row of users, sessions, keys and nothing else, and the counters; the row is of their moment, or of a later one."""
    found = session.kept(_PEOPLE)
    if found is None:
        raise _no_state(session)
    return session.kept_while(found[:2], sql, params), State(*found[1:])


@lru_cache(maxsize=4096)
def _actor(user_id: int, username: str, role: str, session_id: str, ip_address: str, user_agent: str) -> Actor:
    return Actor(user_id, username, Role(role), session_id, ip_address, user_agent)


def anonymous(session: Session, ip_address: str = "", user_agent: str = "") -> Authenticated:
    """A visitor who is not signed in."""
    return visitor(state_row(session), ip_address, user_agent)


def state_row(session: Session) -> tuple[int, ...]:
    """The counters of the file as one row, which is equal to another one when nothing has changed."""
    row = session.kept(f"SELECT {STATE} FROM _wce_state t WHERE t.id = 1")
    if row is None:
        raise _no_state(session)
    return row


def _no_state(session: Session) -> WceError:
    """Without that row a file is damaged, or it was a cenv until somebody removed it."""
    if session.one("PRAGMA application_id") == (0,):
        return WceError("no_such_cenv")
    return WceError("cenv_damaged", evidence="_wce_state has no row")


def visitor(row: tuple[int, ...], ip_address: str = "", user_agent: str = "") -> Authenticated:
    """Who is not signed in, at a moment with those counters."""
    return Authenticated(Actor(PUBLIC_ID, "public", Role.PUBLIC, None, ip_address, user_agent), State(*row))


def use_of(who: Authenticated, now: float) -> Use | None:
    """The session or key that a request uses, where its row does not say so yet to the minute."""
    if who.last_used is None or abs(now - who.last_used) < TOUCH_SECONDS:
        return None
    return who.actor.session_id if who.actor.key_id is None else who.actor.key_id


def note_uses(transaction: Transaction, uses: Mapping[Use, int]) -> None:
    """Write when sessions and keys were last used, in Unix seconds; what other processes have written since stays.

    A time to come is of a clock that was wrong: left there, it would hide every use until it comes.
    """
    soon = transaction.at + TOUCH_SECONDS
    for use, at in uses.items():
        table, key = ("_wce_sessions", "session_id") if isinstance(use, str) else ("_wce_api_keys", "id")
        update = f"UPDATE {table} SET last_used = ?1 WHERE {key} = ?2 AND (coalesce(last_used, 0) < ?1 OR last_used > ?3)"
        transaction.execute(update, (at, use, soon))


def list_sessions(session: Session, actor: Actor, now: float, noted: Mapping[Use, int] = MappingProxyType({})) -> list[SessionInfo]:
    """The actor's own logins that still hold, newest first; `noted` are uses that are not in the file yet."""
    rows = session.all(
        "SELECT session_id, created_at, last_used, expires_at, ip_address, user_agent FROM _wce_sessions"
        " WHERE user_id = ? AND expires_at > ? ORDER BY created_at DESC, session_id",
        (actor.user_id, int(now)),
    )
    found = [SessionInfo(*(*row, row[0] == actor.session_id)) for row in rows]
    return [replace(item, last_used=max(item.last_used, noted.get(item.session_id, 0))) for item in found]


def revoke_session(session: Session, actor: Actor, session_id: str, *, action: str = "session.revoke") -> None:
    """End one of the actor's own sessions; raises `not_found` for anything else."""
    with session.transaction(actor) as transaction:
        if not end_sessions(transaction, actor.user_id, session_id):
            raise WceError("not_found", "No such session.")
        audit.record(transaction, AuditEntry(action, "session", session_id))


def revoke_all(session: Session, actor: Actor) -> int:
    """End all of the actor's own sessions, this one among them; returns how many."""
    with session.transaction(actor) as transaction:
        ended = end_sessions(transaction, actor.user_id)
        audit.record(transaction, AuditEntry("session.revoke_all", "user", str(actor.user_id), {"sessions": ended}))
    return ended


def change_password(
    session: Session,
    passwords: Passwords,
    tokens: Tokens,
    config: CenvSettings,
    actor: Actor,
    current: str,
    new: str,
    *,
    end_keys: bool = False,
) -> LoggedIn:
    """Change the actor's own password: every session of his ends, and the one login that comes back takes their place.

    His programs go on with their keys, unless he says that those end, too: as whoever thinks that somebody else was in his account.
    """
    proof = prove(session, passwords, actor, current)
    password_hash = passwords.hash(new, "new_password")
    with session.transaction(actor) as transaction:
        update = "UPDATE _wce_users SET password_hash = ? WHERE user_id = ? AND enabled AND password_hash = ?"
        if transaction.execute(update, (password_hash, actor.user_id, proof)).rowcount != 1:
            raise WceError("bad_credentials", "The password is wrong.")
        ended = end_sessions(transaction, actor.user_id)
        details = {"sessions_ended": ended}
        if end_keys:
            details["keys_ended"] = transaction.execute("DELETE FROM _wce_api_keys WHERE user_id = ?", (actor.user_id,)).rowcount
        login = _begin(transaction, tokens, session.cenv, actor, config)
        audit.record(transaction, AuditEntry("password.change", "user", str(actor.user_id), details))
    return login


def _begin(transaction: Transaction, tokens: Tokens, cenv: str, actor: Actor, config: CenvSettings) -> LoggedIn:
    """Write the session's row, and let go of the oldest sessions beyond those that a user may have."""
    session_id = secrets.token_hex(16)
    expires_at = transaction.at + config.session_timeout_hours * 3600
    token = tokens.issue(cenv, actor.user_id, session_id, transaction.at, expires_at)
    surplus = transaction.execute(
        "SELECT session_id FROM _wce_sessions WHERE user_id = ? ORDER BY created_at DESC, last_used DESC, session_id LIMIT -1 OFFSET ?",
        (actor.user_id, config.max_sessions - 1),
    ).fetchall()
    for (old,) in surplus:
        end_sessions(transaction, actor.user_id, old)
    transaction.execute(
        "INSERT INTO _wce_sessions (session_id, user_id, token_hash, created_at, expires_at, last_used, ip_address, user_agent)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session_id,
            actor.user_id,
            hash_token(token),
            transaction.at,
            expires_at,
            transaction.at,
            actor.ip_address,
            actor.user_agent[:_MAX_AGENT],
        ),
    )
    transaction.execute("UPDATE _wce_users SET last_login = ? WHERE user_id = ?", (transaction.at, actor.user_id))
    return LoggedIn(token, expires_at, session_id, actor.user_id)
