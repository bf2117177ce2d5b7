"""A page for a visitor: the one that is kept, or a new one, which is made once however many ask for it at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from wce import lane
from wce.cache import Cache
from wce.core import pages
from wce.core.pages import Page
from wce.errors import WceError
from wce.log import LOGGER
from wce.metrics import Metrics
from wce.sandbox.answers import HIT, MISS, PRIVATE
from wce.sandbox.memory import Memory
from wce.sandbox.render import Renderer, Visit
from wce.store.session import Session
from wce.store.sqlite import sqlite3
from wce.store.store import Store

_CACHED: Final = 4_096
_ROUNDS: Final = 3  # of waiting for others before one renders for oneself


@dataclass(frozen=True, slots=True)
class Served:
    """A page and where it came from: HIT, MISS or PRIVATE."""

    page: Page
    cache: str


class _Flight:
    """One rendering that others may wait for; `number` tells who came before it began."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.ended = threading.Event()
        self.served: Served | None = None


class Pages:
    """Serves the pages of all cenvs."""

    def __init__(self, store: Store, renderer: Renderer, metrics: Metrics, now: Callable[[], float]) -> None:
        self._store = store
        self._renderer = renderer
        self._metrics = metrics
        self._now = now
        self.memory = Memory()
        self._private: Cache[Hashable, bool] = Cache(_CACHED)
        self._lock = threading.Lock()  # guards what follows
        self._number = 0
        self._flights: dict[Hashable, _Flight] = {}

    def serve(self, visit: Visit) -> Served:
        """The page of a visit whose template he may see; raises WceError."""
        with self._lock:
            self._number += 1
            arrived = self._number
        served = self._serve(visit, arrived)
        self._metrics.pages.labels(served.cache).inc()
        return served

    def kept(self, session: Session, path: str) -> Page | None:
        """The page that is kept for a path at this moment."""
        mark = pages.find_mark(session, path)
        if mark is None:
            return None
        known = self.memory.get(session.cenv, path, mark)
        if known is not None:
            return known
        found = pages.find(session, path)
        return None if found is None else self.memory.put(session.cenv, path, found)

    def renew(self, visit: Visit) -> None:
        """Make a page anew for those who will ask, unless it is there or being made."""
        if self._find(visit) is None:
            flight, leads = self._board(_key(visit))
            if leads:
                self._lead(visit, flight)

    def _serve(self, visit: Visit, arrived: int) -> Served:
        if not visit.config.page_cache:
            made = self._renderer.render(visit)
            return Served(made.page, PRIVATE if made.proof is None else MISS)
        found = self._find(visit)
        if found is not None:
            return found
        if self._private.get(_shape(visit)):
            return self._make(visit)
        return self._together(visit, arrived)

    def _find(self, visit: Visit) -> Served | None:
        with self._store.session(visit.cenv) as session:
            page = self.kept(session, visit.path)
        if page is None or page.template_id != visit.template.id or not (page.for_all or visit.anonymous):
            return None
        return Served(page, HIT)

    def _together(self, visit: Visit, arrived: int) -> Served:
        """Render it, or wait for somebody who does.

        What was begun after the visitor came is as new as anything that he can know of. What was begun before may be older, so of
        that only what is kept in the file counts.
        """
        for _ in range(_ROUNDS):
            flight, leads = self._board(_key(visit))
            if leads:
                return self._lead(visit, flight)
            lane.waiting()
            flight.ended.wait(visit.config.script_timeout_seconds)
            if flight.number > arrived and flight.served is not None and flight.served.cache == MISS:
                return flight.served
            found = self._find(visit)
            if found is not None:
                return found
            if self._private.get(_shape(visit)):
                break
        return self._make(visit)

    def _board(self, key: Hashable) -> tuple[_Flight, bool]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            self._number += 1
            flight = self._flights[key] = _Flight(self._number)
            return flight, True

    def _lead(self, visit: Visit, flight: _Flight) -> Served:
        try:
            flight.served = self._make(visit)
            return flight.served
        finally:
            with self._lock:
                del self._flights[_key(visit)]
            flight.ended.set()

    def _make(self, visit: Visit) -> Served:
        """Render it, and keep it where that is right."""
        made = self._renderer.render(visit)
        if made.proof is None:
            self._private.put(_shape(visit), True)
            return Served(made.page, PRIVATE)
        kept: Page | None = None
        try:
            with self._store.session(visit.cenv) as session:
                kept = pages.keep(session, visit.path, made.page, made.proof, self._now())
        except (WceError, sqlite3.Error) as error:
            # Without a place to keep it the page is still good, as on a full disk.
            LOGGER.warning("page not kept", extra={"cenv": visit.cenv, "path": visit.path, "reason": str(error)})
        if kept is not None:
            self.memory.put(visit.cenv, visit.path, kept, made.proof.tables)
        return Served(made.page if kept is None else kept, MISS)


def _key(visit: Visit) -> Hashable:
    """Visits of one key get the same page, if it is one that can be shared at all."""
    state = visit.who.state
    return visit.cenv, visit.path, visit.template.id, visit.anonymous, visit.site.version, state.grants, state.settings


def _shape(visit: Visit) -> Hashable:
    return visit.cenv, visit.template.id, visit.anonymous, visit.site.version
