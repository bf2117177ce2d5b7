"""Runs scripts here, in one thread that is not the main one, as in a worker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from wce.sandbox.messages import Budget, Job, Reply
from wce.sandbox.starlark import Runtime

REQUEST = {"method": "GET", "path": "/x", "headers": {"content-type": "application/json"}, "user": None}
Answer = Callable[[dict[str, Any]], tuple[dict[str, Any], bytes]]


class Stand:
    """One interpreter; `rows` are what every query finds."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self.rows: dict[str, Any] = {"columns": [], "rows": []}
        self.asked: list[dict[str, Any]] = []
        self._runtime = self._thread.submit(lambda: Runtime(self._answer)).result()

    def _answer(self, message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        self.asked.append(message)
        return {"ok": True}, orjson.dumps(self.rows)

    def run(self, script: str, body: bytes = b"", **budget: Any) -> Reply:
        """Check it, and call its handler once; raises Fault."""

        def work() -> Reply:
            self._runtime.check(script)
            self._runtime.load(script, script)
            return self._runtime.call(Job(script, script, REQUEST, budget=Budget(**budget)).to_meta(), body)

        return self._thread.submit(work).result()

    def answer(self, *lines: str, body: bytes = b"", **budget: Any) -> Reply:
        """The same for the lines of a handler."""
        return self.run(handler(*lines), body, **budget)

    def close(self) -> None:
        self._thread.shutdown()


def handler(*lines: str) -> str:
    return "def handler(request):\n" + "".join(f"    {line}\n" for line in lines)
