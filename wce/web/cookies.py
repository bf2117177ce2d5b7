"""The session cookie: what it is called, when it counts, and what must come with it."""

from __future__ import annotations

import hmac
from typing import Final

from flask import Response
from werkzeug.datastructures import Headers, ImmutableMultiDict
from werkzeug.sansio.http import parse_cookie

from wce.core.templates import pages_of
from wce.errors import WceError
from wce.web.headers import squeezed

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER: Final = "X-CSRF-Token"
PREFIX: Final = "wce_"


def name(cenv: str) -> str:
    """The cookie's name; its path keeps two cenvs with the same first digits apart."""
    return f"{PREFIX}{cenv[:8]}"


def view_name(cenv: str) -> str:
    """The cookie that only lets look at pages."""
    return f"{PREFIX}view_{cenv[:8]}"


def read(header: str) -> ImmutableMultiDict[str, str]:
    """The cookies in a header."""
    return ImmutableMultiDict(parse_cookie(squeezed(header)))


def navigates(headers: Headers) -> bool:
    """Whether a browser opens a page in a window of its own; older ones do not say, and send the cookie on nothing else."""
    return headers.get("Sec-Fetch-Mode", "navigate") == "navigate" and headers.get("Sec-Fetch-Dest", "document") == "document"


def counts(method: str, headers: Headers, own_origin: str) -> bool:
    """Whether a cookie on this request may speak for the user.

    A page in a sandbox has the origin `null` and is not ours. Browsers that send Sec-Fetch-Site say themselves where the request
    comes from (`none`: typed or bookmarked, which only reads); with older ones the Origin, where sent, must be ours.
    """
    origin = headers.get("Origin", "")
    if origin == "null":
        return False
    site = headers.get("Sec-Fetch-Site")
    if site is None:
        return origin in ("", own_origin)
    return site == "same-origin" or (site == "none" and method in SAFE)


def is_foreign(site: str | None) -> bool:
    """Whether a browser says, as Sec-Fetch-Site, that somebody else's page had it send this; a page in a sandbox is one."""
    return site in ("cross-site", "same-site")


def require_own_page(site: str | None) -> None:
    """Raise `forbidden` for what a foreign page has a browser send where no session is asked for, such as logins.

    It could make cenvs from the visitor's place in the network, and use up what his address may ask for.
    """
    if is_foreign(site):
        raise WceError("forbidden", "Pages of other sites may not have a browser send this.")


def require_csrf(method: str, headers: Headers, expected: str) -> None:
    """Raise `csrf` for an unsafe method without the session's own token."""
    if method not in SAFE and not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), expected.encode()):
        raise WceError("csrf", f"Send the csrf_token of /me as {CSRF_HEADER}.")


def put(response: Response, cenv: str, token: str, *, max_age_seconds: int, secure: bool) -> None:
    """Set the session's cookie on the response."""
    response.set_cookie(name(cenv), token, max_age=max_age_seconds, path=f"/{cenv}/", httponly=True, samesite="Strict", secure=secure)


def put_view(response: Response, cenv: str, token: str, *, max_age_seconds: int, secure: bool) -> None:
    """Set the cookie for looking at pages. Lax: from a page in a sandbox a link comes as if from another site."""
    path = pages_of(cenv)
    response.set_cookie(view_name(cenv), token, max_age=max_age_seconds, path=path, httponly=True, samesite="Lax", secure=secure)


def drop(response: Response, cenv: str, *, secure: bool) -> None:
    """Take the session's cookies back."""
    response.delete_cookie(view_name(cenv), path=pages_of(cenv), httponly=True, samesite="Lax", secure=secure)
    response.delete_cookie(name(cenv), path=f"/{cenv}/", httponly=True, samesite="Strict", secure=secure)
