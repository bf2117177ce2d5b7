"""The endpoints of a cenv, for its administrators."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from wce.core import scripts
from wce.web import bodies, history, responses, script_bodies, trials
from wce.web.access import access
from wce.web.context import actor, read_script
from wce.web.services import services

bp = Blueprint("admin_endpoints", __name__, url_prefix="/<cenv:cenv_id>/admin/endpoints")
history.add(bp, scripts.SHELF)


@bp.get("")
@access("admin")
def list_endpoints(cenv_id: str) -> Response:
    """All by path."""
    with services().store.session(cenv_id) as session:
        return responses.json({"endpoints": [asdict(item) for item in scripts.list_endpoints(session)]})


@bp.post("")
@access("admin")
def save_endpoint(cenv_id: str) -> Response:
    """Make one: 201, or 200 in place of the one of the same path and method."""
    body = bodies.read(script_bodies.NewEndpoint, script_bodies.MAX_BYTES)
    app = services()
    with app.store.session(cenv_id) as session:
        made, fresh = scripts.save_endpoint(session, read_script, actor(), scripts.NewEndpoint(**body.model_dump()))
    location = f"/{cenv_id}/admin/endpoints/{made.id}" if fresh else ""
    return responses.json(asdict(made), 201 if fresh else 200, location=location)


@bp.post("/test")
@access("admin")
def test(cenv_id: str) -> Response:
    """What a script would answer; nothing of what it does is kept."""
    return trials.of_request(cenv_id)


@bp.get("/<id:endpoint_id>")
@access("admin")
def find_endpoint(cenv_id: str, endpoint_id: int) -> Response:
    """One."""
    with services().store.session(cenv_id) as session:
        return responses.json(asdict(scripts.find_endpoint(session, endpoint_id)))


@bp.put("/<id:endpoint_id>")
@access("admin")
def update_endpoint(cenv_id: str, endpoint_id: int) -> Response:
    """Change the fields that the body has."""
    body = bodies.read(script_bodies.EndpointChanges, script_bodies.MAX_BYTES)
    app = services()
    changes = scripts.EndpointChanges(**body.model_dump())
    with app.store.session(cenv_id) as session:
        return responses.json(asdict(scripts.update_endpoint(session, read_script, actor(), endpoint_id, changes)))


@bp.delete("/<id:endpoint_id>")
@access("admin")
def delete_endpoint(cenv_id: str, endpoint_id: int) -> Response:
    """Remove one."""
    with services().store.session(cenv_id) as session:
        scripts.delete_endpoint(session, actor(), endpoint_id)
    return responses.no_content()
