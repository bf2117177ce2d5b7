"""A turn is as long as the machine needs for several usual requests, within bounds."""

from __future__ import annotations

from wce.web.allowance import LEAST_SECONDS, Allowance


def after(*took: float) -> float:
    allowance = Allowance()
    for seconds in took * 100:
        allowance.note(seconds)
    return allowance.seconds


def test_where_requests_are_quick_it_is_the_least() -> None:
    assert after(0.0002) == LEAST_SECONDS


def test_where_all_of_them_take_longer_it_is_several_times_as_long() -> None:
    assert 0.007 < after(0.0014) < 0.010


def test_a_few_long_ones_do_not_stretch_it() -> None:
    assert after(0.0002, 5.0, 0.0002) == LEAST_SECONDS


def test_it_never_grows_beyond_what_others_can_wait() -> None:
    assert after(5.0) == 4 * LEAST_SECONDS


def test_it_shrinks_again() -> None:
    allowance = Allowance()
    for seconds in [5.0] * 100 + [0.0002] * 100:
        allowance.note(seconds)
    assert allowance.seconds == LEAST_SECONDS
