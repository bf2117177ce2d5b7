"""What crosses the pipe between the server and a worker: frozen values with a JSON form.

What a worker sends is read as if an enemy had written it: every `from_meta` raises ValueError on anything that is not of its form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SCRIPT: Final = "starlark"  # the syntax of what is no template
KINDS: Final = ("syntax", "runtime", "result", "limit", "abort", "memory", "output", "time", "crash", "refused")
_LEVELS: Final = ("print", "info", "warning", "error")
_MOST_TOLD: Final = 4_000  # characters of what went wrong: scripts choose them, and logs keep them


@dataclass(frozen=True, slots=True)
class Budget:
    """What one call may use: wall-clock seconds without the time in the queue, memory, bytes of the answer, printed characters, queries."""

    seconds: float = 5.0
    memory_mb: int = 128
    output_bytes: int = 8 << 20
    print_chars: int = 65_536
    queries: int = 1_000

    def to_meta(self) -> dict[str, Any]:
        """The fields by name; `asdict` takes ten times as long."""
        return {
            "seconds": self.seconds,
            "memory_mb": self.memory_mb,
            "output_bytes": self.output_bytes,
            "print_chars": self.print_chars,
            "queries": self.queries,
        }


@dataclass(frozen=True, slots=True)
class Job:
    """One call of a script.

    `key` names the source by its content. `request` is plain JSON-able data: what the script's `request` (or a hook's `event`) is,
    without the body. `base` stands before the paths of pages, for the templates that the script renders. `fields` are those of the
    request that the script looks at, None where it may be any.
    """

    script: str
    key: str
    request: Mapping[str, Any]
    entry: str = "handler"
    body: bytes = b""
    budget: Budget = Budget()
    base: str = "/"
    fields: frozenset[str] | None = None

    def to_meta(self) -> dict[str, Any]:
        """The job without source and body, which cross raw."""
        return {
            "op": "call",
            "key": self.key,
            "entry": self.entry,
            "request": dict(self.request),
            "base": self.base,
            "budget": self.budget.to_meta(),
            "fields": None if self.fields is None else list(self.fields),
        }


@dataclass(frozen=True, slots=True)
class Template:
    """One template of a cenv; `syntax` is jinja, markdown or html."""

    name: str
    syntax: str
    source: str


@dataclass(frozen=True, slots=True)
class RenderJob:
    """One template to be rendered.

    `context` is plain JSON-able data by name. Of `request` (a dict) and `user` it is noted what was read of them. `base` stands before
    the paths of pages.
    """

    template: Template
    context: Mapping[str, Any]
    base: str = "/"
    budget: Budget = Budget()

    @property
    def key(self) -> str:
        """What the template is suspended by; another text is another template."""
        return f"{self.template.name}\0{hash(self.template.source)}"

    def to_meta(self) -> dict[str, Any]:
        """The job without the source, which crosses raw."""
        return {
            "op": "render",
            "name": self.template.name,
            "syntax": self.template.syntax,
            "context": dict(self.context),
            "base": self.base,
            "budget": self.budget.to_meta(),
        }


@dataclass(frozen=True, slots=True)
class Print:
    """One line that a script printed or logged; `level` is print, info, warning or error."""

    level: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry of a call stack, in the author's own lines and columns."""

    name: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What a script answered; `fleeting` where it asked for the time, for chance or for a template on its way.

    `tag` tells it from every other answer, where it is kept; it never crosses.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    prints: tuple[Print, ...] = ()
    queries: int = 0
    fleeting: bool = True
    tag: str = ""

    def to_meta(self) -> dict[str, Any]:
        """The reply without its body, which crosses raw."""
        return {
            "op": "done",
            "status": self.status,
            "headers": self.headers,
            "prints": [(item.level, item.text, item.line) for item in self.prints],
            "queries": self.queries,
            "fleeting": self.fleeting,
        }

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any], body: bytes) -> Reply:
        status = _integer(meta.get("status"))
        if not 100 <= status <= 599:
            raise ValueError("status")
        headers = tuple([(_text(name), _text(value)) for name, value in _rows(meta.get("headers"), 2)])
        fleeting = meta.get("fleeting") is not False
        return cls(status, headers, body, _prints(meta.get("prints")), _integer(meta.get("queries")), fleeting)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a template became.

    `templates` are the names of all that it used, itself first, `missing` of those that it looked for in vain. `reads` is what it saw
    that another viewer, or another moment, would have shown it otherwise: `user`, `request.query`, `now`, `random`, … `front` is the
    front matter of a Markdown page.
    """

    body: bytes
    templates: tuple[str, ...]
    missing: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    front: Mapping[str, Any] = field(default_factory=dict)
    queries: int = 0

    def to_meta(self) -> dict[str, Any]:
        """The result without its body, which crosses raw."""
        return {
            "op": "done",
            "templates": self.templates,
            "missing": self.missing,
            "reads": self.reads,
            "front": dict(self.front),
            "queries": self.queries,
        }

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any], body: bytes) -> Rendered:
        front = meta.get("front")
        if not isinstance(front, dict):
            raise ValueError("front matter")
        templates, missing, reads = (_texts(meta.get(key)) for key in ("templates", "missing", "reads"))
        return cls(body, templates, missing, reads, front, _integer(meta.get("queries")))


@dataclass(slots=True, eq=False)  # not frozen: contextlib sets the traceback of what passes through it
class Fault(Exception):  # noqa: N818 - not an error of the server
    """The script's own failure, never the server's; `kind` is one of KINDS.

    `line` and `column` count from 1 in the author's source. `excerpt` is that line with a caret below. `status` belongs to `abort`.
    `template` is the name of the one that line is of, where it is of a template.
    """

    kind: str
    message: str
    line: int | None = None
    column: int | None = None
    excerpt: str = ""
    trace: tuple[Frame, ...] = ()
    prints: tuple[Print, ...] = ()
    queries: int = 0
    status: int | None = None
    template: str = ""

    def __str__(self) -> str:
        place = "" if self.line is None else f" (line {self.line}{'' if self.column is None else f', column {self.column}'})"
        return f"{self.kind}: {self.message}{place}"

    def to_meta(self) -> dict[str, Any]:
        return {
            "op": "fault",
            "kind": self.kind,
            "message": _told(self.kind, self.message),
            "line": self.line,
            "column": self.column,
            "excerpt": shortened(self.excerpt),
            "trace": [(frame.name, frame.line, frame.column) for frame in self.trace],
            "prints": [(item.level, item.text, item.line) for item in self.prints],
            "queries": self.queries,
            "status": self.status,
            "template": self.template,
        }

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Fault:
        kind = _text(meta.get("kind"))
        if kind not in KINDS:
            raise ValueError("kind")
        return cls(
            kind,
            _told(kind, _text(meta.get("message"))),
            _optional(meta.get("line")),
            _optional(meta.get("column")),
            shortened(_text(meta.get("excerpt"))),
            tuple(Frame(_text(name), _integer(line), _integer(column)) for name, line, column in _rows(meta.get("trace"), 3)),
            _prints(meta.get("prints")),
            _integer(meta.get("queries")),
            _optional(meta.get("status")),
            shortened(_text(meta.get("template", ""))),
        )


def shortened(text: str) -> str:
    """A message with no more characters than are told and logged of what went wrong."""
    return text if len(text) <= _MOST_TOLD else f"{text[:_MOST_TOLD]}…"


def _told(kind: str, message: str) -> str:
    """As much as is told of a message; that of an abort is an answer."""
    return message if kind == "abort" else shortened(message)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a string")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("list of names")
    return tuple(_text(item) for item in value)


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a count")
    return value


def _optional(value: Any) -> int | None:
    return None if value is None else _integer(value)


def _rows(value: Any, width: int) -> list[list[Any]]:
    if not isinstance(value, list) or not all(isinstance(row, list) and len(row) == width for row in value):
        raise ValueError(f"not a list of {width} each")
    return value


def _prints(value: Any) -> tuple[Print, ...]:
    if value == []:  # as almost always
        return ()
    found = tuple(Print(_text(level), _text(text), _integer(line)) for level, text, line in _rows(value, 3))
    if any(item.level not in _LEVELS for item in found):
        raise ValueError("level")
    return found
