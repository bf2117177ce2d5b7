"""What the server counts, in Prometheus' terms; names are part of the contract (docs/operating.md)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from wce.tally import Tally

_LATENCY: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_KINDS: Final = ("counter", "gauge_livesum", "histogram")  # of files of the library, for each process
_FILE_BYTES: Final = 2 * 1024 * 1024  # several times what all routes together have of figures
FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client looks for the folder that processes share
_GAUGES: Final = re.compile(r"gauge_live\w*_([0-9]+)\.db")


class Metrics:
    """One registry per application, so that tests and several applications in one process never share figures."""

    def __init__(self, folder: str = "") -> None:
        """With a `folder`, every process that names it counts into files there and tells the sum; FOLDER_VARIABLE must name it too."""
        self._folder = folder
        if folder:
            _forget_the_dead(Path(folder))
            # The library has chosen when it was imported, which may be before the variable was set.
            process = os.getpid()  # no process of ours forks later, and asking each time is a call to the system for each figure
            _take_room(Path(folder), process)
            values.ValueClass = values.MultiProcessValue(lambda: process)  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self.tally = Tally(_LATENCY, shared=bool(folder))
        self._ran: dict[str, Histogram] = {}
        self._scripts: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.requests = Counter("wce_requests_total", "Requests answered.", ["route", "method", "status"], registry=self._registry)
        self.latency = Histogram(
            "wce_request_seconds",
            "Time from the first byte to the answer.",
            ["route"],
            buckets=_LATENCY,
            registry=self._registry,
        )
        self.query_seconds = Histogram("wce_query_seconds", "Time that user SQL ran.", ["kind"], buckets=_LATENCY, registry=self._registry)
        self.refusals = Counter("wce_refusals_total", "Statements and requests refused, by error code.", ["code"], registry=self._registry)
        self.open_connections = _gauge("wce_open_connections", "SQLite connections held open.", self._registry)
        self.open_cenvs = _gauge("wce_open_cenvs", "Cenvs with at least one open connection.", self._registry)
        self.connection_uses = Counter("wce_connection_uses_total", "Times a connection was wanted.", registry=self._registry)
        self.connection_opens = Counter("wce_connection_opens_total", "Connections opened; other uses found one.", registry=self._registry)
        self.bcrypt_waiting = _gauge("wce_bcrypt_waiting", "Password checks that wait for a core.", self._registry)
        self.commits = Counter("wce_commits_total", "Write transactions committed.", registry=self._registry)
        self.script_calls = Counter(
            "wce_script_calls_total", "Runs of scripts, by their end.", ["kind", "outcome"], registry=self._registry
        )
        self.script_seconds = Histogram(
            "wce_script_seconds", "Time of a script's run, with the wait for a worker.", ["kind"], buckets=_LATENCY, registry=self._registry
        )
        self.pages = Counter("wce_pages_total", "Pages served, by where they came from.", ["cache"], registry=self._registry)
        self.answers = Counter("wce_answers_total", "Answers of endpoints, by where they came from.", ["cache"], registry=self._registry)
        self.workers = _gauge("wce_workers", "Processes for scripts that are up.", self._registry)
        self.workers_waiting = _gauge("wce_workers_waiting", "Scripts that wait for a worker.", self._registry)
        self.worker_starts = Counter("wce_worker_starts_total", "Processes for scripts started.", registry=self._registry)
        self.worker_ends = Counter("wce_worker_ends_total", "Processes for scripts ended.", ["reason"], registry=self._registry)
        self.hook_failures = Counter("wce_hook_failures_total", "After-commit hooks that raised.", ["hook"], registry=self._registry)

    @property
    def registry(self) -> CollectorRegistry:
        """All figures of this process, as of now."""
        self.tally.pour()
        return self._registry

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request; `route` and `method` come from short lists, for each combination is kept."""
        known = self._answered.get((route, method, status))
        if known is None:  # finding a figure by its labels takes as long as counting
            known = (self.requests.labels(route, method, str(status)), self.latency.labels(route))
            self._answered[route, method, status] = known
        self.tally.count(known[0])
        self.tally.observe(known[1], seconds)

    def ran(self, kind: str, seconds: float) -> None:
        """Count a statement of a user; `kind` is one of the guard's few."""
        known = self._ran.get(kind)
        if known is None:
            known = self._ran[kind] = self.query_seconds.labels(kind)
        self.tally.observe(known, seconds)

    def script_ran(self, kind: str, outcome: str, seconds: float) -> None:
        """Count a run of a script."""
        known = self._scripts.get((kind, outcome))
        if known is None:
            known = self._scripts[kind, outcome] = (self.script_calls.labels(kind, outcome), self.script_seconds.labels(kind))
        self.tally.count(known[0])
        self.tally.observe(known[1], seconds)

    def close(self) -> None:
        """Tell the last figures to the other processes."""
        self.tally.close()

    def text(self) -> bytes:
        """Every figure in Prometheus' text format, of the type CONTENT_TYPE."""
        own = self.registry
        if not self._folder:
            return generate_latest(own)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, path=self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(everybody)


def _gauge(name: str, description: str, registry: CollectorRegistry) -> Gauge:
    # Over several processes: the sum of those that live.
    return Gauge(name, description, registry=registry, multiprocess_mode="livesum")


def _take_room(folder: Path, process: int) -> None:
    """Make the files that this process will count in, with room on the disk: the library makes them with holes, and on a full disk
    whoever writes into one is ended (SIGBUS)."""
    for kind in _KINDS:
        with (folder / f"{kind}_{process}.db").open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)


def _forget_the_dead(folder: Path) -> None:
    """What a killed process held open is open no more; what it counted stays."""
    for file in folder.iterdir():
        found = _GAUGES.fullmatch(file.name)
        if found and not os.path.exists(f"/proc/{found[1]}"):
            mark_process_dead(int(found[1]), path=str(folder))  # type: ignore[no-untyped-call]
