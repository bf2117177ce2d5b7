"""waitress's requests run one at a time while they are quick, and never behind a slow one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from wce import lane
from wce.web.admission import Admitted
from wce.web.dispatch import Dispatcher

SECONDS = 30.0  # how long a test waits for what must happen


class Request:
    def __init__(self, path: str) -> None:
        self.path = path


class Task:
    """What waitress hands over: something to do."""

    def __init__(self, work: Callable[[], None], path: str = "/") -> None:
        self.requests = [Request(path)]
        self._work = work
        self.done = threading.Event()
        self.cancelled = False

    def service(self) -> None:
        try:
            self._work()
        finally:
            self.done.set()

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    made = Dispatcher()
    made.set_thread_count(4)
    yield made
    made.shutdown(timeout=SECONDS)


def test_quick_requests_run_one_after_the_other(dispatcher: Dispatcher) -> None:
    inside, most, lock = 0, 0, threading.Lock()
    patient = Dispatcher(patience_seconds=SECONDS)
    patient.set_thread_count(4)

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        sum(range(1000))
        with lock:
            inside -= 1

    tasks = [Task(work) for _ in range(200)]
    for task in tasks:
        patient.add_task(task)

    assert all(task.done.wait(SECONDS) for task in tasks)
    assert most == 1
    patient.shutdown(timeout=SECONDS)


def test_a_request_that_is_slow_keeps_nobody_waiting(dispatcher: Dispatcher) -> None:
    go = threading.Event()
    slow, quick = Task(lambda: bool(go.wait(SECONDS)) or None), Task(lambda: None)
    dispatcher.add_task(slow)

    dispatcher.add_task(quick)

    assert quick.done.wait(SECONDS)
    assert not slow.done.is_set()
    go.set()
    assert slow.done.wait(SECONDS)


def test_a_request_that_says_it_waits_lets_the_next_begin_at_once() -> None:
    patient = Dispatcher(patience_seconds=SECONDS)  # so that only the word of the request can help
    patient.set_thread_count(2)
    go = threading.Event()

    def work() -> None:
        lane.waiting()
        go.wait(SECONDS)

    waiting, quick = Task(work), Task(lambda: None)
    patient.add_task(waiting)
    patient.add_task(quick)

    assert quick.done.wait(SECONDS)
    go.set()
    assert waiting.done.wait(SECONDS)
    go.set()
    patient.shutdown(timeout=SECONDS)


def test_long_work_pauses_while_a_quick_request_is_answered_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "PAUSE_SECONDS", SECONDS)
    monkeypatch.setattr(lane, "TURN_SECONDS", 0.0)
    patient = Dispatcher(patience_seconds=SECONDS)
    patient.set_thread_count(2)
    quick_is_on, go, said = threading.Event(), threading.Event(), list[str]()

    def work() -> None:
        lane.pause()  # it is the quick one itself so far
        lane.waiting()
        quick_is_on.wait(SECONDS)
        go.set()
        lane.pause()
        said.append("long")

    def answer() -> None:
        quick_is_on.set()
        go.wait(SECONDS)
        said.append("quick")

    long, quick = Task(work), Task(answer)
    patient.add_task(long)
    patient.add_task(quick)

    assert long.done.wait(SECONDS)
    assert said == ["quick", "long"]
    patient.shutdown(timeout=SECONDS)


def test_all_threads_run_when_all_requests_are_slow(dispatcher: Dispatcher) -> None:
    meeting = threading.Barrier(4)
    tasks = [Task(lambda: meeting.wait(SECONDS) and None) for _ in range(4)]  # type: ignore[func-returns-value]

    for task in tasks:
        dispatcher.add_task(task)

    assert all(task.done.wait(SECONDS) for task in tasks)
    assert not meeting.broken


def test_more_slow_requests_than_threads_are_all_answered(dispatcher: Dispatcher) -> None:
    tasks = [Task(lambda: threading.Event().wait(0.01) and None) for _ in range(40)]

    for task in tasks:
        dispatcher.add_task(task)

    assert all(task.done.wait(SECONDS) for task in tasks)


def test_slow_requests_of_one_cenv_leave_threads_to_another_and_are_all_answered(dispatcher: Dispatcher) -> None:
    one, other = (f"/00000000-0000-4000-8000-00000000000{number}/" for number in (1, 2))
    release = threading.Event()
    slow = [Task(lambda: release.wait(SECONDS) and None, one) for _ in range(20)]
    for task in slow:
        dispatcher.add_task(task)

    for _ in range(3):
        quick = Task(lambda: None, other)
        dispatcher.add_task(quick)
        assert quick.done.wait(SECONDS)

    assert not any(task.done.is_set() for task in slow)
    release.set()
    assert all(task.done.wait(SECONDS) for task in slow)


def test_a_request_that_raises_costs_no_thread(dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("broken")

    bad = [Task(fail) for _ in range(10)]
    for task in bad:
        dispatcher.add_task(task)
    good = Task(lambda: None)
    dispatcher.add_task(good)

    assert good.done.wait(SECONDS)
    assert all(task.done.wait(SECONDS) for task in bad)
    assert "broken" in caplog.text


def test_a_stop_waits_for_what_runs_and_cancels_the_rest() -> None:
    made = Dispatcher(patience_seconds=SECONDS)
    made.set_thread_count(1)
    begun, go = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(SECONDS)

    running, waiting = Task(work), Task(lambda: None)
    made.add_task(running)
    begun.wait(SECONDS)
    made.add_task(waiting)
    threading.Timer(0.05, go.set).start()

    made.shutdown(timeout=SECONDS)

    assert running.done.is_set()
    assert waiting.cancelled
    assert not made.threads


def test_files_for_new_cenvs_leave_threads_to_everybody_else(dispatcher: Dispatcher) -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)

    def build() -> None:
        begun.release()
        gate.wait(SECONDS)

    builds = [Task(build, "/new") for _ in range(4)]
    for task in builds:
        task.requests[0].admitted = Admitted(1, paid=True)  # type: ignore[attr-defined]
        dispatcher.add_task(task)
    others = [Task(lambda: None, "/") for _ in range(2)]
    assert begun.acquire(timeout=SECONDS)
    for task in others:
        dispatcher.add_task(task)

    assert all(task.done.wait(SECONDS) for task in others)
    assert not any(task.done.is_set() for task in builds)
    gate.set()
    assert all(task.done.wait(SECONDS) for task in builds)
