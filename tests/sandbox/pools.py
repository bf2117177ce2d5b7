"""Pools whose scripts are Python, for the tests of the pool itself."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

from wce.sandbox.messages import Budget, Job

PROGRAM = (
    f"sys.path.insert(0, {str(Path(__file__).parent)!r}); from python_runtime import PythonRuntime; "
    "from wce.sandbox.worker import main; main(PythonRuntime)"
)
SHORT = Budget(seconds=0.3)
LOOP = "while True: pass"


def job(lines: str, budget: Budget | None = None, body: bytes = b"") -> Job:
    """A script of these lines, with `request` at hand."""
    source = "def handler(request):\n" + indent(lines, "    ") + "\n"
    return Job(source, hashlib.sha256(source.encode()).hexdigest(), {"path": "/x"}, body=body, budget=budget or Budget())


def refuse_sql(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """For scripts that ask for nothing."""
    raise AssertionError(message)


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Return when it is so; fail when it takes too long."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)
