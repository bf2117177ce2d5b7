"""The addresses that a cenv makes for itself: each is answered by a script of its administrators."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Final

from flask import Blueprint, Response
from werkzeug.exceptions import MethodNotAllowed

from wce.core import paths
from wce.core.paths import Routes
from wce.core.scripts import Endpoint
from wce.errors import WceError
from wce.model import Role
from wce.sandbox import faults
from wce.sandbox.messages import Reply
from wce.web import conditional, cors, current, incoming, problems, responses
from wce.web.access import Access, access, require
from wce.web.context import actor, cenv_settings, request_id, who
from wce.web.headers import Headers, ResponseClass, is_public
from wce.web.services import services

_PREFLIGHT_SECONDS: Final = "600"
_MAX_HEADERS: Final = 100
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8192}")
# What belongs to the connection, or is said by the server itself.
_OURS: Final = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
        "x-request-id",
    }
)
_VARY: Final = ("Vary", "Authorization, Cookie")  # whoever is signed in may get another answer than the one that a cache has
EXPOSED: Final = {"Access-Control-Expose-Headers": "*"}
_ACCESS: Final = {"user": Access("user", keys="endpoints"), "admin": Access("admin")}

bp = Blueprint("endpoints", __name__, url_prefix="/<cenv:cenv_id>/api")


@bp.route("/<path:path>", methods=[*paths.METHODS, "OPTIONS"], provide_automatic_options=False)
@access("anyone", ResponseClass.CONTENT, keys="endpoints")
def answer(cenv_id: str, path: str) -> Response:
    """Whatever the script under this path says."""
    app, routes, method = services(), _routes(cenv_id), current.request().method
    path = "/" + path
    found = routes.match(method, path)
    if method == "OPTIONS" and found.allowed:
        return _options(routes, path, found.allowed)
    endpoint = found.endpoint
    if endpoint is None:
        if found.allowed:
            raise MethodNotAllowed(valid_methods=list(found.allowed))
        raise WceError("not_found", "No endpoint has this path.")
    _require_listed(endpoint)
    if endpoint.access == "public" or actor().page is not None:
        cors.share(current.request().environ, EXPOSED)
    if endpoint.access != "public":
        require(_ACCESS.get(endpoint.access, _ACCESS["admin"]), actor(), method)
    plain, body = incoming.read(path, found.params, app.scripts.fields(endpoint.script))
    return respond(app.scripts.call(cenv_id, who(), cenv_settings(), endpoint, plain, body, request_id()), endpoint)


def respond(reply: Reply, endpoint: Endpoint) -> Response:
    """What the script answered, without the headers that are not its to send; raises `script_failed` for what HTTP does not know."""
    if reply.headers is faults.ABORTED and problems.wants_page():
        response = problems.page(json.loads(reply.body), boxed=True)
        responses.of_class(ResponseClass.CONTENT)
        return response
    environ = current.request().environ
    asks = environ["REQUEST_METHOD"] in ("GET", "HEAD")
    body, status, headers = shape(reply if asks else replace(reply, tag=""), endpoint, to_all=actor().role is Role.PUBLIC)
    held = conditional.unchanged(environ, headers) if asks and status == 200 else None
    return responses.Ready(body, status, headers) if held is None else responses.Ready(b"", 304, held)


def shape(reply: Reply, endpoint: Endpoint, *, to_all: bool = True) -> tuple[bytes, int, Headers]:
    """Body, status and headers of that answer; raises `script_failed`. `to_all`: nobody is signed in."""
    to_all = to_all and endpoint.access == "public"
    headers = [(name, text) for name, text in reply.headers if not _withheld(name.lower(), text, to_all=to_all)]
    good = len(headers) <= _MAX_HEADERS and all(_NAME.fullmatch(name) and _VALUE.fullmatch(text) for name, text in headers)
    if not good or not 200 <= reply.status <= 599:
        raise WceError("script_failed", "The script answered with an invalid status or header.")
    # Firefox takes headers out of the parts of such an answer, Set-Cookie among them, for the whole origin.
    if any(name.lower() == "content-type" and "multipart/" in text.lower() for name, text in headers):
        raise WceError("script_failed", "The script answered with a type of several parts (multipart), which may not be sent.")
    if reply.tag and reply.status == 200 and not any(name.lower() == "etag" for name, _ in headers):
        headers.append(("ETag", f'"{reply.tag}"'))
    if is_public(headers):
        headers.append(_VARY)
    empty = reply.status in (204, 304)
    if not empty:
        headers.append(("Content-Length", str(len(reply.body))))
    return b"" if empty else reply.body, reply.status, headers


def _require_listed(endpoint: Endpoint) -> None:
    scope = actor().scope
    if scope is not None and scope.endpoints is not None and endpoint.path not in scope.endpoints:
        raise WceError("forbidden", "The scope of this API key does not include this.")


def _withheld(name: str, text: str, *, to_all: bool) -> bool:
    # What only some may see, or one is told of himself, must not be kept where others are answered from.
    return name in _OURS or name.startswith("ratelimit-") or (name == "cache-control" and "public" in text and not to_all)


def _routes(cenv_id: str) -> Routes[Endpoint]:
    app, version = services(), who().state.endpoints
    known = app.routes.known(cenv_id, version)
    if known is not None:
        return known
    with app.store.session(cenv_id) as session:
        return app.routes.get(session, version)


def _options(routes: Routes[Endpoint], path: str, allowed: tuple[str, ...]) -> Response:
    """What may be asked here, and which of it by pages of other origins."""
    environ = current.request().environ
    matches = {method: routes.match(method, path).endpoint for method in allowed if method != "OPTIONS"}
    shared = [method for method, endpoint in matches.items() if endpoint is not None and endpoint.access == "public"]
    if shared:
        cors.share(
            environ,
            {
                "Access-Control-Allow-Methods": ", ".join(shared),
                "Access-Control-Allow-Headers": "*",  # all but Authorization
                "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
            },
        )
    elif environ.get("HTTP_ORIGIN") == "null":  # a page, which may have a token
        cors.share(
            environ,
            {
                "Access-Control-Allow-Methods": ", ".join(matches),
                "Access-Control-Allow-Headers": "Authorization, Content-Type",
                "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
            },
        )
    return Response(status=204, headers={"Allow": ", ".join(allowed)})
