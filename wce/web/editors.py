"""The editors of scripts and pages: what they list, and checks of what is being typed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from flask import Blueprint, Response, render_template

from wce.core import hooks, schedules, scripts
from wce.core.authoring import check_script
from wce.errors import WceError
from wce.sandbox import api
from wce.web import bodies, console_bodies, problems, responses, script_bodies
from wce.web.access import access
from wce.web.context import actor, read_script
from wce.web.headers import ResponseClass
from wce.web.screens import screen
from wce.web.services import services

bp = Blueprint("editors", __name__, url_prefix="/<cenv:cenv_id>/editor")
_NAMES: Final = [{"name": entry.name, "signature": entry.signature, "does": entry.does} for entry in api.TABLE]
_REQUEST: Final = dict(api.REQUEST)


@bp.get("/scripts")
@screen("scripts.html")
@access("admin")
def list_scripts(cenv_id: str) -> Response:
    """Every script of the cenv, and the names that scripts can use."""
    with services().store.session(cenv_id) as session:
        found = {
            "endpoints": [asdict(item) for item in scripts.list_endpoints(session)],
            "hooks": [asdict(item) for item in hooks.list_hooks(session)],
            "schedules": [asdict(item) for item in schedules.list_schedules(session)],
        }
    return responses.json(found | {"names": _NAMES, "request": _REQUEST})


@bp.post("/scripts/check")
@access("admin")
def check(cenv_id: str) -> Response:  # noqa: ARG001 — as in every route of a cenv
    """Whether a script can be read: `error` is the problem that saving it would answer, or null."""
    draft = bodies.read(console_bodies.Draft, script_bodies.MAX_BYTES)
    try:
        check_script(actor(), draft.script, read_script)
    except WceError as error:
        if error.code != "script_error":
            raise
        return responses.json({"error": problems.body(error)})
    return responses.json({"error": None})


@bp.get("/templates")
@screen("pages.html")
@access("admin")
def templates(cenv_id: str) -> Response:
    """Where the templates and the files of pages are."""
    return responses.json({"templates": f"/{cenv_id}/admin/templates", "assets": f"/{cenv_id}/admin/assets"})


@bp.get("/templates/frame")
@access("admin", ResponseClass.CONTENT)
def frame(cenv_id: str) -> Response:  # noqa: ARG001 — as in every route of a cenv
    """What a preview is written into: an empty page in the box of pages, so that a draft has no powers that its page will not have."""
    return responses.body(render_template("preview_frame.html").encode(), responses.HTML)
