"""Flask, less what this application has none of and every request would pay for.

Blueprints, views, hooks before and after, error handlers and the proxies are Flask's and work as anywhere. There are no sessions of
Flask's, no signals, no subdomains, no coroutines, nothing to tear down; whoever registers one of these is told so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Request, Response
from flask.ctx import AppContext, RequestContext

# The variables behind the proxies. They are no public names; flask is pinned, and without them nothing here starts.
from flask.globals import _cv_app, _cv_request
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.datastructures import EnvironHeaders, Headers, ImmutableMultiDict, MIMEAccept
from werkzeug.http import parse_accept_header
from werkzeug.routing import MapAdapter, Rule

from wce.web import cookies
from wce.web.headers import squeezed
from wce.web.router import Router

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_NULL_SESSION: Final = NullSession()  # refuses to be written to
_PRESERVE: Final = "werkzeug.debug.preserve_context"  # a test client that wants to look at the contexts afterwards
Before = tuple[Callable[[], Any], ...]
After = tuple[Callable[[Response], Response], ...]


class Incoming(Request):
    """A request that reads from its environ what is asked for, when it is asked for."""

    def __init__(self, environ: WSGIEnvironment, populate_request: bool = True, shallow: bool = False) -> None:
        path, root = environ.get("PATH_INFO", ""), environ.get("SCRIPT_NAME", "")
        if root or not path.isascii() or path[:1] != "/" or path[1:2] == "/":
            super().__init__(environ, populate_request, shallow)
            return
        self.environ = environ
        self.shallow = shallow
        self.method = environ["REQUEST_METHOD"].upper()
        self.path = path
        self.root_path = ""

    @functools.cached_property
    def scheme(self) -> str:  # type: ignore[override]
        return str(self.environ.get("wsgi.url_scheme", "http"))

    @functools.cached_property
    def server(self) -> tuple[str, int | None] | None:  # type: ignore[override]
        name, port = self.environ.get("SERVER_NAME"), str(self.environ.get("SERVER_PORT"))
        return None if name is None else (name, int(port) if port.isdigit() else None)

    @functools.cached_property
    def query_string(self) -> bytes:  # type: ignore[override]
        return str(self.environ.get("QUERY_STRING", "")).encode("latin1")

    @functools.cached_property
    def headers(self) -> Headers:  # type: ignore[override]
        return EnvironHeaders(self.environ)

    @functools.cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        return cookies.read(self.environ.get("HTTP_COOKIE", ""))

    @functools.cached_property
    def accept_mimetypes(self) -> MIMEAccept:
        """Without parameters: what is offered has none, and Werkzeug takes `text/csv; charset=utf-8` for another type than text/csv."""
        found = parse_accept_header(squeezed(self.environ.get("HTTP_ACCEPT", "")), MIMEAccept)
        return MIMEAccept([(kind.partition(";")[0].rstrip(), quality) for kind, quality in found])

    @functools.cached_property
    def remote_addr(self) -> str | None:  # type: ignore[override]
        return self.environ.get("REMOTE_ADDR")


class _AppMoment(AppContext):
    """The application's context of one request."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.url_adapter = None
        self.g = app.app_ctx_globals_class()
        self._cv_tokens = []


class _RequestMoment(RequestContext):
    """The context of one request; its adapter is made for those who build or match addresses."""

    def __init__(self, app: Application, request: Request) -> None:
        self.app = app
        self.request = request
        self.flashes = None
        self._session = _NULL_SESSION
        self._after_request_functions = []
        self._cv_tokens = []

    @functools.cached_property
    def url_adapter(self) -> MapAdapter | None:  # type: ignore[override]
        return self.app.create_url_adapter(self.request)


class _NoSession(SessionInterface):
    """Sessions are rows of the cenv; nothing of Flask's goes into a cookie."""

    def open_session(self, app: Flask, request: Request) -> SessionMixin:  # noqa: ARG002
        return _NULL_SESSION

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """There is nothing to save."""


class MatchedRule(Rule):
    """A route whose address is built when somebody asks for it: making ready for that was half of the start."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        make = super()._compile_builder

        def build(rule: Rule, **given: Any) -> tuple[str, str]:
            made: tuple[str, str] = make(append_unknown).__get__(rule, None)(**given)
            return made

        return build


class _Adapter(MapAdapter):
    """Redirects stay on the host that was asked: a whole URL would repeat whatever the Host header says."""

    def make_redirect_url(self, path_info: str, query_args: Mapping[str, Any] | str | None = None, domain_part: str | None = None) -> str:
        """The path and the query."""
        place = urlsplit(super().make_redirect_url(path_info, query_args, domain_part))
        return urlunsplit(("", "", "/" + place.path.lstrip("/"), place.query, ""))


class Application(Flask):
    """What is registered is read once, with the first request."""

    url_rule_class = MatchedRule
    request_class = Incoming
    session_interface = _NoSession()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view and no hook is a coroutine, so none has to be looked at."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """One domain, no subdomains: finding that out for each request took as long as finding its route."""
        if request is None:
            return None
        host, query = request.environ.get("HTTP_HOST", ""), request.environ.get("QUERY_STRING")
        return _Adapter(self.url_map, host, request.root_path, "", request.scheme, request.path, request.method, query)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """As Flask's, in one step."""
        if _PRESERVE in environ:
            return super().wsgi_app(environ, start_response)
        request = self.request_class(environ)
        context = _RequestMoment(self, request)
        tokens = _cv_app.set(_AppMoment(self)), _cv_request.set(context)
        try:
            found = self._router.match(request.path, request.method)
            if found is not None:
                request.url_rule, request.view_args = found
            else:
                context.match_request()
            try:
                response = self.full_dispatch_request()
            except Exception as error:  # noqa: BLE001  # Flask's own last net
                response = self.handle_exception(error)
            return response(environ, start_response)
        finally:
            _cv_request.reset(tokens[1])
            _cv_app.reset(tokens[0])
            if "files" in vars(request):
                request.close()

    def full_dispatch_request(self) -> Response:
        """Hooks, view, error handlers, hooks."""
        self._got_first_request = True
        context = _cv_request.get()
        request = context.request
        rule = request.url_rule
        before, after = self._hooks_of(None if rule is None else rule.endpoint.rpartition(".")[0])
        try:
            value: Any = None
            for hook in before:
                value = hook()
                if value is not None:
                    break
            else:
                if rule is None or request.method == "OPTIONS":
                    value = self.dispatch_request()
                else:
                    value = self.view_functions[rule.endpoint](**(request.view_args or {}))
        except Exception as error:  # noqa: BLE001  # Flask finds the handler
            value = self.handle_user_exception(error)
        response: Response = value if isinstance(value, Response) else self.make_response(value)
        for late in context._after_request_functions:
            response = self.ensure_sync(late)(response)
        for late in after:
            response = late(response)
        return response

    @functools.cached_property
    def _router(self) -> Router:
        return Router(self.url_map.iter_rules())

    @functools.cached_property
    def _hooks(self) -> dict[str | None, tuple[Before, After]]:
        for unknown in (self.teardown_request_funcs, self.teardown_appcontext_funcs, self.url_value_preprocessors):
            if unknown:
                raise RuntimeError("this application knows no teardown functions and no preprocessors of addresses")
        return {}

    def _hooks_of(self, blueprint: str | None) -> tuple[Before, After]:
        """What is called around the views of a blueprint."""
        known = self._hooks.get(blueprint)
        if known is None:
            parts = blueprint.split(".") if blueprint else []
            names = [None, *(".".join(parts[: end + 1]) for end in range(len(parts)))]
            before = tuple(hook for name in names for hook in self.before_request_funcs.get(name, ()))
            after = tuple(hook for name in reversed(names) for hook in reversed(self.after_request_funcs.get(name, ())))
            known = self._hooks[blueprint] = before, after
        return known
