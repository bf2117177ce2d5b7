"""`db.…` of a script: every statement is asked of the server, for a worker opens nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

import orjson

from wce.sandbox import wire
from wce.sandbox.library import json_of, without_nul
from wce.sandbox.messages import Fault

_NUL: Final = b"\\u0000"
_WIDEST: Final = 2**63
_LARGE_BYTES: Final = 1 << 20
Ask = Callable[[dict[str, Any]], tuple[dict[str, Any], bytes]]


class Database:
    """The SQL of one call after the other; `queries` counts those of the call at hand."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.queries = 0
        self._most = 0

    def begin(self, most: int) -> None:
        """A call starts, which may ask so often."""
        self.queries = 0
        self._most = most

    def query(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        return self._rows("query", sql, params)

    def query_one(self, sql: str, params: Any = None) -> dict[str, Any] | None:
        rows = self._rows("query_one", sql, params)
        return rows[0] if rows else None

    def execute(self, sql: str, params: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = self._send({"do": "execute", "sql": _text(sql), "params": _params(params)}, 1)
        return found

    def batch(self, statements: Any) -> list[dict[str, Any]]:
        if not isinstance(statements, list | tuple):
            raise ValueError("the statements must be a list of [sql, params]")
        asked = [_statement(item) for item in statements]
        found: list[dict[str, Any]] = self._send({"do": "batch", "statements": asked}, len(asked)) if asked else []
        return found

    def _rows(self, do: str, sql: str, params: Any) -> list[dict[str, Any]]:
        found = self._send({"do": do, "sql": _text(sql), "params": _params(params)}, 1)
        columns = found["columns"]
        return [{name: _value(value) for name, value in zip(columns, row, strict=True)} for row in found["rows"]]

    def _send(self, message: dict[str, Any], count: int) -> Any:
        if not self._most:
            raise Fault("runtime", "db can only be used inside handler.")
        self.queries += count
        if self.queries > self._most:
            raise Fault("limit", f"More than {self._most} queries in one call.")
        try:
            meta, body = self._ask({"op": "sql", **message})
        except wire.UnsentError:
            most = wire.META_BYTES >> 20
            raise Fault("limit", f"One call of db may send at most {most} MiB of statements and parameters, as JSON.") from None
        if not meta.get("ok"):
            raise Fault("refused", str(meta.get("message", "")))
        # orjson asks for twelve times the length of a text, and dies where it gets little more than that.
        answer = orjson.loads(body) if len(body) < _LARGE_BYTES else json_of(body)
        return without_nul(answer) if _NUL in body else answer


def _text(sql: Any) -> Any:
    if not isinstance(sql, str):
        raise ValueError("the SQL must be a string")
    return wire.long(sql)


def _statement(item: Any) -> list[Any]:
    if isinstance(item, str):
        return [_text(item)]
    if isinstance(item, list | tuple) and 1 <= len(item) <= 2:
        return [_text(item[0]), *(_params(params) for params in item[1:])]
    raise ValueError("each statement must be [sql, params]")


def _params(params: Any) -> Any:
    if params is None:
        return None
    if isinstance(params, dict):
        return {str(name): _param(value, name) for name, value in params.items()}
    if isinstance(params, list | tuple):
        return [_param(value, index) for index, value in enumerate(params)]
    raise ValueError("the parameters must be a list or a dict")


def _param(value: Any, name: object) -> Any:
    if isinstance(value, bytes):
        return {"$base64": wire.long(base64.b64encode(value).decode("ascii"))}
    if isinstance(value, str):
        return wire.long(value)
    if isinstance(value, int) and not -_WIDEST <= value < _WIDEST:
        raise ValueError(f"parameter {name} must fit in 64 bits")
    if value is None or isinstance(value, int | float):
        return value
    raise ValueError(f"parameter {name} must be None, a number, a string, bytes, True or False")


def _value(value: Any) -> Any:
    return base64.b64decode(value["$base64"]) if isinstance(value, dict) else value
