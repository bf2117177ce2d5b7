"""What the console and the editors of the interface ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wce.core.console import Ran, Saved
from wce.core.hooks import Hook
from wce.core.schedules import Schedule
from wce.core.scripts import Endpoint
from wce.web import console_bodies
from wce.web.openapi.answers import Answer
from wce.web.openapi.operation import HTML, Operation


class Remembered(Answer):
    """What your own console remembers: the last statements, newest first, and those under a name."""

    history: list[Ran]
    saved: list[Saved]


class Cancelled(Answer):
    """Whether there was such a statement in this process."""

    cancelled: bool


class Scripts(Answer):
    """Every script, the names that scripts can call, and what each field of their request says."""

    endpoints: list[Endpoint]
    hooks: list[Hook]
    schedules: list[Schedule]
    names: list[dict[str, str]]
    request: dict[str, str]


class Places(Answer):
    """The addresses of what the editor of pages edits."""

    templates: str
    assets: str


class Checked(Answer):
    """The problem that saving would answer, or null."""

    error: dict[str, Any] | None


INTERFACE: Final[Mapping[str, Operation]] = {
    "query.cancel": Operation({200: Cancelled}, summary="Stop a statement of your own that was sent with this X-Query-ID."),
    "console.remembered": Operation({200: Remembered}),
    "console.add_history": Operation({201: Ran}, console_bodies.NewRan, {"sql": "SELECT 1", "duration_ms": 0.3, "row_count": 1}),
    "console.clear_history": Operation({204: None}, summary="Clear your history of statements."),
    "console.save": Operation(
        {200: Saved, 201: Saved}, console_bodies.NewSaved, {"name": "Revenue", "sql": "SELECT 1"}, errors=("quota_exceeded",)
    ),
    "console.delete_saved": Operation({204: None}, errors=("not_found",), summary="Delete a saved statement."),
    "editors.list_scripts": Operation({200: Scripts}),
    "editors.templates": Operation({200: Places}),
    "editors.frame": Operation({200: HTML}, summary="An empty page, for previews to be written into."),
    "editors.check": Operation({200: Checked}, console_bodies.Draft, {"script": "def handler(request):\n    return 1\n"}),
}
