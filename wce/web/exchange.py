"""Requests as granian's RSGI side hands them over, as WSGI has them, and the answers that go back.

That side alone lets a request wait for its client without a thread: bodies come in pieces when they come, and files are read when
there is room for more of them.
"""

from __future__ import annotations

import asyncio
import functools
import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from wce.log import LOGGER
from wce.web.headers import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_ENVIRON: Final[dict[str, Any]] = {
    "SCRIPT_NAME": "",
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multiprocess": True,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}
_LONG_NAME: Final = 100  # characters of a header's name; a thousand remembered ones of 60 kB would be 120 MB


class Waiting(Protocol):
    """What granian gives back where something takes time."""

    def add_done_callback(self, callback: Callable[[Waiting], None]) -> None: ...

    def cancel(self) -> bool: ...

    def result(self) -> Any: ...


class Exchange(Protocol):
    """granian's end of a request: where its body comes from, and where the answer goes, from any thread, once."""

    def __call__(self) -> Waiting:
        """All of the body."""

    def __aiter__(self) -> Exchange:
        """To be called before `__anext__`."""

    def __anext__(self) -> Waiting:
        """The next piece of the body, empty where there is none; StopAsyncIteration after that."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...

    def response_file(self, status: int, headers: Headers, file: str) -> None:
        """Answer with the file at a path, which is opened a little later and read as fast as the client does."""


class AtOnce:
    """A callback of granian's futures that runs in the thread which completes them, and must not take long."""

    __slots__ = ()

    def do(self, done: Waiting) -> None:
        """What is to be done."""
        raise NotImplementedError

    def __call__(self, done: Waiting) -> None:
        try:
            self.do(done)
        except Exception:  # noqa: BLE001  # granian would drop it without a word
            LOGGER.exception("request failed between its pieces")


class Loop(asyncio.SelectorEventLoop):
    """The loop that granian's futures call back on: to wake the main thread for that takes longer than what is done there."""

    on_stop: Callable[[], None] | None = None

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]
        """granian's are those that stop it; others hear of it, too."""

        def handle() -> None:
            if self.on_stop is not None:
                self.on_stop()
            callback(*args)

        super().add_signal_handler(sig, handle)

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        return callback(*args) if isinstance(callback, AtOnce) else super().call_soon_threadsafe(callback, *args, context=context)

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        return callback(*args) if isinstance(callback, AtOnce) else super().call_soon(callback, *args, context=context)


def environ_of(scope: Any) -> WSGIEnvironment:
    """A request without its body as PEP 3333 has it; names with an underscore would pass for those of a proxy and are left out."""
    path, query = scope.path, scope.query_string
    environ: WSGIEnvironment = _ENVIRON.copy()
    environ["REQUEST_METHOD"] = scope.method
    environ["PATH_INFO"] = path if path.isascii() else path.encode().decode("latin-1")
    environ["QUERY_STRING"] = query if query.isascii() else query.encode().decode("latin-1")
    environ["SERVER_PROTOCOL"] = "HTTP/" + scope.http_version
    environ["REMOTE_ADDR"] = _split(scope.client)[0]
    environ["wsgi.url_scheme"] = scope.scheme
    environ["wsgi.input"] = io.BytesIO()
    environ["SERVER_NAME"], environ["SERVER_PORT"] = _split(scope.server)
    headers = scope.headers  # granian copies them each time
    pairs = headers.items()
    if len(dict(pairs)) != len(headers):
        pairs += [(header, "") for header in set(headers.keys()).difference(dict(pairs))]  # those that are not ASCII
    for header, text in pairs:
        name = _key(header) if len(header) <= _LONG_NAME else _key_of(header)
        if name:
            held = environ.get(name)
            environ[name] = text if held is None else f"{held}{'; ' if name == 'HTTP_COOKIE' else ','}{text}"
    if "HTTP_HOST" not in environ:
        environ["HTTP_HOST"] = scope.authority or ""
    return environ


def _key_of(header: str) -> str:
    """How a header is called in an environ; empty for none."""
    if "_" in header:
        return ""
    name = header.upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"


_key: Final = functools.lru_cache(maxsize=1024)(_key_of)


@functools.lru_cache(maxsize=4096)
def _split(address: str) -> tuple[str, str]:
    """(host, port) of `1.2.3.4:80` or `[::1]:80`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port
