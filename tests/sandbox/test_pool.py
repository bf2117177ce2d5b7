"""The pool: turns, replacement, suspension, retirement, and an end that leaves nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.pools import LOOP, PROGRAM, SHORT, job, refuse_sql, wait_until
from wce.errors import WceError
from wce.metrics import Metrics
from wce.sandbox import pool as pools
from wce.sandbox.messages import Budget, Fault, Job
from wce.sandbox.pool import Pool

ONE = job("return 1")


@pytest.fixture
def make() -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def start(workers: int = 2, **options: Any) -> Pool:
        pool = Pool(workers, program=PROGRAM, **options)
        made.append(pool)
        pool.start()
        wait_until(lambda: pool.state().idle == workers + 1)
        return pool

    yield start
    for pool in made:
        pool.close()


def answer(pool: Pool, cenv: str, item: Job) -> bytes:
    return pool.call(cenv, item, refuse_sql).body


def fail(pool: Pool, item: Job, cenv: str = "a") -> str:
    with pytest.raises(Fault) as caught:
        pool.call(cenv, item, refuse_sql)
    return caught.value.kind


def children(strangers: frozenset[int] = frozenset()) -> frozenset[int]:
    """Processes of this one and of those, dead or alive, without strangers and theirs."""
    while True:
        # A thread that ends while we look leaves its children to another one, which we may have seen before.
        with suppress(FileNotFoundError, ProcessLookupError):
            return _below("self", strangers)


def _below(pid: str, strangers: frozenset[int]) -> frozenset[int]:
    found = frozenset(int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split())
    found -= strangers
    return found.union(*(_below(str(child), strangers) for child in found))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def quiet(pool: Pool) -> None:
    """No worker of the pool that other tests share comes or goes: what they ended is replaced some time later."""
    wait_until(lambda: (state := pool.state()).starts == 0 or state.idle == state.workers == 3)


def test_the_first_call_starts_the_workers() -> None:
    pool = Pool(2, program=PROGRAM)
    try:
        assert pool.state().seccomp == "not started"
        assert answer(pool, "a", ONE) == b"1"
        wait_until(lambda: pool.state().idle == 3)
        assert pool.state().seccomp == "on" or pool.state().seccomp.startswith("degraded: ")
    finally:
        pool.close()


def test_a_source_is_checked_without_a_cenv(make: Callable[..., Pool]) -> None:
    pool = make()

    pool.check("raise Exception")
    with pytest.raises(Fault) as caught:
        pool.check("x = = 1")

    assert (caught.value.kind, caught.value.line) == ("syntax", 1)


def test_a_cenv_that_has_its_share_waits_with_its_checks_and_leaves_the_rest_to_others(make: Callable[..., Pool]) -> None:
    pool = make()
    with ThreadPoolExecutor(2) as threads:
        held = threads.submit(answer, pool, "a", job(LOOP, Budget(seconds=30)))
        wait_until(lambda: pool.state().busy == 1)
        checked = threads.submit(pool.check, "raise Exception", cenv="a")
        wait_until(lambda: pool.state().waiting == 1)

        assert answer(pool, "b", ONE) == b"1"
        pool.close()
        assert [type(future.exception()) for future in (held, checked)] == [WceError] * 2


def test_a_killed_worker_is_replaced_and_the_next_call_does_not_wait_for_that(make: Callable[..., Pool]) -> None:
    pool = make()

    assert fail(pool, job(LOOP, SHORT)) == "time"
    assert pool.state().idle >= 2
    assert answer(pool, "a", ONE) == b"1"

    wait_until(lambda: pool.state().idle == 3)
    assert pool.state().ends == {"time": 1}
    assert pool.state().starts == 4


@pytest.mark.parametrize("workers", [1, 2])
def test_another_cenv_is_served_at_once_while_scripts_of_one_loop(make: Callable[..., Pool], workers: int) -> None:
    pool = make(workers)
    budget = Budget(seconds=1.5)
    with ThreadPoolExecutor(4) as threads:
        looping = [threads.submit(fail, pool, job(f"n = {n}\n{LOOP}", budget)) for n in range(4)]
        wait_until(lambda: pool.state().waiting == 3)

        started = time.monotonic()
        answers = [answer(pool, "b", ONE) for _ in range(20)]
        seconds = time.monotonic() - started

        assert answers == [b"1"] * 20
        assert seconds < 1.4  # or it had waited for one of them to end
        assert pool.state().busy == 1
        ended = wait(looping, return_when=FIRST_COMPLETED).done
        pool.close()  # nobody needs to see the others run out of time, too
        assert "time" in [future.result() for future in ended]


def test_a_full_line_is_said_at_once(make: Callable[..., Pool]) -> None:
    pool = make(queue=2)
    with ThreadPoolExecutor(2) as threads:
        held = [threads.submit(fail, pool, job(f"n = {n}\n{LOOP}", Budget(seconds=1))) for n in range(2)]
        wait_until(lambda: pool.state().waiting == 1)

        with pytest.raises(WceError, match="waiting already") as error:
            answer(pool, "a", ONE)

        assert (error.value.code, error.value.retry_after) == ("busy", 1)
        assert [future.result() for future in held] == ["time"] * 2


def test_nobody_waits_longer_than_his_patience(make: Callable[..., Pool]) -> None:
    pool = make(patience_seconds=0.2)
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(fail, pool, job(LOOP, Budget(seconds=1.5)))
        wait_until(lambda: pool.state().busy == 1)

        with pytest.raises(WceError, match="No worker became free") as error:
            answer(pool, "a", ONE)

        assert error.value.code == "busy"
        assert pool.state().waiting == 0
        assert held.result() == "time"


def test_a_script_that_runs_out_of_time_three_times_is_suspended_and_others_of_the_cenv_run(make: Callable[..., Pool]) -> None:
    pool = make()
    looping = job(LOOP, Budget(seconds=0.1))
    assert [fail(pool, looping) for _ in range(3)] == ["time"] * 3

    with pytest.raises(WceError, match="suspended") as error:
        answer(pool, "a", looping)

    assert error.value.code == "busy"
    assert 50 < (error.value.retry_after or 0) <= 60
    assert answer(pool, "a", ONE) == b"1"
    assert pool.state().suspended == 1


def test_a_script_that_is_ended_by_its_memory_ten_times_is_suspended(make: Callable[..., Pool]) -> None:
    pool = make()
    allocating = job("kept = []\nwhile True:\n    kept.append(bytes(16 << 20))", Budget(memory_mb=16))
    assert [fail(pool, allocating) for _ in range(10)] == ["memory"] * 10

    with pytest.raises(WceError, match="suspended"):
        answer(pool, "a", allocating)

    assert answer(pool, "a", ONE) == b"1"


def test_a_worker_is_retired_after_its_calls_and_no_call_waits(make: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_MAX_CALLS", 5)
    pool = make()

    assert {answer(pool, "a", ONE) for _ in range(12)} == {b"1"}

    wait_until(lambda: pool.state().ends == {"retired": 2} and pool.state().idle == 3)


def test_a_worker_that_has_grown_is_retired(make: Callable[..., Pool]) -> None:
    pool = make()

    answer(pool, "a", job("global kept\nkept = bytearray(90 << 20)\nkept[::4096] = b'x' * len(kept[::4096])\nreturn 1"))

    wait_until(lambda: pool.state().ends == {"retired": 1} and pool.state().idle == 3)


def test_a_worker_that_keeps_memory_without_using_it_is_retired(make: Callable[..., Pool]) -> None:
    pool = make()

    answer(pool, "a", job("global kept\nkept = bytes(56 << 20)\ntime.sleep(0.01)\nreturn 1"))

    wait_until(lambda: pool.state().ends == {"retired": 1} and pool.state().idle == 3)


@pytest.mark.parametrize("uid", [os.getuid(), None], ids=["own user", "another user where it may be"])
def test_what_earlier_calls_have_left_in_a_worker_takes_no_room_from_the_next(make: Callable[..., Pool], uid: int | None) -> None:
    pool = make(uid=uid)
    answer(pool, "a", job("sys.kept = bytes(40 << 20)\ntime.sleep(0.01)\nreturn 1", Budget(memory_mb=64)))

    assert answer(pool, "a", job("return [len(sys.kept) >> 20, len(bytes(60 << 20)) >> 20]", Budget(memory_mb=64))) == b"[40,60]"


def test_an_idle_worker_that_was_killed_from_elsewhere_fails_no_call(make: Callable[..., Pool]) -> None:
    pool = make()
    for worker in list(pool._idle):
        os.kill(worker.pid, 9)
        wait_until(lambda worker=worker: not worker.alive())

    assert answer(pool, "a", ONE) == b"1"
    wait_until(lambda: pool.state().idle == 3)


def test_workers_that_do_not_come_up_leave_calls_busy_and_no_process(caplog: pytest.LogCaptureFixture) -> None:
    pool = Pool(2, program="raise SystemExit('no')", patience_seconds=0.1)
    pool.start()
    wait_until(pool._tried.is_set)  # for the first worker of all a call has more patience

    with pytest.raises(WceError, match="No worker became free"):
        answer(pool, "a", ONE)
    pool.close()

    assert "worker not started" in caplog.text
    assert not any(pool._alive)


def test_the_first_call_waits_for_the_first_worker_however_long_it_takes() -> None:
    pool = Pool(1, program="import time; time.sleep(0.5)\n" + PROGRAM, patience_seconds=0.01)
    try:
        assert answer(pool, "a", ONE) == b"1"
    finally:
        pool.close()


def test_what_the_kernel_refuses_is_told_in_the_state_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    refusing = "\ndef refuse(**_): raise OSError(38, 'not here')\nfrom wce.sandbox import seccomp; seccomp.install = refuse\n"
    pool = Pool(2, program=refusing + PROGRAM)
    try:
        answer(pool, "a", ONE)
        wait_until(lambda: pool.state().idle == 3)

        assert pool.state().seccomp.startswith("degraded: ")
        assert "seccomp (not here)" in pool.state().seccomp
        assert caplog.text.count("hardened") == 1
    finally:
        pool.close()


def test_closing_ends_who_runs_and_who_waits_and_leaves_nothing(quiet: None) -> None:
    before, files, strangers = children(), descriptors(), set(threading.enumerate())
    pool = Pool(2, program=PROGRAM)
    answer(pool, "a", ONE)
    with ThreadPoolExecutor(2) as threads:
        held: list[Future[bytes]] = [threads.submit(answer, pool, "a", job(f"n = {n}\n{LOOP}", Budget(seconds=30))) for n in range(2)]
        wait_until(lambda: pool.state().waiting == 1)

        pool.close()

        codes = [error.code for future in held if isinstance(error := future.exception(10), WceError)]
    assert codes == ["busy", "busy"]
    assert not children(before)
    assert descriptors() == files
    assert not [thread for thread in set(threading.enumerate()) - strangers if thread.name == "wce-workers"]
    with pytest.raises(WceError, match="is stopping"):
        answer(pool, "a", ONE)
    pool.close()


def test_a_pool_that_was_never_used_closes() -> None:
    pool = Pool(2, program=PROGRAM)

    pool.close()

    assert pool.state().starts == 0


def test_metrics_count_what_starts_and_ends(make: Callable[..., Pool]) -> None:
    metrics = Metrics()
    pool = make(metrics=metrics)

    fail(pool, job("os.abort()"))
    wait_until(lambda: pool.state().idle == 3)

    told = metrics.text().decode()
    assert "wce_workers 3.0" in told
    assert "wce_worker_starts_total 4.0" in told
    assert 'wce_worker_ends_total{reason="crash"} 1.0' in told


@pytest.mark.slow
def test_many_kills_leave_no_zombie_and_no_descriptor(quiet: None, make: Callable[..., Pool]) -> None:
    strangers = children()  # servers of other tests, which may have ended
    pool = make(4, patience_seconds=60.0)
    before = descriptors()

    def kill(number: int) -> str:
        ways = (LOOP, "os.abort()", "time.sleep(9)")
        return fail(pool, job(f"n = {number}\n{ways[number % 3]}", Budget(seconds=0.02)), cenv=f"c{number % 4}")

    with ThreadPoolExecutor(4) as threads:
        kinds = set(threads.map(kill, range(120)))
    wait_until(lambda: pool.state().idle == 5)

    assert kinds <= {"time", "crash"}
    assert sum(pool.state().ends.values()) == 120
    assert {worker.pid for worker in pool._alive} <= children()
    assert not [pid for pid in children(strangers) if " Z " in Path(f"/proc/{pid}/stat").read_text()]
    assert descriptors() == before


def test_whoever_kills_what_workers_are_copies_of_gets_new_workers_and_kills_nobody_else(make: Callable[..., Pool]) -> None:
    pool = make()
    (parent,) = {int(Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[1]) for worker in pool._alive}
    before = {worker.pid for worker in pool._alive}

    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in before))

    assert answer(pool, "a", ONE) == b"1"
    wait_until(lambda: pool.state().idle == 3)
    assert before.isdisjoint({worker.pid for worker in pool._alive})


def test_whoever_meets_a_dead_worker_has_the_other_dead_ones_replaced_too(make: Callable[..., Pool]) -> None:
    pool = make()
    first, last = pool._idle[0], pool._idle[-1]  # the one that would be called after all others, and the next
    for worker in (first, last):
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda worker=worker: not worker.alive())

    assert answer(pool, "a", ONE) == b"1"

    wait_until(lambda: pool.state().idle == 3)
    assert not {first, last} & {*pool._idle, *pool._alive}
    assert pool.state().ends["crash"] == 2
