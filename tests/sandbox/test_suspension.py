"""Scripts that keep running out of time or memory rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from wce.counters import Counters
from wce.errors import WceError
from wce.sandbox.suspension import Suspensions


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def suspensions(clock: Clock) -> Iterator[Suspensions]:
    with closing(Counters(now=clock)) as counters:
        yield Suspensions(counters)


def late(suspensions: Suspensions, clock: Clock, *, apart: float) -> None:
    for _ in range(3):
        clock.time += apart
        suspensions.note("a", "key", "time")


def test_the_third_time_within_a_minute_suspends_for_one_and_says_so(suspensions: Suspensions, clock: Clock) -> None:
    late(suspensions, clock, apart=10)
    clock.time += 18.5

    with pytest.raises(WceError, match="suspended for 42 more seconds") as error:
        suspensions.check("a", "key")

    assert (error.value.code, error.value.retry_after) == ("busy", 42)
    assert suspensions.count() == 1


def test_one_that_ran_out_of_time_once_more_while_it_was_suspended_rests_no_longer(suspensions: Suspensions, clock: Clock) -> None:
    late(suspensions, clock, apart=1)
    clock.time += 30
    suspensions.note("a", "key", "time")

    with pytest.raises(WceError, match="suspended for 30 more seconds"):
        suspensions.check("a", "key")


def test_after_the_minute_it_runs_again(suspensions: Suspensions, clock: Clock) -> None:
    late(suspensions, clock, apart=1)
    clock.time += 60

    suspensions.check("a", "key")
    suspensions.note("a", "key", "time")
    suspensions.check("a", "key")

    assert suspensions.count() == 0


def test_times_far_apart_do_not_count_together(suspensions: Suspensions, clock: Clock) -> None:
    late(suspensions, clock, apart=31)

    suspensions.check("a", "key")


def test_any_three_within_a_minute_count(suspensions: Suspensions, clock: Clock) -> None:
    for pause in (0, 50, 15, 5):
        clock.time += pause
        suspensions.check("a", "key")
        suspensions.note("a", "key", "time")

    with pytest.raises(WceError, match="suspended"):
        suspensions.check("a", "key")


def test_others_run_on(suspensions: Suspensions, clock: Clock) -> None:
    late(suspensions, clock, apart=1)

    suspensions.check("b", "key")
    suspensions.check("a", "other key")


@pytest.mark.parametrize("kind", ["memory", "crash"])
def test_the_tenth_worker_that_it_ended_within_a_minute_suspends_it(suspensions: Suspensions, clock: Clock, kind: str) -> None:
    for _ in range(9):
        clock.time += 2
        suspensions.note("a", "key", kind)
    suspensions.check("a", "key")
    suspensions.note("a", "key", kind)

    with pytest.raises(WceError, match="suspended for 60 more seconds"):
        suspensions.check("a", "key")


def test_what_is_only_wrong_in_a_script_never_suspends_it(suspensions: Suspensions) -> None:
    for kind in ("runtime", "result", "limit", "abort", "output", "refused", "syntax"):
        for _ in range(20):
            suspensions.note("a", "key", kind)

    suspensions.check("a", "key")


def test_processes_count_together(tmp_path: Path, clock: Clock) -> None:
    with closing(Counters(tmp_path / "counters", now=clock)) as one, closing(Counters(tmp_path / "counters", now=clock)) as other:
        first, second = Suspensions(one), Suspensions(other)
        first.note("a", "key", "time")
        second.note("a", "key", "time")
        first.note("a", "key", "time")

        with pytest.raises(WceError, match="suspended"):
            second.check("a", "key")
        assert (first.count(), second.count()) == (1, 0)  # so that the sum over processes is right


def test_a_clock_that_was_set_back_makes_nobody_rest_longer(suspensions: Suspensions, clock: Clock) -> None:
    late(suspensions, clock, apart=1)
    clock.time -= 3_600

    suspensions.check("a", "key")
