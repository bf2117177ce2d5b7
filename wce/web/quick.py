"""The shortest way to a public page that is kept: one read of the file, the limits, the log, and nothing of Flask.

It answers only what is surely such a page, for somebody who is surely not signed in. Everything else, each error among it, goes the
way of every other request.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from wce.core import pages
from wce.core.pages import Page
from wce.errors import WceError
from wce.log import info
from wce.sandbox.pages import HIT
from wce.store.sqlite import sqlite3
from wce.web import conditional, limits, visits
from wce.web.context import CENV_PATTERN
from wce.web.cookies import PREFIX
from wce.web.headers import ID_KEY
from wce.web.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PAGE: Final = re.compile(f"/({CENV_PATTERN})/pages(/[!-~]*)")  # what needs no decoding
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,200}(?::[0-9]{1,5})?")
_START: Final = "/<cenv:cenv_id>/pages/"
_ROUTE: Final = "/<cenv:cenv_id>/pages/<path:path>"
_TELLING: Final = frozenset({"HTTP_AUTHORIZATION", "HTTP_ORIGIN", "HTTP_SERVICE_WORKER"})
_STATUS: Final = {200: "200 OK", 304: "304 NOT MODIFIED"}


class QuickPages:
    """WSGI middleware, inside of the one that puts the headers on."""

    def __init__(self, application: WSGIApplication, app: Services) -> None:
        self._application = application
        self._app = app
        content_host = app.settings.content_host.partition(":")[0]  # where there is one, pages are nowhere else
        self._hosts = frozenset(name.lower() for name in ((content_host,) if content_host else app.settings.hosts))
        self._hits = app.metrics.pages.labels(HIT)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        found = _PAGE.fullmatch(environ["PATH_INFO"])
        if found is None or not self._is_plain(environ):
            return self._application(environ, start_response)
        cenv, path = found[1], found[2]
        page = self._find(environ, cenv, path)
        if page is None:
            return self._application(environ, start_response)
        now, method = self._app.now(), environ["REQUEST_METHOD"]
        headers, zipped = visits.describe(environ, page, HIT, now, public=True)
        if conditional.fresh(environ, page.etag, page.changed_at, now):
            status, body = 304, b""
        else:
            status, body = 200, page.zipped if zipped and page.zipped is not None else page.body
            headers += [("Content-Type", page.content_type), ("Content-Length", str(len(body)))]
        start_response(_STATUS[status], headers)
        self._hits.inc()
        self._note(environ, cenv, _START if path == "/" else _ROUTE, status, started)
        return [] if method == "HEAD" else [body]

    def _is_plain(self, environ: WSGIEnvironment) -> bool:
        """Whether nothing about the request asks for a closer look."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or not _TELLING.isdisjoint(environ):
            return False
        if PREFIX in environ.get("HTTP_COOKIE", "") or environ.get("SCRIPT_NAME"):
            return False
        host = environ.get("HTTP_HOST", "")
        return _HOST.fullmatch(host) is not None and (not self._hosts or host.partition(":")[0].lower() in self._hosts)

    def _find(self, environ: WSGIEnvironment, cenv: str, path: str) -> Page | None:
        """The page, with the request counted; None where there is any doubt."""
        app = self._app
        try:
            with app.store.session(cenv) as session:
                state, mark = pages.look(session, path)
                if mark is None:
                    return None
                site = app.sites.known(cenv, state.templates)
                found = None if site is None else site.match(path)
                if found is None or found[0].id != mark.template_id or found[0].access != "public":
                    return None
                config = app.config.read(session, state.settings)
                page = app.pages.memory.get(cenv, path, mark) if config.page_cache else None
                if page is not None:
                    limits.spend(app.counters, config, cenv, environ.get("REMOTE_ADDR") or "", environ=environ)
                return page
        except (WceError, sqlite3.Error):
            return None  # told, and counted, by whoever looks closer

    def _note(self, environ: WSGIEnvironment, cenv: str, route: str, status: int, started: float) -> None:
        """As `observe` does."""
        seconds = time.perf_counter() - started
        method = environ["REQUEST_METHOD"]
        self._app.metrics.answered(route, method, status, seconds)
        line = {
            "request_id": environ.get(ID_KEY),
            "cenv": cenv,
            "user": None,
            "method": method,
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            "ip": environ.get("REMOTE_ADDR") or "",
        }
        info("request", line)
