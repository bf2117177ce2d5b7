"""Answers to scripts of other origins, where a cenv names those origins; elsewhere this costs one look at an empty tuple.

Exact origins only, never with credentials: such a script brings a bearer token of its own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from flask import Request
from flask_cors import core

from wce.web.headers import MORE_KEY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ALLOW_ORIGIN: Final = core.ACL_ORIGIN
_MAX_AGE_SECONDS: Final = 600
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_MAY_SEND: Final = [
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Modified-Since",
    "If-None-Match",
    "X-Query-ID",
    "X-Request-ID",
]
_MAY_READ: Final = [
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Next-Cursor",
    "X-Request-ID",
    "X-Truncated",
]


def is_preflight(incoming: Request) -> bool:
    """Whether a browser asks beforehand what a script of another origin may send."""
    return incoming.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in incoming.environ


def offer(incoming: Request, origins: tuple[str, ...]) -> None:
    """Let a script of one of the `origins`, which are not empty, read this answer; all others are told that it depends on that."""
    environ = incoming.environ
    vary(environ)
    origin = environ.get("HTTP_ORIGIN", "")
    if origin in origins:  # the library would take some texts for patterns, and capitals for small letters
        found = core.get_cors_headers(_options(origin), incoming.headers, incoming.method)
        _add(environ, [(name, str(text)) for name, text in found.items() if name.lower() != "vary"])


def vary(environ: WSGIEnvironment) -> None:
    """Tell caches that others may get another answer."""
    _add(environ, [("Vary", "Origin")])


def share(environ: WSGIEnvironment, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Let pages of every origin, and those in a sandbox, read the answer, as somebody whom we do not know."""
    if not is_offered(environ):  # or the cenv's own settings let this origin do more, and browsers take no second word
        _add(environ, [(ALLOW_ORIGIN, "*"), *more.items()])


def is_offered(environ: Mapping[str, Any]) -> bool:
    """Whether `offer` has let the script in."""
    return any(name == ALLOW_ORIGIN for name, _ in environ.get(MORE_KEY, ()))


def _add(environ: WSGIEnvironment, more: list[tuple[str, str]]) -> None:
    environ[MORE_KEY] = [*environ.get(MORE_KEY, ()), *more]


@functools.lru_cache(maxsize=1024)
def _options(origin: str) -> core._ComputedCorsOptions:
    given: core.CorsOptionsInput = {
        **core.DEFAULT_OPTIONS,
        "origins": re.compile(re.escape(origin)),
        "methods": _METHODS,
        "allow_headers": _MAY_SEND,
        "expose_headers": _MAY_READ,
        "max_age": _MAX_AGE_SECONDS,
    }
    return core.serialize_options(given)
