"""Every error as application/problem+json (RFC 9457), or as a page for a browser that asks for one."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Final

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from wce.errors import WceError
from wce.log import LOGGER
from wce.web import hosts, responses, screens
from wce.web.access import declared
from wce.web.context import note_refusal, request_id, view_of
from wce.web.headers import ResponseClass
from wce.web.services import services
from wce.web.statuses import STATUSES

# What Flask and Werkzeug refuse on their own.
_CODES: Final = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    414: "too_large",
    415: "unsupported_media_type",
    431: "too_large",
}

# What the system says of a file that SQLite has no hand in.
_OF_DISKS: Final = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EROFS: "storage_read_only",
    errno.EACCES: "storage_read_only",
}


def register(app: Flask) -> None:
    """Answer everything that a view, a hook or Flask itself raises."""
    app.register_error_handler(WceError, answer)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(Exception, _unexpected)


def body(error: WceError) -> dict[str, Any]:
    """The members of the problem, in the contract's order."""
    value: dict[str, Any] = {
        "type": f"/docs/errors#{error.code}",
        "title": error.title,
        "status": STATUSES[error.code],
        "code": error.code,
        "detail": error.detail,
        "request_id": request_id(),
    }
    if error.errors:
        value["errors"] = [asdict(item) for item in error.errors]
    if error.position:
        value["position"] = asdict(error.position)
    if error.statement is not None:
        value["statement"] = error.statement
    return value


def answer(error: WceError, members: Mapping[str, Any] = MappingProxyType({})) -> Response:
    """The response for an error that may be told; `members` are put beside those that every problem has."""
    note_refusal(error)
    if screens.wants_login(error, view_of(request)):
        return screens.to_login()
    services().metrics.refusals.labels(error.code).inc()
    value = {**body(error), **members}
    boxed = declared(view_of(request)).response is ResponseClass.CONTENT and request.url_rule is not None
    if wants_page():
        boxed = boxed or _for_content()  # which has no style or script of ours
        login = screens.login_place() if error.code == "not_signed_in" and request.method in ("GET", "HEAD") else ""
        response = page(value, boxed=boxed, login=login)
    else:
        response = responses.json(value, value["status"], mimetype=responses.PROBLEM)
        responses.of_class(ResponseClass.API)
    if boxed:
        responses.of_class(ResponseClass.CONTENT)  # a tenant's address keeps its box when it fails
    if value["status"] == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def wants_page() -> bool:
    """Whether a browser asks, for somebody who reads."""
    return responses.wanted(responses.PROBLEM, responses.JSON, responses.HTML) == responses.HTML


def page(problem: Mapping[str, Any], *, boxed: bool, login: str = "") -> Response:
    """A problem for people. `boxed`: by itself, as in the sandbox of a tenant's addresses no module or font of ours is let in."""
    home = services().settings.base_url.rstrip("/") if _for_content() else ""
    lost = _for_content() and not home
    return responses.page("boxed.html" if boxed else "error.html", problem["status"], problem=problem, login=login, home=home, lost=lost)


def _for_content() -> bool:
    """Whether this is the host that has nothing of ours; asked of any error, so of a Host header that says nothing good, too."""
    return hosts.names(request.environ.get("HTTP_HOST", ""), services().settings.content_host)


def _from_http(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < 400:
        return error
    response = answer(WceError(_CODES.get(error.code, "internal")))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _unexpected(error: Exception) -> Response:
    if isinstance(error, OSError) and error.errno in _OF_DISKS:
        return answer(WceError(_OF_DISKS[error.errno], evidence=str(error)))
    LOGGER.error("internal_error", exc_info=error, extra={"request_id": request_id(), "method": request.method, "path": request.path})
    return answer(WceError("internal"))
