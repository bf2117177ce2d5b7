"""The headers that keep tenant content away from our powers, on every response, error pages too.

A response is of one class. `content` is the default, so that a route which forgot to say what it is gets the
tightest box: a sandbox without `allow-same-origin`, in which nothing can act as the visitor.
"""

from __future__ import annotations

import functools
import json
import os
import random
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wce.errors import TITLES
from wce.log import LOGGER

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CLASS_KEY: Final = "wce.response_class"  # where a request's environ says what its response is
ID_KEY: Final = "wce.request_id"
PASSED_ON_KEY: Final = "wce.passed_on"  # there where headers of a proxy were taken away
NO_BANNER: Final = ("Server", "")  # stands in for the name of the server, which granian adds where there is none
MORE_KEY: Final = "wce.more_headers"  # a list of pairs that go on the answer as they are; cheaper than Flask's headers
_BLANKS: Final = re.compile(r"[ \t]{2,}")
_WELL_FORMED_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
Headers = list[tuple[str, str]]
InPlace = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes] | None]  # an application that may leave a request to others
_ids: Final = random.Random()  # noqa: S311  # an id is no secret; it only has to differ
os.register_at_fork(after_in_child=_ids.seed)


class ResponseClass(StrEnum):
    """Who wrote what is sent: ours for people, ours for programs, or a tenant's."""

    UI = "ui"
    API = "api"
    CONTENT = "content"


POLICIES: Final = {
    ResponseClass.UI: (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
        "worker-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types wce dompurify"
    ),
    ResponseClass.API: "sandbox; default-src 'none'; frame-ancestors 'none'",
    ResponseClass.CONTENT: (
        "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads; default-src 'self' 'unsafe-inline' data: blob:; "
        "base-uri 'none'; object-src 'none'; frame-ancestors 'self'"
    ),
}
_ALWAYS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
)
_UI_ONLY: Final = (("X-Frame-Options", "DENY"), ("Cross-Origin-Opener-Policy", "same-origin"))
HSTS: Final = ("Strict-Transport-Security", "max-age=31536000")
# What tenant code must never say in our name: what a browser keeps for the whole origin, and what a proxy in front of us obeys.
_NEVER_FROM_CONTENT: Final = frozenset(
    {
        "set-cookie",
        "set-cookie2",
        "clear-site-data",
        "strict-transport-security",
        "service-worker-allowed",
        "refresh",
        "link",
        "alt-svc",
        "accept-ch",
        "critical-ch",
        "nel",
        "report-to",
        "reporting-endpoints",
        "origin-agent-cluster",
        "expect-ct",
        "public-key-pins",
        "set-login",
        "use-as-dictionary",
        "edge-control",
        "surrogate-control",
    }
)
# `secure-session-` has a browser send every request for the origin through a session that the sender refreshes; Envoy takes a server
# out of service by an `x-envoy-`, nginx, Apache, lighttpd, LiteSpeed and perlbal send files by theirs.
_NEVER_PREFIXES: Final = (
    "access-control-",
    "secure-session-",
    "sec-session-",
    "x-accel-",
    "x-envoy-",
    "x-sendfile",
    "x-lighttpd-",
    "x-litespeed-",
    "x-reproxy-",
)
_NEVER_ENDINGS: Final = ("-cache-control",)  # of caches in front (RFC 9213), for which it goes before Cache-Control


def secure(headers: Headers, kind: ResponseClass, *, https: bool, content_host: str = "") -> Headers:
    """The headers with those of the class put in; ours replace what the application said."""
    names = tuple([name for name, _ in headers])
    if not _plain(names, kind, https):
        public = is_public(headers)
        return [headers[index] for index in _kept(names, kind, https, public)] + _of_class(kind, https, public, content_host)[0]
    return headers + _of_class(kind, https, False, content_host)[0]


@functools.lru_cache(maxsize=4096)
def _secured(headers: tuple[tuple[str, str], ...], kind: ResponseClass, https: bool, content_host: str) -> Headers:
    """The same for headers that come again as they are."""
    return secure(list(headers), kind, https=https, content_host=content_host)


@functools.lru_cache(maxsize=1024)
def _plain(names: tuple[str, ...], kind: ResponseClass, https: bool) -> bool:
    """Whether headers of these names stay as they are, whatever they say."""
    replaced = _of_class(kind, https, False)[1]
    return not any(name.lower() in replaced or _refused(name.lower(), kind) for name in names)


@functools.lru_cache(maxsize=1024)
def _kept(names: tuple[str, ...], kind: ResponseClass, https: bool, public: bool) -> tuple[int, ...]:
    """The places of those headers that stay."""
    replaced = _of_class(kind, https, public)[1]
    return tuple(index for index, name in enumerate(names) if name.lower() not in replaced and not _refused(name.lower(), kind))


@functools.cache
def _of_class(kind: ResponseClass, https: bool, public: bool, content_host: str = "") -> tuple[Headers, frozenset[str]]:
    """What a class adds, and the folded names that it takes over."""
    ours: Headers = [("Content-Security-Policy", policy_of(kind, content_host)), *_ALWAYS]
    if kind is ResponseClass.UI:
        ours += _UI_ONLY
    if https:
        ours.append(HSTS)
    if not public:
        ours.append(("Cache-Control", "no-store"))
    return ours, frozenset(name.lower() for name, _ in ours)


def policy_of(kind: ResponseClass, content_host: str) -> str:
    """The policy of a class. A preview, which is content on our own host, has its pictures from the host for content."""
    beside = f" {content_host}" if content_host and kind is ResponseClass.CONTENT else ""
    return POLICIES[kind].replace("default-src 'self'", f"default-src 'self'{beside}")


def is_public(headers: Headers) -> bool:
    """Whether caches that many share may keep an answer with these."""
    return any(name.lower() == "cache-control" and "public" in text for name, text in headers)


def _refused(name: str, kind: ResponseClass) -> bool:
    return kind is ResponseClass.CONTENT and (
        name in _NEVER_FROM_CONTENT or name.startswith(_NEVER_PREFIXES) or name.endswith(_NEVER_ENDINGS)
    )


class SecurityHeaders:
    """WSGI middleware around everything; also the last net under an error that Flask itself could not answer."""

    def __init__(self, application: WSGIApplication, *, https: bool, content_host: str = "") -> None:
        self._application = application
        self._https = https
        self._content_host = content_host

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        https = self._https or environ.get("wsgi.url_scheme") == "https"
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = environ[ID_KEY] = sent if _WELL_FORMED_ID.fullmatch(sent) else new_id()

        def start(status: str, headers: Headers, exc_info: object = None, /) -> object:
            kind = environ.get(CLASS_KEY, ResponseClass.CONTENT)
            host = self._content_host
            if isinstance(headers, tuple):
                safe = _secured(headers, kind, https, host)
            else:
                safe = secure(headers, kind, https=https, content_host=host)
            out = [*safe, *environ.get(MORE_KEY, ()), ("X-Request-ID", request_id)]
            return start_response(status, out, exc_info)  # type: ignore[arg-type]

        try:
            return self._application(environ, start)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001 — the last net; logged with its trace
            LOGGER.exception("unanswered", extra={"request_id": request_id, "method": environ.get("REQUEST_METHOD")})
            body = problem("internal", 500, request_id)
            start("500 Internal Server Error", [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body)))])
            return [body]


def new_id() -> str:
    """An id for a request that brought none, or none that is well-formed."""
    return f"{_ids.getrandbits(64):016x}"


def squeezed(sent: str) -> str:
    """A header's text with one blank for many in a row: patterns of Werkzeug's take the square of their number, in one step."""
    return _BLANKS.sub(" ", sent)


def refusal(code: str, status: int, detail: str = "", more: Iterable[tuple[str, str]] = ()) -> tuple[str, Headers, bytes]:
    """(request id, headers, body) of an error that the server answers instead of the application."""
    request_id = new_id()
    body = problem(code, status, request_id, detail)
    headers = [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body))), *more]
    return request_id, [*secure(headers, ResponseClass.API, https=False), ("X-Request-ID", request_id)], body


def problem(code: str, status: int, request_id: str, detail: str = "") -> bytes:
    """An error's body for the places that Flask's own handlers do not reach."""
    title = TITLES[code]
    value = {"type": f"/docs/errors#{code}", "title": title, "status": status, "code": code, "detail": detail or title}
    return json.dumps(value | {"request_id": request_id}).encode()
