"""A thread tells its server that it is about to wait, and lets others go first."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable

import pytest

from wce import lane


def test_a_thread_that_waits_tells_whoever_asked_to_know() -> None:
    told: list[str] = []

    def serve() -> None:
        lane.serve(lambda: told.append("waiting"), lambda: False)
        lane.waiting()

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()

    assert told == ["waiting"]


def test_a_thread_that_serves_nobody_may_say_so_too() -> None:
    lane.waiting()


def in_a_thread(work: Callable[[], None]) -> None:
    """What a thread has said of itself ends with it."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_long_work_pauses_until_the_quick_request_beside_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "PAUSE_SECONDS", 3600.0)
    quick = [True, True, True, False]

    def work() -> None:
        lane.serve(lambda: None, lambda: quick.pop(0))
        lane.pause()

    in_a_thread(work)

    assert quick == []


def test_among_quick_requests_without_an_end_long_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []

    def work() -> None:
        lane.serve(lambda: None, lambda: asked.append(None) is None)
        lane.pause()

    in_a_thread(work)
    assert asked

    asked.clear()
    monkeypatch.setattr(lane, "PAUSE_SECONDS", 0.0)
    in_a_thread(work)
    assert asked == []


def test_long_work_does_not_pause_before_its_turn_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "TURN_SECONDS", 3600.0)
    asked: list[None] = []

    def work() -> None:
        lane.serve(lambda: None, lambda: asked.append(None) is not None)
        lane.pause()
        lane.pause()

    in_a_thread(work)

    assert asked == [None]


def test_a_thread_that_serves_nobody_pauses_for_nobody() -> None:
    lane.pause()


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each time that a turn was passed on."""
    found: list[None] = []
    monkeypatch.setattr(lane, "give_way", lambda: found.append(None))
    return found


def test_a_turn_is_passed_on_when_it_is_over_and_not_before(passed: list[None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "TURN_SECONDS", 3600.0)
    lane.until(math.inf)()
    assert passed == []

    monkeypatch.setattr(lane, "TURN_SECONDS", 0.0)
    late = lane.until(math.inf)
    late()
    late()
    assert passed == [None, None]


def test_turns_are_passed_on_until_it_is_late() -> None:
    assert not lane.until(time.monotonic() + 3600)()
    assert lane.until(time.monotonic() - 1)()


def test_to_give_way_lets_another_thread_run_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the interpreter would not change threads by itself."""
    begun, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: begun.wait() and done.set())
    thread.start()
    monkeypatch.setattr(lane, "TURN_SECONDS", 0.0)
    late, before = lane.until(math.inf), sys.getswitchinterval()
    sys.setswitchinterval(3600.0)
    try:
        begun.set()
        for _ in range(100_000):
            late()
        assert done.is_set()
    finally:
        sys.setswitchinterval(before)
        thread.join()
