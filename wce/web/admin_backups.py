"""The backups of a cenv: administrators make and list them, the owner takes them along, brings them back and lets them go."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from wce.core import audit, users
from wce.core.exports import MIMETYPE, require_owner
from wce.model import AuditEntry
from wce.web import bodies, files, responses
from wce.web.access import access
from wce.web.context import actor
from wce.web.screens import screen
from wce.web.services import services

bp = Blueprint("admin_backups", __name__, url_prefix="/<cenv:cenv_id>/admin/backups")


@bp.get("")
@screen("backups.html")
@access("admin")
def list_backups(cenv_id: str) -> Response:
    """All, newest first."""
    return responses.json({"backups": [asdict(item) for item in services().backups.list(cenv_id)]})


@bp.post("")
@access("admin")
def create(cenv_id: str) -> Response:
    """One of this moment."""
    app = services()
    with app.copying(cenv_id), app.store.session(cenv_id) as session:
        made = app.backups.create(session, actor())
    return responses.json(asdict(made), 201, location=f"/{cenv_id}/admin/backups/{made.id}")


@bp.get("/<backup_id>")
@access("owner")
def download(cenv_id: str, backup_id: str) -> Response:
    """The file."""
    app = services()
    files.require_few(app.store.folder, cenv_id)
    with app.copying(cenv_id), app.backups.fetched(cenv_id, backup_id) as path:
        with app.store.session(cenv_id) as session, session.transaction(actor()) as transaction:
            require_owner(transaction, actor())
            audit.record(transaction, AuditEntry("backup.download", "backup", backup_id))
        return files.attachment(path, f"cenv-{cenv_id[:8]}-{backup_id}.sqlite3", MIMETYPE)


@bp.post("/<backup_id>/restore")
@access("owner")
def restore(cenv_id: str, backup_id: str) -> Response:
    """Make the cenv what it was then; wants the owner's password."""
    body = bodies.read(bodies.Confirmation, bodies.LOGIN_BYTES)
    app = services()
    with app.copying(cenv_id), app.store.session(cenv_id) as session:
        proof = users.prove(session, app.passwords, actor(), body.password)
        return responses.json(asdict(app.backups.restore(session, actor(), backup_id, proof)))


@bp.delete("/<backup_id>")
@access("owner")
def delete(cenv_id: str, backup_id: str) -> Response:
    """Let one go."""
    app = services()
    with app.store.session(cenv_id) as session:
        app.backups.delete(session, actor(), backup_id)
    return responses.no_content()
