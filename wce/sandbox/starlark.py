"""Scripts in Starlark (go.starlark.net through starlark_go), one after the other in one thread of a worker.

Facts about the binding that shape this file: a list that crosses the border keeps a reference too many on each of its items; an
exception raised in a function of ours comes back without its type, so the Fault is laid aside; functions have to be kept alive by
us; globals are frozen once a program has been read, so nothing leaks from one call to the next.
"""

from __future__ import annotations

import ctypes
import inspect
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
import starlark_go

from wce.sandbox import answer, api, border, reading
from wce.sandbox.api import PRELUDE, Entry, Function, bindings
from wce.sandbox.database import Ask, Database
from wce.sandbox.library import json_of, said, without_nul
from wce.sandbox.messages import Fault, Frame, Reply
from wce.sandbox.prints import Prints
from wce.sandbox.tokens import Source

_CACHED: Final = 256
_FILE: Final = "script"
_PROBE: Final = "wce:checked"
_FRAME: Final = re.compile(rf"^  {_FILE}:(\d+):(\d+): in (.*)$", re.MULTILINE)
_LONG: Final = re.compile(rb"\d{19}")
_UNSENDABLE: Final = "What the script returned cannot be sent: a function, a text that is not UTF-8, or a number of over 4,300 digits."
_SIZE: Final = "text_size"  # the argument of functions that have to know of a large value how large it is
_UNREADABLE: Final = "The script failed with a message that is not UTF-8: it contains half of a character."
_release: Final = ctypes.pythonapi.Py_DecRef
_release.argtypes = [ctypes.py_object]
_release.restype = None


class _Script:
    """One script that has been read. One without the entry, which only sets `response`, is read anew for each call."""

    def __init__(self, source: Source, interpreter: starlark_go.Starlark | None) -> None:
        self.source = source
        self.interpreter = interpreter
        self.plain = False  # the request that it holds has no field
        self.fleeting = False  # what stands at its left margin is of the moment when that ran


class Runtime:
    """Checks, keeps and runs scripts; `ask` sends one message to the server and waits for its answer."""

    def __init__(self, ask: Ask, database: Database | None = None, render: Function = api.no_templates) -> None:
        starlark_go.configure_starlark(allow_set=True, allow_recursion=False, allow_global_reassign=False)
        self._database = database or Database(ask)
        self._prints = Prints()
        self._fault: Fault | None = None
        self._fleeting = False  # since the call began
        self._bindings = bindings(self._database, self._prints, self._bind, api.rendering(render))  # kept: the binding itself does not
        self._scripts: OrderedDict[str, _Script] = OrderedDict()
        self._checkers: dict[bool, starlark_go.Starlark] = {}
        self._leaks = self._list_items_leak()

    def check(self, script: str) -> None:
        """Raise Fault `syntax` where the script could not be loaded; nothing of it runs."""
        source = reading.readable(script)
        # Names are resolved before anything runs, and the first line ends it there.
        probe = f'fail("{_PROBE}")\n{source.text}'
        try:
            self._checker(source).exec(probe, filename=_FILE)
        except starlark_go.EvalError:
            return
        except starlark_go.StarlarkError as error:
            raise reading.refused(source, error, above=1) from None

    def known(self, key: str) -> bool:
        """Whether the script of this key is kept."""
        return key in self._scripts

    def load(self, key: str, script: str, entry: str = "handler") -> None:
        """Read a script and keep it; what stands at its left margin runs here, once."""
        source = reading.readable(script)
        self._database.begin(0)
        self._fleeting = False
        interpreter = None
        if source.defines(entry):
            interpreter = self._interpreter({})
            self._run(source, lambda: interpreter.exec(source.text, filename=_FILE))
        self._scripts[key] = made = _Script(source, interpreter)
        made.fleeting = self._fleeting
        if len(self._scripts) > _CACHED:
            self._scripts.popitem(last=False)

    def call(self, job_meta: Mapping[str, Any], body: bytes) -> Reply:
        """Run the entry of a kept script; raises Fault, with what was printed until then."""
        script, budget = self._scripts[job_meta["key"]], job_meta["budget"]
        self._scripts.move_to_end(job_meta["key"])
        self._prints.begin(budget["print_chars"])
        self._database.begin(budget["queries"])
        self._fleeting = script.fleeting
        try:
            request = _request(job_meta["request"], body, job_meta["fields"])
            result, size = self._result(script, str(job_meta["entry"]), request)
            status, headers, content = answer.shape(result, budget["output_bytes"], size)
        except Fault as error:
            fault = answer.within(error, budget["output_bytes"])
            fault.prints, fault.queries = tuple(self._prints.lines), self._database.queries
            raise fault from None
        return Reply(status, headers, content, tuple(self._prints.lines), self._database.queries, self._fleeting)

    def _result(self, script: _Script, entry: str, request: dict[str, Any]) -> tuple[Any, int]:
        """What it returns, and the length of its text where that is large."""
        interpreter, source = script.interpreter, script.source
        if interpreter is not None:
            if request or not script.plain:
                interpreter.set(_wce_request=request)
                script.plain = not request
            expression = f"_wce_result({entry}(_wce_request))"
        else:
            fresh = interpreter = self._interpreter({"request": request})
            if not source.defines("response"):
                raise Fault("runtime", f"The script defines no {entry}(request) and sets no response.", 1, 1, reading.excerpt(source, 1, 1))
            self._run(source, lambda: fresh.exec(source.text, filename=_FILE))
            expression = "_wce_result(response)"
        found = self._clean(self._run(source, lambda: interpreter.eval(expression, filename="<call>")))
        if "value" not in found:
            raise border.refusal("result", found["odd"], "The answer")
        return found["value"], found.get("size", 0)

    def _checker(self, source: Source) -> starlark_go.Starlark:
        """An interpreter in which nothing ever runs; only a script without a handler finds the request at its left margin."""
        whole = not source.defines("handler")
        if whole not in self._checkers:
            self._checkers[whole] = self._interpreter({"request": None} if whole else {})
        return self._checkers[whole]

    def _interpreter(self, names: Mapping[str, Any]) -> starlark_go.Starlark:
        made = starlark_go.Starlark()
        made.set(**self._bindings)
        made.exec(PRELUDE, filename="wce")
        made.set(**names)
        return made

    def _run(self, source: Source, work: Callable[[], Any]) -> Any:
        self._fault = None
        try:
            return work()
        except starlark_go.EvalError as error:
            raise self._failure(source, error) from None
        except TypeError:  # of the binding, which cannot make its own error of such a message
            raise Fault("runtime", _UNREADABLE) from None
        except starlark_go.StarlarkError as error:
            if isinstance(error, starlark_go.SyntaxError | starlark_go.ResolveError):
                raise reading.refused(source, error) from None
            raise Fault("result", _UNSENDABLE) from None

    def _failure(self, source: Source, error: starlark_go.EvalError) -> Fault:
        """What went wrong, in the author's own lines and columns."""
        trace = tuple(
            Frame(name, int(line), source.column(int(line), int(column))) for line, column, name in _FRAME.findall(error.backtrace)
        )
        fault = self._fault or Fault("runtime", border.readable(str(error.args[0])))
        self._fault = None
        if trace:
            last = trace[-1]
            fault.line, fault.column = last.line, last.column
            if fault.kind == "runtime":
                reading.explain(source, fault)
            fault.excerpt = reading.excerpt(source, fault.line, fault.column)
        fault.trace = trace
        return fault

    def _bind(self, entry: Entry, function: Function) -> Function:
        """A function of ours as a script calls it: what it raises is laid aside, and so are bytes that would be cut."""
        signature = inspect.signature(function)
        measured = _SIZE in signature.parameters

        def call(*args: Any, **kwargs: Any) -> Any:
            self._fleeting = self._fleeting or entry.fleeting
            try:
                odd = kwargs.pop(border.ODD, 0)
                if isinstance(odd, str):
                    raise border.refusal("runtime", odd, f"A value for {entry.name}")
                if odd and measured:
                    kwargs[_SIZE] = odd
                self._clean((args, kwargs))
                try:
                    signature.bind(*args, **kwargs)
                except TypeError:
                    raise Fault("runtime", f"{entry.name}{entry.signature}: called with the wrong arguments") from None
                return border.apart(function(*args, **kwargs))
            except Fault as fault:
                self._fault = fault
            except MemoryError:
                self._fault = Fault("memory", "The script needed more memory than allowed.")
            except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
                self._fault = Fault("runtime", f"{entry.name}: {said(error)}")
            raise RuntimeError("stopped")

        return call

    def _clean(self, value: Any) -> Any:
        """Give back the reference too many that the binding keeps on each item of a list that has crossed."""
        stack = [value] if self._leaks else []
        while stack:
            item = stack.pop()
            inner = item.values() if type(item) is dict else item if type(item) in (list, tuple) else ()
            stack += [part for part in inner if type(part) in (list, tuple, dict)]
            if type(item) is list:
                for part in item:
                    _release(part)
        return value

    @staticmethod
    def _list_items_leak() -> bool:
        """Whether this version of the binding has that fault."""
        crossed = starlark_go.Starlark().eval('["w" + str(1)]')
        return sys.getrefcount(crossed[0]) > 2


def _request(given: Mapping[str, Any], body: bytes, fields: Sequence[str] | None) -> dict[str, Any]:
    """The request as a script sees it, with its body in those forms that the script looks at."""
    request = dict(given)
    for name, make in _FORMS.items():
        if fields is None or name in fields:
            request[name] = make(request, body)
    return request


def _as_text(_request: Mapping[str, Any], body: bytes) -> str | None:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _as_json(request: Mapping[str, Any], body: bytes) -> Any:
    kind = str(dict(request.get("headers") or {}).get("content-type", "")).partition(";")[0].strip().lower()
    if not body or not (kind == answer.JSON or kind.endswith("+json")):
        return None
    try:
        # orjson makes a float of an integer of more than 64 bits.
        value = json_of(body) if _LONG.search(body) else orjson.loads(body)
    except (ValueError, RecursionError):
        return None
    try:
        return without_nul(value)
    except ValueError as error:
        raise Fault("abort", f"JSON: {error}", status=400) from None


_FORMS: Final[dict[str, Callable[[Mapping[str, Any], bytes], Any]]] = {
    "body": _as_text,
    "body_base64": lambda _, body: answer.base64_text(body),
    "json": _as_json,
}
