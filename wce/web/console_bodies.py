"""What the calls of the console and the editors take, as strict models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from wce.web.bodies import Body, Count


class NewRan(Body):
    sql: str
    duration_ms: Annotated[float, Field(ge=0, le=1e9)] | None = None
    row_count: Count | None = None
    error: str | None = None


class NewSaved(Body):
    name: str
    sql: str


class Draft(Body):
    script: str
