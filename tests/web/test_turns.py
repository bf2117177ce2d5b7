"""The same for a server whose threads cannot be told: requests take turns at the door."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.wsgi import ClosingIterator, FileWrapper

from wce import lane
from wce.web.turns import Turns

SECONDS = 30.0


class Exchange:
    """granian's end of a request, which keeps what it is told."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.answer: tuple[int, list[tuple[str, str]], bytes] | None = None

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = status, headers, body
        self.answered.set()

    def response_iter(self, status: int, headers: list[tuple[str, str]], body: Iterator[bytes]) -> None:
        pieces = list(body)
        body.close()  # type: ignore[attr-defined]
        self.response_bytes(status, headers, b"|".join(pieces))

    def wait(self) -> tuple[int, list[tuple[str, str]], bytes]:
        assert self.answered.wait(SECONDS)
        assert self.answer is not None
        return self.answer


def application(work: Callable[[], None]) -> Callable[..., list[bytes]]:
    def answer(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [("A", "b")])
        environ["work"]()  # type: ignore[operator]
        work()
        return [b"done"]

    return answer


@pytest.fixture
def make() -> Iterator[Callable[..., Turns]]:
    """Call it for turns before an application; their threads end with the test."""
    made: list[Turns] = []

    def make(work: Callable[[], None] = lambda: None, **options: float) -> Turns:
        made.append(Turns(application(work), 8, **options))
        return made[-1]

    yield make
    for turns in made:
        turns.close()


def call(turns: Turns, work: Callable[[], object] = lambda: None, **environ: object) -> Exchange:
    exchange = Exchange()
    turns(exchange, {"work": work, **environ})
    return exchange


def test_quick_requests_run_one_after_the_other(make: Callable[..., Turns]) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        sum(range(1000))
        with lock:
            inside -= 1

    turns = make(patience_seconds=SECONDS)

    for exchange in [call(turns, work) for _ in range(50)]:
        exchange.wait()

    assert most == 1


def test_a_request_that_is_slow_keeps_nobody_waiting(make: Callable[..., Turns]) -> None:
    turns = make()
    begun, go, done = threading.Event(), threading.Event(), threading.Event()
    slow = call(turns, lambda: begun.set() or (bool(go.wait(SECONDS)) and None))
    begun.wait(SECONDS)

    quick = [call(turns, lambda: None) for _ in range(5)]
    last = call(turns, done.set)

    assert done.wait(SECONDS)
    go.set()
    assert {exchange.wait()[2] for exchange in (slow, *quick, last)} == {b"done"}


def test_a_request_that_says_it_waits_lets_the_next_begin_at_once(make: Callable[..., Turns]) -> None:
    turns = make(patience_seconds=SECONDS)
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        lane.waiting()
        begun.set()
        go.wait(SECONDS)

    slow = call(turns, work)
    begun.wait(SECONDS)
    quick = call(turns, done.set)

    assert done.wait(SECONDS)
    go.set()
    slow.wait()
    quick.wait()


def test_a_request_that_raises_is_answered_and_leaves_its_turn_to_the_next(make: Callable[..., Turns]) -> None:
    def fail() -> None:
        raise ValueError

    turns = make(patience_seconds=SECONDS)

    answers = [call(turns, fail).wait() for _ in range(3)]

    assert [(status, json.loads(body)["code"]) for status, _, body in answers] == [(500, "internal")] * 3
    assert all({"Content-Security-Policy", "X-Request-ID"} <= dict(headers).keys() for _, headers, _ in answers)
    assert call(turns).wait()[::2] == (200, b"done")


def test_all_quick_requests_run_on_one_thread(make: Callable[..., Turns]) -> None:
    seen: set[int] = set()
    turns = make(lambda: seen.add(threading.get_ident()), patience_seconds=SECONDS)
    while len(turns._dispatcher._resting) < 8:
        threading.Event().wait(0.001)

    for exchange in [call(turns) for _ in range(20)]:
        exchange.wait()

    assert len(seen) == 1
    assert threading.get_ident() not in seen


def served(answer: Callable[[dict[str, Any]], Any], **environ: object) -> tuple[int, list[tuple[str, str]], bytes]:
    """What a request gets from an application that answers so."""

    def application(environ: dict[str, Any], begin: Callable[..., object]) -> Any:
        begin("201 CREATED", [("A", "b")])
        return answer(environ)

    turns = Turns(application, 1)
    try:
        return call(turns, **environ).wait()
    finally:
        turns.close()


def test_an_answer_in_pieces_goes_out_whole_and_is_closed() -> None:
    answer = ClosingIterator([b"a", b"b"], callbacks=(closed := threading.Event()).set)

    assert served(lambda _: answer) == (201, [("A", "b"), ("Server", "")], b"ab")  # an empty one: no banner
    assert closed.is_set()


def test_a_file_goes_out_in_pieces_and_is_closed() -> None:
    file = io.BytesIO(b"abcd")

    assert served(lambda _: FileWrapper(file, 2))[2] == b"ab|cd"
    assert file.closed


class Stream:
    """A body that arrives two bytes at a time and is gone when granian's thread has come back."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)
        self.gone = False

    def read(self, size: int = -1) -> bytes:
        return b"" if self.gone else self._content.read(min(2, size) if size >= 0 else size)


def read_to_the_end(environ: dict[str, Any]) -> list[bytes]:
    return list(iter(lambda: environ["wsgi.input"].read(100_000), b""))


@pytest.mark.parametrize("environ", [{"CONTENT_LENGTH": "5"}, {"CONTENT_LENGTH": "70000"}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_a_body_is_read_before_granian_has_its_thread_back(environ: dict[str, str]) -> None:
    class Leaving(Turns):
        def __call__(self, exchange: Any, environ: Any) -> None:
            super().__call__(exchange, environ)
            stream.gone = True

    def answering(environ: dict[str, Any], begin: Callable[..., object]) -> list[bytes]:
        begin("200 OK", [])
        return read_to_the_end(environ)

    stream = Stream(b"hello")
    turns = Leaving(answering, 1)  # type: ignore[arg-type]

    answer = call(turns, **environ, **{"wsgi.input": stream}).wait()

    turns.close()
    assert answer[::2] == (200, b"hello")


def test_a_body_that_breaks_off_is_as_long_as_it_is() -> None:
    assert served(read_to_the_end, **{"CONTENT_LENGTH": "9", "wsgi.input": Stream(b"hello")})[2] == b"hello"


@pytest.mark.parametrize("environ", [{}, {"CONTENT_LENGTH": "70000", "wsgi.input": Stream(b"")}])
def test_a_request_that_a_stop_overtakes_is_told_so(environ: dict[str, object]) -> None:
    turns = Turns(application(lambda: None), 1, patience_seconds=SECONDS)
    begun, go, late = threading.Event(), threading.Event(), Exchange()
    running = call(turns, lambda: begun.set() or go.wait(SECONDS))
    begun.wait(SECONDS)
    asking = threading.Thread(target=turns, args=(late, {"work": lambda: None, **environ}))
    asking.start()
    while not turns._dispatcher.queue:
        threading.Event().wait(0.001)

    stopping = threading.Thread(target=turns.close)
    stopping.start()
    while not turns._dispatcher.stop_count:
        threading.Event().wait(0.001)
    go.set()
    for thread in (stopping, asking):
        thread.join(SECONDS)

    assert (late.wait()[0], json.loads(late.wait()[2])["code"]) == (503, "busy")
    assert running.wait()[0] == 200


class TestAnswersGoOutTogether:
    """While one quick request follows the other; none waits for a slow one."""

    @staticmethod
    def begin(turns: Turns, then: Callable[[], object]) -> tuple[Exchange, Exchange]:
        """A request that ends when another one stands behind it, and that other one."""
        begun, queued = threading.Event(), threading.Event()
        first = call(turns, lambda: begun.set() or (bool(queued.wait(SECONDS)) and None))
        begun.wait(SECONDS)
        second = call(turns, then)
        queued.set()
        return first, second

    def test_the_first_waits_for_the_second(self, make: Callable[..., Turns]) -> None:
        turns = make(patience_seconds=SECONDS)
        seen: list[bool] = []
        first, second = self.begin(turns, lambda: seen.append(first.answered.is_set()))

        assert [exchange.wait()[2] for exchange in (first, second)] == [b"done"] * 2
        assert seen == [False]

    def test_it_does_not_where_the_second_is_slow(self, make: Callable[..., Turns]) -> None:
        go = threading.Event()
        first, second = self.begin(make(), lambda: go.wait(SECONDS))

        first.wait()
        assert not second.answered.is_set()

        go.set()
        second.wait()

    def test_nor_where_the_second_says_that_it_waits(self, make: Callable[..., Turns]) -> None:
        seen: list[bool] = []

        def work() -> None:
            lane.waiting()
            seen.append(first.answered.is_set())

        first, second = self.begin(make(patience_seconds=SECONDS), work)

        second.wait()
        assert seen == [True]

    def test_no_more_than_a_handful_wait(self, make: Callable[..., Turns]) -> None:
        turns = make(patience_seconds=SECONDS)
        begun, queued, seen = threading.Event(), threading.Event(), []
        first = call(turns, lambda: begun.set() or (bool(queued.wait(SECONDS)) and None))
        begun.wait(SECONDS)
        others = [call(turns, lambda: seen.append(first.answered.is_set())) for _ in range(20)]
        queued.set()

        for exchange in others:
            exchange.wait()

        assert seen == [False] * 7 + [True] * 13

    def test_one_that_cannot_be_sent_costs_the_others_nothing(self, make: Callable[..., Turns], caplog: pytest.LogCaptureFixture) -> None:
        turns = make(patience_seconds=SECONDS)
        begun, queued = threading.Event(), threading.Event()

        class Gone(Exchange):
            def response_bytes(self, *_: object) -> None:
                raise RuntimeError("the client is gone")

        turns(Gone(), {"work": lambda: begun.set() or (bool(queued.wait(SECONDS)) and None)})
        begun.wait(SECONDS)
        others = [call(turns) for _ in range(3)]
        queued.set()

        assert [exchange.wait()[0] for exchange in others] == [200] * 3
        assert [call(turns).wait()[0] for _ in range(2)] == [200] * 2
        assert "answer not sent" in caplog.text
