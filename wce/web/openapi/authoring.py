"""The operations about endpoints, hooks and schedules, which are alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wce.core.hooks import Hook
from wce.core.schedules import Schedule
from wce.core.scripts import Endpoint
from wce.core.versions import Version
from wce.web import script_bodies
from wce.web.openapi import answers, page_answers
from wce.web.openapi.operation import Operation, Parameter, listing

_SCRIPT: Final = 'def handler(request):\n    return db.query("SELECT id, title FROM notes")\n'
_REACTION: Final = "def handler(event):\n    log.info(event)\n"
_MISSING: Final = ("not_found",)
_SAVE: Final = ("script_error",)
_OVERTAKEN: Final = ("name_taken", "changed_meanwhile")


def _kind(name: str, item: Any, new: Any, changes: Any, example: Mapping[str, Any], errors: tuple[str, ...]) -> dict[str, Operation]:
    """What can be done with one kind of script."""
    blueprint = f"admin_{name}s"
    trial = script_bodies.Trial if name == "endpoint" else script_bodies.EventTrial
    tried = {"script": example["script"]} | ({"request": {"method": "GET", "path": "/notes"}} if name == "endpoint" else {"event": {}})
    found = {
        f"list_{name}s": Operation({200: listing(f"{name}s", item)}, summary=f"All {name}s."),
        f"save_{name}": Operation(
            {201: item, 200: item},
            new,
            example,
            errors=(*_SAVE, *errors),
            summary=f"Make {_a(name)}, or replace the existing one.",
        ),
        "test": Operation({200: answers.Tried}, trial, tried, errors=(*_SAVE, "busy"), summary=f"Try the script of {_a(name)}."),
        f"find_{name}": Operation({200: item}, errors=_MISSING, summary=f"One {name}."),
        f"update_{name}": Operation(
            {200: item}, changes, {"script": example["script"]}, errors=(*_MISSING, *_SAVE, *errors), summary=f"Change {_a(name)}."
        ),
        f"delete_{name}": Operation({204: None}, errors=_MISSING, summary=f"Remove {_a(name)}."),
        "list_versions": Operation(
            {200: listing("versions", answers.VersionEntry)}, errors=_MISSING, summary=f"The versions of {_a(name)}, newest first."
        ),
        "find_version": Operation({200: Version}, errors=_MISSING, summary=f"One version of {_a(name)}, with its script."),
        "diff": Operation({200: page_answers.Difference}, errors=_MISSING, summary=f"What changed between two versions of {_a(name)}."),
        "restore": Operation({200: item}, errors=(*_MISSING, *_SAVE), summary=f"Bring a version of {_a(name)} back."),
        "runs": Operation(
            {200: listing("runs", answers.Run)},
            parameters=(Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 200}),),
            errors=(*_MISSING, "validation"),
            summary=f"The last runs of {_a(name)}, newest first.",
        ),
    }
    return {f"{blueprint}.{view}": operation for view, operation in found.items()}


def _a(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


SCRIPTS: Final[Mapping[str, Operation]] = {
    **_kind(
        "endpoint",
        Endpoint,
        script_bodies.NewEndpoint,
        script_bodies.EndpointChanges,
        {"path": "/notes", "method": "GET", "access": "user", "script": _SCRIPT},
        _OVERTAKEN,
    ),
    **_kind(
        "hook",
        Hook,
        script_bodies.NewHook,
        script_bodies.HookChanges,
        {"name": "watch", "table_name": "notes", "script": _REACTION},
        (*_OVERTAKEN, "no_such_table"),
    ),
    **_kind(
        "schedule",
        Schedule,
        script_bodies.NewSchedule,
        script_bodies.ScheduleChanges,
        {"name": "morning", "cron": "0 8 * * MON", "timezone": "Europe/Berlin", "script": _REACTION},
        _OVERTAKEN,
    ),
}
