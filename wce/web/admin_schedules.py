"""The schedules of a cenv, scripts that run by the clock, for its administrators."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from wce.core import schedules
from wce.web import bodies, history, responses, script_bodies, trials
from wce.web.access import access
from wce.web.context import actor, read_script
from wce.web.services import services

bp = Blueprint("admin_schedules", __name__, url_prefix="/<cenv:cenv_id>/admin/schedules")
history.add(bp, schedules.SHELF)


@bp.get("")
@access("admin")
def list_schedules(cenv_id: str) -> Response:
    """All by name."""
    with services().store.session(cenv_id) as session:
        return responses.json({"schedules": [asdict(item) for item in schedules.list_schedules(session)]})


@bp.post("")
@access("admin")
def save_schedule(cenv_id: str) -> Response:
    """Make one: 201, or 200 in place of the one of the same name."""
    body = bodies.read(script_bodies.NewSchedule, script_bodies.MAX_BYTES)
    app = services()
    with app.store.session(cenv_id) as session:
        made, fresh = schedules.save_schedule(session, read_script, actor(), schedules.NewSchedule(**body.model_dump()))
    location = f"/{cenv_id}/admin/schedules/{made.id}" if fresh else ""
    return responses.json(asdict(made), 201 if fresh else 200, location=location)


@bp.post("/test")
@access("admin")
def test(cenv_id: str) -> Response:
    """What a script would do with an event; nothing of it is kept."""
    return trials.of_event(cenv_id, {"kind": "schedule", "due_at": int(services().now())})


@bp.get("/<id:schedule_id>")
@access("admin")
def find_schedule(cenv_id: str, schedule_id: int) -> Response:
    """One."""
    with services().store.session(cenv_id) as session:
        return responses.json(asdict(schedules.find_schedule(session, schedule_id)))


@bp.put("/<id:schedule_id>")
@access("admin")
def update_schedule(cenv_id: str, schedule_id: int) -> Response:
    """Change the fields that the body has."""
    body = bodies.read(script_bodies.ScheduleChanges, script_bodies.MAX_BYTES)
    app = services()
    changes = schedules.ScheduleChanges(**body.model_dump())
    with app.store.session(cenv_id) as session:
        return responses.json(asdict(schedules.update_schedule(session, read_script, actor(), schedule_id, changes)))


@bp.delete("/<id:schedule_id>")
@access("admin")
def delete_schedule(cenv_id: str, schedule_id: int) -> Response:
    """Remove one, with the runs that still wait."""
    with services().store.session(cenv_id) as session:
        schedules.delete_schedule(session, actor(), schedule_id)
    return responses.no_content()
