"""Cenvs take turns."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.sandbox.fairness import Turns


def test_a_cenv_holds_at_most_half_of_the_slots() -> None:
    turns: Turns[None] = Turns(4, 8)

    assert [turns.begin("a") for _ in range(3)] == [True, True, False]
    assert turns.begin("b")


def test_all_slots_together_are_the_most() -> None:
    turns: Turns[None] = Turns(2, 8)

    assert [turns.begin(cenv) for cenv in "abc"] == [True, True, False]


def test_those_who_wait_take_turns_however_many_wait_of_one() -> None:
    turns: Turns[None] = Turns(2, 16)
    turns.begin("x")
    turns.begin("y")
    for cenv in "aaabbc":
        turns.join(cenv)

    turns.end("x")
    served = []
    while (found := turns.next()) is not None:
        served.append(found[0])
        turns.end(found[0])

    assert "".join(served) == "abcaba"
    assert (turns.busy, len(turns)) == (1, 0)


def test_who_has_his_share_is_passed_over() -> None:
    turns: Turns[None] = Turns(2, 16)
    turns.begin("a")
    turns.join("a")
    other = turns.join("b")

    assert turns.next() == ("b", other)
    assert turns.next() is None


def test_whoever_has_just_run_waits_behind_those_who_came_meanwhile() -> None:
    turns: Turns[None] = Turns(2, 16)
    for cenv in "ac":
        turns.begin(cenv)
        turns.join(cenv)
    newcomer = turns.join("b")

    turns.end("a")

    assert turns.next() == ("b", newcomer)


def test_the_line_has_an_end_and_one_cenv_fills_half_of_it() -> None:
    turns: Turns[None] = Turns(2, 4)
    turns.join("a")
    turns.join("a")

    with pytest.raises(WceError) as full:
        turns.join("a")
    turns.join("b")
    turns.join("c")
    with pytest.raises(WceError):
        turns.join("d")

    assert (full.value.code, full.value.retry_after) == ("busy", 1)


def test_who_leaves_is_forgotten() -> None:
    turns: Turns[None] = Turns(2, 2)
    ticket = turns.join("a")

    turns.leave(ticket)

    assert len(turns) == 0
    assert turns.next() is None
