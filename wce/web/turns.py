"""One quick request at a time where the server's own threads cannot be told to: granian calls the application from eight at once.

For why see `wce.web.dispatch`, whose threads do the work here, too. granian's only bring the request to them and the answer back, so
that all quick requests run on one warm thread with one set of connections.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wce.web.dispatch import PATIENCE_SECONDS, Dispatcher

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]


class _Errand:
    """One request on its way; its gate opens when there is an answer."""

    __slots__ = ("_application", "_environ", "answer", "error", "gate", "start")

    def __init__(self, application: WSGIApplication, environ: WSGIEnvironment) -> None:
        self._application = application
        self._environ = environ
        self.gate = threading.Lock()
        self.gate.acquire()
        self.start: tuple[str, Headers] = ("", [])
        self.answer: Iterable[bytes] = ()
        self.error: BaseException | None = None

    def service(self) -> None:
        """Do it; what is raised is raised where the request came in."""
        try:
            self.answer = self._application(self._environ, self._started)  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001  # handed on
            self.error = error
        finally:
            self.gate.release()

    def cancel(self) -> None:
        """The server stops before the request has begun."""
        self.error = RuntimeError("the server stops")
        self.gate.release()

    def _started(self, status: str, headers: Headers, *_: object) -> None:
        self.start = status, headers


class Turns:
    """WSGI middleware."""

    def __init__(self, application: WSGIApplication, threads: int = 8, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._application = application
        self._dispatcher = Dispatcher(patience_seconds)
        self._dispatcher.set_thread_count(threads)

    def close(self) -> None:
        """Let the threads finish what runs, and end them."""
        self._dispatcher.shutdown()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        errand = _Errand(self._application, environ)
        self._dispatcher.add_task(errand)
        errand.gate.acquire()
        if errand.error is not None:
            raise errand.error
        start_response(*errand.start)
        return errand.answer
