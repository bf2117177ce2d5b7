"""One contender: where it answers and which requests are its form of the common tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.load import Request

# "Run each time" is the same with nothing that WCE has kept; for the others there is no difference.
TASKS: Final = (
    "read by key",
    "list of 100",
    "insert",
    "update",
    "aggregate 100,000",
    "read by key, run each time",
    "list of 100, run each time",
    "aggregate 100,000, run each time",
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
