"""A cenv as a file: for its owner to take along."""

from __future__ import annotations

from flask import Blueprint, Response

from wce.core.exports import MIMETYPE, export, file_name
from wce.web import files
from wce.web.access import access
from wce.web.context import actor
from wce.web.services import services

bp = Blueprint("admin_files", __name__, url_prefix="/<cenv:cenv_id>/admin")


@bp.get("/export")
@access("owner")
def send(cenv_id: str) -> Response:
    """The whole cenv, without sessions, as it is at this moment."""
    app = services()
    with app.copying(), app.store.session(cenv_id) as session, export(app.store, session, actor()) as path:
        return files.attachment(path, file_name(cenv_id, app.now()), MIMETYPE)
