"""One quick request at a time where the server's own threads cannot be told to: granian calls the application from eight at once.

For why see `wce.web.dispatch`. Each thread waits for its turn at the door. Who is slow, or says that it waits (`wce.lane`), loses the
turn to the next in line and goes on without it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from wce import lane
from wce.web.dispatch import PATIENCE_SECONDS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _Turn:
    """One request's place; its gate opens when it is next."""

    __slots__ = ("gate",)

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()


class Turns:
    """WSGI middleware."""

    def __init__(self, application: WSGIApplication, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._application = application
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._holder: _Turn | None = None
        self._since = 0.0
        self._line: deque[_Turn] = deque()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        mine = self._wait()
        lane.on_waiting(partial(self._leave, mine))
        try:
            return self._application(environ, start_response)
        finally:
            self._leave(mine)

    def _wait(self) -> _Turn:
        mine = _Turn()
        with self._lock:
            if self._holder is None:
                self._take(mine)
                return mine
            self._line.append(mine)
        while not mine.gate.acquire(timeout=self._patience_seconds):
            with self._lock:
                if self._line and self._line[0] is mine and time.monotonic() - self._since > self._patience_seconds:
                    self._take(self._line.popleft())
                    break
        return mine

    def _leave(self, mine: _Turn) -> None:
        with self._lock:
            if self._holder is not mine:
                return
            self._holder = None
            if self._line:
                following = self._line.popleft()
                self._take(following)
                following.gate.release()

    def _take(self, mine: _Turn) -> None:
        self._holder, self._since = mine, time.monotonic()
