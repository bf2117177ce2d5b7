"""A request as plain data, which is all that a script gets to see of it: nothing in it proves who the caller is."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from flask import Request
from werkzeug.datastructures import FileStorage
from werkzeug.formparser import FormDataParser

from wce.errors import WceError
from wce.model import PUBLIC_ID, Actor
from wce.web import bodies, context, cookies, current
from wce.web.services import services

BODY_BYTES: Final = 1024 * 1024
_MAX_PARTS: Final = 1_000
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
# What a script could act as the caller with. The cookies stand apart, without ours.
_HIDDEN: Final = frozenset({"authorization", "cookie", "proxy-authorization", cookies.CSRF_HEADER.lower()})


def read(path: str, params: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
    """The request that goes to the endpoint at `path`, and its body; raises `too_large`, or `malformed` for a NUL."""
    request = current.request()
    environ = request.environ
    body = bodies.raw(BODY_BYTES)
    form, files = _form(request, body) if body else ({}, [])
    asked = environ.get("QUERY_STRING", "")
    found = {
        "id": context.request_id(),
        "method": "GET" if request.method == "HEAD" else request.method,
        "path": path,
        "url": f"{_origin(environ)}{quote(request.path)}{'?' if asked else ''}{asked}",
        "params": dict(params),
        "query": request.args.to_dict() if asked else {},
        "headers": _headers(environ),
        "cookies": _cookies(request) if "HTTP_COOKIE" in environ else {},
        "form": form,
        "files": files,
        "user": user(context.actor()),
        "ip": context.current().ip_address,
    }
    if "%00" in asked or "\0" in path or form or found["cookies"]:  # elsewhere none can stand
        _refuse_nul(found, ("path", "params", "query", "cookies", "form"))
    return found, body


def user(actor: Actor) -> dict[str, Any] | None:
    """Who acts, or None for somebody who is not signed in."""
    if actor.user_id == PUBLIC_ID:
        return None
    return {"user_id": actor.user_id, "username": actor.username, "role": actor.role.value}


def _origin(environ: Mapping[str, Any]) -> str:
    """Where this server is reached, from the request itself unless the operator says so; Werkzeug's way costs three times as much."""
    host = environ.get("HTTP_HOST")
    if services().settings.base_url or not host:
        return context.public_url()
    return f"{environ['wsgi.url_scheme']}://{host}"


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    sent = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            sent[name.lower().replace("_", "-")] = environ[name]
    return {name: value for name, value in sent.items() if name not in _HIDDEN}


def _cookies(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.cookies.items() if not name.startswith(cookies.PREFIX)}


def _form(request: Request, body: bytes) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The fields of a form, the first of each name, and its files."""
    if request.mimetype not in _FORMS:
        return {}, []
    # The body is in memory already, so no file has to be kept elsewhere.
    parser = FormDataParser(lambda *_, **__: io.BytesIO(), max_form_memory_size=BODY_BYTES, max_form_parts=_MAX_PARTS)
    _, fields, files = parser.parse(io.BytesIO(body), request.mimetype, len(body), request.mimetype_params)
    return fields.to_dict(), [_file(name, item) for name, item in files.items(multi=True)]


def _file(name: str, item: FileStorage) -> dict[str, Any]:
    content = item.stream.read()
    encoded = base64.b64encode(content).decode("ascii")
    told = {"name": name, "filename": item.filename or "", "content_type": item.mimetype or "application/octet-stream"}
    return told | {"size": len(content), "base64": encoded}


def _refuse_nul(found: Mapping[str, Any], places: Iterable[str]) -> None:
    """A script's strings end at a NUL, so that half of a value would pass for all of it."""
    for place in places:
        value = found[place]
        texts = [value] if isinstance(value, str) else [*value, *value.values()]
        if any("\0" in text for text in texts):
            raise WceError("malformed", f"A NUL character stands in the request ({place}).")
