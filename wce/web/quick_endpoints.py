"""The shortest way to what a public script has answered before, where that still holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from wce.core import logins
from wce.web import endpoints, limits, responses
from wce.web.headers import ID_KEY
from wce.web.quick import Answer
from wce.web.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_ROUTE: Final = "/<cenv:cenv_id>/api/<path:path>"
_PLAIN: Final = frozenset({"method", "params", "path", "query", "user"})  # what is made of a request without reading it closely


class QuickEndpoints:
    """Finds answers in the memory of this process."""

    def __init__(self, app: Services) -> None:
        self._app = app

    def find(self, environ: WSGIEnvironment, cenv: str, path: str) -> Answer | None:
        """The answer, with the request counted; None where there is any doubt."""
        app, address = self._app, environ.get("REMOTE_ADDR") or ""
        if environ.get("QUERY_STRING"):
            return None
        started = time.perf_counter()
        with app.store.session(cenv) as session:
            who = logins.anonymous(session, address)
            routes = app.routes.known(cenv, who.state.endpoints)
            found = None if routes is None else routes.match("GET", path)
            endpoint = None if found is None else found.endpoint
            if found is None or endpoint is None or endpoint.access != "public":
                return None
            fields = app.scripts.fields(endpoint.script)
            if fields is None or not fields <= _PLAIN:
                return None
            config = app.config.read(session, who.state.settings)
            values = {"method": "GET", "path": path, "params": dict(found.params), "query": {}, "user": None}
            kept = app.scripts.kept(cenv, who, config, endpoint, {name: values[name] for name in fields})
            if kept is None or config.cors_origins:
                return None
            limits.spend(app.counters, config, cenv, address, environ=environ)
        reply, note = kept
        body, status, headers = endpoints.shape(reply, endpoint)
        if any(name.lower() == "location" for name, _ in headers):
            return None  # Werkzeug makes an address of it
        note(time.perf_counter() - started, environ.get(ID_KEY, ""))
        endpoints.share(environ, endpoints.EXPOSED)
        return Answer(_ROUTE, responses.status_line(status), headers, body)
