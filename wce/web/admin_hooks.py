"""The hooks of a cenv, scripts that run after commits, for its administrators."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from wce.core import hooks
from wce.web import bodies, history, responses, script_bodies, trials
from wce.web.access import access
from wce.web.context import actor, read_script
from wce.web.services import services

bp = Blueprint("admin_hooks", __name__, url_prefix="/<cenv:cenv_id>/admin/hooks")
history.add(bp, hooks.SHELF)


@bp.get("")
@access("admin")
def list_hooks(cenv_id: str) -> Response:
    """All by name."""
    with services().store.session(cenv_id) as session:
        return responses.json({"hooks": [asdict(item) for item in hooks.list_hooks(session)]})


@bp.post("")
@access("admin")
def save_hook(cenv_id: str) -> Response:
    """Make one: 201, or 200 in place of the one of the same name."""
    body = bodies.read(script_bodies.NewHook, script_bodies.MAX_BYTES)
    app = services()
    catalogue = app.guard.catalogue(cenv_id)
    with app.store.session(cenv_id) as session:
        made, fresh = hooks.save_hook(session, catalogue, read_script, actor(), hooks.NewHook(**body.model_dump()))
    location = f"/{cenv_id}/admin/hooks/{made.id}" if fresh else ""
    return responses.json(asdict(made), 201 if fresh else 200, location=location)


@bp.post("/test")
@access("admin")
def test(cenv_id: str) -> Response:
    """What a script would do with an event; nothing of it is kept."""
    return trials.of_event(cenv_id, {"kind": "hook", "tables": {}, "commit": 0, "depth": 1})


@bp.get("/<id:hook_id>")
@access("admin")
def find_hook(cenv_id: str, hook_id: int) -> Response:
    """One."""
    with services().store.session(cenv_id) as session:
        return responses.json(asdict(hooks.find_hook(session, hook_id)))


@bp.put("/<id:hook_id>")
@access("admin")
def update_hook(cenv_id: str, hook_id: int) -> Response:
    """Change the fields that the body has."""
    body = bodies.read(script_bodies.HookChanges, script_bodies.MAX_BYTES)
    app = services()
    catalogue = app.guard.catalogue(cenv_id)
    changes = hooks.HookChanges(**body.model_dump())
    with app.store.session(cenv_id) as session:
        return responses.json(asdict(hooks.update_hook(session, catalogue, read_script, actor(), hook_id, changes)))


@bp.delete("/<id:hook_id>")
@access("admin")
def delete_hook(cenv_id: str, hook_id: int) -> Response:
    """Remove one, with the runs that still wait."""
    with services().store.session(cenv_id) as session:
        hooks.delete_hook(session, actor(), hook_id)
    return responses.no_content()
