"""What a script's result becomes: status, headers and bytes of an answer, or a Fault that says why it cannot."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from wce.sandbox.messages import Fault

MARK: Final = "__wce__"  # the key by which `response(…)` is told from a dict of the script's own
JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"
_MAX_DEPTH: Final = 64
_MOST_ESCAPED: Final = 6  # characters of JSON for one of a text
# Bytes that orjson asks for at most, twice as many as it needs then: for one of a text, and for an item of a list or of a dict.
_MOST_ASKED: Final = 16
_ASKED: Final[dict[type, int]] = {list: 288, tuple: 288, dict: 576}
_MAX_HEADERS: Final = 50
_MAX_HEADER: Final = 8_192
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_NOT_IN_ADDRESSES: Final = re.compile(r"[^\x00-\x7f]+| ")
_NO_BODY: Final = (204, 304)
_STATUSES: Final = range(200, 600)
Headers = tuple[tuple[str, str], ...]


def shape(result: Any, output_bytes: int, text_size: int = 0) -> tuple[int, Headers, bytes]:
    """Status, headers and body for what a handler has returned, as `encode` takes it; raises Fault `result` or `output`."""
    if isinstance(result, dict) and result.get(MARK) == "response":
        status, headers, content = _response(result)
    else:
        status, headers = (204 if result is None else 200), ()
        content = result
    if isinstance(content, dict) and content.get(MARK) == "response":
        raise Fault("result", "The body of an answer may not be an answer itself.")
    body, kind = _body(content, text_size)
    if len(body) > output_bytes:
        raise _too_large(len(body), output_bytes)
    if status in _NO_BODY:
        return status, headers, b""
    if kind and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("content-type", kind), *headers)
    return status, headers, body


def within(fault: Fault, output_bytes: int) -> Fault:
    """The fault, or another one where it is an abort whose message is longer as JSON than an answer may be."""
    if fault.kind == "abort" and len(fault.message) > output_bytes // _MOST_ESCAPED:
        size = len(json.dumps(fault.message, ensure_ascii=False).encode())
        if size > output_bytes:
            return _too_large(size, output_bytes)
    return fault


def encode(value: Any, text_size: int = 0) -> bytes:
    """JSON of a script's value: infinities and nan are null, bytes {"$base64": …}; raises Fault `result`.

    `text_size` is the length of a large one as text, and 0 of any other.
    """
    try:
        # orjson does not look whether it was given the memory that it asks for, which it dies of; zeros cost nothing.
        bytes(_asked_for(value, text_size))
        return orjson.dumps(value, default=_plain)
    except (orjson.JSONEncodeError, RecursionError, MemoryError):
        # Too wide an integer, too deep, or a key that is no text: say which, or write it the slow way.
        return json.dumps(_walk(value, 0), separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _asked_for(value: Any, text_size: int) -> int:
    """How much memory orjson may ask for at once."""
    if not text_size:
        return 0
    most, level = 0, [value] if type(value) in _ASKED else []
    while level:
        most = max(most, *[_ASKED[type(item)] * len(item) for item in level])
        level = [part for item in level for part in (item.values() if type(item) is dict else item) if type(part) in _ASKED]
    return most + _MOST_ASKED * text_size


def base64_text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _too_large(size: int, most: int) -> Fault:
    return Fault("output", f"The answer has {size} bytes; at most {most} are allowed.")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$base64": base64_text(value)}
    raise TypeError


def _walk(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise Fault("result", f"The answer has more than {_MAX_DEPTH} levels.")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise Fault("result", f"A key of a dict in the answer must be a string, not {_type(key)}.")
        return {key: _walk(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, depth + 1) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return _plain(value)
    raise Fault("result", f"A {_type(value)} cannot be sent; make it a list, a dict, a string or a number.")


def _type(value: Any) -> str:
    return {"set": "set", "function": "function", "bool": "bool", "NoneType": "None"}.get(type(value).__name__, type(value).__name__)


def _response(result: Mapping[str, Any]) -> tuple[int, Headers, Any]:
    status, given, content, kind = (result.get(name) for name in ("status", "headers", "body", "content_type"))
    if not isinstance(status, int) or isinstance(status, bool) or status not in _STATUSES:
        raise Fault("result", f"The status must be a whole number from 200 to 599, not {str(status)[:40]}.")
    if not isinstance(given, Mapping) or len(given) > _MAX_HEADERS:
        raise Fault("result", f"The headers must be a dict of at most {_MAX_HEADERS}.")
    named = [_header(name, value) for name, value in given.items()] + ([] if kind is None else [_header("content-type", kind)])
    headers = {name.lower(): (name, value) for name, value in named}  # of two spellings the later one
    return status, tuple(headers.values()), content


def _header(name: Any, value: Any) -> tuple[str, str]:
    if isinstance(value, int | float):
        value = str(value)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Fault("result", f"{str(name)[:80]!r} is not the name of a header.")
    if isinstance(value, str) and name.lower() == "location":
        value = _NOT_IN_ADDRESSES.sub(lambda found: quote(found[0], errors="replace"), value)
    if not isinstance(value, str) or len(value) > _MAX_HEADER or not _VALUE.fullmatch(value):
        most = f"one line of Latin-1 text, of at most {_MAX_HEADER:,} characters"
        raise Fault("result", f"The header {name[:80]} has a value that may not be sent: it must be {most}.")
    return name, value


def _body(content: Any, text_size: int) -> tuple[bytes, str]:
    """The bytes, and their type where the script has not said it."""
    rules: tuple[tuple[type | tuple[type, ...], Callable[[Any], tuple[bytes, str]]], ...] = (
        (type(None), lambda _: (b"", "")),
        (str, lambda text: (text.encode(), _TEXT)),
        (bytes, lambda raw: (raw, "application/octet-stream")),
        ((dict, list, tuple, bool, int, float), lambda value: (encode(value, text_size), JSON)),
    )
    for kind, make in rules:
        if isinstance(content, kind):
            return make(content)
    raise Fault("result", f"A handler may not return a {_type(content)}; return a dict, a list, a string, None or response(…).")
