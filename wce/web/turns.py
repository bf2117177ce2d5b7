"""One quick request at a time where the server's own threads cannot be told to: granian calls the application from its threads.

For why see `wce.web.dispatch`, whose threads do the work here, too. granian's only lay requests down for them, and whoever has
worked on one answers it himself: a thread that waits for the answer to bring it back takes the interpreter twice as often.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from werkzeug.wsgi import FileWrapper

from wce import lane
from wce.log import LOGGER
from wce.web.dispatch import PATIENCE_SECONDS, Dispatcher
from wce.web.headers import Headers, InPlace, refusal
from wce.web.quick import QUICK

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_NO_BANNER: Final = ("Server", "")  # stands in for the name of the server, which granian adds where there is none
_SMALL: Final = 65_536  # bytes of a body that is read before there is a thread for the request
_TOGETHER: Final = 8  # answers that go out at once
_ENVIRON: Final[dict[str, Any]] = {
    "SCRIPT_NAME": "",
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multiprocess": True,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}


class Exchange(Protocol):
    """What granian hands over with a request: where the answer goes, from any thread, once."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...

    def response_iter(self, status: int, headers: Headers, body: Iterator[bytes]) -> None: ...


class _Outbox:
    """Answers that go out together while one quick request follows the other.

    Each wakes granian's thread, which often takes the processor from the one that works, and with it the interpreter for all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[tuple[Exchange, int, Headers, bytes]] = []

    def put(self, exchange: Exchange, status: int, headers: Headers, body: bytes, *, more: bool) -> bool:
        """Send it, or keep it for a moment where `more` are about to be there; returns whether it is kept."""
        with self._lock:
            self._held.append((exchange, status, headers, body))
            if more and len(self._held) < _TOGETHER:
                return True
        self.send()
        return False

    def send(self) -> None:
        """Let all of them go."""
        with self._lock:
            held, self._held = self._held, []
        for exchange, status, headers, body in held:
            try:
                exchange.response_bytes(status, headers, body)
            except Exception:  # noqa: BLE001  # that of one client must neither cost the others theirs nor end the thread that sends
                LOGGER.exception("answer not sent")


class _Errand:
    """One request on its way."""

    __slots__ = ("_environ", "_exchange", "_headers", "_status", "_turns", "gate")

    def __init__(self, turns: Turns, environ: WSGIEnvironment, exchange: Exchange) -> None:
        self._turns = turns
        self._environ = environ
        self._exchange = exchange
        self.gate: threading.Lock | None = None  # opens when all is done, where somebody waits for that

    def service(self) -> None:
        """Do it and answer."""
        try:
            answer = self._turns.application(self._environ, self._start)  # type: ignore[arg-type]
            if isinstance(answer, FileWrapper):  # a whole file does not fit in memory; its reader has this thread until he is done
                lane.waiting()
                self._exchange.response_iter(self._status, self._headers, answer)
            else:
                self._turns.answer(self._exchange, self._status, self._headers, _whole(answer))
        except BaseException:  # noqa: BLE001  # whatever a request does, the thread goes on
            LOGGER.exception("request failed outside of the application")
            self._refuse("internal", 500)
        finally:
            self._open()

    def cancel(self) -> None:
        """The server stops before the request has begun."""
        self._refuse("busy", 503, "The server stops.", ("Retry-After", "1"))
        self._open()

    def _refuse(self, code: str, status: int, detail: str = "", *more: tuple[str, str]) -> None:
        _, headers, body = refusal(code, status, detail, more)
        self._exchange.response_bytes(status, [*headers, _NO_BANNER], body)

    def _open(self) -> None:
        if self.gate is not None:
            self.gate.release()

    def _start(self, status: str, headers: Headers, *_: object) -> None:
        self._status, self._headers = int(status[:3]), [*headers, _NO_BANNER]


class Turns:
    """What granian calls for each request, from its threads."""

    def __init__(
        self,
        application: WSGIApplication,
        threads: int = 8,
        patience_seconds: float = PATIENCE_SECONDS,
        in_place: InPlace | None = None,
    ) -> None:
        """`in_place` is what granian's own thread tries first."""
        self.application = application
        self._in_place = in_place
        self._outbox = _Outbox()
        self._dispatcher = Dispatcher(patience_seconds, self._outbox)
        self._dispatcher.set_thread_count(threads)

    def close(self) -> None:
        """Let the threads finish what runs, and end them."""
        self._dispatcher.shutdown()
        self._outbox.send()

    def answer(self, exchange: Exchange, status: int, headers: Headers, body: bytes) -> None:
        """Answer a request that was worked on, together with those that wait and will soon have been."""
        if self._outbox.put(exchange, status, headers, body, more=bool(self._dispatcher.queue)):
            self._dispatcher.watch()

    def __call__(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        environ.update(_ENVIRON)
        if QUICK.match(environ.get("PATH_INFO", "")) and self._answer_in_place(exchange, environ):
            return
        errand = _Errand(self, environ, exchange)
        if _has_read(environ):
            self._dispatcher.add_task(errand)
            return
        errand.gate = gate = threading.Lock()
        gate.acquire()
        self._dispatcher.add_task(errand)
        gate.acquire()

    def _answer_in_place(self, exchange: Exchange, environ: WSGIEnvironment) -> bool:
        """Answer where that takes less than to wake another thread."""
        told: list[tuple[str, Headers]] = []
        body = None
        if self._in_place is not None:
            body = self._in_place(environ, lambda status, headers, *_: told.append((status, headers)))  # type: ignore[arg-type]
        if body is None:
            return False
        status, headers = told[0]
        exchange.response_bytes(int(status[:3]), [*headers, _NO_BANNER], b"".join(body))
        return True


def _has_read(environ: WSGIEnvironment) -> bool:
    """Read a small body, for granian closes it when its thread comes back; False for any other, during which the thread has to stay."""
    length = environ.get("CONTENT_LENGTH")
    if length is None:
        return "HTTP_TRANSFER_ENCODING" not in environ
    if not (length.isascii() and length.isdigit() and len(length) < 6 and int(length) <= _SMALL):
        return False
    read, left, pieces = environ["wsgi.input"].read, int(length), []
    while left > 0 and (piece := read(left)):
        pieces.append(piece)
        left -= len(piece)
    environ["wsgi.input"] = io.BytesIO(b"".join(pieces))
    return True


def _whole(answer: Iterable[bytes]) -> bytes:
    """All pieces at once: anything else would keep this thread until a slow client has read it."""
    try:
        return b"".join(answer)
    finally:
        close: Callable[[], None] | None = getattr(answer, "close", None)
        if close is not None:
            close()
