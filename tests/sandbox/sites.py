"""Templates by name and a database that always answers the same, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from wce.sandbox.database import Database
from wce.sandbox.messages import Budget, Fault, Rendered, RenderJob, Template
from wce.sandbox.process import Find, Serve
from wce.sandbox.templates import Renderer

ROWS = {"columns": ["id", "title"], "rows": [[1, "<one>"], [2, "two"]]}
PARAMS = {"slug": "x", "name": "ada"}
REQUEST = {"path": "blog/x", "params": PARAMS, "query": {"q": "1"}, "headers": {"host": "a"}, "method": "GET"}
PATIENT = Budget(seconds=30)  # for machines that have much else to do
Render = Callable[[RenderJob, Serve, Find], Rendered]


def in_this_process(job: RenderJob, serve: Serve, find: Find) -> Rendered:
    """What a worker does, without one; what crosses does so as JSON."""

    def ask(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if message["op"] == "sql":
            return serve(message)
        template = find(message["name"])
        return ({"found": False}, b"") if template is None else ({"found": True, "syntax": template.syntax}, template.source.encode())

    source = job.template.source.encode("utf-8", "replace").decode()
    made = Renderer(ask, Database(ask)).render(orjson.loads(orjson.dumps(job.to_meta())), source)
    return Rendered.from_meta(orjson.loads(orjson.dumps(made.to_meta())), made.body)


class Site:
    """What pages are made of."""

    def __init__(self, render: Render = in_this_process) -> None:
        self._render = render
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
        return self._render(job, self.serve, self.templates.get)

    def text(self, source: str, **options: Any) -> str:
        return self.page(source, **options).body.decode()

    def fault(self, source: str, **options: Any) -> Fault:
        with pytest.raises(Fault) as caught:
            self.page(source, **options)
        return caught.value

    def unreadable(self, source: str, syntax: str = "jinja") -> Fault:
        with pytest.raises(Fault) as caught:
            Renderer(_no_server, Database(_no_server)).check(source, syntax)
        return caught.value


def _no_server(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    raise AssertionError(message)
