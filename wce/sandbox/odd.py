"""Values that cannot cross from the interpreter as they are, read from the text that the interpreter makes of them."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

from wce.sandbox.messages import Fault

_NOT_UTF8: Final = re.compile(r"(?<!\\)(?:\\\\)*\\x[89a-fA-F]")


def read(text: str, what: str) -> Any:
    """The value, where its text only looked like that of a cyclic one or of one with a NUL; Fault `result` where it is one."""
    if "\\x" in text and 'b"' not in text and _NOT_UTF8.search(text):
        raise Fault("result", f"{what} holds a text that is not UTF-8.")
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise Fault("result", f"{what} holds something that cannot be sent, such as a function.") from None
    _require_plain(value, what)
    return value


def _require_plain(value: Any, what: str) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if item is Ellipsis:
            raise Fault("result", f"{what} holds itself (a cyclic value).")
        if isinstance(item, str) and "\0" in item:
            raise Fault("result", f"{what} holds a NUL character; send bytes as base64.")
        if isinstance(item, dict):
            stack += [*item, *item.values()]
        elif isinstance(item, list | tuple | set):
            stack += item
