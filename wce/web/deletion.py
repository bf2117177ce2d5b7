"""Deleting a cenv, and bringing it back."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from wce.core import deletion, users
from wce.errors import invalid
from wce.model import PUBLIC_ID, Actor, Role
from wce.web import bodies, delays, file_bodies, responses
from wce.web.access import access
from wce.web.context import actor, current, public_url
from wce.web.current import request
from wce.web.headers import ResponseClass
from wce.web.services import services

bp = Blueprint("deletion", __name__)


@bp.post("/<cenv:cenv_id>/admin/delete")
@access("owner")
def delete(cenv_id: str) -> Response:
    """Take the cenv away from everybody; wants the owner's password and the cenv's id."""
    body = bodies.read(file_bodies.Deletion, bodies.LOGIN_BYTES)
    if body.confirm != cenv_id:
        raise invalid("confirm", "must be the id of this cenv")
    app = services()
    with app.copying(cenv_id), app.store.session(cenv_id) as session:
        proof = users.prove(session, app.passwords, actor(), body.password)
        return responses.json(asdict(deletion.delete(app.store, session, actor(), proof)))


@bp.get("/undelete")
@access("public", ResponseClass.UI)
def how_to_undelete() -> Response:
    """How to bring a cenv back."""
    return responses.page("undelete.html", days=services().settings.delete_grace_days, asked=request().args.get("cenv", ""))


@bp.post("/undelete")
@access("public")
def undelete() -> Response:
    """Bring a cenv back that was deleted, as its owner."""
    body = bodies.read(file_bodies.Return, bodies.LOGIN_BYTES)
    app, context = services(), current()
    with delays.guessing(app.counters, body.cenv_id, context.ip_address, body.username):
        name = deletion.prove_owner(app.store, app.passwords, body.cenv_id, body.username, body.password)
    who = Actor(PUBLIC_ID, name, Role.OWNER, None, context.ip_address, context.user_agent)
    deletion.bring_back(app.store, body.cenv_id, who)
    return responses.json({"cenv_id": body.cenv_id, "cenv_url": f"{public_url()}/{body.cenv_id}/"})
