"""One contender: where it answers and which requests are its form of the common tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.load import Request

TASKS: Final = (
    "read by key",
    "list of 100",
    "insert",
    "update",
    "aggregate 100,000",
    "login",
    "/me",
    "page",
    "cached page",
    "page made of 20 rows",
    "script",
    "script with a query",
    "script with a loop",
    "script, run each time",
    "script with a query, run each time",
    "script with a loop, run each time",
)


@dataclass(frozen=True)
class Target:
    """A running server; `requests` has the tasks that it can do."""

    name: str
    base: str
    pid: int
    requests: dict[str, Request]
