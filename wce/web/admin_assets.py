"""The files of a cenv's pages, for its administrators."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import quote

from flask import Blueprint, Response
from werkzeug.formparser import FormDataParser

from wce.core import assets
from wce.core.assets import Asset
from wce.errors import WceError, invalid
from wce.web import bodies, current, responses
from wce.web.access import access
from wce.web.context import actor, cenv_settings
from wce.web.services import services
from wce.web.uploads import require_known

_FORM_BYTES: Final = 64 * 1024  # of a form beside its file
_MAX_PARTS: Final = 20

bp = Blueprint("admin_assets", __name__, url_prefix="/<cenv:cenv_id>/admin/assets")


@bp.get("")
@access("admin")
def list_assets(cenv_id: str) -> Response:
    """All by path, and how much room there is."""
    with services().store.session(cenv_id) as session:
        found = assets.list_assets(session)
    most = cenv_settings().max_assets_mb * 1024 * 1024
    return responses.json({"assets": [_shown(cenv_id, item) for item in found], "size": sum(item.size for item in found), "max_size": most})


@bp.post("")
@access("admin")
def upload(cenv_id: str) -> Response:
    """The file of a form, under the field `path` or else under its own name."""
    request = current.request()
    if request.mimetype != "multipart/form-data":
        raise WceError("unsupported_media_type", "Send multipart/form-data with file and path, or PUT the file to its path.")
    body = bodies.raw(assets.MAX_BYTES + _FORM_BYTES)
    # The body is in memory already, so no file has to be kept elsewhere.
    parser = FormDataParser(lambda *_, **__: io.BytesIO(), max_form_memory_size=_FORM_BYTES, max_form_parts=_MAX_PARTS)
    _, fields, files = parser.parse(io.BytesIO(body), request.mimetype, len(body), request.mimetype_params)
    given = files.get("file")
    if given is None:
        raise invalid("file", "is missing: send the file in the field `file` of the form")
    require_known(fields, "path")
    return _save(cenv_id, fields.get("path") or given.filename or "", given.stream.read())


@bp.put("/<file:path>")
@access("admin")
def put(cenv_id: str, path: str) -> Response:
    """The body is the file."""
    return _save(cenv_id, path, bodies.raw(assets.MAX_BYTES))


@bp.delete("/<file:path>")
@access("admin")
def delete_asset(cenv_id: str, path: str) -> Response:
    """Remove one."""
    with services().store.session(cenv_id) as session:
        assets.delete_asset(session, actor(), path)
    return responses.no_content()


def _save(cenv_id: str, path: str, content: bytes) -> Response:
    bodies.require_plain()
    with services().store.session(cenv_id) as session:
        made, fresh = assets.save_asset(session, cenv_settings(), actor(), path, content)
    shown = _shown(cenv_id, made)
    return responses.json(shown, 201 if fresh else 200, location=shown["url"] if fresh else "")


def _shown(cenv_id: str, item: Asset) -> dict[str, Any]:
    return asdict(item) | {
        "url": f"/{cenv_id}/pages/assets/{quote(item.path)}",
        "url_forever": f"/{cenv_id}/pages/assets/v-{item.hash}/{quote(item.path)}",
    }
