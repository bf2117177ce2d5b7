"""granian's side of requests: its end of them, and its threads."""

from __future__ import annotations

import io
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from wce.web.turns import Turns

SECONDS = 30.0  # how long a test waits for what must happen
Headers = list[tuple[str, str]]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Names:
    """granian's: names in small letters; what is not ASCII has a name only."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = pairs

    def items(self) -> list[tuple[str, str]]:
        return [(name, text) for name, text in self._pairs if text.isascii()]

    def keys(self) -> list[str]:
        return list(dict(self._pairs))

    def __len__(self) -> int:
        return len(self.keys())


@dataclass
class Scope:
    """The head of a request; granian has decoded the path."""

    path: str = "/"
    headers: Names = field(default_factory=Names)
    query_string: str = ""
    client: str = "192.0.2.7:4711"
    server: str = "127.0.0.1:5309"
    authority: str | None = None
    method: str = "GET"
    http_version: str = "1.1"
    scheme: str = "http"


class Exchange:
    """granian's end of a request, which keeps what it is told."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.answer: tuple[int, Headers, bytes] | None = None
        self.thread = 0
        self.file = ""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self.answer, self.thread = (status, headers, body), threading.get_ident()
        self.answered.set()

    def response_file(self, status: int, headers: Headers, file: str) -> None:
        self.file = file
        self.response_bytes(status, headers, Path(file).read_bytes())

    def wait(self) -> tuple[int, Headers, bytes]:
        assert self.answered.wait(SECONDS)
        assert self.answer is not None
        return self.answer


class Coming:
    """A piece that granian waits for."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Any], None]] = []
        self._found: list[bytes | Exception] = []
        self.cancelled = False

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._callbacks.append(callback)
        if self._found:
            callback(self)

    def cancel(self) -> bool:
        self.cancelled = True
        for callback in self._callbacks:
            callback(self)
        return True

    def result(self) -> bytes:
        assert self._found, "asked for before it came"
        if isinstance(self._found[0], Exception):
            raise self._found[0]
        return self._found[0]

    def come(self, found: bytes | Exception) -> None:
        self._found.append(found)
        for callback in self._callbacks:
            callback(self)


class Sender(Exchange):
    """granian's end of a request with a body; the pieces are there at once, as long as they last."""

    def __init__(self, *pieces: bytes | Exception, ends: bool = False) -> None:
        super().__init__()
        self._pieces = list(pieces)
        self._ends = ends
        self.asked: list[Coming] = []
        self.whole = False  # asked for in one

    def __call__(self) -> Coming:
        self.whole = True
        return self._ask()

    def __aiter__(self) -> Sender:
        return self

    def __anext__(self) -> Coming:
        if self._ends and not self._pieces and self.asked:
            raise StopAsyncIteration
        return self._ask()

    def _ask(self) -> Coming:
        self.asked.append(Coming())
        if self._pieces:
            self.asked[-1].come(self._pieces.pop(0))
        return self.asked[-1]


class Pool:
    """granian's threads: one from the start, and another one whenever nobody is there to take a request."""

    def __init__(self, turns: Turns, most: int) -> None:
        self.turns = turns
        self._most = most
        self._requests: queue.SimpleQueue[tuple[Any, dict[str, Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self.threads: list[threading.Thread] = []
        self._start()

    def _start(self) -> None:
        self._idle += 1
        self.threads.append(threading.Thread(target=self._run, daemon=True))
        self.threads[-1].start()

    def _run(self) -> None:
        while (request := self._requests.get()) is not None:
            self.turns(*request)
            with self._lock:
                self._idle += 1

    def hand_over(self, exchange: Any, environ: dict[str, Any]) -> None:
        with self._lock:
            if not self._idle and len(self.threads) < self._most:
                self._start()
            self._idle -= 1
        self._requests.put((exchange, environ))

    def call(
        self, work: Callable[[], object] = lambda: None, exchange: Exchange | None = None, path: str = "/", body: IO[bytes] | None = None
    ) -> Exchange:
        """A request that does that; what it gives back is the answer, or `done`."""
        exchange = exchange or Exchange()
        self.hand_over(exchange, {"work": work, "PATH_INFO": path, "wsgi.input": body or io.BytesIO()})
        return exchange

    def hold(self, say: Callable[[], object] = lambda: None, path: str = "/") -> tuple[Exchange, threading.Event]:
        """A request that has begun, and goes on when the event is set."""
        begun, go = threading.Event(), threading.Event()

        def work() -> None:
            say()
            begun.set()
            assert go.wait(SECONDS)

        exchange = self.call(work, path=path)
        assert begun.wait(SECONDS)
        return exchange, go

    def close(self) -> None:
        """All threads come back and end."""
        self.turns.close()
        for _ in self.threads:
            self._requests.put(None)
        for thread in self.threads:
            thread.join(SECONDS)
            assert not thread.is_alive()
