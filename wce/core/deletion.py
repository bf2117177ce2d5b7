"""Deleting a cenv: it is gone for everybody at once, and can be brought back for some days."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Final

from wce.core import audit
from wce.core.exports import require_owner
from wce.core.passwords import Passwords
from wce.core.replacing import tell_of
from wce.core.users import require_still
from wce.errors import WceError
from wce.model import Actor, AuditEntry
from wce.store.copies import clean_copy
from wce.store.session import Session
from wce.store.sqlite import connect, told
from wce.store.store import Store

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Deleted:
    """A cenv that can still be brought back; times are Unix seconds."""

    cenv_id: str
    deleted_at: int
    until: int


def delete(store: Store, session: Session, actor: Actor, proof: str | None = None) -> Deleted:
    """Take the cenv away. A whole copy without sessions is laid aside first, so that a crash leaves one of the two, or both.

    `proof`: what `prove` told of the actor's password; the operator is asked for none.
    """
    cenv = session.cenv
    with session.transaction(actor) as transaction:
        require_owner(transaction, actor)
        if proof is not None:
            require_still(transaction, actor, proof)
        audit.record(transaction, AuditEntry("cenv.delete", "cenv", cenv))

    def lay_aside() -> None:
        with clean_copy(store, cenv) as path:
            store.folder.park(cenv, path, store.now())

    store.remove(cenv, lay_aside)
    return find(store, cenv)


def delete_damaged(store: Store, cenv: str) -> Deleted:
    """The same where the file is damaged, so that nothing can be asked of it nor copied: it is laid aside as it is."""
    with store.exclusive(cenv):
        store.connections.close_cenv(cenv)
        store.folder.park_damaged(cenv, store.now())
    return find(store, cenv)


def find(store: Store, cenv: str) -> Deleted:
    """One that was deleted; raises `no_such_cenv`."""
    found = _find(store, cenv)
    if found is None:
        raise WceError("no_such_cenv")
    return found


def list_deleted(store: Store) -> list[Deleted]:
    """All that can still be brought back."""
    return [found for cenv in store.folder.parked() if (found := _find(store, cenv)) is not None]


def bring_back(store: Store, cenv: str, actor: Actor) -> None:
    """Undo a deletion; raises `no_such_cenv`."""
    find(store, cenv)
    try:
        store.folder.unpark(cenv)
    except FileNotFoundError as error:  # somebody else has just done it
        raise WceError("no_such_cenv") from error
    try:
        with store.session(cenv) as session, session.transaction(actor) as transaction:
            audit.record(transaction, AuditEntry("cenv.undelete", "cenv", cenv))
    except WceError as error:
        if error.code != "cenv_damaged":  # as one that was when it was deleted is again: its log takes no entry
            raise
    tell_of(store, cenv)


def prove_owner(store: Store, passwords: Passwords, cenv: str, username: str, password: str) -> str:
    """The owner's name, where these are his name and password; raises `bad_credentials`, also where there is no such cenv.

    `cenv_damaged`: nobody can be found in it, so the operator brings it back.
    """
    path = store.folder.parked_path(cenv)
    row = None
    if path is not None and store.folder.identity(cenv) is None:
        with told(), closing(connect(path, mode="ro", immutable=True)) as connection:
            sql = "SELECT username, password_hash FROM _wce_users WHERE role = 'owner' AND enabled AND username = ? COLLATE NOCASE"
            row = connection.execute(sql, (username.encode("utf-8", "replace").decode(),)).fetchone()
    if not passwords.verify(password, row[1] if row else None) or row is None:
        raise WceError("bad_credentials")
    return str(row[0])


def forget_old(store: Store) -> list[str]:
    """Remove for good what was deleted longer ago than the time of grace, and what a crash laid aside of a cenv that is there."""
    gone = []
    for cenv in store.folder.parked():
        at = store.folder.parked_at(cenv)
        if at is not None and at + store.settings.delete_grace_days * _DAY <= store.now():
            store.folder.drop_parked(cenv)
            gone.append(cenv)
    return gone


def _find(store: Store, cenv: str) -> Deleted | None:
    at = store.folder.parked_at(cenv)
    if at is None or store.folder.identity(cenv) is not None:
        return None
    return Deleted(cenv, int(at), int(at) + store.settings.delete_grace_days * _DAY)
