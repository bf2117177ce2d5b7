"""Code in colours: spans with the classes of Pygments, for the languages whose rules are loaded before a worker is closed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from markupsafe import escape
from pygments.lexer import Lexer
from pygments.lexers.c_cpp import CLexer, CppLexer
from pygments.lexers.configs import DockerLexer, IniLexer, NginxConfLexer, TOMLLexer
from pygments.lexers.css import CssLexer
from pygments.lexers.data import JsonLexer, YamlLexer
from pygments.lexers.diff import DiffLexer
from pygments.lexers.dotnet import CSharpLexer
from pygments.lexers.go import GoLexer
from pygments.lexers.html import HtmlLexer, XmlLexer
from pygments.lexers.javascript import JavascriptLexer, TypeScriptLexer
from pygments.lexers.jvm import JavaLexer, KotlinLexer
from pygments.lexers.make import MakefileLexer
from pygments.lexers.php import PhpLexer
from pygments.lexers.python import PythonConsoleLexer, PythonLexer
from pygments.lexers.ruby import RubyLexer
from pygments.lexers.rust import RustLexer
from pygments.lexers.shell import BashLexer, BashSessionLexer
from pygments.lexers.sql import SqlLexer
from pygments.token import STANDARD_TYPES

MAX_CODE: Final = 64 * 1024  # characters of one block; a longer one stays plain
_CLASSES: Final[tuple[type[Lexer], ...]] = (
    BashLexer, BashSessionLexer, CLexer, CppLexer, CSharpLexer, CssLexer, DiffLexer, DockerLexer, GoLexer, HtmlLexer, IniLexer, JavaLexer,
    JavascriptLexer, JsonLexer, KotlinLexer, MakefileLexer, NginxConfLexer, PhpLexer, PythonConsoleLexer, PythonLexer, RubyLexer, RustLexer,
    SqlLexer, TOMLLexer, TypeScriptLexer, XmlLexer, YamlLexer,
)  # fmt: skip
LEXERS: Final[dict[str, type[Lexer]]] = {alias: lexer for lexer in _CLASSES for alias in lexer.aliases} | {"starlark": PythonLexer}


def highlight(code: str, language: str, _attributes: str) -> str:
    """The code as spans; nothing for a language that is not known, and then it stays as it is."""
    kind = LEXERS.get(language.lower())
    if kind is None or len(code) > MAX_CODE:
        return ""
    return "".join(_spans(_lexer(kind), code))


def _spans(lexer: Lexer, code: str) -> Iterator[str]:
    for kind, text in lexer.get_tokens(code):
        name = _class_of(kind)
        yield f'<span class="{name}">{escape(text)}</span>' if name else str(escape(text))


@cache
def _class_of(kind: Any) -> str:
    while kind not in STANDARD_TYPES:
        kind = kind.parent
    return STANDARD_TYPES[kind]


@cache
def _lexer(kind: type[Lexer]) -> Lexer:
    # Names of PHP's functions would be read from a file.
    return kind(funcnamehighlighting=False, stripnl=False)
