"""Bodies come in without a thread, within their limits and their time, before anybody else sees the request."""

from __future__ import annotations

import errno
import gc
import json
import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from granian._granian import RSGIProtocolClosed

from tests.web.granians import Coming, Sender, wait_for
from wce.errors import WceError
from wce.web import intake as intake_module
from wce.web.admission import Admitted, Head
from wce.web.bounds import USUAL
from wce.web.intake import Intakes
from wce.web.limits import PAID_KEY

MOST = 200_000
LARGE = 100_000  # bytes that do not stay in memory


class Gate:
    """Takes requests with a body in; keeps those that are whole, as (environ, body)."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.heads: list[Head] = []
        self.found: list[tuple[dict[str, Any], bytes]] = []
        self.admitted: Admitted | WceError = Admitted(MOST)
        self._intakes: Intakes | None = None

    def admit(self, usual: int, head: Head) -> Admitted:
        assert usual == 1000
        self.heads.append(head)
        if isinstance(self.admitted, WceError):
            raise self.admitted
        return self.admitted

    def go(self, exchange: Any, environ: dict[str, Any]) -> None:
        self._stack.callback(environ["wsgi.input"].close)
        self.found.append((environ, environ["wsgi.input"].read()))

    def stop(self) -> None:
        assert self._intakes is not None
        self._intakes.stop()

    def take(self, sender: Sender, length: object = None, patience: Any = USUAL, **environ: str) -> Sender:
        """Without a length the body comes in chunks."""
        announced = {"HTTP_TRANSFER_ENCODING": "chunked"} if length is None else {"CONTENT_LENGTH": str(length)}
        self._intakes = intakes = Intakes(self.admit, 1000, self.go, patience)
        self._stack.callback(intakes.close)
        intakes.take(sender, {"REQUEST_METHOD": "POST", "PATH_INFO": "/x", "REMOTE_ADDR": "192.0.2.7"} | announced | environ)
        return sender

    @property
    def body(self) -> bytes:
        return self.found[0][1]


@pytest.fixture
def gate() -> Iterator[Gate]:
    with ExitStack() as stack:
        yield Gate(stack)


def problem(sender: Sender) -> tuple[int, str, str]:
    status, headers, body = sender.wait()
    assert {"Content-Security-Policy", "X-Request-ID"} <= dict(headers).keys()
    told = json.loads(body)
    return status, told["code"], told["detail"]


BROKEN = (400, "malformed", "The body ended before it was complete.")


def test_a_small_body_comes_whole(gate: Gate) -> None:
    sender = gate.take(Sender(b"hello"), 5, CONTENT_TYPE="text/plain")

    ((environ, body),) = gate.found
    assert (body, environ["CONTENT_LENGTH"], environ[PAID_KEY], sender.whole) == (b"hello", "5", False, True)
    assert sender.answer is None


@pytest.mark.parametrize("length", [5, LARGE])
def test_a_future_of_granians_is_let_go_of_when_it_is_done(gate: Gate, length: int) -> None:
    sender = gate.take(Sender(), length)
    coming = sender.asked.pop()
    future = weakref.ref(coming)

    gc.disable()  # the collector cannot look into granian's, and so would never free it and all that hangs on it
    try:
        coming.come(b"x" * length)
        del coming
        assert future() is None
    finally:
        gc.enable()
    assert len(gate.body) == length


def test_a_body_of_nothing_is_one(gate: Gate) -> None:
    gate.take(Sender(b""), "00")

    assert gate.body == b""


def test_a_large_one_goes_to_the_disk_piece_by_piece(gate: Gate) -> None:
    sender = gate.take(Sender(), LARGE)
    for start in range(0, LARGE, 10_000):
        assert gate.found == []
        sender.asked[-1].come(bytes([start // 10_000]) * 10_000)

    assert gate.body == b"".join(bytes([n]) * 10_000 for n in range(10))
    assert (len(sender.asked), sender.whole) == (10, False)
    assert gate.found[0][0]["wsgi.input"]._rolled


def test_chunks_end_with_an_empty_one_that_is_the_last(gate: Gate) -> None:
    gate.take(Sender(b"hel", b"lo", b"", ends=True))

    ((environ, body),) = gate.found
    assert (body, environ["CONTENT_LENGTH"]) == (b"hello", "5")
    assert "HTTP_TRANSFER_ENCODING" not in environ


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked,chunked", "", "identity"])
def test_no_other_coding_is_taken_for_chunks(gate: Gate, coding: str) -> None:
    sender = gate.take(Sender(b"hel", b"lo", b"", ends=True), HTTP_TRANSFER_ENCODING=coding)

    assert problem(sender)[:2] == (400, "malformed")
    assert gate.found == []


def test_there_may_be_no_chunk_at_all(gate: Gate) -> None:
    gate.take(Sender(b"", ends=True))

    assert gate.body == b""


@pytest.mark.parametrize(
    ("pieces", "length"),
    [
        ([RSGIProtocolClosed()], 5),
        ([b"hel"], 5),
        ([b"x" * 70_000, b""], LARGE),
        ([b"x" * 70_000, b"x" * 30_001], LARGE),
        ([b"hel", b""], None),
        ([b""], None),
    ],
    ids=["small", "small and short", "pieces", "more than announced", "chunks", "first chunk"],
)
def test_a_body_that_breaks_off_is_refused(gate: Gate, pieces: list[Any], length: int | None) -> None:
    sender = gate.take(Sender(*pieces), length)
    if len(pieces) == 2 and len(pieces[1]) > 1:
        sender.asked[-1].come(b"")

    assert problem(sender) == BROKEN
    assert gate.found == []


class TestLimits:
    @pytest.mark.parametrize(("size", "chunks"), [(MOST, False), (MOST, True), (10, False)])
    def test_exactly_as_much_as_may_be(self, gate: Gate, size: int, chunks: bool) -> None:
        gate.admitted = Admitted(size)
        half = b"x" * (size // 2)

        gate.take(Sender(half, half, b"", ends=True) if chunks or size > LARGE else Sender(half + half), None if chunks else size)

        assert gate.body == half + half

    def test_one_byte_more_in_chunks(self, gate: Gate) -> None:
        sender = gate.take(Sender(b"x" * MOST, b"x", b"more"))

        assert problem(sender) == (413, "too_large", f"The body may have at most {MOST} bytes.")
        assert len(sender.asked) == 2
        assert gate.found == []

    def test_one_byte_more_that_is_announced_is_never_asked_for(self, gate: Gate) -> None:
        sender = gate.take(Sender(b"x"), MOST + 1)

        assert problem(sender) == (413, "too_large", f"The body may have at most {MOST} bytes.")
        assert sender.asked == []

    def test_a_body_may_not_come_byte_by_byte(self, gate: Gate) -> None:
        slow, greedy = (gate.take(Sender()) for _ in range(2))
        for _ in range(1_100):
            slow.asked[-1].come(b"x" * 150)
        for _ in range(1_001):
            greedy.asked[-1].come(b"x")

        assert problem(greedy) == (400, "malformed", "The body comes in too many small pieces.")
        assert not slow.answered.is_set()
        slow.asked[-1].come(b"x" * MOST)
        assert problem(slow)[1] == "too_large"

    @pytest.mark.parametrize("length", ["", "-1", "+5", "5,5", "five", "٥", "1e3", "0x5"])
    def test_a_length_is_a_number(self, gate: Gate, length: str) -> None:
        sender = gate.take(Sender(b"hello"), length)

        assert problem(sender) == (400, "malformed", "Content-Length is not a number.")
        assert (sender.asked, gate.heads) == ([], [])

    def test_who_may_not_send_is_told_when_he_may(self, gate: Gate) -> None:
        gate.admitted = WceError("rate_limited", "Too many.", retry_after=7)

        sender = gate.take(Sender(b"hello"), 5, PATH_INFO="/new")

        assert problem(sender) == (429, "rate_limited", "Too many.")
        assert dict(sender.wait()[1])["Retry-After"] == "7"
        assert sender.asked == []

    def test_of_a_small_body_nobody_is_asked(self, gate: Gate) -> None:
        gate.admitted = WceError("rate_limited", "Too many.", retry_after=7)

        gate.take(Sender(b"hello"), 5)

        assert gate.body == b"hello"
        assert gate.heads == []

    def test_what_has_been_paid_for_is_not_paid_for_again(self, gate: Gate) -> None:
        gate.admitted = Admitted(MOST, paid=True)

        gate.take(Sender(b"hello"), 5, PATH_INFO="/new")

        assert gate.found[0][0][PAID_KEY] is True

    def test_the_head_tells_all_headers(self, gate: Gate) -> None:
        gate.take(Sender(b"hello"), 5, HTTP_AUTHORIZATION="Bearer x", CONTENT_TYPE="text/plain", PATH_INFO="/new")

        (head,) = gate.heads
        assert (head.method, head.path, head.address) == ("POST", "/new", "192.0.2.7")
        assert [head.headers.get(name) for name in ("AUTHORIZATION", "CONTENT_TYPE", "CONTENT_LENGTH", "COOKIE")] == [
            "Bearer x",
            "text/plain",
            "5",
            "",
        ]
        assert head.headers.get("COOKIE", "none") == "none"


class TestTime:
    @pytest.fixture(autouse=True)
    def often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(intake_module, "_SWEEP_SECONDS", 0.005)
        monkeypatch.setattr(intake_module, "_LAST_SECONDS", 0.02)

    @pytest.mark.parametrize("patience", [replace(USUAL, request_seconds=0.02), replace(USUAL, idle_seconds=0.02)])
    @pytest.mark.parametrize("length", [5, LARGE])
    def test_who_takes_too_long_is_given_up(self, gate: Gate, patience: Any, length: int) -> None:
        sender = gate.take(Sender(), length, patience)

        assert problem(sender) == (400, "malformed", "The body did not arrive in time.")
        wait_for(lambda: sender.asked[0].cancelled)
        sender.asked[0].come(b"hello")
        assert gate.found == []
        assert len(sender.asked) == 1

    def test_who_sends_a_byte_now_and_then_has_until_the_end_and_no_longer(self, gate: Gate) -> None:
        sender = gate.take(Sender(b"x", b"x"), LARGE, replace(USUAL, request_seconds=0.05))
        while not sender.answered.wait(0.005):
            sender.asked[-1].come(b"x")

        assert problem(sender) == (400, "malformed", "The body did not arrive in time.")
        assert len(sender.asked) > 2

    def test_who_is_in_time_is_left_alone(self, gate: Gate) -> None:
        sender = gate.take(Sender(b"hello"), 5, replace(USUAL, idle_seconds=0.02))
        other = gate.take(Sender(), 5, replace(USUAL, idle_seconds=0.02))

        other.wait()

        assert sender.answer is None
        assert gate.body == b"hello"

    def test_a_stop_waits_no_longer_for_what_does_not_come(self, gate: Gate) -> None:
        sender = gate.take(Sender(), LARGE)

        gate.stop()

        assert problem(sender) == (503, "busy", "The server is stopping.")
        assert dict(sender.wait()[1])["Retry-After"] == "1"

    def test_one_that_granian_gives_no_end_of_is_given_up_too(self, gate: Gate) -> None:
        class Odd(Sender):
            def __call__(self) -> Coming:
                raise RuntimeError

        sender = Odd()
        with pytest.raises(RuntimeError):
            gate.take(sender, 5, replace(USUAL, idle_seconds=0.02))

        assert problem(sender)[0] == 400

    def test_what_comes_while_it_is_given_up_is_no_error(self, gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
        """Its file is closed under whoever writes to it."""
        begun, on = threading.Event(), threading.Event()

        class Slow(Coming):
            def result(self) -> bytes:
                begun.set()
                on.wait(30)
                return super().result()

        class Sending(Sender):
            def __call__(self) -> Coming:
                self.asked.append(Slow())
                return self.asked[-1]

        sender = gate.take(Sending(), 5, replace(USUAL, request_seconds=0.0))
        coming = threading.Thread(target=sender.asked[0].come, args=(b"hello",))
        coming.start()
        begun.wait(30)
        sender.wait()
        on.set()
        coming.join()

        assert gate.found == []
        assert "no body" not in caplog.text


@pytest.mark.parametrize(("error", "found"), [(OSError(errno.ENOSPC, "full"), (507, "disk_full")), (ValueError("what"), (500, "internal"))])
def test_a_body_that_cannot_be_kept_is_refused(gate: Gate, caplog: pytest.LogCaptureFixture, error: Exception, found: Any) -> None:
    assert problem(gate.take(Sender(error), 5))[:2] == found
    assert "body" in caplog.text


def test_an_application_that_fails_is_not_the_fault_of_the_body(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise OSError("in the application")

    gate.go = fail  # type: ignore[method-assign,assignment]

    sender = gate.take(Sender(b"hello"), 5)

    assert sender.answer is None
    assert "in the application" in caplog.text
    assert "no room" not in caplog.text
