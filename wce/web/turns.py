"""One quick request at a time behind granian, too: whichever of its threads receives a request also answers it.

For why see `wce.web.dispatch`. granian wakes the thread that has rested longest, so that eight would each be cold, and would take the
interpreter from each other; to lay requests down for threads of our own takes one more change of threads for each. Here all but one
rest inside of their last request, where granian cannot wake them, and nobody receives while that one works: it does so itself when it
is done. The next one is called when it says that it waits (`wce.lane`) or has been busy for longer than `wce.web.allowance` lets it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from werkzeug.wsgi import FileWrapper

from wce import lane
from wce.log import LOGGER
from wce.web import scratch
from wce.web.allowance import LEAST_SECONDS, Allowance
from wce.web.dispatch import SWITCH_SECONDS
from wce.web.exchange import Exchange
from wce.web.headers import NO_BANNER, Headers, InPlace, refusal
from wce.web.limits import PAID_KEY
from wce.web.outgoing import Outgoing
from wce.web.quick import QUICK
from wce.web.shares import Shares, cenv_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_WATCH_SECONDS: Final = 0.1  # for which the watcher stays awake after a request
# Each look takes the interpreter from whoever works; where nobody was slow for so long, they come at the longest allowance.
_ALERT_SECONDS: Final = 1.0
_FILES_SECONDS: Final = 1.0  # between two looks at them when nothing else is to be watched
_SHORTEST_SECONDS: Final = 0.0005
_STOP_SECONDS: Final = 5.0
_AT_ONCE: Final = 512 * 1024  # bytes of an answer that granian keeps in memory until the client has taken them


class _Errand:
    """One request on its way."""

    __slots__ = ("_environ", "_exchange", "_headers", "_status", "_turns", "cenv")

    def __init__(self, turns: Turns, environ: WSGIEnvironment, exchange: Exchange) -> None:
        self._turns = turns
        self._environ = environ
        self._exchange = exchange
        self.cenv = cenv_of(environ["PATH_INFO"], brings_file=bool(environ.get(PAID_KEY)))

    def service(self) -> None:
        """Do it and answer."""
        try:
            answer = self._turns.application(self._environ, self._start)  # type: ignore[arg-type]
            body = answer if isinstance(answer, FileWrapper) else _whole(answer)
            self._turns.send(self._exchange, self._status, self._headers, body, self.cenv)
        except BaseException:  # noqa: BLE001  # whatever a request does, the thread goes on
            LOGGER.exception("request failed outside of the application")
            _refuse(self._exchange, "internal", 500)
        finally:
            self._forget()

    def cancel(self) -> None:
        """The server stops before the request has begun."""
        _refuse(self._exchange, "busy", 503, "The server is stopping.", ("Retry-After", "1"))
        self._forget()

    def _forget(self) -> None:
        """The thread may rest where its frames still hold the environ, and with it all that was made of the body."""
        self._environ["wsgi.input"].close()
        self._environ.clear()

    def _start(self, status: str, headers: Headers, *_: object) -> None:
        self._status, self._headers = int(status[:3]), [*headers, NO_BANNER]


class Turns:
    """Takes whole requests from granian's threads, of which there is one more than may work."""

    def __init__(
        self,
        application: WSGIApplication,
        threads: int = 8,
        patience_seconds: float = LEAST_SECONDS,
        in_place: InPlace | None = None,
        floor_bytes: int = 0,
    ) -> None:
        """`in_place` is tried first, also when as many as may are at work. `floor_bytes` are to stay free on the disk."""
        self.application = application
        self._in_place = in_place
        self._threads = threads
        self._allowance = Allowance(patience_seconds)
        self._alert_until = 0.0
        self._lock = threading.Lock()
        self._known: set[int] = set()
        self._receiving = 0  # threads that granian has, or that bring a request
        self._working = 0
        self._runner = 0  # who works and has neither waited nor been slow so far
        self._since = 0.0
        self._queue: Shares[_Errand] = Shares(threads)
        self._resting: list[threading.Lock] = []  # last in, first out: the warmest comes back first
        self._outgoing = Outgoing(floor_bytes)
        self._closing = threading.Event()
        self._awake = threading.Event()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._watcher = threading.Thread(target=self._watch, name="wce-turns", daemon=True)
        self._watcher.start()

    def __call__(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Answer a request, or see to it that somebody does; returns when this thread shall receive the next one."""
        me = threading.get_ident()
        if me not in self._known:
            self._join(me)
        if QUICK.match(environ["PATH_INFO"]) and self._answer_in_place(exchange, environ):
            self._rest_beside_others(me)
            return
        errand: _Errand | None
        errand = _Errand(self, environ, exchange)
        with self._lock:
            if self._runner != 0 or self._working >= self._threads or not self._queue.begin(errand.cenv):
                self._queue.append(errand.cenv, errand)
                if self._closing.is_set() or (not self._runner and self._receiving == 1 and self._all_known()):
                    return
                errand = None  # somebody has to rest who can be called for it, and others receive
            else:
                self._begin(me)
            self._receiving -= 1
        self._work(me, errand)

    def send(self, exchange: Exchange, status: int, headers: Headers, body: bytes | FileWrapper, cenv: str) -> None:
        """Answer; all that is not small goes out of a file, which is closed when granian has opened it for itself."""
        if isinstance(body, bytes) and len(body) <= _AT_ONCE:
            exchange.response_bytes(status, headers, body)
            return
        try:
            file = self._outgoing.spooled(body, cenv) if isinstance(body, bytes) else body
        except OSError as error:
            LOGGER.warning("no room for an answer", extra={"cenv": cenv, "reason": str(error)})
            _refuse(exchange, "disk_full", 507, scratch.NO_ROOM)
            return
        self._outgoing.send(exchange, status, headers, file)
        self._awake.set()

    def close(self) -> None:
        """Let what runs finish, and all threads go back to granian."""
        self._closing.set()
        self._awake.set()
        self._watcher.join()
        with self._lock:
            cancelled = [self._queue.popleft() for _ in range(len(self._queue))]
            while self._resting:
                self._resting.pop().release()
        for errand in cancelled:
            errand.cancel()
        deadline = time.monotonic() + _STOP_SECONDS
        while self._working and time.monotonic() < deadline:
            time.sleep(0.001)
        self._outgoing.close()

    def _join(self, me: int) -> None:
        lane.serve(partial(self._step_aside, me), lambda: self._runner not in (0, me))
        with self._lock:
            self._known.add(me)
            self._receiving += 1

    def _answer_in_place(self, exchange: Exchange, environ: WSGIEnvironment) -> bool:
        told: list[tuple[str, Headers]] = []
        body = None
        if self._in_place is not None:
            body = self._in_place(environ, lambda status, headers, *_: told.append((status, headers)))  # type: ignore[arg-type]
        if body is None:
            return False
        status, headers = told[0]
        self.send(exchange, int(status[:3]), [*headers, NO_BANNER], b"".join(body), cenv_of(environ["PATH_INFO"]))
        return True

    def _rest_beside_others(self, me: int) -> None:
        """One that receives is enough, or that works."""
        if self._receiving < 2 and not self._runner:
            return
        with self._lock:
            if self._receiving < 2 and not self._runner:
                return
            self._receiving -= 1
        self._work(me, None)

    def _all_known(self) -> bool:
        """Whether granian starts no more threads; the lock is held."""
        return len(self._known) > self._threads

    def _begin(self, me: int) -> None:
        """The lock is held."""
        self._working += 1
        self._runner, self._since = me, time.monotonic()
        if not self._awake.is_set():
            self._awake.set()

    def _work(self, me: int, errand: _Errand | None) -> None:
        """Do that and what else waits; return when this thread shall receive."""
        while True:
            done = None if errand is None else errand.cenv
            if errand is not None:
                errand.service()
            errand = None  # who rests does not keep it
            errand = self._next(me, done)
            if errand is None:
                return

    def _next(self, me: int, done: str | None) -> _Errand | None:
        """What waits, as soon as it is this thread's turn; None where it shall receive. `done` tells whose request has just ended."""
        while True:
            with self._lock:
                if done is not None:
                    self._queue.end(done)
                    done = None
                    self._working -= 1
                    if self._runner == me:
                        self._runner = 0
                        self._allowance.note(time.monotonic() - self._since)
                if not self._runner and self._working < self._threads and (found := self._queue.next()) is not None:
                    self._begin(me)
                    return found[1]
                # While requests wait, as many rest as there are, also where it is not their turn yet: granian starts another thread to
                # receive, until it has all. Beside one that works, whoever received would take the interpreter from it.
                if self._closing.is_set() or not (self._receiving or self._runner or (self._queue and not self._all_known())):
                    self._receiving += 1
                    return None
                gate = threading.Lock()
                gate.acquire()
                self._resting.append(gate)
            gate.acquire()

    def _step_aside(self, me: int) -> None:
        with self._lock:
            if self._runner == me:
                self._runner = 0
                self._call()

    def _call(self) -> None:
        """Let the thread that rested last do what waits, or receive; the lock is held. Where none rests, granian starts one."""
        if self._resting and (self._queue.ready or not self._receiving):
            self._resting.pop().release()

    def _watch(self) -> None:
        """See to it that no slow request keeps the others, and that files are closed."""
        while not self._closing.is_set():
            self._awake.wait(_FILES_SECONDS if self._outgoing else None)
            now = time.monotonic()
            left = self._allowance.seconds if now < self._alert_until else self._allowance.most_seconds
            if self._runner:  # who began after the last look is looked at in time
                left = min(left, max(_SHORTEST_SECONDS, self._since + left - now))
            self._closing.wait(left)
            now = time.monotonic()
            with self._lock:
                if self._runner and now - self._since > self._allowance.seconds:
                    self._allowance.note(now - self._since)
                    self._alert_until = now + _ALERT_SECONDS
                    self._runner = 0
                    self._call()
                if not self._runner and not self._queue.ready and now - self._since > _WATCH_SECONDS:
                    self._awake.clear()
            self._outgoing.let_go()


def _refuse(exchange: Exchange, code: str, status: int, detail: str = "", *more: tuple[str, str]) -> None:
    _, headers, body = refusal(code, status, detail, more)
    try:
        exchange.response_bytes(status, [*headers, NO_BANNER], body)
    except Exception:  # noqa: BLE001  # the connection is closed without an answer
        LOGGER.exception("answer not sent")


def _whole(answer: Iterable[bytes]) -> bytes:
    """All pieces at once: anything else would keep this thread until a slow client has read it."""
    try:
        return b"".join(answer)
    finally:
        close: Callable[[], None] | None = getattr(answer, "close", None)
        if close is not None:
            close()
