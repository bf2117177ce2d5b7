"""Who may do what with which table, and who may pass that on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, astuple, dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from wce.cache import Cache
from wce.core import audit
from wce.core.roles import current
from wce.core.tables import EVERYTHING, find_object
from wce.errors import WceError, invalid
from wce.guard.catalogue import Catalogue
from wce.guard.glances import require_same_people
from wce.model import PUBLIC_ID, Actor, AuditEntry, Grants, Rights, Role, RowPolicy, Scope, Value
from wce.store.session import Session
from wce.store.sqlite import fold
from wce.store.transaction import Transaction

PUBLIC: Final = "public"
# All of them are one list, which stands in memory several times while it is sent. An import takes as many.
MAX_PERMISSIONS: Final = 100_000  # of a cenv
MAX_NAMES: Final = 16_000_000  # characters of the names of their tables
_COLUMNS: Final = "p.id, p.table_name, p.user_id, u.username, p.can_read, p.can_write, p.can_delete, p.can_grant"
_FROM: Final = "FROM _wce_table_permissions p JOIN _wce_users u ON u.user_id = p.user_id"
_ENTRY_BYTES: Final = 500  # of a right or a policy, besides its condition
_LETTER_BYTES: Final = 4  # of the widest
# One statement, so that the counter, the role, the rights and the policies are of one moment: rights of one and policies of another
# could open rows that were never open.
_GRANTS: Final = """
SELECT 'user', t.grants, u.role, u.username, NULL, NULL, NULL FROM _wce_state t JOIN _wce_users u ON u.user_id = ?1 AND u.enabled
UNION ALL SELECT 'right', NULL, table_name, can_read, can_write, can_delete, can_grant FROM _wce_table_permissions WHERE user_id = ?1
UNION ALL SELECT 'policy', id, table_name, user_id, policy_type, sql_condition, NULL FROM _wce_row_policies
    WHERE user_id = ?1 OR user_id IS NULL
UNION ALL SELECT 'trigger', NULL, name, NULL, NULL, NULL, NULL FROM _wce_triggers WHERE definer
"""


@dataclass(frozen=True, slots=True)
class Permission:
    """One row: what a principal holds on one table, before the ceiling of his role."""

    id: int
    table_name: str
    user_id: int
    username: str
    rights: Rights


def principal_id(value: int | str) -> int:
    """The id that an API's `user_id` means; "public" is everyone who is not signed in."""
    if value == PUBLIC:
        return PUBLIC_ID
    if isinstance(value, bool) or not isinstance(value, int) or not PUBLIC_ID < value < 2**63:
        raise invalid("user_id", 'must be the id of a user, or "public"')
    return value


def shown_id(user_id: int) -> int | str:
    """The opposite of `principal_id`."""
    return PUBLIC if user_id == PUBLIC_ID else user_id


def ceiling(role: Role, rights: Rights) -> Rights:
    """What of these rights the role lets its holder use: viewers read, the public only reads."""
    if role.administers:
        return EVERYTHING
    if role is Role.EDITOR:
        return rights
    return Rights(can_read=rights.can_read, can_grant=rights.can_grant and role is Role.VIEWER)


def narrow(grants: Grants, scope: Scope) -> Grants:
    """What an API key of this scope leaves of grants that name their tables; nothing that it holds can be passed on."""
    role = Role.VIEWER if scope.read_only or grants.role is Role.VIEWER else Role.EDITOR
    listed = None if scope.tables is None else {fold(name) for name in scope.tables}
    held = {name: ceiling(role, replace(right, can_grant=False)) for name, right in grants.rights.items()}
    rights = {name: right for name, right in held.items() if right and (listed is None or name in listed)}
    return _seal(role, rights, grants.policies, dict(grants.variables), grants.definer_triggers)


def within(rights: Rights, bound: Rights) -> bool:
    """Whether `rights` holds nothing that `bound` does not."""
    return all(not right or allowed for right, allowed in zip(astuple(rights), astuple(bound), strict=True))


def list_permissions(session: Session, actor: Actor) -> list[Permission]:
    """All for administrators; others see those on the tables that they may pass on."""
    rows = session.all(f"SELECT {_COLUMNS} {_FROM} ORDER BY p.table_name, p.user_id")
    found = [_to_permission(row) for row in rows]
    if actor.role.administers:
        return found
    own = {item.table_name for item in found if item.user_id == actor.user_id and ceiling(actor.role, item.rights).can_grant}
    return [item for item in found if item.table_name in own]


def find_permission(session: Session | Transaction, actor: Actor, permission_id: int) -> Permission:
    """One of those that `list_permissions` shows the actor; raises `not_found`."""
    held = _find(session, "p.id = ?", permission_id)
    if held is None or not (actor.role.administers or _effective(session, actor, held.table_name).can_grant):
        raise WceError("not_found", "No such permission.")
    return held


def grant(session: Session, catalogue: Catalogue, actor: Actor, user_id: int, table_name: str, rights: Rights) -> tuple[Permission, bool]:
    """Set what a principal holds on a table, in place of what he held; the second value tells whether he held nothing before.

    Administrators give anything. Others need `can_grant`, give only what they hold themselves, and leave alone what reaches further.
    """
    with session.transaction(actor) as transaction:
        now = current(transaction, actor)
        found = find_object(transaction, catalogue, table_name)
        _require_seen(transaction, now, table_name, exists=found is not None)
        name = found[0] if found else table_name
        _require_may_grant(transaction, now, name)
        target = _find_principal(transaction, user_id)
        held = _find(transaction, "p.table_name = ? AND p.user_id = ?", name, user_id)
        _require_may_pass(transaction, now, name, target, rights, held)
        if held is None:
            _require_room(transaction, name)
        (permission_id,) = transaction.execute(
            "INSERT INTO _wce_table_permissions"
            " (table_name, user_id, can_read, can_write, can_delete, can_grant, granted_at, granted_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (user_id, table_name) DO UPDATE SET can_read = excluded.can_read, can_write = excluded.can_write,"
            " can_delete = excluded.can_delete, can_grant = excluded.can_grant, granted_at = excluded.granted_at,"
            " granted_by = excluded.granted_by RETURNING id",
            (name, user_id, *astuple(rights), transaction.at, actor.user_id),
        ).fetchone()
        _audit(transaction, "permission.grant", name, user_id, rights)
        return Permission(permission_id, name, user_id, target.username, rights), held is None


def revoke(session: Session, actor: Actor, permission_id: int) -> None:
    """Remove the permission of a principal on a table; who is no administrator may take away what he might have given."""
    with session.transaction(actor) as transaction:
        now = current(transaction, actor)
        held = find_permission(transaction, now, permission_id)
        target = _find_principal(transaction, held.user_id)
        _require_may_pass(transaction, now, held.table_name, target, Rights(), held)
        transaction.execute("DELETE FROM _wce_table_permissions WHERE id = ?", (permission_id,))
        _audit(transaction, "permission.revoke", held.table_name, held.user_id, held.rights)


def grants_of(session: Session, user_id: int) -> tuple[Grants, int]:
    """Everything that decides what the principal's SQL may touch, and the counter that it belongs to; raises `bad_token` for a
    user who is gone or disabled."""
    rows = session.all(_GRANTS, (user_id,))
    if not rows or rows[0][0] != "user":
        raise WceError("bad_token")
    _, version, role_name, username, *_ = rows[0]
    role = Role(role_name)
    variables: dict[str, Value] = {
        "user_id": None if user_id == PUBLIC_ID else user_id,
        "username": username,
        "role": role.value,
    }
    if role.administers:
        return _seal(role, {}, (), variables, frozenset()), version
    rights = {fold(row[2]): ceiling(role, Rights(*map(bool, row[3:7]))) for row in rows if row[0] == "right"}
    policies = tuple(sorted((RowPolicy(*row[1:6]) for row in rows if row[0] == "policy"), key=lambda policy: policy.id))
    triggers = frozenset(fold(row[2]) for row in rows if row[0] == "trigger")
    return _seal(role, rights, policies, variables, triggers), version


def weight(grants: Grants) -> int:
    """What grants take in memory, or more: who administers chooses how many rights and policies there are, and how long these are."""
    conditions = sum(len(policy.sql_condition) for policy in grants.policies)
    return _ENTRY_BYTES * (1 + len(grants.rights) + len(grants.policies) + len(grants.definer_triggers)) + _LETTER_BYTES * conditions


class GrantsCache:
    """Grants by principal, right while the counter of their cenv stands still."""

    def __init__(self, size_bytes: int = 32 * 1024 * 1024) -> None:
        self._cached: Cache[tuple[str, int, int, Scope | None], Grants] = Cache(size_bytes, cost=weight)

    def __len__(self) -> int:
        return len(self._cached)

    def known(self, cenv: str, user_id: int, version: int, scope: Scope | None) -> Grants | None:
        """What is cached, without a look at the file; `scope` is that of the actor."""
        return self._cached.get((cenv, user_id, version, scope))

    def get(self, session: Session, user_id: int, version: int, scope: Scope | None) -> tuple[Grants, int]:
        """The principal's grants and their counter; `version` is State.grants, as read with the request."""
        found = self.known(session.cenv, user_id, version, scope)
        if found is not None:
            return found, version
        if scope is not None:
            return self._narrowed(session, user_id, version, scope)
        grants, newer = grants_of(session, user_id)
        require_same_people(version, newer)
        return self._cached.put((session.cenv, user_id, newer, None), grants), newer

    def _narrowed(self, session: Session, user_id: int, version: int, scope: Scope) -> tuple[Grants, int]:
        grants, version = self.get(session, user_id, version, None)
        if not grants.role.administers:
            return self._cached.put((session.cenv, user_id, version, scope), narrow(grants, scope)), version
        if scope.administration and not scope.read_only:
            return grants, version
        # Which tables there are moves without the counter, so this is not kept.
        return narrow(_of_everything(session, grants), scope), version


def _of_everything(session: Session, grants: Grants) -> Grants:
    """An administrator's grants with every table named, as the rules for all others want it."""
    rows = session.all(
        "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view')"
        " UNION ALL SELECT 'definer', name FROM _wce_triggers WHERE definer"
    )
    rights = {fold(name): EVERYTHING for kind, name in rows if kind != "definer"}
    return replace(grants, rights=rights, definer_triggers=frozenset(fold(name) for kind, name in rows if kind == "definer"))


def _seal(
    role: Role, rights: dict[str, Rights], policies: tuple[RowPolicy, ...], variables: dict[str, Value], triggers: frozenset[str]
) -> Grants:
    told: list[Any] = [role, sorted((name, astuple(held)) for name, held in rights.items()), [astuple(policy) for policy in policies]]
    text = json.dumps([*told, variables, sorted(triggers)], sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return Grants(role, MappingProxyType(rights), policies, MappingProxyType(variables), triggers, fingerprint)


def _effective(transaction: Session | Transaction, actor: Actor, table_name: str) -> Rights:
    held = _find(transaction, "p.table_name = ? AND p.user_id = ?", table_name, actor.user_id)
    return ceiling(actor.role, held.rights if held else Rights())


def _require_seen(transaction: Transaction, actor: Actor, table_name: str, *, exists: bool) -> None:
    """A table that the actor may not see answers as one that is not there."""
    if not exists or not (actor.role.administers or any(astuple(_effective(transaction, actor, table_name)))):
        raise WceError("no_such_table", f"no such table: {table_name}")


def _require_may_grant(transaction: Transaction, actor: Actor, table: str) -> None:
    """Raise `forbidden` unless the actor may give anything of the table to anybody; said before anything is said of the other one."""
    if not (actor.role.administers or _effective(transaction, actor, table).can_grant):
        raise WceError("forbidden", "You do not have can_grant on this table.")


def _require_may_pass(transaction: Transaction, actor: Actor, table: str, target: Actor, rights: Rights, held: Permission | None) -> None:
    """Raise `forbidden` unless the actor may turn what the target holds on the table into `rights`."""
    if actor.role.administers:
        return
    own = _effective(transaction, actor, table)
    if target.role.administers or target.user_id in (PUBLIC_ID, actor.user_id):
        reason = "Only administrators set the permissions of the public, of administrators, and their own."
    elif not within(rights, own):
        reason = "You may pass on only what you hold yourself."
    elif held is not None and not within(held.rights, own):
        reason = "This user holds more than you may give or take."
    elif transaction.execute("SELECT 1 FROM _wce_row_policies WHERE table_name = ? AND user_id = ?", (table, actor.user_id)).fetchone():
        # His own policies would not bind the other one: he would give away rows that he cannot see.
        reason = "A row policy of your own limits you on this table, so you cannot pass it on."
    else:
        return
    raise WceError("forbidden", reason)


def _require_room(transaction: Transaction, name: str) -> None:
    """Raise `quota_exceeded` unless one more permission may be there."""
    sql = "SELECT count(*), coalesce(sum(length(table_name)), 0) FROM _wce_table_permissions"
    count, characters = transaction.execute(sql).fetchone()
    if count >= MAX_PERMISSIONS or characters + len(name) > MAX_NAMES:
        raise WceError(
            "quota_exceeded", f"A cenv may have at most {MAX_PERMISSIONS} permissions, and {MAX_NAMES} characters of names in them."
        )


def _find_principal(transaction: Transaction, user_id: int) -> Actor:
    row = transaction.execute("SELECT user_id, username, role FROM _wce_users WHERE user_id = ?", (user_id,)).fetchone()
    if row is None:
        raise WceError("not_found", "No such user.")
    return Actor(row[0], row[1], Role(row[2]))


def _find(transaction: Session | Transaction, condition: str, *values: Value) -> Permission | None:
    row = transaction.execute(f"SELECT {_COLUMNS} {_FROM} WHERE {condition}", values).fetchone()
    return None if row is None else _to_permission(row)


def _audit(transaction: Transaction, action: str, table: str, user_id: int, rights: Rights) -> None:
    transaction.touch("_wce_table_permissions", 1)
    audit.record(transaction, AuditEntry(action, "table", table, {"user_id": shown_id(user_id), **asdict(rights)}))


def _to_permission(row: tuple[Any, ...]) -> Permission:
    permission_id, table_name, user_id, username, *flags = row
    return Permission(permission_id, table_name, user_id, username, Rights(*map(bool, flags)))
