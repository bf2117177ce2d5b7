"""A new cenv with its first user."""

from __future__ import annotations

from typing import Final

from wce.core import audit
from wce.core.passwords import Passwords
from wce.core.users import check_username, insert_user
from wce.model import Actor, AuditEntry, Role
from wce.store.session import Session
from wce.store.store import Store

FIRST_ID: Final = 1  # of the owner


def create_cenv(store: Store, passwords: Passwords, username: str, password: str, ip_address: str = "", user_agent: str = "") -> str:
    """Make a cenv that this user owns; returns its id. The password is hashed before the file is begun."""
    check_username(username)
    password_hash = passwords.hash(password)
    owner = Actor(FIRST_ID, username, Role.OWNER, None, ip_address, user_agent)

    def fill(session: Session) -> None:
        with session.transaction(owner) as transaction:
            insert_user(transaction, username, password_hash, Role.OWNER, None, None)
            audit.record(transaction, AuditEntry("cenv.create", "cenv", session.cenv, {"username": username}))

    return store.create(fill, owner)
