"""The shortest way to a public page that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wce.core import pages
from wce.core.pages import Page
from wce.sandbox.answers import HIT
from wce.store.session import Session
from wce.web import conditional, cors, limits, visits
from wce.web.quick import Answer, Found, Shelf, lasting
from wce.web.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_START: Final = "/<cenv:cenv_id>/pages/"
_ROUTE: Final = "/<cenv:cenv_id>/pages/<path:path>"


class QuickPages:
    """Finds pages in the memory of this process."""

    def __init__(self, app: Services) -> None:
        self._app = app
        self._hits = app.metrics.pages.labels(HIT)
        self._shelf = Shelf()

    def find(self, environ: WSGIEnvironment, cenv: str, path: str) -> Answer | None:
        """The page as this client takes it, or 304 where it has it already; None where there is any doubt."""
        app = self._app
        key = cenv, path, conditional.takes_gzip(environ)
        asks = not conditional.HELD.isdisjoint(environ)
        with app.store.session(cenv) as session:
            row = pages.look_at(session, path)
            found = None if asks else self._shelf.get(key, row)
            if found is None:
                page, found = self._look(environ, session, path, row)
                if page is None or found is None:
                    return None
                # The headers of a page of this very second will be others soon.
                if not asks and page.changed_at <= app.now() and app.pages.memory.settled(cenv, path):
                    self._shelf.put(key, found)
            limits.spend(app.counters, found.config, cenv, environ.get("REMOTE_ADDR") or "", environ=environ)
        if found.config.cors_origins:
            cors.vary(environ)
        found.note(0.0, "")
        return found.answer

    def _look(self, environ: WSGIEnvironment, session: Session, path: str, row: tuple[Any, ...]) -> tuple[Page | None, Found | None]:
        app = self._app
        state, mark = pages.read_row(row)
        if mark is None:
            return None, None
        site = app.sites.known(session.cenv, state.templates)
        found = None if site is None else site.match(path)
        if found is None or found[0].id != mark.template_id or found[0].access != "public":
            return None, None
        config = app.config.read(session, state.settings)
        page = app.pages.memory.get(session.cenv, path, mark) if config.page_cache else None
        return page, None if page is None else Found(row, config, self._answer(environ, page, path), self._note)

    def _answer(self, environ: WSGIEnvironment, page: Page, path: str) -> Answer:
        route, now = _START if path == "/" else _ROUTE, self._app.now()
        headers, zipped = visits.describe(environ, page, HIT, now, public=True)
        if conditional.fresh(environ, page.etag, page.changed_at, now):
            return Answer(route, "304 NOT MODIFIED", lasting(headers), b"")
        body = page.zipped if zipped and page.zipped is not None else page.body
        headers += [("Content-Type", page.content_type), ("Content-Length", str(len(body)))]
        return Answer(route, "200 OK", lasting(headers), body)

    def _note(self, _seconds: float, _request_id: str) -> None:
        self._app.metrics.tally.count(self._hits)
