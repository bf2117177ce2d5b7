"""Who asks for what: the first steps of every request, and the frozen value that they leave for the rest.

`begin` costs one read of the cenv's file: session, user and version counters come in one statement.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from flask import Request, Response

from wce.core import keys, logins, passes
from wce.core.logins import Authenticated
from wce.core.settings import CenvSettings
from wce.errors import WceError
from wce.model import Actor, Grants
from wce.store.session import Session
from wce.web import cookies, cors, hosts, limits, viewing
from wce.web.access import Access, declared, require
from wce.web.current import application, bag, request
from wce.web.headers import CLASS_KEY, ID_KEY, new_id
from wce.web.services import Services, services

CENV_PATTERN: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CENV: Final = re.compile(f"/({CENV_PATTERN})(?:/|$)")
_MAX_AGENT: Final = 300
_MIB: Final = 1024 * 1024
_RESERVE_MB: Final = 64  # for WCE's own tables, where those of users fill all that the file may have
_MORE_MB: Final = 64  # for those who come to make room: they have to sign in, and everything that they do is in the log
_NO_BOUND: Final = 1 << 40
_ESSENTIAL: Final = ("auth.", "admin_config.")
_REPLACING: Final = frozenset({"admin_files.replace", "admin_backups.restore"})


class Context(NamedTuple):
    """One request. `started` is of time.perf_counter; `who` and `config` are None outside of a cenv."""

    request_id: str
    started: float
    ip_address: str
    user_agent: str
    cenv: str | None = None
    who: Authenticated | None = None
    config: CenvSettings | None = None
    by_cookie: bool = False


def current() -> Context:
    """The request's context, as far as the steps have come."""
    found: Context = bag().context
    return found


def request_id() -> str:
    """The id in the log, in the answer's header, and in every error."""
    return current().request_id


def cenv() -> str:
    """The cenv of a request whose route has one."""
    found = current().cenv
    if found is None:
        raise WceError("no_such_cenv")
    return found


def who() -> Authenticated:
    """Who acts, and the version counters that were read with him, in a route that belongs to a cenv."""
    found = current().who
    if found is None:
        raise WceError("not_signed_in")
    return found


def actor() -> Actor:
    """Who acts, in a route that belongs to a cenv."""
    return who().actor


def cenv_settings() -> CenvSettings:
    """The settings of the cenv, as of the counters that came with the actor."""
    found = current().config
    if found is None:
        raise WceError("no_such_cenv")
    return found


def grants() -> Grants:
    """What the actor may touch."""
    app = services()
    with app.store.session(cenv()) as session:
        return app.grants.get(session, actor().user_id, who().state.grants, actor().scope)[0]


def read_script(script: str) -> None:
    """Raise `script_error` unless the cenv could save the script."""
    services().scripts.check(script, cenv=cenv())


def make_template(content: str, syntax: str) -> str | None:
    """What a template of the cenv is as a page where it needs no data, else None; raises `template_error`."""
    return services().renderer.make(content, syntax, cenv=cenv())


def note_refusal(error: WceError) -> None:
    """Keep what was refused for the request's line in the log."""
    bag().refusal = error


def view_of(incoming: Request) -> Callable[..., Any] | None:
    """The view that the request goes to, or None."""
    return application().view_functions.get(incoming.endpoint or "")


def begin() -> Response | None:
    """Before every request: who asks for what, and whether he may. Answers what a browser asks of an address that is not there."""
    incoming = request()
    declaration = declared(view_of(incoming))
    _identify(incoming, declaration)
    if incoming.url_rule is None:
        return _of_nothing(incoming)
    _authenticate(incoming, declaration)
    return None


def _of_nothing(incoming: Request) -> Response | None:
    """No route is there: a script of another origin may read that, and needs leave to ask for it, as for everything else."""
    kept = bag()
    context: Context = kept.context
    if context.cenv is None or "HTTP_ORIGIN" not in incoming.environ:
        return None
    kept.context = _with_principal(incoming, context, context.cenv, services(), look=False, views=False)
    return Response(status=204) if cors.is_preflight(incoming) and cors.is_offered(incoming.environ) else None


def _identify(incoming: Request, declaration: Access) -> None:
    """An id, the host, and the cenv's name."""
    environ = incoming.environ
    found = _CENV.match(incoming.path)
    cenv_id = found[1] if found else None
    address, agent = environ.get("REMOTE_ADDR") or "", environ.get("HTTP_USER_AGENT", "")[:_MAX_AGENT]
    bag().context = Context(environ.get(ID_KEY) or new_id(), time.perf_counter(), address, agent, cenv_id)
    environ[CLASS_KEY] = declaration.response
    if "HTTP_SERVICE_WORKER" in environ and environ["HTTP_SERVICE_WORKER"].lower() == "script":
        # A service worker would answer for every page under its path, ours among them.
        raise WceError("forbidden", "No script of this server may become a service worker.")
    settings = services().settings
    here = hosts.is_content_host(environ.get("HTTP_HOST", ""), settings.hosts, settings.content_host)
    if settings.content_host:
        hosts.keep_apart(incoming, declaration, settings.content_host, here=here, ticket=_ticket(incoming, cenv_id, declaration))
    if cenv_id is not None and incoming.url_rule is None:
        services().store.path(cenv_id)  # a cenv that is not there is told before an address in it that is not


def _authenticate(incoming: Request, declaration: Access) -> None:
    """The principal and the version counters, in one read; then whether he may call this view."""
    rule = incoming.url_rule
    automatic = incoming.method == "OPTIONS" and getattr(rule, "provide_automatic_options", False)
    kept = bag()
    context: Context = kept.context
    if automatic and not cors.is_preflight(incoming):
        if context.cenv is not None:
            services().store.path(context.cenv)  # which needs no look into the file, and counts for nobody
        return
    if context.cenv is not None:
        look = declaration.looks_at_credentials and not automatic
        views = look and declaration.views and incoming.method in cookies.SAFE
        kept.context = context = _with_principal(incoming, context, context.cenv, services(), look=look, views=views)
        if context.who is not None and not automatic:
            require(declaration, context.who.actor, incoming.method)
    elif declaration.who != "public":
        raise WceError("forbidden", "This address is not open to anybody.")
    if declaration.who == "public" and incoming.method not in cookies.SAFE and not cors.is_offered(incoming.environ):
        cookies.require_own_page(incoming.headers.get("Sec-Fetch-Site"))


def public_url() -> str:
    """Where this server is reached, without a slash at the end."""
    return (services().settings.base_url or request().host_url).rstrip("/")


def own_origin() -> str:
    """The origin that our own pages have."""
    parts = urlsplit(public_url())
    return f"{parts.scheme}://{parts.netloc}"


def _ticket(incoming: Request, cenv_id: str | None, declaration: Access) -> str:
    """What lets whoever is signed in here look at private pages on the other host."""
    cookie = incoming.cookies.get(cookies.name(cenv_id), "") if cenv_id is not None and declaration.views else ""
    if not cookie or not cookies.counts(incoming.method, incoming.headers, own_origin()):
        return ""
    app = services()
    try:
        claims = app.tokens.read(cookie, cenv_id or "", app.now())
    except WceError:
        return ""
    return passes.issue_view(app.tokens, claims.cenv, claims.user_id, claims.session_id, app.now(), seconds=passes.TICKET_SECONDS)


def _with_principal(incoming: Request, context: Context, cenv_id: str, app: Services, *, look: bool, views: bool) -> Context:
    whence = (context.ip_address, context.user_agent)
    with app.store.session(cenv_id) as session:
        known, by_cookie, refusal = _credentials(incoming, session, app, whence) if look else (None, False, None)
        if views and known is None and refusal is None:
            known = viewing.viewer(incoming, session, app, whence)
        found = known or logins.anonymous(session, *whence)
        config = app.config.read(session, found.state.settings)
        session.bound(*_room(incoming, config))
        if config.cors_origins:
            cors.offer(incoming, config.cors_origins)
        try:
            limits.spend(app.counters, config, cenv_id, context.ip_address, found.actor.user_id)
        except WceError:
            if not _may_exceed(incoming.endpoint or "", found.actor):
                raise
        if refusal is not None:
            raise refusal  # counted first, or guessing tokens would be free
        if by_cookie:
            cookies.require_csrf(incoming.method, incoming.headers, app.tokens.csrf(found.actor.session_id or ""))
        use = logins.use_of(found, app.now())
        if use is not None:
            app.traffic.note(cenv_id, use)
    return Context(context.request_id, context.started, *whence, cenv_id, found, config, by_cookie)


def _may_exceed(endpoint: str, actor: Actor) -> bool:
    """Whether no limit of the cenv's refuses this: whoever may raise one gets there, also where somebody has set it to nearly none."""
    return endpoint.startswith("admin_config.") and actor.role.administers


def _room(incoming: Request, config: CenvSettings) -> tuple[int, int]:
    """Bytes that the file may have for what this request writes of WCE's own: users, scripts, files, the log; and how many more.

    Statements of users have less, and what is needed to make room again has more. What puts another file in its place has its own bound.
    """
    endpoint = incoming.endpoint or ""
    if endpoint in _REPLACING:
        return _NO_BOUND, 0
    most = (config.max_database_mb + config.max_assets_mb + _RESERVE_MB) * _MIB
    return most, _MORE_MB * _MIB if incoming.method == "DELETE" or endpoint.startswith(_ESSENTIAL) else 0


def _credentials(
    incoming: Request, session: Session, app: Services, whence: tuple[str, str]
) -> tuple[Authenticated | None, bool, WceError | None]:
    """Whom the request's token stands for, whether a cookie brought it, and why a bearer token is refused."""
    try:
        token, by_cookie = _token(incoming, session.cenv)
        known = _known(token, session, app, whence, quietly=by_cookie)
    except WceError as error:
        return None, False, error
    return known, by_cookie and known is not None, None


def _token(incoming: Request, cenv_id: str) -> tuple[str, bool]:
    """The token to believe and whether a cookie brought it; with an Authorization header cookies count for nothing."""
    header = incoming.environ.get("HTTP_AUTHORIZATION")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise WceError("bad_token", "Send Authorization: Bearer and the token.")
        return token.strip(), False
    cookie = incoming.cookies.get(cookies.name(cenv_id), "")
    if cookie and cookies.counts(incoming.method, incoming.headers, own_origin()):
        return cookie, True
    return "", False


def _known(token: str, session: Session, app: Services, whence: tuple[str, str], *, quietly: bool) -> Authenticated | None:
    """Whom a token stands for. A stale cookie (`quietly`) is nobody; a stale bearer token is an error."""
    if not token:
        return None
    try:
        if keys.is_key(token) and not quietly:
            return keys.authenticate(session, token, app.now(), *whence)
        if token.startswith(passes.PREFIX) and not quietly:
            return passes.caller(session, app.tokens, token, app.now(), *whence)
        claims = app.tokens.read(token, session.cenv, app.now())
        return logins.authenticate(session, claims, app.now(), *whence)
    except WceError as error:
        if quietly and error.code == "bad_token":
            return None
        raise
