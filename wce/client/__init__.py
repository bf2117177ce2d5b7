"""A client of one cenv's HTTP API for Python programs; it needs the standard library only, and nothing else of this package.

from wce.client import Client

with Client("http://127.0.0.1:5309", "3f2a…") as client:
    client.log_in("ada", "correct horse")
    for row in client.query("SELECT id, title FROM notes WHERE owner = ?", ["ada"]).rows:
        print(row["title"])
"""

from __future__ import annotations

import base64
import http.client
import json
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

ATTEMPTS: Final = 8
TIMEOUT_SECONDS: Final = 120
LONGEST_WAIT_SECONDS: Final = 60
Params = Sequence[Any] | dict[str, Any] | None
_JSON: Final = "application/json"


class ApiError(Exception):
    """The server refused; `problem` is its application/problem+json answer, `code` what a program looks at."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))
        self.problem = problem
        super().__init__(f"{status} {self.code}: {problem.get('detail', 'no detail')}")


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement answered. A row is a dict by column, or a list where lists were asked for; a BLOB is bytes."""

    columns: list[str]
    rows: list[Any]
    changes: int
    last_row_id: int | None
    truncated: bool


class Client:
    """One kept-alive connection, for one thread. What failed on the way is sent again where that is safe.

    Safe are GET, writes under an Idempotency-Key, and whatever the server says it has not begun (429, 503).
    """

    def __init__(self, url: str, cenv: str = "", token: str = "") -> None:
        """`token` may be an API key. Raises ValueError for what is no address."""
        self._parts = urlsplit(url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ValueError(f"{url} is not an http:// or https:// address")
        self.cenv = cenv
        self.token = token
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def create_cenv(self, username: str, password: str, example: str | None = None) -> dict[str, Any]:
        """Make a cenv, of which this client is from now on, signed in as its owner; returns the server's answer."""
        body = {"username": username, "password": password} | ({} if example is None else {"example": example})
        made: dict[str, Any] = self.call("POST", "/new", body)
        self.cenv = made["cenv_id"]
        self.log_in(username, password)
        return made

    def log_in(self, username: str, password: str, **more: str) -> None:
        """Keep the token of a new session for the calls that follow; `totp=` for who has a second factor."""
        self.token = self.call("POST", "login", {"username": username, "password": password, **more})["token"]

    def query(self, sql: str, params: Params = None, *, max_rows: int | None = None, as_lists: bool = False, key: str = "") -> Result:
        """One statement. With `key`, an Idempotency-Key, a write happens once however often it is sent."""
        body = _statement(sql, params) | {"format": "arrays" if as_lists else "objects"}
        if max_rows is not None:
            body["max_rows"] = max_rows
        return _result(self._send("POST", "query", json.dumps(body), {"Idempotency-Key": key} if key else {}))

    def transaction(self, statements: Iterable[tuple[str, Params] | str]) -> list[Result]:
        """Statements, all or nothing, and once only however often the line breaks."""
        return self.transaction_of([json.dumps(_statement(*((item, None) if isinstance(item, str) else item))) for item in statements])

    def transaction_of(self, statements: Iterable[str]) -> list[Result]:
        """The same with statements that are JSON texts already."""
        text = '{"statements":[' + ",".join(statements) + "]}"
        answer = self._send("POST", "transaction", text, {"Idempotency-Key": str(uuid.uuid4())})
        return [_result(item) for item in answer.get("results", ())]

    def endpoint(self, method: str, path: str, body: Any = None) -> Any:
        """Call an endpoint of the cenv; `path` as it was saved, with its placeholders filled in."""
        return self.call(method, "api/" + quote(path.lstrip("/"), safe="/?=&%"), body)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call under the cenv, or under the server where the path starts with a slash; returns what the JSON says, raises ApiError."""
        return self._send(method, path, None if body is None else json.dumps(body), {})

    def _send(self, method: str, path: str, text: str | None, headers: dict[str, str]) -> Any:
        url = self._parts.path.rstrip("/") + (path if path.startswith("/") else f"/{self.cenv}/{path}")
        repeatable = method == "GET" or bool(headers)
        headers = headers | {"Accept": _JSON, "Content-Type": _JSON}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                status, wait, answer = self._exchange(method, url, text, headers)
            except (OSError, http.client.HTTPException):
                self.close()
                if last or not repeatable:
                    raise
                time.sleep(min(0.1 * 2**attempt, 5))
                continue
            if status < 300:
                return answer
            if status not in (429, 503) or last:
                raise ApiError(status, answer)
            time.sleep(min(wait, LONGEST_WAIT_SECONDS))  # nothing was done, so that asking again is safe
        raise AssertionError("unreachable")

    def _exchange(self, method: str, url: str, text: str | None, headers: dict[str, str]) -> tuple[int, float, Any]:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            self._connection = kind(str(self._parts.hostname), self._parts.port, timeout=TIMEOUT_SECONDS)
        self._connection.request(method, url, None if text is None else text.encode(), headers)
        response = self._connection.getresponse()
        data = response.read()
        wait = response.getheader("Retry-After", "1")
        try:
            answer = json.loads(data) if data else {}
        except ValueError:
            answer = {"detail": data[:200].decode(errors="replace")}
        if 300 <= response.status < 400:  # not followed: a write may be lost on the way, and the token is for this server only
            place = response.getheader("Location", "")
            answer = {"detail": f"The server points to another address: {place}", "location": place}
        return response.status, float(wait) if wait.isdigit() else 1.0, answer


def _statement(sql: str, params: Params) -> dict[str, Any]:
    if params is None:
        return {"sql": sql}
    packed = {name: _packed(value) for name, value in params.items()} if isinstance(params, dict) else [_packed(value) for value in params]
    return {"sql": sql, "params": packed}


def _packed(value: Any) -> Any:
    return {"$base64": base64.b64encode(value).decode()} if isinstance(value, bytes | bytearray | memoryview) else value


def _result(answer: dict[str, Any]) -> Result:
    rows = [_row(row) for row in answer.get("rows", ())]
    return Result(answer.get("columns", []), rows, answer.get("changes", 0), answer.get("last_row_id"), answer.get("truncated", False))


def _row(row: Any) -> Any:
    if isinstance(row, dict):
        return {name: _unpacked(value) for name, value in row.items()}
    return [_unpacked(value) for value in row]


def _unpacked(value: Any) -> Any:
    return base64.b64decode(value["$base64"]) if isinstance(value, dict) else value
