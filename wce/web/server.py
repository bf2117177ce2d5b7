"""Serving through waitress: its limits, and a stop that lets running requests finish."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import waitress
from waitress import wasyncore
from waitress.server import BaseWSGIServer

from wce.config import SettingError, Settings
from wce.log import LOGGER
from wce.store import descriptors
from wce.web.admission import AdmitCall
from wce.web.bounds import BODY_BYTES, HEADER_BYTES, USUAL, Patience
from wce.web.channel import Channel, kind_of
from wce.web.dispatch import Dispatcher
from wce.web.headers import InPlace
from wce.web.proxies import behind, behind_in_place

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed.wsgi import WSGIApplication

MAX_SOCKETS: Final = 1000
_SWEEP_SECONDS: Final = 0.5
_ARRIVED_SECONDS: Final = 0.2  # time to take what stands in the backlog and in the sockets when the stop comes


class Server:
    """A listening waitress server, driven by `run` until `stop` is called or a signal comes."""

    def __init__(
        self,
        application: WSGIApplication,
        settings: Settings,
        patience: Patience = USUAL,
        admit: AdmitCall | None = None,
        in_place: InPlace | None = None,
    ) -> None:
        """`admit` tells how large a body may be. `in_place` is what the thread that reads from all connections tries first."""
        self._patience = patience
        self._map: dict[int, Any] = {}
        resolved(settings)  # waitress tells less
        self._dispatcher = Dispatcher()
        self._dispatcher.set_thread_count(settings.threads)
        trusted, chosen = settings.trusted_proxies, options(settings, patience)
        waitress.create_server(behind(application, trusted), map=self._map, _dispatcher=self._dispatcher, **chosen)
        self._listeners = [item for item in self._map.values() if isinstance(item, BaseWSGIServer)]
        self._reader = 0  # the thread that reads
        at_once, floor = None if in_place is None else behind_in_place(in_place, trusted), settings.min_free_mb * 1024 * 1024
        kind = Channel if admit is None else kind_of(admit, at_once, trusted, floor)
        for listener in self._listeners:
            listener.channel_class = kind
            listener.add_task = self._add_task
            listener.pull_trigger = partial(self._wake, listener)
        self._stopping = threading.Event()
        self._hurry = False
        self._closing = threading.RLock()  # a signal handler may come between any two steps of the thread that holds it

    @property
    def addresses(self) -> list[str]:
        """Where it listens, with the real port."""
        return [url(str(item.effective_host), int(item.effective_port)) for item in self._listeners]

    def stop(self) -> None:
        """Ask `run` to finish what runs and return; asked twice, it does not wait for what runs. Any thread, any signal handler."""
        with self._closing:
            self._hurry = self._stopping.is_set()
            self._stopping.set()
            for listener in self._listeners:
                listener.trigger.pull_trigger()

    def run(self) -> None:
        """Serve until stopped; returns when every connection is closed."""
        swept, self._reader = time.monotonic(), threading.get_ident()
        while not self._stopping.is_set():
            self._turn(_SWEEP_SECONDS)
            if time.monotonic() - swept >= _SWEEP_SECONDS:
                swept = time.monotonic()
                self._drop_late()
        self._drain(time.monotonic() + self._patience.stop_seconds)

    def _add_task(self, channel: Channel) -> None:
        if channel.receiving:
            channel.due = True  # it looks for itself who answers
        else:
            self._dispatcher.add_task(channel)

    def _wake(self, listener: Any) -> None:
        """Tell the thread that reads that there is something to send, unless it says so itself."""
        if threading.get_ident() != self._reader:
            listener.trigger.pull_trigger()

    def _turn(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, map=self._map, use_poll=True, count=1)

    def _channels(self) -> list[Channel]:
        return [item for item in self._map.values() if isinstance(item, Channel)]

    def _drop_late(self) -> None:
        for channel in self._channels():
            if channel.late(self._patience):
                channel.handle_close()  # wakes a thread that waits to write, too

    def _drain(self, deadline: float) -> None:
        """Stop listening, answer what has arrived, close the rest."""
        arrived = time.monotonic() + _ARRIVED_SECONDS
        while time.monotonic() < arrived:
            self._turn(0.01)
        for listener in self._listeners:
            listener.accepting = False
            wasyncore.dispatcher.close(listener)
        while time.monotonic() < deadline and not self._hurry:
            self._turn(0.02)
            channels = self._channels()
            for channel in channels:
                _close_after_answer(channel)
            if not any(channel.busy for channel in channels):
                break
        unfinished = sum(channel.busy for channel in self._channels())
        LOGGER.info("stopped", extra={"unfinished": unfinished})
        for channel in self._channels():
            channel.handle_close()
        self._dispatcher.shutdown(timeout=max(0.1, deadline - time.monotonic()) if not unfinished else 0.1)
        with self._closing:
            for listener in self._listeners:
                listener.trigger.close()
            self._listeners.clear()


def _close_after_answer(channel: Channel) -> None:
    # waitress reads the request's own header when it writes the answer's: the client is told not to come again on this connection.
    for request in list(channel.requests):
        request.headers["CONNECTION"] = "close"


def options(settings: Settings, patience: Patience) -> dict[str, Any]:
    """What waitress is told; the reasons stand beside the values."""
    return {
        "host": settings.host,
        "port": settings.port,
        "threads": settings.threads,
        "ident": None,
        "asyncore_use_poll": True,  # select() dies above descriptor 1023
        "connection_limit": _socket_limit(settings),
        "channel_timeout": max(1, int(patience.idle_seconds)),
        "max_request_header_size": HEADER_BYTES,
        "max_request_body_size": BODY_BYTES,
        # Above this a thread would wait for a slow reader; below, answers spill from memory into a temporary file.
        "outbuf_high_watermark": 1 << 30,
        "expose_tracebacks": False,
        # What a proxy says is for `behind`: waitress knows one address and no networks.
        "clear_untrusted_proxy_headers": False,
    }


def _socket_limit(settings: Settings) -> int:
    """As many connections as the descriptor limit leaves beside those to cenvs."""
    spare = descriptors.limit() - descriptors.EACH * descriptors.share(settings.max_open_cenvs).connections - 60
    return max(50, min(MAX_SOCKETS, spare))


def resolved(settings: Settings) -> Any:
    """What getaddrinfo(3) tells of the address to listen on; SettingError where there is none."""
    try:
        return socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise SettingError(f"WCE_HOST {settings.host}: {getattr(error, 'strerror', None) or 'not a host name'}") from error


def url(host: str, port: int) -> str:
    """The address that a browser takes."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def stop_signals() -> list[signal.Signals]:
    """What asks for a stop; the end of the terminal, too, unless the server shall outlive it (nohup)."""
    end = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *end]


@contextmanager
def _stopped_by_signals(server: Server) -> Iterator[None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        server.stop()

    before = {number: signal.signal(number, handle) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def spare_the_collector() -> None:
    """Let it look only at what comes from now on: going through all that is there at the start took 90 ms, for everybody."""
    gc.collect()
    gc.freeze()


def serve(
    application: WSGIApplication,
    settings: Settings,
    ready: Callable[[], None] = lambda: None,
    admit: AdmitCall | None = None,
    in_place: InPlace | None = None,
) -> None:
    """Serve until a signal asks for a stop, and say on standard output where and what to do next; `ready` is called when the port is ours.

    `admit` tells how large a body may be, by the usual bound and the headers; `in_place` is tried first where it is quick.
    """
    for name, level in (("waitress", logging.WARNING), ("waitress.queue", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = LOGGER.handlers, False
        logger.setLevel(level)
    server = Server(application, settings, admit=admit, in_place=in_place)
    with _stopped_by_signals(server):
        ready()
        spare_the_collector()
        tell(welcome(server.addresses, settings))
        server.run()


def tell(text: str) -> None:
    """Say something to who has started the server; that nobody can hear it, or not every letter, is no reason not to serve."""
    with suppress(OSError):
        os.write(sys.stdout.fileno(), text.encode(sys.stdout.encoding, "backslashreplace"))


def welcome(addresses: list[str], settings: Settings) -> str:
    """What a person sees at the start."""
    address = settings.base_url.rstrip("/") or addresses[0]
    lines = [f"WCE is listening on {' and '.join(addresses)}, cenvs in {settings.storage_dir.resolve()}"]
    if settings.allow_new_cenvs:
        lines += [
            "Create a cenv:",
            f'  curl {address}/new -H \'Content-Type: application/json\' -d \'{{"username": "ada", "password": "correct horse"}}\'',
        ]
    lines += [f"Then open {address}/ in a browser: it shows what to do next. Ctrl+C stops the server."]
    return "\n".join(lines) + "\n"
