"""Serving through granian: several worker processes over the same folder, for all cores.

The parent owns the port, the folder's lock and the files of the metrics, opens no cenv and answers nothing. Each worker
builds the application that waitress serves; what they share goes through the cenvs' files and the table of rate limits.
"""

from __future__ import annotations

import ctypes
import ipaddress
import multiprocessing.util
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import mp
from granian.server.mp import MPServer

from wce import log
from wce.config import SettingError, Settings
from wce.core.settings import Config
from wce.store.folder import Folder
from wce.store.locks import FolderLock
from wce.web.channel import Patience
from wce.web.factory import COUNTERS, IN_PLACE, create_app
from wce.web.headers import InPlace
from wce.web.server import HEADER_BYTES, url, welcome
from wce.web.turns import Turns

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Answer = TypeVar("Answer")
_BACKLOG: Final = 1024
_LOOK_SECONDS: Final = 0.5
_STOPS: Final = (signal.SIGINT, signal.SIGTERM)
_PROBE_SECONDS: Final = 0.02
_PARENT_DIED: Final = 1  # PR_SET_PDEATHSIG of prctl(2)
_UNTRUSTED: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_BY")
_FOR: Final = "HTTP_X_FORWARDED_FOR"
_PROTO: Final = "HTTP_X_FORWARDED_PROTO"


class Parent(MPServer):
    """The process that starts the workers, starts one anew when it dies, and stops them."""

    ready: Callable[[], None]

    def signal_handler_interrupt(self, *_: object) -> None:
        if self.interrupt_signal:  # asked twice, nobody waits for what runs
            for worker in self.wrks:
                worker.kill()  # type: ignore[no-untyped-call]
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]

    def _spawn_worker(self, *given: Any, **named: Any) -> Any:
        """A worker that hears a stop from its first moment on: until `load`, it would answer with the handlers of its parent."""
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
    """Serve until SIGINT or SIGTERM. SettingError as `create_app`, and when the port is taken.

    `settings.metrics_dir` is a folder for the figures of the workers, made and removed by the caller.
    """
    Config(settings.cenv_overrides)  # a broken one shall be told here and not by each worker
    with _folder(settings), _port(settings) as (address, port):
        patience = Patience()
        parent = Parent(
            "wce",
            address=address,
            port=port,
            interface=Interfaces.WSGI,
            workers=settings.processes,
            blocking_threads=settings.threads,  # they only lay requests down for as many of ours
            backlog=_BACKLOG,
            http=HTTPModes.http1,
            # The time also bounds the wait for the next request of a connection.
            http1_settings=HTTP1Settings(max_buffer_size=HEADER_BYTES, header_read_timeout=int(patience.header_seconds * 1000)),
            websockets=False,
            log_enabled=False,
            respawn_failed_workers=True,
            workers_kill_timeout=int(patience.stop_seconds),
        )
        parent.ready = partial(_tell, welcome([url(address, port)], settings))
        _look_for_signals()
        try:
            parent.serve(target_loader=partial(load, settings), wrap_loader=False)
        finally:
            _look_for_signals(0)


def load(settings: Settings) -> Turns:
    """What a worker process serves: granian calls it with a request and with where the answer goes."""
    for number in _STOPS:
        signal.signal(number, signal.SIG_DFL)  # until granian takes them
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
    # A process of multiprocessing ends without atexit.
    multiprocessing.util.Finalize(None, app.extensions["wce"].close, exitpriority=1)
    app.extensions["wce"].start()
    in_place: InPlace = app.extensions[IN_PLACE]
    if settings.trusted_proxy:
        turns = Turns(_behind(app, settings.trusted_proxy), settings.threads, in_place=_behind(in_place, settings.trusted_proxy))
    else:
        turns = Turns(app, settings.threads, in_place=in_place)
    multiprocessing.util.Finalize(None, turns.close, exitpriority=2)  # before what the requests use
    # granian has no setting for it: what it puts around an application waits for the answer with its own thread.
    mp._wsgi_call_wrap = lambda served, *_: served  # type: ignore[attr-defined]
    return turns


def _behind(application: Callable[..., Answer], trusted_proxy: str) -> Callable[..., Answer]:
    """The application with the proxy's word on who asks."""

    def serve_one(environ: WSGIEnvironment, start_response: StartResponse) -> Answer:
        believe(environ, trusted_proxy)
        return application(environ, start_response)

    return serve_one


def believe(environ: WSGIEnvironment, trusted_proxy: str) -> None:
    """Take address and scheme of the visitor from the headers of one proxy, never the host; as waitress does where it serves."""
    for name in _UNTRUSTED:
        environ.pop(name, None)
    if environ.get("REMOTE_ADDR") != trusted_proxy:
        environ.pop(_FOR, None)
        environ.pop(_PROTO, None)
        return
    # The last one is what the proxy saw; those before it are what the visitor said.
    address = _address(environ.get(_FOR, "").rpartition(",")[2].strip())
    if address:
        environ["REMOTE_ADDR"] = address
    scheme = environ.get(_PROTO, "").rpartition(",")[2].strip().lower()
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme


def _address(text: str) -> str:
    """The address in `1.2.3.4`, `1.2.3.4:80`, `::1` or `[::1]:80`; empty when it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


@contextmanager
def _folder(settings: Settings) -> Iterator[None]:
    """The storage folder's lock, and a new table of rate limits: a restart forgets what was counted."""
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
    family, _kind, _protocol, _name, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(address)
        except OSError as error:
            raise SettingError(f"cannot listen on {settings.host} port {settings.port}: {error.strerror}") from error
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found = held.getsockname()
        yield str(found[0]), int(found[1])


def _tell(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
