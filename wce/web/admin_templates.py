"""The templates of a cenv, for its administrators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response

from wce.core import templates
from wce.core.templates import Template
from wce.web import bodies, history, responses, template_bodies, visits
from wce.web.access import access
from wce.web.context import actor, make_template
from wce.web.headers import ResponseClass
from wce.web.services import services

bp = Blueprint("admin_templates", __name__, url_prefix="/<cenv:cenv_id>/admin/templates")


def _restore(cenv_id: str, template_id: int, version_id: int) -> Response:
    app = services()
    with app.store.session(cenv_id) as session:
        restored = templates.restore_template(session, make_template, actor(), template_id, version_id)
    return responses.json(asdict(restored))


history.add(bp, templates.SHELF, _restore)


@bp.get("")
@access("admin")
def list_templates(cenv_id: str) -> Response:
    """All by name, without the pages that they make."""
    with services().store.session(cenv_id) as session:
        return responses.json({"templates": [_in_list(item) for item in templates.list_templates(session)]})


@bp.post("")
@access("admin")
def save_template(cenv_id: str) -> Response:
    """Make one: 201, or 200 in place of the one of the same name."""
    body = bodies.read(template_bodies.NewTemplate, template_bodies.MAX_BYTES)
    app = services()
    with app.store.session(cenv_id) as session:
        made, fresh = templates.save_template(session, make_template, actor(), templates.NewTemplate(**body.model_dump()))
    location = f"/{cenv_id}/admin/templates/{made.id}" if fresh else ""
    return responses.json(asdict(made), 201 if fresh else 200, location=location)


@bp.post("/preview")
@access("admin", ResponseClass.CONTENT)
def preview(cenv_id: str) -> Response:
    """The page that a text would be for the caller; nothing is kept."""
    body = bodies.read(template_bodies.Preview, template_bodies.MAX_BYTES)
    return visits.preview(cenv_id, body)


@bp.get("/<id:template_id>")
@access("admin")
def find_template(cenv_id: str, template_id: int) -> Response:
    """One."""
    with services().store.session(cenv_id) as session:
        return responses.json(asdict(templates.find_template(session, template_id)))


@bp.put("/<id:template_id>")
@access("admin")
def update_template(cenv_id: str, template_id: int) -> Response:
    """Change the fields that the body has."""
    body = bodies.read(template_bodies.TemplateChanges, template_bodies.MAX_BYTES)
    app = services()
    changes = templates.TemplateChanges(**body.model_dump())
    with app.store.session(cenv_id) as session:
        return responses.json(asdict(templates.update_template(session, make_template, actor(), template_id, changes)))


@bp.delete("/<id:template_id>")
@access("admin")
def delete_template(cenv_id: str, template_id: int) -> Response:
    """Remove one."""
    with services().store.session(cenv_id) as session:
        templates.delete_template(session, actor(), template_id)
    return responses.no_content()


def _in_list(item: Template) -> dict[str, Any]:
    shown = asdict(item)
    del shown["rendered"]
    return shown
