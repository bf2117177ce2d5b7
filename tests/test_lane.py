"""A thread tells its server that it is about to wait."""

from __future__ import annotations

import threading

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
