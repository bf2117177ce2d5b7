"""What the server counts, in Prometheus' terms; names are part of the contract (docs/operating.md)."""

from __future__ import annotations

from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCY: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class Metrics:
    """One registry per application, so that tests and several applications in one process never share figures."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("wce_requests_total", "Requests answered.", ["route", "method", "status"], registry=self.registry)
        self.latency = Histogram(
            "wce_request_seconds",
            "Time from the first byte to the answer.",
            ["route"],
            buckets=_LATENCY,
            registry=self.registry,
        )
        self.query_seconds = Histogram("wce_query_seconds", "Time that user SQL ran.", ["kind"], buckets=_LATENCY, registry=self.registry)
        self.refusals = Counter("wce_refusals_total", "Statements and requests refused, by error code.", ["code"], registry=self.registry)
        self.open_connections = Gauge("wce_open_connections", "SQLite connections held open.", registry=self.registry)
        self.open_cenvs = Gauge("wce_open_cenvs", "Cenvs with at least one open connection.", registry=self.registry)
        self.bcrypt_waiting = Gauge("wce_bcrypt_waiting", "Password checks that wait for a core.", registry=self.registry)
        self.commits = Counter("wce_commits_total", "Write transactions committed.", registry=self.registry)
        self.hook_failures = Counter("wce_hook_failures_total", "After-commit hooks that raised.", ["hook"], registry=self.registry)

    def text(self) -> bytes:
        """Every figure in Prometheus' text format, of the type CONTENT_TYPE."""
        return generate_latest(self.registry)
