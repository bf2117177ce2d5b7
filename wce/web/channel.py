"""Connections of waitress: what is refused at the headers, and who is too slow to wait for."""

from __future__ import annotations

import copy
import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from wce.errors import WceError
from wce.log import LOGGER
from wce.peers import Peer
from wce.web import limits, scratch
from wce.web.admission import AdmitCall, Admitted, Head
from wce.web.bounds import PIECE_BYTES, Patience
from wce.web.headers import Headers, InPlace, refusal
from wce.web.proxies import believe
from wce.web.quick import LOOKED_KEY, QUICK
from wce.web.shares import cenv_of
from wce.web.statuses import STATUSES

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_ERROR_CODES: Final = {400: "malformed", 413: "too_large", 431: "too_large", 501: "malformed"}
_BLANKS: Final = b" " * 100  # in a row; waitress's pattern for a header takes the square of their number, and nobody is served meanwhile


class RefusedError(Error):  # type: ignore[misc]
    """What waitress answers instead of the application: an error of ours."""

    def __init__(self, error: WceError) -> None:
        super().__init__(error.detail)
        self.code = STATUSES[error.code]
        self.reason = HTTPStatus(self.code).phrase
        self.error = error


class ProblemTask(ErrorTask):  # type: ignore[misc]
    """What is refused before the application sees it, in the shape and under the headers of every other error."""

    def execute(self) -> None:
        error = self.request.error
        code, detail = _ERROR_CODES.get(error.code, "internal"), f"{error.reason}: {error.body}"
        more: list[tuple[str, str]] = []
        if isinstance(error, RefusedError):
            code, detail = error.error.code, error.error.detail
            more = [("Retry-After", str(error.error.retry_after))]
        elif code == "internal":
            detail = error.reason
        request_id, headers, body = refusal(code, error.code, detail, more)
        LOGGER.warning("request", extra={"request_id": request_id, "status": error.code, "code": code, "ip": self.channel.addr[0]})
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend(headers)
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Task(WSGITask):  # type: ignore[misc]
    """A request whose application is told that it has been counted."""

    def get_environment(self) -> WSGIEnvironment:
        environ: WSGIEnvironment = super().get_environment()
        environ[limits.PAID_KEY] = self.request.admitted.paid
        if self.request.looked:
            environ[LOOKED_KEY] = True
        return environ

    def write(self, data: bytes) -> None:
        """In pieces: waitress copies what waits to be sent, and nobody else could work while it copies ten megabytes."""
        if len(data) <= PIECE_BYTES:
            super().write(data)
            return
        if len(data) > self.channel.adj.outbuf_overflow and self.has_body and not self.wrote_header:
            data = self._with_room(data)
        for start in range(0, len(data), PIECE_BYTES):
            self.channel.coming = len(data) - start
            super().write(data[start : start + PIECE_BYTES])
        self.channel.coming = 0

    def _with_room(self, data: bytes) -> bytes:
        """The same, or what is answered in its place: waitress has it wait for the client in a file, and these have an end."""
        channel, cenv = self.channel, cenv_of(self.request.path)
        others = [item for item in list(channel.server.active_channels.values()) if item.answers == cenv]
        try:
            scratch.require_room(len(data), sum(item.total_outbufs_len + item.coming for item in others), channel.floor_bytes)
        except OSError as error:
            LOGGER.warning("no room for an answer", extra={"cenv": cenv, "reason": str(error)})
            _, headers, data = refusal("disk_full", 507, scratch.NO_ROOM)
            self.status, self.response_headers, self.content_length = "507 Insufficient Storage", headers, len(data)
        else:
            channel.answers = cenv
        return data


class Prepared(Task):
    """A request that has its answer already."""

    def __init__(self, channel: Channel, request: Any, answer: tuple[str, Headers, bytes]) -> None:
        super().__init__(channel, request)
        self._answer = answer

    def execute(self) -> None:
        self.complete = True
        self.status, headers, body = self._answer
        self.response_headers.extend(headers)
        self.content_length = next((int(text) for name, text in headers if name == "Content-Length"), 0)
        self.write(body)


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """A request about whose body is decided when its headers are there."""

    adj: Any
    chunked: bool
    content_length: int
    admitted = Admitted(0)
    looked = False  # in vain, for an answer that is at hand

    def __init__(self, adj: Any, peer: str, admit: AdmitCall, trusted: tuple[Peer, ...] = ()) -> None:
        super().__init__(adj)
        self._peer = peer
        self._admit = admit
        self._trusted = trusted

    def received(self, data: bytes) -> int:
        taken: int = super().received(data)
        if self.error is not None:
            self.expect_continue = False  # waitress would ask for the body of what is refused, and take it in
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        if _BLANKS in header_plus.replace(b"\t", b" "):
            raise ParsingError("A header has too many blanks in a row")
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # int() takes no more than 4,300 digits
            raise ParsingError("Content-Length is too large a number") from error
        if self.chunked and "CONTENT_LENGTH" in self.headers:  # a proxy might take the other one for where the next request begins
            raise ParsingError("A body has a length or comes in chunks, not both")
        if not self.content_length and not self.chunked:
            return  # no body, nothing to decide
        usual = self.adj.max_request_body_size
        try:
            self.admitted = self._admit(usual, Head(self.command, self.path, self.headers, self._address()))
        except WceError as error:
            self.error = RefusedError(error)
            self.body_rcv, self.content_length = None, 0  # so that the request is complete
            return
        if self.admitted.most_bytes != usual:
            self.adj = copy.copy(self.adj)
            self.adj.max_request_body_size = self.admitted.most_bytes

    def _address(self) -> str:
        """Who asks, as the application will be told."""
        sent = self.headers.get("X_FORWARDED_FOR")
        if sent is None or not self._trusted:
            return self._peer
        environ = {"REMOTE_ADDR": self._peer, "HTTP_X_FORWARDED_FOR": sent}
        believe(environ, self._trusted)
        return str(environ["REMOTE_ADDR"])


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that knows since when its present request has been coming in."""

    task_class: Any = WSGITask
    error_task_class = ProblemTask
    request_since = 0.0
    receiving = False  # so that what has come is not handed to a thread before it was looked at here
    due = False  # a request has come that somebody has to answer
    in_place: InPlace | None = None
    answers = ""  # whose large answer it was last given
    coming = 0  # bytes of it that waitress does not have yet
    floor_bytes = 0  # that are to stay free on the disk

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.request_since = time.monotonic()
        self.receiving = True
        try:
            more = bool(super().received(data))
        finally:
            with self.requests_lock:  # the thread that answers may be about to say that the next one is due
                self.receiving = False
                due, self.due = self.due, False
        if due and not self._answer_in_place(self.requests[0]):
            self.server.task_dispatcher.add_task(self)
        return more

    def _answer_in_place(self, request: Any) -> bool:
        """Answer in the thread that reads from all connections, where that takes no time; to wake another one takes as long."""
        if self.in_place is None or request.error is not None or not QUICK.match(request.path):
            return False
        task, told = self.task_class(self, request), []

        def start(status: str, headers: Headers, *_: object) -> None:
            told.append((status, headers))

        environ = task.get_environment()
        body = self.in_place(environ, start)  # type: ignore[arg-type]
        if body is None:
            request.looked = LOOKED_KEY in environ
            return False
        self.task_class = lambda *_: Prepared(self, request, (*told[0], b"".join(body)))
        try:
            self.service()
        finally:
            del self.task_class
        return True

    @property
    def busy(self) -> bool:
        """Whether a request runs or its answer is still on the way out."""
        return bool(self.requests or self.total_outbufs_len)

    def handle_close(self) -> None:
        if self.socket is None:
            return  # one turn of the loop may see both the end of the input and the hang-up
        # Closed with unread input, the kernel resets the connection and the client loses the answer that says what was wrong.
        with suppress(OSError):
            for _ in range(16):
                if not self.socket.recv(65_536):
                    break
        super().handle_close()

    def late(self, patience: Patience) -> bool:
        """Whether the other side is too slow to wait for: waitress itself only counts silence, and only between requests."""
        if self.total_outbufs_len and time.time() - self.last_activity > patience.idle_seconds:
            return True
        if self.request is None:
            return False
        seconds = patience.request_seconds if self.request.headers_finished else patience.header_seconds
        return time.monotonic() - self.request_since > seconds


def kind_of(admit: AdmitCall, at_once: InPlace | None, trusted: tuple[Peer, ...] = (), least_free: int = 0) -> type[Channel]:
    """The kind of connection whose requests are let in, and answered in place, like that; `least_free` bytes of the disk stay free."""

    class Bounded(Channel):
        task_class = Task
        floor_bytes = least_free
        in_place = None if at_once is None else staticmethod(at_once)

        def parser_class(self, adj: Any) -> Parser:
            return Parser(adj, self.addr[0], admit, trusted)

    return Bounded
