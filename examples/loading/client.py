"""A small client of one cenv's HTTP API, with the standard library only."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

ATTEMPTS = 8
TIMEOUT_SECONDS = 120
LONGEST_WAIT_SECONDS = 60


class ApiError(Exception):
    """The server refused; `problem` is its application/problem+json answer."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))
        self.problem = problem
        super().__init__(f"{status} {self.code}: {problem.get('detail', 'no detail')}")


class Client:
    """One kept-alive connection. What failed on the way is sent again where that is safe: GET, and writes with an Idempotency-Key."""

    def __init__(self, url: str, cenv: str = "") -> None:
        self._parts = urlsplit(url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ValueError(f"{url} is not an http:// or https:// address")
        self.cenv = cenv
        self.token = ""
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

    def log_in(self, username: str, password: str) -> None:
        """Keep the token of a new session for the calls that follow."""
        self.token = self.call("POST", "login", {"username": username, "password": password})["token"]

    def query(self, sql: str, params: list[Any] | dict[str, Any] | None = None) -> dict[str, Any]:
        """One statement, its rows as lists."""
        body: dict[str, Any] = {"sql": sql, "format": "arrays"}
        answer: dict[str, Any] = self.call("POST", "query", body if params is None else body | {"params": params})
        return answer

    def transaction(self, statements: list[str]) -> None:
        """Statements that are JSON texts already, all or nothing, and once only however often the line breaks."""
        self._send("POST", "transaction", '{"statements":[' + ",".join(statements) + "]}", {"Idempotency-Key": str(uuid.uuid4())})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call under the cenv, or under the server where the path starts with a slash."""
        return self._send(method, path, None if body is None else json.dumps(body), {})

    def _send(self, method: str, path: str, text: str | None, headers: dict[str, str]) -> Any:
        url = self._parts.path.rstrip("/") + (path if path.startswith("/") else f"/{self.cenv}/{path}")
        repeatable = method == "GET" or bool(headers)
        headers = headers | {"Accept": "application/json", "Content-Type": "application/json"}
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
            if status < 400:
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
        return response.status, float(wait) if wait.isdigit() else 1.0, answer
