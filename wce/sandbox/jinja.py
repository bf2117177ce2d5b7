"""Jinja as templates of a cenv may use it: plain data, known attributes, our own functions, nothing computed while it is compiled.

One environment serves every template that a worker renders, one after the other. Compiled code is kept by its text; the templates made
of it live for one page, because a module that was imported keeps the values of the page that imported it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from math import inf
from types import BuiltinMethodType, CodeType, MethodType
from typing import Any, Final, NoReturn

from jinja2 import Template, nodes
from jinja2.compiler import CodeGenerator
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.filters import _GroupTuple
from jinja2.lexer import TokenStream
from jinja2.parser import Parser
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace

MAX_TOKENS: Final = 30_000  # which take less than a second to read
MAX_REPEATED: Final = 1_000_000  # characters or items that `*` may make
_MAX_BITS: Final = 10_000  # of a number that `*` or `**` makes: what can still be printed
_MAX_WIDTH: Final = 3  # digits of a width in a format
_WIDE: Final = re.compile(rf"\d{{{_MAX_WIDTH + 1}}}|%[^a-zA-Z%]*\*")
_TEXT_METHODS: Final = frozenset(
    """
    capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit islower isnumeric isspace istitle isupper
    join lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip split splitlines startswith
    strip striptags swapcase title unescape upper
    """.split()  # noqa: SIM905 - as names
)
_LOOP: Final = """index index0 revindex revindex0 first last length depth depth0 cycle changed previtem nextitem""".split()  # noqa: SIM905
# What may be asked of a value of each type; of what is not here, nothing.
_OPEN: Final[tuple[tuple[type, frozenset[str]], ...]] = (
    (str, _TEXT_METHODS),
    (Mapping, frozenset({"get", "items", "keys", "values"})),
    (list, frozenset({"count", "index"})),
    (_GroupTuple, frozenset({"grouper", "list"})),
    (tuple, frozenset({"count", "index"})),
    (datetime, frozenset({"year", "month", "day", "hour", "minute", "second", "weekday", "timestamp", "isoformat"})),
    (LoopContext, frozenset(_LOOP)),
    (Macro, frozenset({"name", "arguments", "caller", "catch_kwargs", "catch_varargs"})),
    (BlockReference, frozenset({"super"})),
    (Cycler, frozenset({"next", "reset", "current"})),
)
_WHOLLY_OPEN: Final = (Namespace, TemplateModule)  # which hold what a template has put there
_NEWLINE: Final = re.compile(r"\r\n?")


class Seen:
    """A value in the context whose reading is noted."""

    def __init__(self, value: Any, note: Callable[[], None]) -> None:
        self.value = value
        self.note = note


class Named:
    """A function that says its name where it is shown, and not where it stands in the memory of its worker."""

    __slots__ = ("_function", "_name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name = name
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<function {self._name}>"


Named.__name__, Named.__module__ = "function", "builtins"  # as which messages tell of it


class _Cycler(Cycler):
    def __repr__(self) -> str:
        return "<cycler>"


class _Joiner(Joiner):
    def __repr__(self) -> str:
        return "<joiner>"


class _Block(BlockReference):
    def __repr__(self) -> str:
        return f"<block {self.name}>"


# An undefined value says itself why it cannot be called.
_CALLABLE: Final = (Named, Macro, BlockReference, LoopContext, Joiner, Undefined)
_OF_JINJA: Final = {"namespace": Namespace, "cycler": _Cycler, "joiner": _Joiner}


class Place(int):
    """A line that knows its column; both count from 1."""

    column: int | None = None


class _Context(Context):
    def resolve_or_missing(self, key: str) -> Any:
        found = super().resolve_or_missing(key)
        if type(found) is Seen:
            found.note()
            return found.value
        return found

    def super(self, name: str, current: Callable[[Context], Iterator[str]]) -> BlockReference | Undefined:
        found: BlockReference | Undefined = _silent(name, super().super(name, current))
        return found


class _Generator(CodeGenerator):
    def visit_Const(self, node: nodes.Const, frame: Any) -> None:  # noqa: N802 - as it is called there
        """A number beyond all floats as one: Jinja writes `inf`, which is the name of nothing."""
        if node.value == inf:
            self.write("1e999")
        else:
            super().visit_Const(node, frame)

    def _output_child_to_const(self, node: nodes.Expr, frame: Any, finalize: Any) -> str:
        """Compute nothing while compiling, or `{{ "x"|center(10**9) }}` would do so where a template is only looked at."""
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


class _Parser(Parser):
    def parse_autoescape(self) -> NoReturn:
        """The tag that would switch the escaping off."""
        self.fail("autoescape is always on; write {{ value|safe }} for HTML that you trust", self.stream.current.lineno)


class Environment(ImmutableSandboxedEnvironment):
    """`load` gives the template of a name for the page at hand."""

    context_class = _Context
    code_generator_class = _Generator
    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(
        self, load: Callable[[str], Template], functions: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]], **options: Any
    ) -> None:
        super().__init__(autoescape=True, optimized=False, keep_trailing_newline=True, cache_size=0, **options)
        self._load = load
        self.globals.clear()
        self.globals.update({name: Named(name, kind) for name, kind in _OF_JINJA.items()}, dict=dict, **functions)
        self.filters.clear()
        self.filters.update(filters)

    def code(self, source: str, name: str, filename: str) -> CodeType:
        """The template as code that nothing of has run; raises TemplateSyntaxError and what Python's compiler raises."""
        return self._compile(self._generate(self._parse(source, name, filename), name, filename), filename)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002 - whatever it holds
        """Whether the list of the value's type names the attribute."""
        kind: Any = type(obj)
        return not attr.startswith("_") and (kind in _WHOLLY_OPEN or attr in _names(kind))

    def is_safe_callable(self, obj: Any) -> bool:
        """Whether it is a macro, a method that could be read, or one of our functions."""
        return isinstance(obj, _CALLABLE) or obj is dict

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of a row goes before a method of its name."""
        kind: Any = type(obj)
        if _is_mapping(kind) and attribute in obj:
            return obj[attribute]
        return _silent(attribute, super().getattr(obj, attribute))

    def getitem(self, obj: Any, argument: Any) -> Any:
        """As `getattr`, the other way round."""
        return _silent(argument, super().getitem(obj, argument))

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        """End the template there and then."""
        raise SecurityError(f"{attribute!r} of a {type(obj).__name__} cannot be used in a template.")

    def wrap_str_format(self, value: Any) -> None:
        """`str.format` is not on the list, so there is nothing to wrap."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse what would become large at once; the rest is up to the limits of time and memory."""
        if operator == "*":
            _check_product(left, right)
        elif operator == "**":
            _check_power(left, right)
        elif isinstance(left, str):
            check_format(left)
        return super().call_binop(context, operator, left, right)

    def _load_template(self, name: Any, globals: Any) -> Template:  # noqa: A002, ARG002 - its names there
        return self._load(name)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _Parser(self, source, name, filename).parse()

    def _tokenize(self, source: str, name: str | None, filename: str | None = None, state: str | None = None) -> TokenStream:
        source = _NEWLINE.sub("\n", source)
        tokens = _placed(source, self.lexer.tokeniter(source, name, filename, state))
        return TokenStream(self.lexer.wrap(tokens, name, filename), name, filename)


def _silent(name: Any, found: Any) -> Any:
    """What an attribute holds, as something that does not say where it stands in memory."""
    if isinstance(found, BuiltinMethodType | MethodType):
        return Named(str(name), found)
    if type(found) is BlockReference:
        found.__class__ = _Block
    return found


@cache
def _names(kind: type) -> frozenset[str]:
    return frozenset(name for known, names in _OPEN if issubclass(kind, known) for name in names)


@cache
def _is_mapping(kind: type) -> bool:
    return issubclass(kind, Mapping)


def shown(value: Any) -> Any:
    """What stands for a value on the page: nothing for SQL's NULL, and no function, of which nothing could be read."""
    if value is None:
        return ""
    if callable(value) and not isinstance(value, Undefined):
        raise TypeError(f"a {type(value).__name__} cannot be shown; call it")
    return value


def _placed(source: str, tokens: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, str, str]]:
    """The tokens, whose lines know their columns: Jinja keeps lines only."""
    before = position = line_start = 0
    try:
        for count, (line, kind, text) in enumerate(tokens):
            if count >= MAX_TOKENS:
                raise TemplateSyntaxError(f"a template may have at most {MAX_TOKENS} words and signs", line)
            position = max(position, source.find(text, position))
            line_start = max(line_start, source.rfind("\n", before, position) + 1)
            place = Place(line)
            place.column = position - line_start + 1
            before, position = position, position + len(text)
            yield place, kind, text
    except TemplateSyntaxError as error:
        place = Place(error.lineno)
        place.column = max(1, position - source.rfind("\n", 0, position))
        error.lineno = place
        raise


def _check_product(left: Any, right: Any) -> None:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, str | list | tuple) and isinstance(other, int) and len(one) * other > MAX_REPEATED:
            raise OverflowError(f"* would make more than {MAX_REPEATED} characters or items")
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > _MAX_BITS:
        raise OverflowError("the number becomes too large")


def _check_power(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > _MAX_BITS:
        raise OverflowError("the number becomes too large")


def check_format(text: str) -> None:
    """Raise ValueError for a width or precision in a %-format that would make a long text of a short one."""
    if _WIDE.search(text):
        raise ValueError("a format may have no width of four or more digits, and none given by *")
