"""A thread tells its server that it is about to wait."""

from __future__ import annotations

import math
import sys
import threading
import time

import pytest

from wce import lane


def test_a_thread_that_waits_tells_whoever_asked_to_know() -> None:
    told: list[str] = []

    def serve() -> None:
        lane.on_waiting(lambda: told.append("waiting"))
        lane.waiting()

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()

    assert told == ["waiting"]


def test_a_thread_that_serves_nobody_may_say_so_too() -> None:
    lane.waiting()


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each time that a turn was passed on."""
    found: list[None] = []
    monkeypatch.setattr(lane, "_give_way", lambda: found.append(None))
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
