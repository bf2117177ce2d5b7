"""An administrator's reads over everything there is, in two worlds that differ only in what not even he may see."""

from __future__ import annotations

from typing import Final

from tests.fuzz.spec import Column, Spec, Table

SECRETS: Final = frozenset({"password_hash", "token_hash", "body", "request_hash"})


def _table(name: str, columns: str) -> Table:
    """All columns hold anything; the secret ones are of a kind of their own, only so that they can be told apart."""
    listed = tuple(Column(column, "text", "") for column in columns.split())
    return Table(name, listed, "", (), rowid=False, ref=None, rights="r", policies=())


SPEC: Final = Spec(
    (
        _table("_wce_users", "user_id username password_hash role email created_at"),
        _table("_wce_users", "user_id username role created_at"),
        _table("_wce_sessions", "session_id user_id token_hash created_at"),
        _table("_wce_sessions", "session_id user_id created_at"),
        _table("_wce_revoked_tokens", "token_hash expires_at"),
        _table("_wce_idempotency", "user_id key body request_hash created_at"),
        _table("free", "id a b c"),
        _table("catalog", "id name price"),
        _table("notes", "id owner_id title secret score data"),
    )
)
