"""What the calls about logins, keys and second factors take, as strict models."""

from __future__ import annotations

from wce.web.bodies import Body, Credentials


class Scope(Body):
    read_only: bool = False
    administration: bool = False
    tables: list[str] | None = None
    endpoints: list[str] | None = None


class NewKey(Body):
    name: str
    expires_in_days: int | None = None
    scope: Scope = Scope()
    password: str | None = None


class Login(Credentials):
    totp: str | None = None
    recovery_code: str | None = None


class Code(Body):
    totp: str


class Page(Body):
    page: str
