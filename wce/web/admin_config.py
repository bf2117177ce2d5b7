"""The settings of a cenv, for its administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from flask import Blueprint, Response

from wce.core.settings import Entry
from wce.web import bodies, responses
from wce.web.access import access
from wce.web.context import actor
from wce.web.screens import screen
from wce.web.services import services

bp = Blueprint("admin_config", __name__, url_prefix="/<cenv:cenv_id>/admin/config")


@bp.get("")
@screen("config.html")
@access("admin")
def show(cenv_id: str) -> Response:
    """Every setting with its value, and where that comes from."""
    app = services()
    with app.store.session(cenv_id) as session:
        return _entries(app.config.list(session))


@bp.put("")
@access("admin")
def update(cenv_id: str) -> Response:
    """Set all keys of the body or none; null resets one to its default."""
    body = bodies.read_object()
    app = services()
    with app.store.session(cenv_id) as session:
        return _entries(app.config.update(session, actor(), body))


def _entries(found: Mapping[str, Entry]) -> Response:
    return responses.json({"config": {key: asdict(entry) for key, entry in found.items()}})
