"""Who looks at private pages without a session's cookie: by a link from a page in a sandbox, or on the host for content."""

from __future__ import annotations

from flask import Request
from werkzeug.http import dump_cookie

from wce.core import passes
from wce.core.logins import Authenticated
from wce.core.templates import pages_of
from wce.errors import WceError
from wce.store.session import Session
from wce.web import cookies
from wce.web.headers import MORE_KEY
from wce.web.hosts import Elsewhere, place
from wce.web.services import Services

_TICKET = "view="  # at the end of the query, from our own host to that for content; a page may have one of that name, too


def viewer(incoming: Request, session: Session, app: Services, whence: tuple[str, str]) -> Authenticated | None:
    """Whom the browser's view cookie stands for, None without a good one; a ticket is turned into the cookie first."""
    if not cookies.navigates(incoming.headers):
        return None
    rest, _, last = incoming.query_string.decode("latin-1").rpartition("&")
    if app.settings.content_host and last.startswith(_TICKET):
        _take(incoming, session, app, last.removeprefix(_TICKET), rest, whence)
    return _known(session, app, incoming.cookies.get(cookies.view_name(session.cenv), ""), whence)


def _take(incoming: Request, session: Session, app: Services, ticket: str, rest: str, whence: tuple[str, str]) -> None:
    """Set the cookie and go to the address without the ticket; nothing where that is none of ours, or is too old."""
    found = _known(session, app, ticket, whence)
    if found is None or found.actor.session_id is None:
        return
    cenv = session.cenv
    view = passes.issue_view(app.tokens, cenv, found.actor.user_id, found.actor.session_id, app.now())
    https = app.settings.base_url.startswith("https:") or incoming.is_secure
    cookie = dump_cookie(
        cookies.view_name(cenv), view, max_age=passes.VIEW_SECONDS, path=pages_of(cenv), httponly=True, samesite="Lax", secure=https
    )
    environ = incoming.environ
    environ[MORE_KEY] = [*environ.get(MORE_KEY, ()), ("Set-Cookie", cookie)]
    raise Elsewhere(place(incoming.path, rest))


def _known(session: Session, app: Services, token: str, whence: tuple[str, str]) -> Authenticated | None:
    if not token:
        return None
    try:
        return passes.viewer(session, app.tokens, token, app.now(), *whence)
    except WceError as error:
        if error.code != "bad_token":
            raise
        return None
