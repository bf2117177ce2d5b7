"""The same for a server whose threads cannot be told: requests take turns at the door."""

from __future__ import annotations

import threading
from collections.abc import Callable

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


def call(turns: Turns, work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=lambda: turns({"work": work}, start))
    thread.start()
    return thread


def test_quick_requests_run_one_after_the_other() -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        sum(range(1000))
        with lock:
            inside -= 1

    turns = Turns(application(lambda: None), patience_seconds=SECONDS)

    for thread in [call(turns, work) for _ in range(50)]:
        thread.join(SECONDS)

    assert most == 1


def test_a_request_that_is_slow_keeps_nobody_waiting() -> None:
    turns = Turns(application(lambda: None))
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


def test_a_request_that_says_it_waits_lets_the_next_begin_at_once() -> None:
    turns = Turns(application(lambda: None), patience_seconds=SECONDS)
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


def test_a_request_that_raises_leaves_its_turn_to_the_next() -> None:
    def fail() -> None:
        raise ValueError

    turns = Turns(application(lambda: None), patience_seconds=SECONDS)
    failed = 0
    for _ in range(3):
        try:
            turns({"work": fail}, start)
        except ValueError:
            failed += 1

    assert (failed, turns({"work": lambda: None}, start)) == (3, [b"done"])
