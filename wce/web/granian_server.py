"""Serving through granian: several worker processes over the same folder, for all cores.

The parent owns the port, the folder's lock and the files of the metrics, opens no cenv and answers nothing. Each worker
builds the application that waitress serves; what they share goes through the cenvs' files and the table of rate limits.
"""

from __future__ import annotations

import ctypes
import multiprocessing.util
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from granian._granian import CallbackScheduler
from granian._loops import loops
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import mp
from granian.server.mp import MPServer

from wce import log
from wce.config import SettingError, Settings
from wce.core.settings import Config
from wce.errors import WceError
from wce.log import LOGGER
from wce.peers import Peer
from wce.store.folder import Folder
from wce.store.locks import FolderLock
from wce.store.spill import Spill, require_folder
from wce.web import silence
from wce.web.bounds import BODY_BYTES, HEADER_BYTES, USUAL
from wce.web.exchange import Loop, environ_of
from wce.web.factory import COUNTERS, IN_PLACE, create_app
from wce.web.intake import Intakes, refuse
from wce.web.proxies import UNREADABLE, believe
from wce.web.server import resolved, spare_the_collector, stop_signals, tell, url, welcome
from wce.web.turns import Turns

_BACKLOG: Final = 1024
_LOOK_SECONDS: Final = 0.5
_LISTENS_SECONDS: Final = 0.5  # after which a worker has begun to
_NEVER_SECONDS: Final = 1_000_000_000  # thirty years
_STOPS: Final = (signal.SIGINT, signal.SIGTERM)
_PROBE_SECONDS: Final = 0.02
_PARENT_DIED: Final = 1  # PR_SET_PDEATHSIG of prctl(2)
_LOOP: Final = "wce"
loops.register(_LOOP)(Loop)


class Parent(MPServer):
    """The process that starts the workers, starts one anew when it dies, and stops them."""

    ready: Callable[[], None]
    threads: int
    hears_hangup: bool

    def signal_handler_interrupt(self, *_: object) -> None:
        if self.interrupt_signal:  # asked twice, nobody waits for what runs
            for worker in self.wrks:
                worker.kill()  # type: ignore[no-untyped-call]
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]

    def signal_handler_reload(self, *_: object) -> None:
        """SIGHUP, for which granian would start all workers anew; there is nothing new for them."""
        if self.hears_hangup:
            self.signal_handler_interrupt()

    def _spawn_worker(self, *given: Any, **named: Any) -> Any:
        """A worker that hears a stop from its first moment on: until `load`, it would answer with the handlers of its parent."""
        # Neither may be asked for beforehand: for its own way of serving, one thread is all that makes sense.
        self.blocking_threads, self.blocking_threads_idle_timeout = self.threads + 1, _NEVER_SECONDS
        worker: Any = super()._spawn_worker(*given, **named)
        worker.start = partial(_deaf, worker.start)
        return worker

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        """Say that the server is there only when a worker listens."""
        while not (self.main_loop_interrupt.wait(_PROBE_SECONDS) or self._answers()):
            pass
        if not self.main_loop_interrupt.is_set():
            self.ready()
        super()._serve_loop(spawn_target, target_loader)  # type: ignore[no-untyped-call]

    def _answers(self) -> bool:
        try:
            socket.create_connection((self.bind_addr, self.bind_port), timeout=1).close()
        except OSError:
            return False
        return True

    def shutdown(self, exit_code: int = 0) -> None:
        if self.interrupt_signal:
            self.interrupt_children.clear()  # Ctrl+C reaches the workers, too, so that they may be gone before they are told
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


def _deaf(fork: Callable[[], None]) -> None:
    """Fork with signals held back: what arrives in the child before it listens for them is kept for then."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        fork()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _look_for_signals(every_seconds: float = _LOOK_SECONDS) -> None:
    """Let Python look for signals now and then in a main thread that only waits for one.

    One that arrives just before that thread begins to wait is noted and does not wake it. That takes longer than it seems: on its way
    into the wait it lets another thread have the interpreter first. 0 ends it, as it has to before Python takes the handler away.
    """
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, every_seconds, every_seconds)


def serve(settings: Settings) -> None:
    """Serve until a signal asks for a stop. SettingError as `create_app`, and when the port is taken.

    `settings.metrics_dir` is a folder for the figures of the workers, made and removed by the caller.
    """
    Config(settings.cenv_overrides)  # a broken one shall be told here and not by each worker
    with _folder(settings), _port(settings) as (address, port):
        parent = Parent(
            "wce",
            address=address,
            port=port,
            interface=Interfaces.RSGI,
            workers=settings.processes,
            loop=_LOOP,  # type: ignore[arg-type]  # an enumeration of strings
            backlog=_BACKLOG,
            http=HTTPModes.http1,
            # The time also bounds the wait for the next request of a connection.
            http1_settings=HTTP1Settings(max_buffer_size=HEADER_BYTES, header_read_timeout=int(USUAL.header_seconds * 1000)),
            websockets=False,
            log_enabled=False,
            respawn_failed_workers=True,
            workers_kill_timeout=int(USUAL.stop_seconds),
        )
        parent.threads, parent.hears_hangup = settings.threads, signal.SIGHUP in stop_signals()
        parent.ready = partial(tell, welcome([url(address, port)], settings))
        _look_for_signals()
        try:
            parent.serve(target_loader=partial(load, settings), wrap_loader=False)
        finally:
            _look_for_signals(0)


def load(settings: Settings) -> Receiver:
    """What a worker process serves: granian calls it with each request."""
    for number in _STOPS:
        signal.signal(number, signal.SIG_DFL)  # until granian takes them
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent hears of it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    # Without its parent a worker would hold port and folder for ever.
    ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DIED, signal.SIGTERM)
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:  # it died before it could be watched
        os._exit(1)
    log.configure(settings.log_level, settings.log_file, pid=os.getpid())
    _look_for_signals()
    multiprocessing.util.Finalize(None, _look_for_signals, (0,), exitpriority=0)
    app = create_app(settings)
    services = app.extensions["wce"]
    # A process of multiprocessing ends without atexit.
    multiprocessing.util.Finalize(None, services.close, exitpriority=1)
    services.start()
    turns = Turns(app, settings.threads, in_place=app.extensions[IN_PLACE], floor_bytes=settings.min_free_mb * 1024 * 1024)
    intakes = Intakes(services.admission.admit, BODY_BYTES, turns)
    multiprocessing.util.Finalize(None, turns.close, exitpriority=2)  # before what the requests use
    multiprocessing.util.Finalize(None, intakes.close, exitpriority=3)
    # granian has no settings for it: what it puts around an application makes a coroutine of each request, for the main thread.
    mp._rsgi_call_wrap = lambda served, *_: served  # type: ignore[attr-defined]
    mp._future_watcher_wrapper = lambda served: served  # type: ignore[attr-defined]
    mp._new_cbscheduler = _Scheduler.of  # type: ignore[attr-defined,assignment]
    spare_the_collector()
    return Receiver(turns, intakes, settings.trusted_proxies)


class _Scheduler(CallbackScheduler):
    """Calls what is served in the thread that brings a request."""

    _schedule_fn: Receiver

    @classmethod
    def of(cls, loop: Loop, served: Receiver, impl_asyncio: bool) -> _Scheduler:
        del impl_asyncio
        made = cls(loop, served, None, None, None)  # type: ignore[call-arg]
        made._schedule_fn = served
        return made


class Receiver:
    """What granian calls with each request, one after the other, so that it must not wait for anybody."""

    def __init__(self, turns: Turns, intakes: Intakes, trusted: tuple[Peer, ...]) -> None:
        self._turns = turns
        self._intakes = intakes
        self._trusted = trusted

    def __rsgi_init__(self, loop: Loop) -> None:
        """granian calls it in the main thread, before the first request."""
        loop.on_stop = self._intakes.stop
        loop.call_later(_LISTENS_SECONDS, self._end_silence, loop)

    def _end_silence(self, loop: Loop) -> None:
        if not silence.end_after(USUAL.idle_seconds):
            loop.call_later(_LISTENS_SECONDS, self._end_silence, loop)

    def __call__(self, request: Any) -> None:
        try:
            exchange, environ = request.proto, environ_of(request.scope)
            if self._trusted and not believe(environ, self._trusted):
                refuse(exchange, environ, WceError("malformed", UNREADABLE))
            elif environ["REQUEST_METHOD"] != environ["REQUEST_METHOD"].upper():  # RFC 9110, 9.1; Flask would take it for the other
                refuse(exchange, environ, WceError("malformed", "Methods are written in capital letters."))
            elif environ.get("CONTENT_LENGTH", "0") == "0" and "HTTP_TRANSFER_ENCODING" not in environ:
                self._turns(exchange, environ)
            else:
                self._intakes.take(exchange, environ)
        except BaseException:  # noqa: BLE001  # granian does not look; without an answer it makes one of its own
            LOGGER.exception("request failed outside of the application")


@contextmanager
def _folder(settings: Settings) -> Iterator[None]:
    """The storage folder's lock, and a new table of rate limits: a restart forgets what was counted."""
    require_folder(Spill(settings.temp_dir, settings.storage_dir, 0).folder)
    folder = Folder(settings.storage_dir)
    folder.make()
    lock = FolderLock(folder.path, settings.instance, folder.sweep)
    lock.acquire()
    try:
        (folder.path / COUNTERS).unlink(missing_ok=True)
        yield
    finally:
        lock.release()


@contextmanager
def _port(settings: Settings) -> Iterator[tuple[str, int]]:
    """A port that was free, as (address, number), held so that none but the workers can listen there.

    They share it by SO_REUSEPORT, which spreads connections evenly; one listening socket for all of them gave up to 32 of
    32 connections to the same worker. The option is set when the port is ours: before, another server's would be shared too.
    """
    family, _kind, _protocol, _name, address = resolved(settings)
    with socket.socket(family, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(address)
        except OSError as error:
            raise SettingError(f"cannot listen on {settings.host} port {settings.port}: {error.strerror}") from error
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found = held.getsockname()
        yield str(found[0]), int(found[1])
