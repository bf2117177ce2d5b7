"""The operations about API keys, the second factor of a login, and tokens of pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from wce.core.totp import Status
from wce.web import account_bodies, bodies
from wce.web.openapi.answers import Answer, Seconds, Token
from wce.web.openapi.operation import Operation, listing

_PASSWORD: Final = {"password": "correct horse"}
_CHECKED: Final = ("bad_credentials", "forbidden", "busy", "rate_limited")


class KeyScope(Answer):
    """What a key is narrowed to. A list that is missing or null does not narrow."""

    read_only: bool = False
    administration: bool = False
    tables: list[str] | None = None
    endpoints: list[str] | None = None


class Key(Answer):
    """An API key, without its text."""

    id: int
    name: str
    scope: KeyScope
    created_at: Seconds
    expires_at: int | None
    last_used: int | None


class MadeKey(Key):
    """A new key. `key` is its text, which is given here and never again."""

    key: str


class Device(Answer):
    """A secret for an authenticator app, as text, as address and as a picture."""

    secret: str
    uri: str
    qr_svg: str


class RecoveryCodes(Answer):
    """Each lets in, once, somebody who has lost their device."""

    recovery_codes: Annotated[list[str], Field(description="Given here and never again.")]


CREDENTIALS: Final[Mapping[str, Operation]] = {
    "keys.list_keys": Operation({200: listing("keys", Key)}, errors=("forbidden",)),
    "keys.create_key": Operation(
        {201: MadeKey},
        account_bodies.NewKey,
        {"name": "nightly report", "scope": {"read_only": True, "tables": ["notes"]}, "expires_in_days": 90},
        errors=(*_CHECKED, "name_taken"),
    ),
    "keys.delete_key": Operation({204: None}, errors=("forbidden",)),
    "totp.show": Operation({200: Status}, errors=("forbidden",)),
    "totp.begin": Operation({201: Device}, bodies.Confirmation, _PASSWORD, errors=_CHECKED),
    "totp.switch_off": Operation({204: None}, bodies.Confirmation, _PASSWORD, errors=(*_CHECKED, "not_found")),
    "totp.confirm": Operation(
        {200: RecoveryCodes}, account_bodies.Code, {"totp": "123456"}, errors=(*_CHECKED, "totp_required", "not_found")
    ),
    "totp.renew_codes": Operation({200: RecoveryCodes}, bodies.Confirmation, _PASSWORD, errors=(*_CHECKED, "not_found")),
    "totp.reset": Operation({204: None}),
    "page_tokens.create": Operation({201: Token}, account_bodies.Page, {"page": "/notes"}, errors=("forbidden",)),
}
