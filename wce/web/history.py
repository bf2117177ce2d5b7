"""The versions and the last runs of a script, the same for every kind of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from flask import Blueprint, Response, request

from wce.core import versions
from wce.core.authoring import Shelf
from wce.core.diff import unified
from wce.core.runs import MAX_RUNS
from wce.core.versions import Version
from wce.errors import invalid
from wce.web import responses
from wce.web.access import access
from wce.web.context import actor, read_script
from wce.web.services import services

_IN_LIST: Final = ("id", "created_at", "created_by", "username")


Restore = Callable[[str, int, int], Response]  # (cenv, item, version)


def add(bp: Blueprint, shelf: Shelf[Any], restore_as: Restore | None = None) -> None:
    """Register the routes under `/{id}` of the kind's own blueprint; `restore_as` is for a kind that is checked in its own way."""

    @bp.get("/<id:item_id>/versions")
    @access("admin")
    def list_versions(cenv_id: str, item_id: int) -> Response:
        """Those of a script that is there, newest first, without their texts."""
        with services().store.session(cenv_id) as session:
            shelf.find(session, item_id)
            found = versions.list_versions(session, shelf.kind, item_id)
        return responses.json({"versions": [{name: getattr(item, name) for name in _IN_LIST} for item in found]})

    @bp.get("/<id:item_id>/versions/<id:version_id>")
    @access("admin")
    def find_version(cenv_id: str, item_id: int, version_id: int) -> Response:
        """One with its text."""
        with services().store.session(cenv_id) as session:
            return responses.json(_version(versions.find_version(session, shelf.kind, item_id, version_id), shelf.text))

    @bp.get("/<id:item_id>/versions/<id:version_id>/diff/<id:other_id>")
    @access("admin")
    def diff(cenv_id: str, item_id: int, version_id: int, other_id: int) -> Response:
        """What changed from one version to the other."""
        with services().store.session(cenv_id) as session:
            before, after = (versions.find_version(session, shelf.kind, item_id, each) for each in (version_id, other_id))
        told = unified(before.script, after.script, f"version {before.id}", f"version {after.id}")
        return responses.json({"from": before.id, "to": after.id, "diff": told})

    @bp.post("/<id:item_id>/versions/<id:version_id>/restore")
    @access("admin")
    def restore(cenv_id: str, item_id: int, version_id: int) -> Response:
        """Bring its text back, as a change of the caller's."""
        if restore_as is not None:
            return restore_as(cenv_id, item_id, version_id)
        app = services()
        with app.store.session(cenv_id) as session:
            return responses.json(asdict(shelf.restore(session, read_script, actor(), item_id, version_id)))

    @bp.get("/<id:item_id>/runs")
    @access("admin")
    def runs(cenv_id: str, item_id: int) -> Response:
        """The last ones, newest first."""
        app = services()
        with app.store.session(cenv_id) as session:
            shelf.find(session, item_id)
            found = app.runs.last(session, shelf.kind, item_id, _limit())
        return responses.json({"runs": [_run(item) for item in found]})


def _version(found: Version, text: str) -> dict[str, Any]:
    """The version with its text under the name that it has in its kind."""
    shown = asdict(found)
    shown[text] = shown.pop("script")
    return shown


def _limit() -> int:
    text = request.args.get("limit", str(MAX_RUNS))
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_RUNS:
        raise invalid("limit", f"must be from 1 to {MAX_RUNS}")
    return int(text)


def _run(item: Any) -> dict[str, Any]:
    return {
        "id": item.id,
        "started_at": item.started_at,
        "duration_ms": item.duration_ms,
        "status": item.status,
        "error": None if item.error is None else dict(item.error),
        "prints": item.prints,
        "user_id": item.user_id,
        "request_id": item.request_id,
    }
