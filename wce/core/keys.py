"""API keys: what programs of a user sign in with, each cut down to a scope. The key is told once; its hash is kept."""

from __future__ import annotations

import functools
import json
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from wce.core import audit, roles
from wce.core.logins import Authenticated, Use, find_person
from wce.core.passwords import Passwords
from wce.core.tokens import token_hash
from wce.core.users import prove, require_still
from wce.errors import WceError, invalid
from wce.model import Actor, AuditEntry, Role, Scope
from wce.store.session import Session
from wce.store.sqlite import fold
from wce.store.transaction import Transaction

PREFIX: Final = "wce_"  # by which people and scanners know a key that has leaked
MAX_KEYS: Final = 50  # of one user
MAX_LISTED: Final = 100  # names in one list of a scope
_MAX_LENGTH: Final = 10_000  # characters of them together: a path may have 512, and the name of a table 1,000
MAX_DAYS: Final = 3650
_BYTES: Final = 32
_DAY: Final = 86_400
_KEY: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_PRINTABLE: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+")
_MAX_NAME: Final = 100
_WHO: Final = (
    "SELECT u.user_id, u.username, u.role, k.id, k.scope, coalesce(k.last_used, 0), k.expires_at FROM _wce_api_keys k"
    " CROSS JOIN _wce_users u ON u.user_id = k.user_id AND u.enabled WHERE k.key_hash = ?"
)
_COLUMNS: Final = "id, name, scope, created_at, expires_at, last_used"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key as its user sees it. `expires_at` and `last_used` are None for never."""

    id: int
    name: str
    scope: Scope
    created_at: int
    expires_at: int | None
    last_used: int | None


def list_keys(session: Session, actor: Actor, noted: Mapping[Use, int] = MappingProxyType({})) -> list[ApiKey]:
    """The actor's own keys, newest first; those that have expired stand there until they are removed.

    `noted` are uses that are not in the file yet.
    """
    rows = session.all(f"SELECT {_COLUMNS} FROM _wce_api_keys WHERE user_id = ? ORDER BY id DESC", (actor.user_id,))
    found = [_to_key(row) for row in rows]
    return [replace(key, last_used=max(key.last_used or 0, noted[key.id])) if key.id in noted else key for key in found]


def create_key(
    session: Session,
    passwords: Passwords,
    actor: Actor,
    name: str,
    scope: Scope,
    *,
    seen: Collection[str] = (),
    days: int | None = None,
    password: str | None = None,
) -> tuple[ApiKey, str]:
    """A new key of the actor's, and its text, which nobody can look up again. One that may administer asks for the password.

    `seen`: the folded names of the tables that the actor may see, of which a scope may name some.
    """
    _require_good(actor, name, scope, days)
    proof = _prove(session, passwords, actor, password) if scope.administration else None
    text = PREFIX + secrets.token_urlsafe(_BYTES)
    with session.transaction(actor) as transaction:
        _require_administering(roles.current(transaction, actor), scope)
        if proof is not None:
            require_still(transaction, actor, proof)
        _require_there(transaction, scope, seen)
        names = [row[0] for row in transaction.execute("SELECT name FROM _wce_api_keys WHERE user_id = ?", (actor.user_id,)).fetchall()]
        if name in names:
            raise WceError("name_taken", f"You already have a key {name}.")
        if len(names) >= MAX_KEYS:
            raise WceError("quota_exceeded", f"A user may have at most {MAX_KEYS} API keys: revoke one that is not needed.")
        expires_at = None if days is None else transaction.at + days * _DAY
        told = plain(scope)
        cursor = transaction.execute(
            "INSERT INTO _wce_api_keys (user_id, name, key_hash, scope, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
            (actor.user_id, name, token_hash(text), json.dumps(told), transaction.at, expires_at),
        )
        key_id = int(cursor.lastrowid or 0)
        transaction.touch("_wce_api_keys", 1)
        audit.record(transaction, AuditEntry("key.create", "key", str(key_id), {"name": name, "scope": told, "expires_at": expires_at}))
        return ApiKey(key_id, name, scope, transaction.at, expires_at, None), text


def delete_key(session: Session, actor: Actor, key_id: int) -> None:
    """End one of the actor's own keys; raises `not_found` for anything else."""
    with session.transaction(actor) as transaction:
        delete = "DELETE FROM _wce_api_keys WHERE id = ? AND user_id = ? RETURNING name"
        gone = transaction.execute(delete, (key_id, actor.user_id)).fetchall()
        if not gone:
            raise WceError("not_found", "No such key.")
        transaction.touch("_wce_api_keys", 1)
        audit.record(transaction, AuditEntry("key.delete", "key", str(key_id), {"name": gone[0][0]}))


def is_key(token: str) -> bool:
    """Whether a bearer token is meant as a key."""
    return token.startswith(PREFIX)


def authenticate(session: Session, token: str, now: float, ip_address: str = "", user_agent: str = "") -> Authenticated:
    """Whom a key stands for, by the rows of this moment; raises `bad_token` when it is gone or its user is gone or disabled."""
    if not _KEY.fullmatch(token):
        raise WceError("bad_token")
    row, state = find_person(session, _WHO, (token_hash(token),))
    if row is None or (row[6] is not None and row[6] <= int(now)):
        raise WceError("bad_token")
    user_id, username, role, key_id, told, last_used, _ = row
    scope = read(told)
    actor = Actor(user_id, username, scope.lower(Role(role)), None, ip_address, user_agent, key_id, scope)
    return Authenticated(actor, state, last_used)


def plain(scope: Scope) -> dict[str, Any]:
    """A scope as JSON knows it, without what it leaves open."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(scope).items() if value not in (False, None)}


@functools.lru_cache(maxsize=1024)
def read(text: str) -> Scope:
    """The scope that `plain` told, as JSON. What this version does not know closes the key: its maker meant less than all."""
    return from_plain(json.loads(text))


def from_plain(told: Mapping[str, Any]) -> Scope:
    """The opposite of `plain`; raises `bad_token` for what it cannot read."""
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    try:
        return Scope(**given)
    except TypeError as error:
        raise WceError("bad_token", evidence="a scope that this version cannot read") from error


def _require_good(actor: Actor, name: str, scope: Scope, days: int | None) -> None:
    if len(name) > _MAX_NAME or not _PRINTABLE.fullmatch(name) or name != name.strip():
        raise invalid("name", "must have 1 to 100 printable characters, and no spaces around them")
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise invalid("expires_in_days", f"must be from 1 to {MAX_DAYS}")
    for field in ("tables", "endpoints"):
        listed = getattr(scope, field)
        if listed is not None and not _is_short(listed):
            raise invalid(f"scope.{field}", f"must be a list of at most {MAX_LISTED} names, of printable characters, {_MAX_LENGTH} in all")
    if scope.administration and (scope.tables is not None or scope.endpoints is not None):
        raise invalid("scope.administration", "cannot be limited to tables or endpoints: administrators may use all of them")
    _require_administering(actor, scope)


def _is_short(listed: tuple[str, ...]) -> bool:
    return len(listed) <= MAX_LISTED and sum(map(len, listed)) <= _MAX_LENGTH and all(map(_PRINTABLE.fullmatch, listed))


def _require_there(transaction: Transaction, scope: Scope, seen: Collection[str]) -> None:
    """Raise `validation` for a misspelled name, which would open nothing and say so to nobody."""
    paths = {path for (path,) in transaction.execute("SELECT path FROM _wce_endpoints")}
    for field, absent in (
        ("tables", [name for name in scope.tables or () if fold(name) not in seen]),
        ("endpoints", [path for path in scope.endpoints or () if path not in paths]),
    ):
        if absent:
            raise invalid(f"scope.{field}", f"there is no {absent[0]}")


def _require_administering(actor: Actor, scope: Scope) -> None:
    if scope.administration and not actor.role.administers:
        raise WceError("forbidden", "Only administrators can have keys that administer.")


def _prove(session: Session, passwords: Passwords, actor: Actor, password: str | None) -> str:
    if password is None:
        raise invalid("password", "is needed for a key that may administer")
    return prove(session, passwords, actor, password)


def _to_key(row: tuple[Any, ...]) -> ApiKey:
    key_id, name, scope, *times = row
    return ApiKey(key_id, name, read(scope), *times)
