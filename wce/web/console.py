"""The SQL console, and what it remembers for its user."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from wce.core import console
from wce.web import bodies, console_bodies, responses
from wce.web.access import access
from wce.web.context import actor
from wce.web.screens import screen
from wce.web.services import services

bp = Blueprint("console", __name__, url_prefix="/<cenv:cenv_id>/console")


@bp.get("")
@screen("console.html")
@access("user")
def remembered(cenv_id: str) -> Response:
    """Your own history, newest first, and your saved statements, by name."""
    with services().store.session(cenv_id) as session:
        history, saved = console.list_history(session, actor()), console.list_saved(session, actor())
    return responses.json({"history": [asdict(item) for item in history], "saved": [asdict(item) for item in saved]})


@bp.post("/history")
@access("user")
def add_history(cenv_id: str) -> Response:
    """Add a statement that ran to the history."""
    body = bodies.read(console_bodies.NewRan)
    with services().store.session(cenv_id) as session:
        made = console.add_history(session, actor(), body.sql, duration_ms=body.duration_ms, row_count=body.row_count, error=body.error)
    return responses.json(asdict(made), 201)


@bp.delete("/history")
@access("user")
def clear_history(cenv_id: str) -> Response:
    """Forget them."""
    with services().store.session(cenv_id) as session:
        console.clear_history(session, actor())
    return responses.no_content()


@bp.post("/saved")
@access("user")
def save(cenv_id: str) -> Response:
    """Save a statement: 201, or 200 if it replaces the one of that name."""
    body = bodies.read(console_bodies.NewSaved)
    with services().store.session(cenv_id) as session:
        made, fresh = console.save(session, actor(), body.name, body.sql)
    return responses.json(asdict(made), 201 if fresh else 200)


@bp.delete("/saved/<id:saved_id>")
@access("user")
def delete_saved(cenv_id: str, saved_id: int) -> Response:
    """Forget one."""
    with services().store.session(cenv_id) as session:
        console.delete_saved(session, actor(), saved_id)
    return responses.no_content()
