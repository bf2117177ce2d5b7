"""Whether a thread keeps its place while a script runs."""

from __future__ import annotations

import pytest

from wce import lane
from wce.sandbox.pace import QUICK_SECONDS, Pace

SLOW = 2 * QUICK_SECONDS


@pytest.fixture
def told() -> list[int]:
    """Grows whenever this thread gives its place away."""
    calls: list[int] = []
    lane.serve(lambda: calls.append(1), lambda: False)
    return calls


def run(pace: Pace, key: str, seconds: float) -> None:
    pace.begin(key)
    pace.waiting()
    pace.end(key, seconds)


@pytest.mark.parametrize(("first", "second"), [(0.0, 0), (SLOW, 1)])
def test_only_a_script_that_was_quick_keeps_others_waiting(told: list[int], first: float, second: int) -> None:
    pace = Pace()
    run(pace, "a", first)
    before = len(told)

    run(pace, "a", 0.0)

    assert before == 1
    assert len(told) - before == second


def test_a_script_that_has_become_slow_is_known_as_such(told: list[int]) -> None:
    pace = Pace()
    for seconds in (0.0, SLOW, 0.0):
        run(pace, "a", seconds)

    assert len(told) == 2


def test_another_script_of_the_worker_is_another_matter(told: list[int]) -> None:
    pace = Pace()
    run(pace, "a", 0.0)
    run(pace, "b", 0.0)

    assert len(told) == 2


def test_what_is_no_script_gives_the_place_away(told: list[int]) -> None:
    pace = Pace()
    run(pace, "a", 0.0)

    pace.waiting()

    assert len(told) == 2


def test_endless_new_scripts_take_no_endless_memory(told: list[int]) -> None:
    pace = Pace()
    for number in range(5_000):
        run(pace, str(number), 0.0)

    assert len(pace._quick) <= 1_000
