"""The shortest way to a public page that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wce.core import pages
from wce.core.pages import Page
from wce.sandbox.answers import HIT
from wce.web import conditional, limits, visits
from wce.web.quick import Answer
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

    def find(self, environ: WSGIEnvironment, cenv: str, path: str) -> Answer | None:
        """The page as this client takes it, or 304 where it has it already."""
        page = self._find(environ, cenv, path)
        if page is None:
            return None
        route, now = _START if path == "/" else _ROUTE, self._app.now()
        headers, zipped = visits.describe(environ, page, HIT, now, public=True)
        self._hits.inc()
        if conditional.fresh(environ, page.etag, page.changed_at, now):
            return Answer(route, "304 NOT MODIFIED", headers, b"")
        body = page.zipped if zipped and page.zipped is not None else page.body
        headers += [("Content-Type", page.content_type), ("Content-Length", str(len(body)))]
        return Answer(route, "200 OK", headers, body)

    def _find(self, environ: WSGIEnvironment, cenv: str, path: str) -> Page | None:
        """The page, with the request counted; None where there is any doubt."""
        app = self._app
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
