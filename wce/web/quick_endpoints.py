"""The shortest way to what a public script has answered before, where that still holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from wce.cache import Cache
from wce.core import logins
from wce.core.logins import Authenticated
from wce.core.scripts import Endpoint
from wce.core.settings import CenvSettings
from wce.sandbox.calls import Kept
from wce.store.session import Session
from wce.web import conditional, cors, endpoints, limits, responses
from wce.web.headers import ID_KEY
from wce.web.quick import Answer, Found, Shelf, lasting
from wce.web.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_IN_VAIN_SECONDS: Final = 1.0
_REMEMBERED: Final = 4_096
_LONGEST: Final = 200  # characters of a path that is remembered
_ROUTE: Final = "/<cenv:cenv_id>/api/<path:path>"
_OK: Final = responses.status_line(200)
_PLAIN: Final = frozenset({"method", "params", "path", "query", "user"})  # what is made of a request without reading it closely


class QuickEndpoints:
    """Finds answers in the memory of this process."""

    def __init__(self, app: Services) -> None:
        self._app = app
        self._shelf = Shelf()
        self._in_vain: Cache[tuple[str, str], float] = Cache(_REMEMBERED)  # where a script runs each time, and since when that is known

    def find(self, environ: WSGIEnvironment, cenv: str, path: str) -> Answer | None:
        """The answer, with the request counted; None where there is any doubt."""
        app, address = self._app, environ.get("REMOTE_ADDR") or ""
        started = time.perf_counter()
        if environ.get("QUERY_STRING") or started - (self._in_vain.get((cenv, path)) or -_IN_VAIN_SECONDS) < _IN_VAIN_SECONDS:
            return None
        key = (cenv, path)
        with app.store.session(cenv) as session:
            row = logins.state_row(session)
            found = self._shelf.get(key, row)
            if found is None:
                found = self._look(session, path, row)
                if found is None:
                    return None
                self._shelf.put(key, found)
            limits.spend(app.counters, found.config, cenv, address, environ=environ)
        found.note(time.perf_counter() - started, environ.get(ID_KEY, ""))
        cors.share(environ, endpoints.EXPOSED)
        held = conditional.unchanged(environ, found.answer.headers) if found.answer.status == _OK else None
        return found.answer if held is None else Answer(_ROUTE, responses.status_line(304), held, b"")

    def _look(self, session: Session, path: str, row: tuple[int, ...]) -> Found | None:
        who = logins.visitor(row)
        config = self._app.config.read(session, who.state.settings)
        endpoint, kept = self._kept(session.cenv, path, who, config)
        if endpoint is None or kept is None or config.cors_origins:
            return None
        reply, note = kept
        body, status, headers = endpoints.shape(reply, endpoint)
        return Found(row, config, Answer(_ROUTE, responses.status_line(status), lasting(headers), body), note)

    def _kept(self, cenv: str, path: str, who: Authenticated, config: CenvSettings) -> tuple[Endpoint | None, Kept | None]:
        """The public endpoint of the path and its answer, as far as there are any."""
        app = self._app
        routes = app.routes.known(cenv, who.state.endpoints)
        found = None if routes is None else routes.match("GET", path)
        endpoint = None if found is None else found.endpoint
        if found is None or endpoint is None or endpoint.access != "public":
            return None, None
        fields, kept = app.scripts.fields(endpoint.script), None
        if fields is not None and fields <= _PLAIN:
            values = {"method": "GET", "path": path, "params": dict(found.params), "query": {}, "user": None}
            kept = app.scripts.kept(cenv, who, config, endpoint, {name: values[name] for name in fields})
            if kept is not None or app.scripts.keeps(cenv, config, endpoint):
                return endpoint, kept
        if len(path) <= _LONGEST:
            self._in_vain.put((cenv, path), time.perf_counter())
        return endpoint, None
