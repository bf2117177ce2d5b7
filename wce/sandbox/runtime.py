"""Everything that a worker runs: scripts in Starlark and templates, over one way to the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wce.sandbox import starlark
from wce.sandbox.database import Ask, Database
from wce.sandbox.messages import SCRIPT, Job, Rendered, RenderJob, Reply, Template
from wce.sandbox.templates import Renderer

_SCRIPT: Final = Job("def handler(request):\n    return {'warm': 1}\n", "", {"method": "GET", "path": "/"})
# Whatever Python loads late has to be asked for here: codecs, the names of months, the regular expressions of a language.
_PAGE: Final = """---
title: warm
date: 2026-01-31
---
{% block x %}{{ request.path|default('é')|json }}{{ now()|date('%B') }}{{ 'a%s'|format(1.5) }}{{ 1234|number(2) }}{% endblock %}

[a](http://127.0.0.1/é?x=%20) [^1] ![b](data:image/png;base64,aa==) &copy;

[^1]: note

- [x] done

| a |
|---|

```
plain
```
"""
_RENDER: Final = RenderJob(Template("warm", "markdown", _PAGE), {"request": {"path": "/"}, "user": None})


class Runtime:
    """What the worker's loop talks to; `ask` sends one message to the server and waits for its answer."""

    def __init__(self, ask: Ask) -> None:
        database = Database(ask)
        self._renderer = Renderer(ask, database)
        self._scripts = starlark.Runtime(ask, database, self._fragment)
        self._base = "/"  # of the pages, for the script at hand

    def check(self, source: str, syntax: str) -> None:
        """Raise Fault `syntax` where the source could not be loaded; nothing of it runs."""
        if syntax == SCRIPT:
            self._scripts.check(source)
        else:
            self._renderer.check(source, syntax)

    def known(self, key: str) -> bool:
        return self._scripts.known(key)

    def load(self, key: str, source: str) -> None:
        self._scripts.load(key, source)

    def call(self, job_meta: dict[str, Any], body: bytes) -> Reply:
        self._base = job_meta["base"]
        self._renderer.begin()
        return self._scripts.call(job_meta, body)

    def render(self, job_meta: Mapping[str, Any], source: str) -> Rendered:
        return self._renderer.render(job_meta, source)

    def _fragment(self, template: str, context: Mapping[str, Any]) -> str:
        return self._renderer.fragment(self._base, template, context)

    def warm(self) -> None:
        """Run a script and a page twice, so that whatever is loaded late is there before nothing can be opened any more."""
        self.check(_SCRIPT.script, SCRIPT)
        self.load(_SCRIPT.key, _SCRIPT.script)
        for _ in range(2):
            self.call(_SCRIPT.to_meta(), b"")
            self.render(_RENDER.to_meta(), _PAGE)
