"""What the calls about one's own keys and second factor take, as strict models."""

from __future__ import annotations

from wce.web.bodies import Body


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
