"""What lives as long as the application: one frozen bundle, made by the factory, closed by whoever made it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from wce.config import Settings
from wce.core.backups import Backups
from wce.core.gate import Gate
from wce.core.importing.intake import Importer
from wce.core.keeper import Keeper
from wce.core.passwords import Passwords
from wce.core.permissions import GrantsCache
from wce.core.query import Queries
from wce.core.runs import Runs
from wce.core.scripts import RoutesCache
from wce.core.settings import Config
from wce.core.templates import Sites
from wce.core.tokens import Tokens
from wce.core.traffic import Traffic
from wce.counters import Counters
from wce.guard.guard import Guard
from wce.metrics import Metrics
from wce.sandbox.calls import Scripts
from wce.sandbox.pages import Pages
from wce.sandbox.pool import Pool
from wce.sandbox.refresh import Refresher
from wce.sandbox.render import Renderer
from wce.sandbox.scheduler import Scheduler
from wce.store.store import Store
from wce.web.admission import Admission
from wce.web.current import application
from wce.web.readiness import Readiness

KEY: Final = "wce"
_MAX_COPIES: Final = 2  # of whole files at the same time: they keep disk and processor busy
_COPY_WAIT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a view may need that is not of its request. `now` is in Unix seconds."""

    settings: Settings
    metrics: Metrics
    store: Store
    guard: Guard
    passwords: Passwords
    tokens: Tokens
    config: Config
    grants: GrantsCache
    queries: Queries
    runs: Runs
    traffic: Traffic
    routes: RoutesCache
    pool: Pool
    scripts: Scripts
    scheduler: Scheduler
    sites: Sites
    renderer: Renderer
    pages: Pages
    refresher: Refresher
    readiness: Readiness
    counters: Counters
    copies: Gate
    backups: Backups
    keeper: Keeper
    importer: Importer
    admission: Admission
    now: Callable[[], float]

    @property
    def max_import_bytes(self) -> int:
        """The largest file that may be imported."""
        return self.settings.max_import_mb * 1024 * 1024

    @contextmanager
    def copying(self, whose: str) -> Iterator[None]:
        """`with` one of the few places for work on a whole file, of which a cenv has one at a time; raises `busy`."""
        with self.copies.enter(("copy", whose), 1, _COPY_WAIT_SECONDS), self.copies.enter("copy", _MAX_COPIES, _COPY_WAIT_SECONDS):
            yield

    def start(self) -> None:
        """Do what a server that listens does and a test does without: warm workers, and a look for what waits in the cenvs."""
        self.pool.start()
        self.scheduler.start()
        self.keeper.start()

    def close(self) -> None:
        """End workers and threads, close every connection and give the storage folder back; a second call does nothing."""
        self.keeper.close()
        self.scheduler.stop()
        self.refresher.close()
        self.pool.close()  # what still runs ends with it
        self.scheduler.join()
        self.runs.close()
        self.traffic.close()
        self.guard.close()
        self.store.close()
        self.counters.close()
        self.metrics.close()


def services() -> Services:
    """Those of the application that answers this request."""
    found: Services = application().extensions[KEY]
    return found
