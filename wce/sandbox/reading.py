"""Scripts before they run: whether they can be read, and what their author is told of a mistake, at its place."""

from __future__ import annotations

import re
from typing import Final

from wce.sandbox.messages import Fault
from wce.sandbox.tokens import Source, Token

MAX_SOURCE: Final = 256 * 1024
_OURS: Final = "_wce_"
_NO_FIELD: Final = re.compile(r'key ".*" not in dict|.* index: got string, want int|unhandled index operation .*', re.DOTALL)
_NO_METHOD: Final = re.compile(r"dict has no \.(\w+) field or method")
_ILLEGAL: Final = "got illegal token"
_NEWLINE: Final = "got newline"
_NO_NAME: Final = "not an identifier"
_END: Final = ("got end of file", "got outdent")


def readable(script: str) -> Source:
    """The script by its tokens; raises Fault `syntax` for what no script may hold."""
    if len(script.encode("utf-8", "surrogatepass")) > MAX_SOURCE:
        raise Fault("syntax", f"A script may have at most {MAX_SOURCE // 1024} KiB.", 1, 1)
    if "\0" in script:
        line = script.count("\n", 0, script.index("\0")) + 1
        raise Fault("syntax", "A script may not hold a NUL character.", line, 1)
    source = Source(script)
    load = source.find("load")
    if load is not None:
        raise _at(source, load, "load() is not available: a script stands alone.")
    if _OURS in script:
        ours = next((token for token in source.tokens if token.kind == "name" and token.text.startswith(_OURS)), None)
        if ours is not None:
            raise _at(source, ours, f"names that begin with {_OURS} are WCE's own")
    return source


def refused(source: Source, error: Exception, above: int = 0) -> Fault:
    """Why the interpreter does not read it; `above` lines of ours stand before it."""
    items = getattr(error, "errors", None)
    first = items[0] if items else error
    line = max(1, int(getattr(first, "line", 1)) - above)
    column = source.column(line, int(getattr(first, "column", 1)))
    message = str(getattr(first, "msg", error))
    at_next = message.startswith((_NEWLINE, _NO_NAME)) and column == 1 and line > 1
    if at_next or (message.startswith(_END) and not source.line(line)):
        # Where the next line begins, but one before it is at fault.
        line = next((number for number in range(line - 1, 0, -1) if source.line(number).strip()), 1)
        column = len(source.line(line)) + 1
    elif message.startswith("got ") and not message.startswith((_NEWLINE, *_END)) and (token := source.ending(line, column)) is not None:
        # The place behind it was told.
        column = token.column
        if message.startswith(_ILLEGAL):
            message = f"{token.text} is a word that Starlark keeps and has no use for"
    if message == _NO_NAME:
        message = "a name is wanted here"
    if message == "undefined: request":
        message = "undefined: request (it is the argument of handler)"
    return Fault("syntax", message, line, column, excerpt(source, line, column))


def explain(source: Source, fault: Fault) -> None:
    """Say what went wrong in words of the author's."""
    access = source.access(fault.line or 0, fault.column or 0)
    if access is not None and _NO_FIELD.fullmatch(fault.message):
        fault.message = f"{access.owner or 'the value'} has no field '{access.name}'"
        fault.line, fault.column = access.at
    found = _NO_METHOD.fullmatch(fault.message)
    if found:
        fault.message += f'; for a field of that name write x["{found[1]}"]'


def excerpt(source: Source, line: int | None, column: int | None) -> str:
    """The line with a caret below; tabs stay, so that the caret stands right."""
    text = source.line(line or 0)
    before = "".join("\t" if character == "\t" else " " for character in text[: max(0, (column or 1) - 1)])
    return f"{text}\n{before}^" if text else ""


def _at(source: Source, token: Token, message: str) -> Fault:
    return Fault("syntax", message, token.line, token.column, excerpt(source, token.line, token.column))
