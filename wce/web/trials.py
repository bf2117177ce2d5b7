"""A script that is tried before it is saved: it runs as it would, and nothing of what it does is kept."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import urlencode

from flask import Response

from wce import values
from wce.core.authoring import check_script
from wce.errors import WceError, invalid
from wce.sandbox.fields import EVENT
from wce.sandbox.library import without_nul
from wce.web import bodies, incoming, problems, responses, script_bodies
from wce.web.context import actor, cenv_settings, current, public_url, read_script, request_id, who
from wce.web.services import services

_FORM: Final = "application/x-www-form-urlencoded"


def of_request(cenv_id: str) -> Response:
    """Try an endpoint's script with the request that the body describes."""
    trial = bodies.read(script_bodies.Trial, script_bodies.MAX_BYTES)
    request, raw = _request(cenv_id, trial.request or script_bodies.TriedRequest())
    return _run(cenv_id, trial.script, request, raw)


def of_event(cenv_id: str, usual: Mapping[str, Any]) -> Response:
    """Try the script of a hook or a schedule with an event: the one that the body has, or one of now with what is `usual`."""
    trial = bodies.read(script_bodies.EventTrial, script_bodies.MAX_BYTES)
    given = trial.event
    if given is None:
        now = int(services().now())
        given = {"id": request_id(), "name": "", "attempt": 1, "at": now, "user": incoming.user(actor()), **usual}
    return _run(cenv_id, trial.script, _event(given), b"", EVENT)


def _run(cenv_id: str, script: str, request: dict[str, Any], raw: bytes, fields: frozenset[str] | None = None) -> Response:
    app = services()
    check_script(actor(), script, read_script)
    found = app.scripts.test(cenv_id, who(), cenv_settings(), script, request, raw, fields)
    shown = dict(found)
    if isinstance(shown["body"], bytes):
        shown["body"] = _text(shown["body"])
    if isinstance(shown.get("error"), WceError):
        shown["error"] = problems.body(shown["error"])
        shown["status"] = shown["error"]["status"]
    return responses.body(values.encode(shown), responses.JSON)


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body


def _request(cenv_id: str, tried: script_bodies.TriedRequest) -> tuple[dict[str, Any], bytes]:
    """What the script's `request` holds, in the form of `incoming.read`, and the raw body."""
    raw, content_type = _body(tried)
    headers = {name.lower(): value for name, value in tried.headers.items()}
    if content_type:
        headers.setdefault("content-type", content_type)
    asked = f"?{urlencode(tried.query)}" if tried.query else ""
    given: dict[str, Any] = {
        "id": request_id(),
        "method": tried.method or ("POST" if raw else "GET"),
        "path": tried.path,
        "url": f"{public_url()}/{cenv_id}/api{tried.path}{asked}",
        "params": tried.params,
        "query": tried.query,
        "headers": headers,
        "cookies": tried.cookies,
        "form": tried.form or {},
        "files": [],
        "user": incoming.user(actor()),
        "ip": current().ip_address,
    }
    return given, raw


def _event(given: dict[str, Any]) -> dict[str, Any]:
    """The event, if all of it reaches the script as it is."""
    try:
        values.encode(given)
        return cast("dict[str, Any]", without_nul(given))
    except TypeError as error:
        raise invalid("event", "has a number of more than 64 bits") from error
    except ValueError as error:
        raise invalid("event", str(error)) from error


def _body(tried: script_bodies.TriedRequest) -> tuple[bytes, str]:
    """The body and the type that it has of itself."""
    given = tried.model_fields_set & {"body", "body_base64", "json_", "form"}
    if len(given) > 1:
        raise invalid("request", "may have only one of body, body_base64, json and form")
    if "json_" in given:
        return _json(tried.json_), responses.JSON
    if tried.form is not None:
        return urlencode(tried.form).encode(), _FORM
    if tried.body_base64 is not None:
        try:
            return base64.b64decode(tried.body_base64, validate=True), ""
        except (binascii.Error, ValueError) as error:
            raise invalid("request.body_base64", "is not base64") from error
    return (tried.body or "").encode(), ""


def _json(value: Any) -> bytes:
    try:
        return values.encode(value)
    except TypeError as error:  # all else came out of JSON
        raise invalid("request.json", "has a number of more than 64 bits: send the JSON as text, in body") from error
