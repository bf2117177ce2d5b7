"""Files of rows as tables, for administrators."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import PurePath
from typing import Final, Literal

from flask import Blueprint, Response
from pydantic import Field

from wce.core.loading import sheet, tables
from wce.errors import WceError, invalid
from wce.web import bodies, responses, uploads
from wce.web.access import access
from wce.web.context import cenv_settings, who
from wce.web.services import services

_BY_ENDING: Final = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_BY_TYPE: Final = {"text/csv": "csv", "text/tab-separated-values": "csv", "application/json": "json", "application/x-ndjson": "ndjson"}

bp = Blueprint("admin_tables", __name__, url_prefix="/<cenv:cenv_id>/admin/tables")


class Form(bodies.Body):
    """The fields beside the file."""

    table: str = Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")
    mode: Literal["create", "append"]
    format: Literal["csv", "json", "ndjson"] | None = None
    preview: Literal["true", "false"] = "false"
    columns: str | None = None


class Column(bodies.Body):
    """One column as the importer wants it."""

    name: str
    type: Literal["INTEGER", "REAL", "TEXT"]


@bp.post("/import")
@access("admin")
def load(cenv_id: str) -> Response:
    """Make a table of a file, or add its rows to one; with `preview` only tell what would come of it."""
    app = services()
    most = min(sheet.MAX_BYTES, app.max_import_bytes)
    with uploads.received(app.store.folder, most) as upload, app.copying(cenv_id):
        form = bodies.validate(Form, dict(upload.fields))
        read = sheet.survey(upload.file, form.format or _format(upload))
        if form.columns is not None:
            read = read.named(_columns(form.columns))
        read = tables.fitted(read, app.guard.catalogue(cenv_id), form.table, create=form.mode == "create")
        if form.preview == "true":
            return responses.json(asdict(tables.preview(read)))
        done = tables.load(app.queries, cenv_id, who(), cenv_settings(), read, form.table, create=form.mode == "create")
    return responses.json(asdict(done))


def _format(upload: uploads.Upload) -> str:
    found = _BY_ENDING.get(PurePath(upload.name).suffix.lower()) or _BY_TYPE.get(upload.mimetype)
    if found is None:
        raise invalid("format", "must be csv, json or ndjson: the name of the file does not say which")
    return found


def _columns(text: str) -> list[sheet.Column]:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise invalid("columns", "must be a JSON list of {name, type}")
    try:
        return [sheet.Column(item.name, item.type) for item in (bodies.validate(Column, one) for one in listed)]
    except WceError as error:
        raise invalid("columns", error.detail) from error
