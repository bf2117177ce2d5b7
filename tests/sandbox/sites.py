"""Templates by name and a database that always answers the same, for tests of what workers make of them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from wce.sandbox.database import Database
from wce.sandbox.messages import Budget, Fault, Rendered, RenderJob, Template
from wce.sandbox.pool import Pool
from wce.sandbox.templates import Renderer

ROWS = {"columns": ["id", "title"], "rows": [[1, "<one>"], [2, "two"]]}
REQUEST = {"path": "blog/x", "params": {"slug": "x", "name": "ada"}, "query": {"q": "1"}, "headers": {"host": "a"}, "method": "GET"}
PATIENT = Budget(seconds=30)  # for machines that have much else to do


class Site:
    """What pages are made of."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.templates: dict[str, Template] = {}
        self.asked: list[dict[str, Any]] = []
        self.rows: dict[str, Any] = ROWS

    def add(self, name: str, source: str, syntax: str = "jinja") -> None:
        self.templates[name] = Template(name, syntax, source)

    def serve(self, message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        self.asked.append(message)
        return {"ok": True}, orjson.dumps(self.rows)

    def page(self, source: str, syntax: str = "jinja", user: Any = None, budget: Budget | None = None, **more: Any) -> Rendered:
        template = Template("page", syntax, source)
        job = RenderJob(template, {"request": REQUEST, "user": user} | more, "/c/pages/", budget or PATIENT)
        return self._pool.render("a", job, self.serve, self.templates.get)

    def text(self, source: str, **options: Any) -> str:
        return self.page(source, **options).body.decode()

    def fault(self, source: str, **options: Any) -> Fault:
        with pytest.raises(Fault) as caught:
            self.page(source, **options)
        return caught.value

    def unreadable(self, source: str, syntax: str = "jinja") -> Fault:
        """Asked without a worker, whose time for it would be short."""
        with pytest.raises(Fault) as caught:
            Renderer(self._no_server, Database(self._no_server)).check(source, syntax)
        return caught.value

    @staticmethod
    def _no_server(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        raise AssertionError(message)
