"""The same for a server whose threads cannot be told: requests take turns at the door."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from wce import lane
from wce.web.turns import Turns

SECONDS = 30.0


def start(status: str, headers: list[tuple[str, str]], exc_info: object = None, /) -> Callable[[bytes], object]:
    return lambda _body: None


def application(work: Callable[[], None]) -> Callable[..., list[bytes]]:
    def answer(environ: dict[str, object], start_response: object) -> list[bytes]:
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


def call(turns: Turns, work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=lambda: turns({"work": work}, start))
    thread.start()
    return thread


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

    for thread in [call(turns, work) for _ in range(50)]:
        thread.join(SECONDS)

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
    for thread in (slow, *quick, last):
        thread.join(SECONDS)
        assert not thread.is_alive()


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
    slow.join(SECONDS)
    quick.join(SECONDS)


def test_a_request_that_raises_leaves_its_turn_to_the_next(make: Callable[..., Turns]) -> None:
    def fail() -> None:
        raise ValueError

    turns = make(patience_seconds=SECONDS)
    failed = 0
    for _ in range(3):
        try:
            turns({"work": fail}, start)
        except ValueError:
            failed += 1

    assert (failed, turns({"work": lambda: None}, start)) == (3, [b"done"])


def test_all_quick_requests_run_on_one_thread(make: Callable[..., Turns]) -> None:
    seen: set[int] = set()
    turns = make(lambda: seen.add(threading.get_ident()), patience_seconds=SECONDS)
    while len(turns._dispatcher._resting) < 8:
        threading.Event().wait(0.001)

    for thread in [call(turns, lambda: None) for _ in range(20)]:
        thread.join(SECONDS)

    assert len(seen) == 1
    assert threading.get_ident() not in seen


def test_an_answer_is_handed_over_as_it_is(make: Callable[..., Turns]) -> None:
    pieces = iter([b"a", b"b"])

    def answering(_environ: object, begin: Callable[..., object]) -> Iterator[bytes]:
        begin("200 OK", [("A", "b")])
        return pieces

    turns = Turns(answering, 1)  # type: ignore[arg-type]
    begun: list[object] = []

    answer = turns({}, lambda *given: begun.extend(given))  # type: ignore[arg-type, return-value]

    turns.close()
    assert answer is pieces
    assert begun == ["200 OK", [("A", "b")]]


def test_a_request_that_a_stop_overtakes_is_told_so() -> None:
    turns = Turns(application(lambda: None), 1, patience_seconds=SECONDS)
    begun, go, failed = threading.Event(), threading.Event(), threading.Event()
    running = call(turns, lambda: begun.set() or (bool(go.wait(SECONDS)) and None))
    begun.wait(SECONDS)

    def late() -> None:
        try:
            turns({"work": lambda: None}, start)
        except RuntimeError:
            failed.set()

    waiting = threading.Thread(target=late)
    waiting.start()
    while not turns._dispatcher.queue:
        threading.Event().wait(0.001)
    stopping = threading.Thread(target=turns.close)
    stopping.start()
    while not turns._dispatcher.stop_count:
        threading.Event().wait(0.001)
    go.set()
    for thread in (running, waiting, stopping):
        thread.join(SECONDS)

    assert failed.is_set()
