"""Who may act on whom: pure rules on roles, and the one look at the actor's role that counts, inside the transaction."""

from __future__ import annotations

from dataclasses import replace

from wce.errors import WceError
from wce.model import PUBLIC_ID, Actor, Role
from wce.store.session import Session
from wce.store.transaction import Transaction

GRANTABLE: tuple[Role, ...] = (Role.VIEWER, Role.EDITOR, Role.ADMIN)


def may_act_on(actor: Role, target: Role) -> bool:
    """Only administrators act on others, and only on roles strictly below their own."""
    return actor.administers and target.rank < actor.rank


def may_give(actor: Role, role: Role) -> bool:
    """A role below the actor's own; nobody gives `owner` (that is a hand-over) or `public` (nobody's role)."""
    return role in GRANTABLE and may_act_on(actor, role)


def current(transaction: Session | Transaction, actor: Actor) -> Actor:
    """The actor with the role that the transaction sees: the request may have begun before a demotion was committed."""
    if actor.user_id == PUBLIC_ID:
        return actor
    row = transaction.execute("SELECT role FROM _wce_users WHERE user_id = ? AND enabled", (actor.user_id,)).fetchone()
    if row is None:
        raise WceError("bad_token")
    _require_entry(transaction, actor)
    role = Role(row[0])
    return replace(actor, role=actor.scope.lower(role) if actor.scope else role)


def _require_entry(transaction: Session | Transaction, actor: Actor) -> None:
    """Raise `bad_token` unless the session or key by which the actor came is still there.

    Who is put out of an account must not leave another key to it behind with what he had just sent.
    """
    for table, column, entry in (("_wce_sessions", "session_id", actor.session_id), ("_wce_api_keys", "id", actor.key_id)):
        held = f"SELECT 1 FROM {table} WHERE {column} = ? AND user_id = ?"
        if entry is not None and transaction.execute(held, (entry, actor.user_id)).fetchone() is None:
            raise WceError("bad_token")


def administers(transaction: Transaction, user_id: int | None) -> bool:
    """Whether a user is there, enabled, and administers the cenv."""
    row = transaction.execute("SELECT role FROM _wce_users WHERE user_id IS ? AND enabled", (user_id,)).fetchone()
    return row is not None and Role(row[0]).administers


def require_administrator(transaction: Transaction, actor: Actor) -> Actor:
    """The actor as he is now; raises `forbidden` unless he is an administrator."""
    now = current(transaction, actor)
    if not now.role.administers:
        raise WceError("forbidden", "Only administrators may do this.")
    return now
