"""Makes pages anew that were asked for often, after the commit that ended them and before the next visitor comes."""

from __future__ import annotations

import threading
from typing import Any, Final

from wce.core.logins import anonymous
from wce.core.settings import Config
from wce.core.templates import Sites
from wce.errors import WceError
from wce.log import LOGGER
from wce.model import Commit
from wce.sandbox.pages import Pages
from wce.sandbox.render import Visit
from wce.store.sqlite import sqlite3
from wce.store.store import Store

_MOST_WAITING: Final = 256  # over all cenvs; what finds no place is made when somebody asks


class Refresher:
    """One thread, which begins with the first page that it is told of. What it makes is checked and kept as for any visitor."""

    def __init__(self, store: Store, pages: Pages, sites: Sites, config: Config) -> None:
        self._store = store
        self._pages = pages
        self._sites = sites
        self._config = config
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, str], None] = {}
        self._closed = False
        self._thread: threading.Thread | None = None

    def notice(self, commit: Commit) -> None:
        """Told of every commit: `store.hooks.add("pages", notice)`."""
        paths = self._pages.memory.cooled(commit.cenv, commit.tables)
        if not paths:
            return
        with self._changed:
            for path in paths:
                if len(self._waiting) < _MOST_WAITING and not self._closed:
                    self._waiting[commit.cenv, path] = None
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="wce-pages", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """End the thread; a second call does nothing."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while (found := self._take()) is not None:
            cenv, path = found
            try:
                self._renew(cenv, path)
            except (WceError, sqlite3.Error) as error:
                # The visitor who comes next gets it told; administrators find it among the template's runs.
                LOGGER.warning("page not made anew", extra={"cenv": cenv, "path": path, "reason": str(error)})
            except Exception:  # noqa: BLE001 # one page must not end the work for all others
                LOGGER.exception("page not made anew", extra={"cenv": cenv, "path": path})

    def _take(self) -> tuple[str, str] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            if self._closed:
                return None
            found = next(iter(self._waiting))
            del self._waiting[found]
            return found

    def _renew(self, cenv: str, path: str) -> None:
        with self._store.session(cenv) as session:
            who = anonymous(session)
            config = self._config.read(session, who.state.settings)
            site = self._sites.get(session, who.state.templates)
        found = site.match(path)
        if found is None or not config.page_cache:
            return
        template, params = found
        self._pages.renew(Visit(cenv, who, config, site, template, path, _request(path, dict(params))))


def _request(path: str, params: dict[str, str]) -> dict[str, Any]:
    """A request of nobody. A page that reads more of it than path and params is not kept anyway."""
    blank: dict[str, Any] = {"id": "", "method": "GET", "url": path, "query": {}, "headers": {}, "cookies": {}, "ip": ""}
    return blank | {"path": path, "params": params}
