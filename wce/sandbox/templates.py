"""Templates of a cenv, rendered one after the other in one thread of a worker."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any, Final

from jinja2 import Template
from jinja2.exceptions import TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.runtime import Context

from wce.sandbox.database import Ask, Database
from wce.sandbox.filters import FILTERS
from wce.sandbox.functions import Functions
from wce.sandbox.jinja import Environment
from wce.sandbox.messages import Fault, Frame, Rendered
from wce.sandbox.page import Page

MAX_SOURCE: Final = 256 * 1024
MAX_DEPTH: Final = 20  # of templates inside of each other
JINJA: Final = "jinja"
_CACHED: Final = 256
_MAX_EXCERPT: Final = 500  # characters of a line
_MAX_FRAMES: Final = 30
_FILE: Final = "template:"  # before the name of a template, as the file of its code
# What a template may raise: all that Python's operators and Jinja's filters do.
_FAILURES: Final = (TemplateError, ArithmeticError, AttributeError, AssertionError, LookupError, TypeError, ValueError, RuntimeError)
# What Python's compiler raises for a template that Jinja could read.
_UNREADABLE: Final = (SyntaxError, RecursionError, MemoryError, ValueError)


class Renderer:
    """Checks and renders templates; `ask` sends one message to the server and waits for its answer."""

    def __init__(self, ask: Ask, database: Database) -> None:
        self._ask = ask
        self._database = database
        self._page = Page({}, "/", 0)
        functions = Functions(database, lambda: self._page)
        self._jinja = Environment(self._load, functions.table(), {**FILTERS, **functions.filters()})
        self._code: OrderedDict[tuple[str, str, str], CodeType] = OrderedDict()

    def check(self, source: str, syntax: str) -> None:
        """Raise Fault `syntax` where the template could not be read; nothing of it runs."""
        readable(source)
        if syntax == JINJA:
            self._compile("template", source)

    def render(self, job_meta: Mapping[str, Any], source: str) -> Rendered:
        """Render one template; raises Fault with the template and the line that it came from."""
        budget = job_meta["budget"]
        self._page = page = Page(job_meta["context"], job_meta["base"], budget["output_bytes"])
        self._database.begin(budget["queries"])
        try:
            body = self._body(page, job_meta["name"], job_meta["syntax"], source)
        except Fault as fault:
            fault.queries = self._database.queries
            raise
        return Rendered(body, tuple(page.sources), tuple(page.missing), tuple(page.reads), page.front, self._database.queries)

    def _body(self, page: Page, name: str, syntax: str, source: str) -> bytes:
        try:
            template = self._make(page, name, syntax, source)
            text = _gathered(template.root_render_func(template.new_context(page.context)), page.output_bytes)
        except Fault as fault:
            raise _placed(fault, page, fault) from None
        except MemoryError:
            raise Fault("memory", "The template needed more memory than it may have.") from None
        except _FAILURES as error:
            raise _placed(Fault("runtime", _told(error)), page, error) from None
        body = text.encode("utf-8", "replace")
        if len(body) > page.output_bytes:
            raise _too_large(page.output_bytes)
        return body

    def _load(self, name: Any) -> Template:
        """The template of a name, of the same cenv; raises TemplateNotFound."""
        page = self._page
        if not isinstance(name, str):
            raise TypeError("the name of a template must be a string")
        if name in page.templates:
            return page.templates[name]
        if name not in page.missing:
            meta, source = self._ask({"op": "template", "name": name})
            if meta.get("found"):
                return self._make(page, name, str(meta["syntax"]), source.decode())
            page.missing[name] = None
        raise TemplateNotFound(name)

    def _make(self, page: Page, name: str, syntax: str, source: str) -> Template:
        """The template for this page, with its own module and the page's context as its globals."""
        page.sources[name] = source
        try:
            readable(source)
            code = self._compile(name, source if syntax == JINJA else "")
        except Fault as fault:
            fault.template = name
            raise
        template = Template.from_code(self._jinja, code, self._jinja.globals | page.context)
        root = template.root_render_func if syntax == JINJA else lambda _context: iter((source,))
        template.root_render_func = _nested(page, root)
        page.templates[name] = template
        return template

    def _compile(self, name: str, source: str) -> CodeType:
        key = name, JINJA, source
        code = self._code.get(key)
        if code is None:
            try:
                code = self._code[key] = self._jinja.code(source, name, _FILE + name)
            except TemplateSyntaxError as error:
                column = getattr(error.lineno, "column", 1)
                raise Fault("syntax", error.message or "", error.lineno, column, excerpt(source, error.lineno, column)) from None
            except _UNREADABLE as error:
                raise Fault("syntax", f"The template is nested too deeply, or too large ({type(error).__name__}).", 1, 1) from None
            if len(self._code) > _CACHED:
                self._code.popitem(last=False)
        else:
            self._code.move_to_end(key)
        return code


def readable(source: str) -> None:
    """Raise Fault `syntax` for what no template may be, whatever its syntax."""
    if len(source.encode("utf-8", "surrogatepass")) > MAX_SOURCE:
        raise Fault("syntax", f"A template may have at most {MAX_SOURCE // 1024} KiB.", 1, 1)
    if "\0" in source:
        line = source.count("\n", 0, source.index("\0")) + 1
        raise Fault("syntax", "A template may not hold a NUL character.", line, 1)


def excerpt(source: str, line: int, column: int | None = None) -> str:
    """The line, with a caret below where the column is known; tabs stay, so that the caret stands right."""
    lines = source.split("\n")
    text = lines[line - 1].rstrip("\r")[:_MAX_EXCERPT] if 0 < line <= len(lines) else ""
    if not text or column is None:
        return text
    before = "".join("\t" if character == "\t" else " " for character in text[: column - 1])
    return f"{text}\n{before}^"


def _nested(page: Page, root: Callable[[Context], Iterator[str]]) -> Callable[[Context], Iterator[str]]:
    """The template's root, which knows how many it stands in: they extend and include each other without an end of their own."""

    def render(context: Context) -> Iterator[str]:
        if page.depth >= MAX_DEPTH:
            raise Fault("limit", f"More than {MAX_DEPTH} templates extend or include each other.")
        page.depth += 1
        try:
            yield from root(context)
        finally:
            page.depth -= 1

    return render


def _gathered(pieces: Iterator[str], most: int) -> str:
    found, size = [], 0
    for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size > most:
            raise _too_large(most)
    return "".join(found)


def _too_large(most: int) -> Fault:
    return Fault("output", f"The page has more than {most} bytes.")


def _told(error: BaseException) -> str:
    if isinstance(error, TemplateNotFound):
        return f"no such template: {error}"
    if isinstance(error, RecursionError):
        return "Macros or blocks call each other without an end."
    return str(error) or type(error).__name__


def _placed(fault: Fault, page: Page, error: BaseException) -> Fault:
    """The fault with the places in templates that it came through, outermost first."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename.removeprefix(_FILE)
        if name in page.templates and trace.tb_frame.f_code.co_filename != name:
            frames.append(Frame(name, page.templates[name].get_corresponding_lineno(trace.tb_lineno), 1))
        trace = trace.tb_next
    if frames and fault.line is None:
        fault.template, fault.line = frames[-1].name, frames[-1].line
        fault.excerpt = excerpt(page.sources[fault.template], fault.line)
    fault.trace = tuple(frames[:_MAX_FRAMES])
    return fault
