from __future__ import annotations

import threading
import time

import pytest

from wce.core.gate import Gate
from wce.errors import WceError


def until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.001)


class Crowd:
    """Threads that go through a gate one after the other and note the order."""

    def __init__(self) -> None:
        self.gate = Gate(queue=3, on_wait=self.on_wait)
        self.order: list[int] = []
        self.waiting = 0
        self.threads: list[threading.Thread] = []

    def on_wait(self, change: int) -> None:
        self.waiting += change

    def send(self, number: int) -> None:
        before = self.waiting
        thread = threading.Thread(target=self._pass, args=(number,))
        self.threads.append(thread)
        thread.start()
        until(lambda: self.waiting > before)

    def _pass(self, number: int) -> None:
        with self.gate.enter("key", 1, 5):
            self.order.append(number)

    def join(self) -> None:
        for thread in self.threads:
            thread.join()


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


def test_lets_as_many_in_as_the_limit_says():
    gate = Gate(queue=0)

    with gate.enter("key", 2, 0), gate.enter("key", 2, 0), pytest.raises(WceError) as caught, gate.enter("key", 2, 0):
        pass

    assert (caught.value.code, caught.value.retry_after) == ("busy", 1)


def test_those_who_wait_come_in_in_their_order(crowd):
    with crowd.gate.enter("key", 1, 0):
        for number in range(3):
            crowd.send(number)

    crowd.join()
    assert crowd.order == [0, 1, 2]


def test_a_full_line_refuses_at_once(crowd):
    with crowd.gate.enter("key", 1, 0):
        for number in range(3):
            crowd.send(number)

        with pytest.raises(WceError) as caught, crowd.gate.enter("key", 1, 5):
            pass

    crowd.join()
    assert caught.value.code == "busy"


def test_who_waits_too_long_is_refused_and_leaves_the_line(crowd):
    with crowd.gate.enter("key", 1, 0):
        with pytest.raises(WceError) as caught, crowd.gate.enter("key", 1, 0.01):
            pass

        assert (caught.value.code, crowd.waiting) == ("busy", 0)

    with crowd.gate.enter("key", 1, 0):
        pass


def test_keys_do_not_wait_for_each_other():
    gate = Gate(queue=0)

    with gate.enter("one", 1, 0), gate.enter("other", 1, 0):
        pass


def test_an_exception_inside_gives_the_place_back():
    gate = Gate(queue=0)

    with pytest.raises(ZeroDivisionError), gate.enter("key", 1, 0):
        raise ZeroDivisionError

    with gate.enter("key", 1, 0):
        pass


def test_a_key_that_nobody_uses_takes_no_memory(crowd):
    with crowd.gate.enter("key", 1, 0):
        crowd.send(1)

    crowd.join()
    until(lambda: len(crowd.gate) == 0)
