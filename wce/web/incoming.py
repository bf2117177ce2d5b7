"""A request as plain data, which is all that a script gets to see of it: nothing in it proves who the caller is."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from wce.errors import WceError
from wce.model import PUBLIC_ID, Actor
from wce.web import bodies, context, cookies, current
from wce.web.services import services

BODY_BYTES: Final = 1024 * 1024
_MAX_PARTS: Final = 1_000
_OF_PAGES: Final = ("id", "method", "path", "url", "params", "query", "headers", "cookies", "ip")
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
# What a script could act as the caller with. The cookies stand apart, without ours.
_HIDDEN: Final = frozenset({"authorization", "cookie", "proxy-authorization", cookies.CSRF_HEADER.lower()})


def read(path: str, params: Mapping[str, str], fields: frozenset[str] | None) -> tuple[dict[str, Any], bytes]:
    """The request that goes to the endpoint at `path`, with those fields or all, and its body.

    Raises `too_large`, or `malformed` for a NUL and for a form with a part that has no name.
    """
    request = current.request()
    asked = _Asked(request, request.environ, path, params, _body(request.environ))
    found = {name: make(asked) for name, make in _FIELDS.items() if fields is None or name in fields}
    if fields is not None and "json" in fields and "headers" not in fields:
        found["headers"] = {"content-type": asked.environ.get("CONTENT_TYPE", "")}  # which says whether it is JSON
    form = asked.form[0] if asked.body else {}  # one that cannot be read is told, whether the script looks at it or not
    if "%00" in asked.environ.get("QUERY_STRING", "") or "\0" in path or form or found.get("cookies"):
        _refuse_nul(found | {"path": path, "form": form}, ("path", "params", "query", "cookies", "form"))  # elsewhere none can stand
    return found, asked.body


@dataclass(frozen=True)
class _Asked:
    """What the fields are made of."""

    request: Request
    environ: Mapping[str, Any]
    path: str
    params: Mapping[str, str]
    body: bytes

    @cached_property
    def form(self) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
        """The fields of a form and its files."""
        kind, options = self.request.mimetype, self.request.mimetype_params
        if not self.body or kind not in _FORMS:
            return MultiDict(), MultiDict()
        # The body is in memory already, so no file has to be kept elsewhere.
        parser = FormDataParser(lambda *_, **__: io.BytesIO(), max_form_memory_size=BODY_BYTES, max_form_parts=_MAX_PARTS)
        fields, files = parser.parse(io.BytesIO(self.body), kind, len(self.body), options)[1:]
        if None in fields or None in files:
            raise WceError("malformed", "A part of the form has no name.")
        if any("\0" in text for name, item in files.items(multi=True) for text in (name, item.filename or "", item.mimetype)):
            raise WceError("malformed", "There is a NUL character in the request (files).")
        return fields, files


def page(path: str, params: Mapping[str, str]) -> dict[str, Any]:
    """The request for a page, whose body is not looked at."""
    request = current.request()
    asked = _Asked(request, request.environ, path, params, b"")
    return {name: _FIELDS[name](asked) for name in _OF_PAGES}


def user(actor: Actor) -> dict[str, Any] | None:
    """Who acts, or None for somebody who is not signed in."""
    if actor.user_id == PUBLIC_ID:
        return None
    return {"user_id": actor.user_id, "username": actor.username, "role": actor.role.value}


def _body(environ: Mapping[str, Any]) -> bytes:
    if "CONTENT_LENGTH" not in environ and "HTTP_TRANSFER_ENCODING" not in environ:
        return b""  # as it has, or both would not be missing
    return bodies.raw(BODY_BYTES)


def _url(asked: _Asked) -> str:
    query = asked.environ.get("QUERY_STRING", "")
    return f"{_origin(asked.environ)}{quote(asked.request.path)}{'?' if query else ''}{query}"


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


def _file(name: str, item: FileStorage) -> dict[str, Any]:
    content = item.stream.read()
    encoded = base64.b64encode(content).decode("ascii")
    told = {"name": name, "filename": item.filename or "", "content_type": item.mimetype or "application/octet-stream"}
    return told | {"size": len(content), "base64": encoded}


_FIELDS: Final[dict[str, Callable[[_Asked], Any]]] = {
    "id": lambda _: context.request_id(),
    "method": lambda asked: "GET" if asked.request.method == "HEAD" else asked.request.method,
    "path": lambda asked: asked.path,
    "url": _url,
    "params": lambda asked: dict(asked.params),
    "query": lambda asked: asked.request.args.to_dict() if asked.environ.get("QUERY_STRING") else {},
    "headers": lambda asked: _headers(asked.environ),
    "cookies": lambda asked: _cookies(asked.request) if "HTTP_COOKIE" in asked.environ else {},
    "form": lambda asked: asked.form[0].to_dict(),  # the first of each name
    "files": lambda asked: [_file(name, item) for name, item in asked.form[1].items(multi=True)],
    "user": lambda _: user(context.actor()),
    "ip": lambda _: context.current().ip_address,
}


def _refuse_nul(found: Mapping[str, Any], places: Iterable[str]) -> None:
    """A script's strings end at a NUL, so that half of a value would pass for all of it."""
    for place in places:
        value = found.get(place, "")
        texts = [value] if isinstance(value, str) else [*value, *value.values()]
        if any("\0" in text for text in texts):
            raise WceError("malformed", f"There is a NUL character in the request ({place}).")
