"""Templates of a cenv, rendered one after the other in one thread of a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any, Final

from jinja2 import Template
from jinja2.exceptions import TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.runtime import Context
from markupsafe import Markup

from wce.cache import Cache
from wce.sandbox.answer import within
from wce.sandbox.database import Ask, Database
from wce.sandbox.filters import FILTERS
from wce.sandbox.front import LAYOUT, Front, parameters, split
from wce.sandbox.functions import Functions
from wce.sandbox.jinja import Environment, shown
from wce.sandbox.library import said
from wce.sandbox.markup import escaped, to_html, unbroken
from wce.sandbox.messages import Budget, Fault, Frame, Rendered
from wce.sandbox.page import CONTENT, PAGE, REQUEST, USER, Page

MAX_SOURCE: Final = 256 * 1024
MAX_TEMPLATES: Final = 100  # of one call, those that are not there too
MAX_DEPTH: Final = 20  # of templates inside of each other
JINJA, MARKDOWN, HTML = "jinja", "markdown", "html"
_CACHED_CHARS: Final = 1 << 20  # of source; the code takes up to thirty times as much
_MAX_NAME: Final = 1_000  # characters, more than any has
_MAX_EXCERPT: Final = 500  # characters of a line
_MAX_FRAMES: Final = 30
_FILE: Final = "template:"  # before the name of a template, as the file of its code
# What a template may raise: all that Python's operators and Jinja's filters do.
_FAILURES: Final = (TemplateError, ArithmeticError, AttributeError, AssertionError, LookupError, TypeError, ValueError, RuntimeError)
# What Python's compiler raises for a template that Jinja could read.
_UNREADABLE: Final = (SyntaxError, RecursionError, MemoryError, ValueError)


Root = Callable[[Context], Iterator[str]]


@dataclass(frozen=True, slots=True)
class _Read:
    """A template that has been read; code of a text that is sent as it is does nothing."""

    code: CodeType
    front: Front
    chars: int


class Renderer:
    """Checks and renders templates; `ask` sends one message to the server and waits for its answer."""

    def __init__(self, ask: Ask, database: Database) -> None:
        self._ask = ask
        self._database = database
        self._page = Page({}, "/", 0)
        self._found: dict[str, tuple[str, str] | None] = {}  # in the call at hand, by name
        self._functions = functions = Functions(database, lambda: self._page)
        filters = {**FILTERS, **functions.filters()}
        self._jinja = Environment(self._load, functions.table(), filters, finalize=shown)
        # A line with nothing but a statement leaves no blank line, which would end a list.
        self._markdown = Environment(self._load, functions.table(), filters, finalize=escaped, trim_blocks=True, lstrip_blocks=True)
        self._reserved = frozenset(self._jinja.globals) | {REQUEST, USER, PAGE, CONTENT}
        self._known: Cache[tuple[str, str, str], _Read] = Cache(_CACHED_CHARS, cost=lambda read: read.chars)

    def check(self, source: str, syntax: str) -> None:
        """Raise Fault `syntax` where the template could not be read; nothing of it runs."""
        self._read("template", syntax, source)

    def begin(self) -> None:
        """A call starts, in which templates may have changed."""
        self._found = {}

    def fragment(self, base: str, name: str, context: Mapping[str, Any]) -> str:
        """The text of a template of the cenv, for a script, whose own bounds hold."""
        around, self._page = self._page, Page(context, base, Budget().output_bytes)
        try:
            return self._text(self._page, lambda: _gathered(self._load(name), self._page.context, self._page.output_bytes))
        finally:
            self._page = around

    def render(self, job_meta: Mapping[str, Any], source: str) -> Rendered:
        """Render one template; raises Fault with the template and the line that it came from."""
        budget = job_meta["budget"]
        self.begin()
        self._page = page = Page(job_meta["context"], job_meta["base"], budget["output_bytes"])
        self._database.begin(budget["queries"])
        try:
            text = self._text(page, lambda: self._whole(page, job_meta["name"], job_meta["syntax"], source))
            body = text.encode("utf-8", "replace")
            if len(body) > page.output_bytes:
                raise _too_large(page.output_bytes)
        except Fault as error:
            fault = within(error, page.output_bytes)
            fault.queries = self._database.queries
            raise fault from None
        return Rendered(body, tuple(page.sources), tuple(page.missing), tuple(page.reads), page.front, self._database.queries)

    def _text(self, page: Page, work: Callable[[], str]) -> str:
        """What the work gives; whatever goes wrong in templates comes out as a Fault with its place."""
        try:
            return work()
        except Fault as fault:
            raise _placed(fault, page, fault) from None
        except MemoryError:
            raise Fault("memory", "The template needed more memory than allowed.") from None
        except _FAILURES as error:
            raise _placed(Fault("runtime", _told(error)), page, error) from None

    def _whole(self, page: Page, name: str, syntax: str, source: str) -> str:
        """The page, inside of the layout that its front matter names."""
        text = _gathered(self._make(page, name, syntax, source), page.context, page.output_bytes)
        front = self._read(name, syntax, source).front
        page.front = dict(front.values)
        layout = front.values.get(LAYOUT)
        if not layout:
            return text
        context = page.context | {CONTENT: Markup(text), PAGE: page.front}  # noqa: S704 - of Markdown, and so without power
        try:
            template = self._load(layout)
        except TemplateNotFound as error:
            raise Fault("runtime", _told(error), front.places[LAYOUT], template=name) from None
        return _gathered(template, context, page.output_bytes)

    def _load(self, name: Any) -> Template:
        """The template of a name, of the same cenv; raises TemplateNotFound."""
        page = self._page
        if not isinstance(name, str):
            raise TypeError("the name of a template must be a string")
        if len(name) > _MAX_NAME:
            raise ValueError(f"the name of a template has at most {_MAX_NAME} characters")
        if name in page.templates:
            return page.templates[name]
        found = self._asked_for(name)
        if found is None:
            page.missing[name] = None
            raise TemplateNotFound(name)
        return self._make(page, name, *found)

    def _asked_for(self, name: str) -> tuple[str, str] | None:
        """Syntax and source of a template, asked for once in a call."""
        if name not in self._found:
            if len(self._found) >= MAX_TEMPLATES:
                raise Fault("limit", f"More than {MAX_TEMPLATES} templates in one call.")
            meta, source = self._ask({"op": "template", "name": name})
            self._found[name] = (str(meta["syntax"]), source.decode()) if meta["found"] else None
        return self._found[name]

    def _make(self, page: Page, name: str, syntax: str, source: str) -> Template:
        """The template for this page, with its own module and the page's context as its globals."""
        page.sources[name] = source
        try:
            read = self._read(name, syntax, source)
        except Fault as fault:
            fault.template = name
            raise
        environment = self._markdown if syntax == MARKDOWN else self._jinja
        template = Template.from_code(environment, read.code, environment.globals | page.context)
        root = template.root_render_func
        if syntax == HTML:
            root = lambda _context: iter((source,))  # noqa: E731 - the root of a text
        elif syntax == MARKDOWN:
            root = self._with_front(page, template, read.front)
        template.root_render_func = _nested(page, syntax, root)
        page.templates[name] = template
        return template

    def _with_front(self, page: Page, template: Template, front: Front) -> Root:
        """The root of a Markdown template, which is given its front matter and the rows that this asks for."""
        root = template.root_render_func

        def render(context: Context) -> Iterator[str]:
            given = {**context.get_all(), PAGE: dict(front.values)}
            for name, sql in front.data.items():
                try:
                    given[name] = self._functions.query(sql, parameters(sql, page.params))
                except Fault as fault:
                    fault.template, fault.line = str(template.name), front.places[name]
                    raise
            text = "".join(root(template.new_context(given, shared=True)))
            yield text[front.lines :]  # lines of the front matter, which the text has been moved down by

        return render

    def _read(self, name: str, syntax: str, source: str) -> _Read:
        return self._known.get_or((name, syntax, source), lambda: self._read_anew(name, syntax, source))

    def _read_anew(self, name: str, syntax: str, source: str) -> _Read:
        _require_readable(source, syntax)
        front, text = split(source, self._reserved) if syntax == MARKDOWN else (Front(), source)
        if syntax == HTML:
            text = ""
        environment = self._markdown if syntax == MARKDOWN else self._jinja
        return _Read(_compiled(environment, name, "\n" * front.lines + text), front, len(source))


def _compiled(environment: Environment, name: str, source: str) -> CodeType:
    try:
        return environment.code(source, name, _FILE + name)
    except TemplateSyntaxError as error:
        column = getattr(error.lineno, "column", 1)
        raise Fault("syntax", error.message or "", error.lineno, column, excerpt(source, error.lineno, column)) from None
    except _UNREADABLE as error:
        if type(error) is SyntaxError:  # such as a keyword that is given twice
            raise Fault("syntax", error.msg, 1, 1) from None
        raise Fault("syntax", f"The template is nested too deeply, or too large ({type(error).__name__}).", 1, 1) from None


def _require_readable(source: str, syntax: str) -> None:
    if syntax not in (JINJA, MARKDOWN, HTML):
        raise Fault("syntax", f"The syntax must be {JINJA}, {MARKDOWN} or {HTML}.", 1, 1)
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


def _nested(page: Page, syntax: str, root: Root) -> Root:
    """The template's root, which knows what it stands in: Markdown is text in Markdown and HTML in everything else.

    They extend and include each other without an end of their own.
    """

    def render(context: Context) -> Iterator[str]:
        if page.depth >= MAX_DEPTH:
            raise Fault("limit", f"More than {MAX_DEPTH} templates extend or include each other.")
        around, page.inside = page.inside, syntax
        page.depth += 1
        try:
            if (syntax == MARKDOWN) == (around == MARKDOWN):
                yield from root(context)
            else:
                text = "".join(root(context))
                yield to_html(text) if syntax == MARKDOWN else unbroken(text)
        finally:
            page.depth -= 1
            page.inside = around

    return render


def _gathered(template: Template, context: dict[str, Any], most: int) -> str:
    found, size = [], 0
    for piece in template.root_render_func(template.new_context(context)):
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
        return "Nested too deeply: macros or blocks that call each other, or data inside of data."
    return said(error) or type(error).__name__


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
