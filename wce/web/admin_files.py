"""A cenv as a file: for its owner to take along, and to put another one in its place."""

from __future__ import annotations

from flask import Blueprint, Response

from wce.core.exports import MIMETYPE, export, file_name
from wce.errors import invalid
from wce.web import files, responses, uploads
from wce.web.access import access
from wce.web.context import actor
from wce.web.services import services

bp = Blueprint("admin_files", __name__, url_prefix="/<cenv:cenv_id>/admin")


@bp.get("/export")
@access("owner")
def send(cenv_id: str) -> Response:
    """The whole cenv, without sessions, as it is at this moment."""
    app = services()
    files.require_few(app.store.folder, cenv_id)
    with app.copying(cenv_id), app.store.session(cenv_id) as session, export(app.store, session, actor()) as path:
        return files.attachment(path, file_name(cenv_id, app.now()), MIMETYPE)


@bp.post("/import")
@access("owner")
def replace(cenv_id: str) -> Response:
    """Put what a file holds in the place of all that the cenv holds; the answer tells what became of it."""
    app, who = services(), actor()
    with uploads.received(app.store.folder, app.max_import_bytes) as upload:
        uploads.require_known(upload.fields, "confirm")
        if upload.fields.get("confirm") != cenv_id:
            raise invalid("confirm", "must be the id of this cenv: everything in it is replaced")
        with app.copying(cenv_id), app.store.session(cenv_id) as session:
            report = app.importer.replace(
                session,
                upload.file,
                who,
                lambda: app.backups.replacing(session, "import", who.username),
                max_bytes=app.max_import_bytes,
            )
    return responses.json({"report": report.value()})
