"""The shortest way to what a public script has answered before, where that still holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from wce.cache import Cache
from wce.core import logins
from wce.core.scripts import Endpoint
from wce.sandbox.messages import Reply
from wce.web import endpoints, limits, responses
from wce.web.headers import ID_KEY
from wce.web.quick import Answer
from wce.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed.wsgi import WSGIEnvironment

_IN_VAIN_SECONDS: Final = 1.0
_REMEMBERED: Final = 4_096
_ROUTE: Final = "/<cenv:cenv_id>/api/<path:path>"
_PLAIN: Final = frozenset({"method", "params", "path", "query", "user"})  # what is made of a request without reading it closely


class QuickEndpoints:
    """Finds answers in the memory of this process."""

    def __init__(self, app: Services) -> None:
        self._app = app
        self._in_vain: Cache[tuple[str, str], float] = Cache(_REMEMBERED)  # where a script runs each time, and since when that is known

    def find(self, environ: WSGIEnvironment, cenv: str, path: str) -> Answer | None:
        """The answer, with the request counted; None where there is any doubt."""
        started, place = time.perf_counter(), (cenv, path)
        if environ.get("QUERY_STRING") or started - (self._in_vain.get(place) or -_IN_VAIN_SECONDS) < _IN_VAIN_SECONDS:
            return None
        found = self._kept(environ, cenv, path)
        if found is None:
            return None
        endpoint, reply, note = found
        body, status, headers = endpoints.shape(reply, endpoint)
        if any(name.lower() == "location" for name, _ in headers):
            return None  # Werkzeug makes an address of it
        note(time.perf_counter() - started, environ.get(ID_KEY, ""))
        endpoints.share(environ, endpoints.EXPOSED)
        return Answer(_ROUTE, responses.status_line(status), headers, body)

    def _kept(self, environ: WSGIEnvironment, cenv: str, path: str) -> tuple[Endpoint, Reply, Callable[[float, str], None]] | None:
        """Whose answer is kept, the answer, and what notes that it was given."""
        app, address = self._app, environ.get("REMOTE_ADDR") or ""
        with app.store.session(cenv) as session:
            who = logins.anonymous(session, address)
            routes = app.routes.known(cenv, who.state.endpoints)
            found = None if routes is None else routes.match("GET", path)
            endpoint = None if found is None else found.endpoint
            if found is None or endpoint is None or endpoint.access != "public":
                return None
            fields, config = app.scripts.fields(endpoint.script), app.config.read(session, who.state.settings)
            if fields is None or not fields <= _PLAIN or not app.scripts.keeps(cenv, config, endpoint):
                self._in_vain.put((cenv, path), time.perf_counter())
                return None
            values = {"method": "GET", "path": path, "params": dict(found.params), "query": {}, "user": None}
            kept = app.scripts.kept(cenv, who, config, endpoint, {name: values[name] for name in fields})
            if kept is None or config.cors_origins:
                return None
            limits.spend(app.counters, config, cenv, address, environ=environ)
        return endpoint, *kept
