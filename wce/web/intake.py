"""Bodies on their way in: they are gathered without a thread, so that slow senders take none from anybody, and within their limits."""

from __future__ import annotations

import io
import tempfile
import threading
import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Final, Protocol

from granian._granian import RSGIProtocolClosed

from wce.errors import WceError
from wce.log import LOGGER
from wce.web import limits
from wce.web.admission import AdmitCall, Admitted, Head, is_small
from wce.web.bounds import USUAL, Patience
from wce.web.exchange import AtOnce, Exchange, Waiting
from wce.web.headers import NO_BANNER, refusal
from wce.web.statuses import STATUSES

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_ADMITTED_KEY: Final = "wce.admitted"
_IN_MEMORY: Final = 64 * 1024  # bytes; what is larger goes to a temporary file
# Each piece costs as much as a small request, and a chunk of one byte is one.
_FREE_PIECES: Final = 1_000
_PIECE_BYTES: Final = 1_024  # fewer than one packet brings
_SWEEP_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 1.0  # for a body that is on its way when the stop comes


class Next(Protocol):
    """Where a request goes when it is whole."""

    def __call__(self, exchange: Exchange, environ: WSGIEnvironment) -> None: ...


class Intakes:
    """Takes requests that have a body. `usual_bytes` is the limit of those that `admit` gives none of its own."""

    def __init__(self, admit: AdmitCall, usual_bytes: int, go: Next, patience: Patience = USUAL) -> None:
        self._admit = admit
        self._usual = Admitted(usual_bytes)
        self._go = go
        self._patience = patience
        self._open: set[_Intake] = set()
        self._ended = threading.Event()
        self._stopping = False
        self._sweeper = threading.Thread(target=self._sweep, name="wce-intake", daemon=True)
        self._sweeper.start()

    def take(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Let the body in, or refuse it by what its head says."""
        try:
            length = _announced(environ)
            if is_small(environ["PATH_INFO"], length):
                admitted = self._usual
            else:
                head = Head(environ["REQUEST_METHOD"], environ["PATH_INFO"], _Names(environ), environ["REMOTE_ADDR"])
                admitted = self._admit(self._usual.most_bytes, head)
            if length is not None and length > admitted.most_bytes:
                raise _too_large(admitted.most_bytes)
        except WceError as error:
            refuse(exchange, environ, error)
            return
        environ[limits.PAID_KEY] = admitted.paid
        environ[_ADMITTED_KEY] = admitted  # which counts until nobody has it
        intake = _Intake(exchange, environ, length, admitted.most_bytes, self._done)
        self._open.add(intake)
        intake.ask()

    def stop(self) -> None:
        """Wait no longer for what does not come at once: granian would not end before it."""
        self._stopping = True

    def close(self) -> None:
        """Look after nobody any more."""
        self._ended.set()
        self._sweeper.join()

    def _done(self, intake: _Intake, error: WceError | None) -> None:
        self._open.discard(intake)
        if error is None:
            self._go(intake.exchange, intake.environ)
        else:
            refuse(intake.exchange, intake.environ, error)

    def _sweep(self) -> None:
        while not self._ended.wait(_SWEEP_SECONDS):
            now = time.monotonic()
            for intake in list(self._open):
                if now - intake.begun > self._patience.request_seconds or now - intake.since > self._patience.idle_seconds:
                    intake.give_up(WceError("malformed", "The body did not arrive in time."))
                elif self._stopping and now - intake.begun > _LAST_SECONDS:
                    intake.give_up(WceError("busy", "The server is stopping.", retry_after=1))


class _Intake(AtOnce):
    """One body."""

    __slots__ = (
        "_body",
        "_done",
        "_ending",
        "_length",
        "_most_bytes",
        "_pieces",
        "_size",
        "_waiting",
        "begun",
        "environ",
        "exchange",
        "since",
    )

    def __init__(
        self,
        exchange: Exchange,
        environ: WSGIEnvironment,
        length: int | None,
        most_bytes: int,
        done: Callable[[_Intake, WceError | None], None],
    ) -> None:
        self.exchange = exchange
        self.environ = environ
        self.begun = self.since = time.monotonic()
        self._length = length
        self._most_bytes = most_bytes
        self._done = done
        self._size = 0
        self._pieces = 0
        small = length is not None and length <= _IN_MEMORY  # and comes in one piece
        # The request closes it.
        self._body: IO[bytes] | None = None if small else tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        self._ending = threading.Lock()  # taken for good by who ends it
        self._waiting: Waiting | None = None

    def ask(self) -> None:
        """Wait for what comes first: all of a small body, or a piece of a large one."""
        self._waiting = self.exchange() if self._body is None else self.exchange.__aiter__().__anext__()
        self._waiting.add_done_callback(self)

    def give_up(self, error: WceError) -> None:
        """It took too long."""
        if self._end(error) and self._waiting is not None:
            self._waiting.cancel()

    def do(self, done: Waiting) -> None:
        """A piece has come."""
        self._waiting = None  # granian's futures hold their callback for ever, and so each other's end, which no collector sees
        if self._ending.locked():
            return
        try:
            whole = self._take(done.result())
        except WceError as error:
            self._end(error)
        except RSGIProtocolClosed:
            self._end(_broken())
        except OSError:
            LOGGER.exception("no room for a body")
            self._end(WceError("disk_full", "The server's disk has no room for this body."))
        except Exception:  # noqa: BLE001  # among them that of a file which was closed by who gave up
            if self._end(WceError("internal")):
                LOGGER.exception("no body")
        else:
            if whole:
                self._end(None)

    def _take(self, piece: bytes) -> bool:
        """Returns whether it was the last one."""
        if self._body is None:
            if len(piece) != self._length:
                raise _broken()
            self.environ["wsgi.input"] = io.BytesIO(piece)
            return True
        self.since = time.monotonic()
        self._size += len(piece)
        self._pieces += 1
        if self._size > self._most_bytes:
            raise _too_large(self._most_bytes)
        if self._pieces > _FREE_PIECES + self._size // _PIECE_BYTES:
            raise WceError("malformed", "The body comes in too many small pieces.")
        self._body.write(piece)
        if piece and self._size != self._length:
            self._waiting = self.exchange.__anext__()
            self._waiting.add_done_callback(self)
            return False
        if self._size != self._length and not (self._length is None and self._has_ended()):
            raise _broken()
        self._body.seek(0)
        self.environ["wsgi.input"] = self._body
        self.environ["CONTENT_LENGTH"] = str(self._size)
        self.environ.pop("HTTP_TRANSFER_ENCODING", None)  # it has been undone
        return True

    def _has_ended(self) -> bool:
        """Whether the empty piece was the end of the chunks; granian gives one, too, where the connection was lost, but not as the last."""
        try:
            self.exchange.__anext__().cancel()
        except StopAsyncIteration:
            return True
        return False

    def _end(self, error: WceError | None) -> bool:
        """Returns whether it had not ended before."""
        if not self._ending.acquire(blocking=False):
            return False
        if error is not None and self._body is not None:
            self._body.close()
        self._done(self, error)
        return True


def refuse(exchange: Exchange, environ: WSGIEnvironment, error: WceError) -> None:
    """Answer before the application sees the request, in the shape and under the headers of every other error."""
    status = STATUSES[error.code]
    more = [("Retry-After", str(error.retry_after))] if error.retry_after else []
    request_id, headers, body = refusal(error.code, status, error.detail, more)
    LOGGER.warning("request", extra={"request_id": request_id, "status": status, "code": error.code, "ip": environ["REMOTE_ADDR"]})
    exchange.response_bytes(status, [*headers, NO_BANNER], body)


def _announced(environ: WSGIEnvironment) -> int | None:
    """How many bytes the head says; None for chunks."""
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding is not None:
        if coding.strip().lower() != "chunked":  # granian undoes the chunks and nothing else
            raise WceError("malformed", "Transfer-Encoding may be chunked, once, and nothing else.")
        return None
    text = environ["CONTENT_LENGTH"]
    if not (text.isascii() and text.isdigit()):
        raise WceError("malformed", "Content-Length is not a number.")
    return int(text)


def _broken() -> WceError:
    return WceError("malformed", "The body ended before it was complete.")


def _too_large(most_bytes: int) -> WceError:
    return WceError("too_large", f"The body may have at most {most_bytes} bytes.")


class _Names:
    """The headers of an environ by their names without the prefix."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ

    def get(self, name: str, default: str = "", /) -> str:
        text: str = self._environ.get(name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}", default)
        return text
