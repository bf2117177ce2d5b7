"""One page while it is rendered: what it was given, what it has used, and what it has read of its viewer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jinja2 import Template

from wce.sandbox.jinja import Seen

USER: Final = "user"
REQUEST: Final = "request"
PAGE: Final = "page"  # the front matter, for a Markdown page and its layout
CONTENT: Final = "content"  # the HTML of such a page, for its layout
_SHARED: Final = frozenset({"path", "params"})  # of a request: the same for everybody who asks for the page


class Request(Mapping[str, Any]):
    """The request as a template sees it; whatever tells one viewer's from another's is noted when it is read."""

    def __init__(self, fields: Mapping[str, Any], reads: dict[str, None]) -> None:
        self._fields = fields
        self._reads = reads

    def __getitem__(self, name: str) -> Any:
        value = self._fields[name]
        if name not in _SHARED:
            self._reads[f"{REQUEST}.{name}"] = None
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __repr__(self) -> str:
        return repr(dict(self))


class Page:
    """What one render gathers. `sources` holds the text of every template that was used, itself first; `reads` keeps its order."""

    def __init__(self, context: Mapping[str, Any], base: str, output_bytes: int) -> None:
        self.base = base
        self.output_bytes = output_bytes
        self.depth = 0
        self.inside = ""  # the syntax of the template that is rendered now
        self.templates: dict[str, Template] = {}
        self.sources: dict[str, str] = {}
        self.missing: dict[str, None] = {}
        self.reads: dict[str, None] = {}
        self.front: dict[str, Any] = {}
        self.context = dict(context)
        self.params: Mapping[str, Any] = {}  # of the path
        request = self.context.get(REQUEST) or {}
        if isinstance(request, Mapping):  # a script may call something else so
            params = request.get("params")
            self.params = params if isinstance(params, Mapping) else {}
            self.context[REQUEST] = Request(request, self.reads)
        self.context[USER] = Seen(self.context.get(USER), lambda: self.note(USER))

    def note(self, what: str) -> None:
        """Something was read that another viewer or another moment would have shown otherwise."""
        self.reads[what] = None
