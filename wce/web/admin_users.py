"""The users of a cenv, for its administrators."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from wce.core import users
from wce.model import Role
from wce.web import bodies, responses
from wce.web.access import access
from wce.web.context import actor, cenv_settings
from wce.web.screens import screen
from wce.web.services import services

bp = Blueprint("admin_users", __name__, url_prefix="/<cenv:cenv_id>/admin/users")


@bp.get("")
@screen("users.html")
@access("admin")
def list_users(cenv_id: str) -> Response:
    """All accounts."""
    with services().store.session(cenv_id) as session:
        found = users.list_users(session)
    return responses.json({"users": [asdict(user) for user in found]})


@bp.post("")
@access("admin")
def create_user(cenv_id: str) -> Response:
    """An account for somebody else."""
    body = bodies.read(bodies.NewUser)
    app = services()
    with app.store.session(cenv_id) as session:
        made = users.create_user(
            session,
            app.passwords,
            cenv_settings(),
            actor(),
            username=body.username,
            password=body.password,
            role=Role(body.role),
            email=body.email,
        )
    return responses.json(asdict(made), 201, location=f"/{cenv_id}/admin/users/{made.user_id}")


@bp.get("/<id:user_id>")
@access("admin")
def find_user(cenv_id: str, user_id: int) -> Response:
    """One account."""
    with services().store.session(cenv_id) as session:
        return responses.json(asdict(users.find_user(session, user_id)))


@bp.put("/<id:user_id>")
@access("admin")
def update_user(cenv_id: str, user_id: int) -> Response:
    """Change what the body names; null removes the e-mail address."""
    body = bodies.read(bodies.UserChanges)
    email = body.email if body.email is not None or "email" not in body.model_fields_set else ""
    changes = users.UserChanges(Role(body.role) if body.role else None, body.enabled, email, body.password)
    app = services()
    with app.store.session(cenv_id) as session:
        return responses.json(asdict(users.update_user(session, app.passwords, actor(), user_id, changes)))


@bp.delete("/<id:user_id>")
@access("admin")
def delete_user(cenv_id: str, user_id: int) -> Response:
    """Remove an account."""
    with services().store.session(cenv_id) as session:
        users.delete_user(session, actor(), user_id)
    return responses.no_content()


@bp.post("/<id:user_id>/owner")
@access("owner")
def hand_over(cenv_id: str, user_id: int) -> Response:
    """Make somebody else the owner; needs the owner's password."""
    body = bodies.read(bodies.Confirmation, bodies.LOGIN_BYTES)
    app = services()
    with app.store.session(cenv_id) as session:
        return responses.json(asdict(users.hand_over(session, app.passwords, actor(), user_id, body.password)))
