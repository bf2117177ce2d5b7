"""Every name that a script sees beside Starlark's own, in one table: docs/starlark.md is held against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wce.sandbox import library
from wce.sandbox.database import Database
from wce.sandbox.library import without_nul
from wce.sandbox.messages import Fault
from wce.sandbox.prints import Prints

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One name: how it is called and what it does, in a sentence.

    `fleeting` where it may tell something else each time. `around` is the function of the prelude that is put around it.
    """

    name: str
    signature: str
    does: str
    make: Callable[[Database, Prints], Any]
    fleeting: bool = False
    around: str = "_wce_guard"


def _plain(function: Any) -> Callable[[Database, Prints], Any]:
    return lambda _database, _prints: function


def _tolerant(read: Any) -> Callable[[Database, Prints], Any]:
    return _plain(library.tolerant(read))


def no_templates(_template: str, _context: Mapping[str, Any]) -> str:
    """Stands where there is nothing that renders."""
    raise ValueError("templates cannot be rendered here")


def rendering(render: Function) -> Function:
    """`render` of scripts; what goes wrong in a template is told with its place there, for the script has one of its own."""

    def call(template: str, context: Any = None) -> str:
        if not isinstance(template, str):
            raise ValueError("the template must be given by its name")
        if context is not None and not isinstance(context, Mapping):
            raise ValueError("the context must be a dict")
        try:
            return str(without_nul(render(template, context or {})))
        except Fault as fault:
            if fault.template:
                fault.message += f" (template {fault.template}, line {fault.line})"
            raise

    return call


# Made by whoever renders.
_GIVEN: Final = _plain(None)
# In the prelude, and so without a function here: they only put their arguments together.
_WRITTEN: Final = _plain(None)

TABLE: Final = (
    Entry("db.query", "(sql, params=None)", "The rows as a list of dicts.", lambda db, _: db.query),
    Entry("db.query_one", "(sql, params=None)", "The first row as a dict, or None.", lambda db, _: db.query_one),
    Entry("db.execute", "(sql, params=None)", "Runs a statement that writes: `{changes, last_row_id}`.", lambda db, _: db.execute),
    Entry("db.batch", "(statements)", "Runs many `[sql, params]` at once: a list of `{changes, last_row_id}`.", lambda db, _: db.batch),
    Entry(
        "response", "(body=None, status=200, headers={}, content_type=None)", "An answer with status, headers and content type.", _WRITTEN
    ),
    Entry("html", "(body, status=200, headers={})", "An answer that is HTML.", _WRITTEN),
    Entry("redirect", "(location, status=302)", "An answer that sends the client elsewhere.", _WRITTEN),
    Entry("abort", "(status, message='')", "Ends the call with an error; nothing that it wrote stays.", _plain(library.abort)),
    Entry("render", "(template, context={})", "The HTML that a template of the cenv makes from this data.", _GIVEN, fleeting=True),
    Entry("print", "(*values, sep=' ')", "Writes a line to the log of the run.", lambda _, prints: prints.print, around="_wce_shown"),
    Entry("log.info", "(*values)", "The same, marked as information.", lambda _, prints: prints.info, around="_wce_shown"),
    Entry("log.warning", "(*values)", "The same, marked as a warning.", lambda _, prints: prints.warning, around="_wce_shown"),
    Entry("log.error", "(*values)", "The same, marked as an error.", lambda _, prints: prints.error, around="_wce_shown"),
    Entry("json.encode", "(value)", "The value as JSON text.", _plain(library.json_encode)),
    Entry("json.decode", "(text, default=…)", "The value of a JSON text.", _tolerant(library.json_decode)),
    Entry("time.now", "()", "Now, in Unix seconds.", _plain(library.now), fleeting=True),
    Entry("time.iso", "(seconds)", "Unix seconds as `2026-01-31T08:30:00Z`.", _plain(library.iso)),
    Entry("time.parse", "(text, default=…)", "Unix seconds from such a text.", _tolerant(library.parse_time)),
    Entry("math.sqrt", "(x)", "The square root.", _plain(library.MATH["sqrt"])),
    Entry("math.pow", "(x, y)", "x to the power of y, as a float.", _plain(library.MATH["pow"])),
    Entry("math.exp", "(x)", "e to the power of x.", _plain(library.MATH["exp"])),
    Entry("math.log", "(x)", "The natural logarithm.", _plain(library.log)),
    Entry("math.log10", "(x)", "The decimal logarithm.", _plain(library.MATH["log10"])),
    Entry("math.sin", "(x)", "The sine.", _plain(library.MATH["sin"])),
    Entry("math.cos", "(x)", "The cosine.", _plain(library.MATH["cos"])),
    Entry("math.tan", "(x)", "The tangent.", _plain(library.MATH["tan"])),
    Entry("math.floor", "(x)", "Rounded down to a whole number.", _plain(library.MATH["floor"])),
    Entry("math.ceil", "(x)", "Rounded up to a whole number.", _plain(library.MATH["ceil"])),
    Entry("math.round", "(x, digits=0)", "The number rounded to that many decimals.", _plain(library.rounded)),
    Entry("math.pi", "", "3.14159…", _plain(library.PI)),
    Entry("math.e", "", "2.71828…", _plain(library.E)),
    Entry("hash.sha256", "(data)", "The SHA-256 of a string or bytes, in hexadecimal.", _plain(library.sha256)),
    Entry("hash.md5", "(data)", "The MD5, for systems that still need one; it protects nothing.", _plain(library.md5)),
    Entry("hash.hmac_sha256", "(key, data)", "The HMAC with SHA-256, in hexadecimal.", _plain(library.hmac_sha256)),
    Entry("base64.encode", "(data)", "A string or bytes as base64.", _plain(library.base64_encode)),
    Entry("base64.decode", "(text, default=…)", "The bytes that base64 stands for.", _tolerant(library.base64_decode)),
    Entry("base64.decode_text", "(text, default=…)", "The same as a string.", _tolerant(library.base64_decode_text)),
    Entry("uuid", "()", "A new random UUID.", _plain(library.new_uuid), fleeting=True),
    Entry("random.integer", "(low, high)", "A whole number from low to high, both included.", _plain(library.integer), fleeting=True),
    Entry("random.number", "()", "A float from 0 to 1.", _plain(library.number), fleeting=True),
    Entry("random.choice", "(values)", "A random item of a list.", _plain(library.choice), fleeting=True, around="_wce_choosing"),
    Entry("random.shuffle", "(values)", "The list in random order.", _plain(library.shuffle), fleeting=True, around="_wce_shuffling"),
    Entry("random.token", "(size=32)", "A secret of that many random bytes, in hexadecimal.", _plain(library.token), fleeting=True),
)

REQUEST: Final = {
    "id": "the request's id, as in the log and in `X-Request-ID`",
    "method": "`GET`, `POST`, …",
    "path": "the path below `/api`",
    "url": "the whole address",
    "params": "the placeholders of the path, by name",
    "query": "the parameters after the `?`, the first value of each",
    "headers": "the headers, names in lower case, without those that prove who is calling",
    "cookies": "the cookies, without WCE's own",
    "body": "the body as text; None if it is not text (see `body_base64`)",
    "body_base64": "the body as base64",
    "json": "the value of a JSON body; None if it is not JSON",
    "form": "the fields of a form",
    "files": "its files: `{name, filename, content_type, size, base64}`",
    "user": "`{user_id, username, role}` of whoever is signed in, else None",
    "ip": "the caller's address",
}

# Runs in the interpreter before the script. A cyclic value would overflow Go's stack at the border, and strings that are sent and bytes
# that are given would end at their first NUL. So a value whose text looks like one of the two is walked through before it crosses: one
# that is no cycle has no more parts than its text has characters. Such bytes are given as letters, of which there are 256.
# How long the text of a large value is, is told as well.
_PRELUDE: Final = r"""
def _wce_odd(value):
    text = repr(value)
    large = len(text) if len(text) > 100000 else None
    if "[...]" not in text and "{...}" not in text and "\\x00" not in text:
        return large
    left, level = len(text), [value]
    for _ in range(left):
        inner = []
        for item in level:
            kind = type(item)
            if kind == "string" and "\0" in item:
                return "nul"
            if kind not in ("list", "tuple", "dict", "set"):
                continue
            left -= len(item)
            if left < 0:
                return "cycle"
            inner.extend(item)
            if kind == "dict":
                inner.extend(item.values())
        if not inner:
            return large
        level = inner
    return "cycle"

def _wce_guard(function):
    def call(*args, **kwargs):
        odd = _wce_odd((args, kwargs))
        if not odd:
            found = function(*args, **kwargs)
        elif type(odd) == "string":
            found = function(_wce_odd = odd)
        else:
            found = function(_wce_odd = odd, *args, **kwargs)
        return _wce_whole(*found) if type(found) == "tuple" else found
    return call

def _wce_whole(found, places):
    for row, name, letters in places:
        blob = bytes(letters.replace("\u0100", "\0").codepoint_ords())
        if name == None:
            return blob
        (found if row == None else found[row])[name] = blob
    return found

def _wce_shown(function):
    def shown(value):
        text = repr(value)
        unreadable = "\\x" in text and "\\x" in text.replace("\\\\", "")
        return text if unreadable or type(value) != "string" else value
    guarded = _wce_guard(function)
    return lambda *values, **options: guarded(*[shown(value) for value in values], **options)

def _wce_choosing(function):
    def choice(values):
        return values[function(len(values))]
    return choice

def _wce_shuffling(function):
    def shuffle(values):
        return [values[index] for index in function(len(values))]
    return shuffle

def _wce_result(value):
    odd = _wce_odd(value)
    if not odd:
        return {"value": value}
    return {"odd": odd} if type(odd) == "string" else {"value": value, "size": odd}

def response(body = None, status = 200, headers = {}, content_type = None):
    return {"__wce__": "response", "body": body, "status": status, "headers": headers, "content_type": content_type}

def html(body, status = 200, headers = {}):
    return response(body, status, headers, "text/html; charset=utf-8")

def redirect(location, status = 302):
    return response(None, status, {"location": location})
"""


def _internal(name: str) -> str:
    return "_wce_" + name.replace(".", "_")


def _build() -> str:
    """The prelude with a dict for each name in front of a dot."""
    spaces: dict[str, list[str]] = {}
    lines = []
    for entry in TABLE:
        if entry.make is _WRITTEN:
            continue
        value = f"{entry.around}({_internal(entry.name)})" if entry.signature else _internal(entry.name)
        space, _, name = entry.name.rpartition(".")
        if space:
            spaces.setdefault(space, []).append(f'"{name}": {value}')
        else:
            lines.append(f"{entry.name} = {value}")
    return _PRELUDE + "\n".join([*lines, *(f"{space} = {{{', '.join(items)}}}" for space, items in spaces.items())]) + "\n"


PRELUDE: Final = _build()


def bindings(database: Database, prints: Prints, bind: Callable[[Entry, Function], Function], render: Function) -> dict[str, Any]:
    """What the prelude builds upon, by its internal names; `bind` is put around every function."""
    found = {}
    for entry in TABLE:
        value = render if entry.make is _GIVEN else entry.make(database, prints)
        if value is not None:
            found[_internal(entry.name)] = bind(entry, value) if entry.signature else value
    return found
