"""Answers that a client may have already: tags, times of the last change, and 304."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final

from wce.web.headers import Headers

HELD: Final = frozenset({"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"})  # by which a client says what it has
ZIPPED: Final = "-gz"  # the zipped form is another one than the plain form, so its tag is


def takes_gzip(environ: Mapping[str, Any]) -> bool:
    """Whether the client says that it reads gzip."""
    sent = environ.get("HTTP_ACCEPT_ENCODING", "")
    return "gzip" in sent and _takes_gzip(sent)


@lru_cache(maxsize=256)
def _takes_gzip(sent: str) -> bool:
    for part in sent.split(","):
        name, _, rest = part.partition(";")
        if name.strip().lower() in ("gzip", "x-gzip"):
            weight = rest.partition("=")[2].strip()
            return weight.strip("0.") != "" or not weight
    return False


def fresh(environ: Mapping[str, Any], etag: str, changed_at: int, now: float) -> bool:
    """Whether what the client has is what it would get (RFC 9110, 13.1.2 and 13.1.3).

    By the very time that it was told, and not by a later one: where a clock was set back, what came after has an earlier time.
    """
    held = environ.get("HTTP_IF_NONE_MATCH")
    if held is not None:
        return bool(held.strip() == "*" or etag in {_bare(part) for part in held.split(",")})
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    if since is None or not changed_at:
        return False
    try:
        at = parsedate_to_datetime(since).timestamp()
    except (ValueError, TypeError, OverflowError):
        return False
    return at == changed_at <= now


def unchanged(environ: Mapping[str, Any], headers: Headers | tuple[tuple[str, str], ...]) -> Headers | None:
    """The headers of 304 in place of an answer with these, where the client has it already by its tag."""
    if "HTTP_IF_NONE_MATCH" not in environ:
        return None
    tag = next((text for name, text in headers if name.lower() == "etag"), None)
    if tag is None or not fresh(environ, _bare(tag), 0, 0):
        return None
    return [(name, text) for name, text in headers if not name.lower().startswith("content-")]


def last_modified(changed_at: int, now: float) -> str | None:
    """The header, unless the time has not come yet: then the page may still change within the same second."""
    return _date(changed_at) if 0 < changed_at <= now else None


@lru_cache(maxsize=1024)
def _date(at: int) -> str:
    return formatdate(at, usegmt=True)


def _bare(part: str) -> str:
    part = part.strip().removeprefix("W/").strip('"')
    return part.removesuffix(ZIPPED)
