"""Scripts that keep running out of time rest."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.sandbox.suspension import Suspensions


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


def late(suspensions: Suspensions, clock: Clock, *, apart: float) -> None:
    for _ in range(3):
        clock.time += apart
        suspensions.note("a", "key")


def test_the_third_time_within_a_minute_suspends_for_one_and_says_so() -> None:
    clock = Clock()
    suspensions = Suspensions(clock)
    late(suspensions, clock, apart=10)
    clock.time += 18.5

    with pytest.raises(WceError, match="suspended for 42 more seconds") as error:
        suspensions.check("a", "key")

    assert (error.value.code, error.value.retry_after) == ("busy", 42)
    assert suspensions.count() == 1


def test_after_the_minute_it_runs_again() -> None:
    clock = Clock()
    suspensions = Suspensions(clock)
    late(suspensions, clock, apart=1)
    clock.time += 60

    suspensions.check("a", "key")
    suspensions.note("a", "key")
    suspensions.check("a", "key")

    assert suspensions.count() == 0


def test_times_far_apart_do_not_count_together() -> None:
    clock = Clock()
    suspensions = Suspensions(clock)

    late(suspensions, clock, apart=31)

    suspensions.check("a", "key")


def test_others_run_on() -> None:
    clock = Clock()
    suspensions = Suspensions(clock)

    late(suspensions, clock, apart=1)

    suspensions.check("b", "key")
    suspensions.check("a", "other key")
