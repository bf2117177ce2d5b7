"""The description of the API, for programs: of the server, and of one cenv with its own endpoints and tables."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from wce.core import scripts, tables
from wce.web import conditional, current, responses
from wce.web.access import access
from wce.web.context import actor, grants
from wce.web.openapi import made
from wce.web.services import services

_CHECK_FIRST: Final = "public, no-cache"  # may be kept, and is asked about before it is used

bp = Blueprint("description", __name__)


@bp.get("/openapi.json")
@access("public")
def server() -> Response:
    """The API of this server as OpenAPI 3.1."""
    found, environ = made.of(current.application()), current.request().environ
    headers = [("ETag", found.etag), ("Cache-Control", _CHECK_FIRST), ("Vary", "Accept-Encoding")]
    if conditional.unchanged(environ, headers) is not None:
        return Response(status=304, headers=headers)
    zipped = conditional.takes_gzip(environ)
    response = Response(found.zipped if zipped else found.plain, mimetype=responses.JSON, headers=headers)
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return response


@bp.get("/<cenv:cenv_id>/openapi.json")
@access("user")
def of_cenv(cenv_id: str) -> Response:
    """The API of one cenv, with the endpoints that the caller may call and the tables that they may see."""
    app = services()
    with app.store.session(cenv_id) as session:
        endpoints = scripts.list_endpoints(session)
    seen = tables.list_tables(app.guard.catalogue(cenv_id), grants())
    return responses.body(made.of(current.application()).template.fill(cenv_id, actor().role, endpoints, seen), responses.JSON)
