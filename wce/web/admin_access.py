"""Table permissions and row policies. Permissions are open to users too: who holds can_grant may pass on what he holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response

from wce.core import permissions, policies
from wce.model import Rights
from wce.web import bodies, responses
from wce.web.access import access
from wce.web.context import actor
from wce.web.screens import screen
from wce.web.services import services

bp = Blueprint("admin_access", __name__, url_prefix="/<cenv:cenv_id>/admin")


@bp.get("/permissions")
@screen("permissions.html")
@access("user", keys="administration")
def list_permissions(cenv_id: str) -> Response:
    """All that the caller may see."""
    with services().store.session(cenv_id) as session:
        found = permissions.list_permissions(session, actor())
    return responses.json({"permissions": [_permission(item) for item in found]})


@bp.post("/permissions")
@access("user", keys="administration")
def grant(cenv_id: str) -> Response:
    """Set the permission of a principal on a table: 201 for a new one, 200 if it replaces one."""
    body = bodies.read(bodies.NewPermission)
    rights = Rights(body.can_read, body.can_write, body.can_delete, body.can_grant)
    user_id = permissions.principal_id(body.user_id)
    app = services()
    catalogue = app.guard.catalogue(cenv_id)
    with app.store.session(cenv_id) as session:
        made, fresh = permissions.grant(session, catalogue, actor(), user_id, body.table_name, rights)
    location = f"/{cenv_id}/admin/permissions/{made.id}" if fresh else ""
    return responses.json(_permission(made), 201 if fresh else 200, location=location)


@bp.get("/permissions/<id:permission_id>")
@access("user", keys="administration")
def find_permission(cenv_id: str, permission_id: int) -> Response:
    """One that the caller may see."""
    with services().store.session(cenv_id) as session:
        return responses.json(_permission(permissions.find_permission(session, actor(), permission_id)))


@bp.delete("/permissions/<id:permission_id>")
@access("user", keys="administration")
def revoke(cenv_id: str, permission_id: int) -> Response:
    """Remove the permission of a principal on a table."""
    with services().store.session(cenv_id) as session:
        permissions.revoke(session, actor(), permission_id)
    return responses.no_content()


@bp.get("/policies")
@screen("policies.html")
@access("admin")
def list_policies(cenv_id: str) -> Response:
    """All conditions."""
    with services().store.session(cenv_id) as session:
        found = policies.list_policies(session)
    return responses.json({"policies": [_policy(item) for item in found]})


@bp.post("/policies")
@access("admin")
def create_policy(cenv_id: str) -> Response:
    """Add a condition."""
    body = bodies.read(bodies.NewPolicy)
    user_id = None if body.user_id is None else permissions.principal_id(body.user_id)
    app = services()
    with app.store.session(cenv_id) as session:
        made = policies.create_policy(
            session,
            app.guard,
            actor(),
            table_name=body.table_name,
            user_id=user_id,
            policy_type=body.policy_type,
            sql_condition=body.sql_condition,
        )
    return responses.json(_policy(made), 201, location=f"/{cenv_id}/admin/policies/{made.id}")


@bp.get("/policies/<id:policy_id>")
@access("admin")
def find_policy(cenv_id: str, policy_id: int) -> Response:
    """One condition."""
    with services().store.session(cenv_id) as session:
        return responses.json(_policy(policies.find_policy(session, policy_id)))


@bp.delete("/policies/<id:policy_id>")
@access("admin")
def delete_policy(cenv_id: str, policy_id: int) -> Response:
    """Remove a condition."""
    with services().store.session(cenv_id) as session:
        policies.delete_policy(session, actor(), policy_id)
    return responses.no_content()


def _permission(item: permissions.Permission) -> dict[str, Any]:
    return {
        "id": item.id,
        "user_id": permissions.shown_id(item.user_id),
        "username": item.username,
        "table_name": item.table_name,
        **asdict(item.rights),
    }


def _policy(item: policies.Policy) -> dict[str, Any]:
    return asdict(item) | {"user_id": None if item.user_id is None else permissions.shown_id(item.user_id)}
