"""No cenv holds so many threads that nothing is left for another one."""

from __future__ import annotations

import random

import pytest

from wce.web.shares import NEWCOMERS, NOBODY, Shares, cenv_of

ID = "00000000-0000-4000-8000-000000000000"


def line(threads: int, waiting: str) -> Shares[str]:
    """Requests that wait, each named by its cenv and a number; `-` is nobody's."""
    shares: Shares[str] = Shares(threads)
    for number, cenv in enumerate(waiting):
        shares.append(cenv.strip("-"), f"{cenv}{number}")
    return shares


def begun(shares: Shares[str]) -> str:
    """All that may begin while none ends."""
    found = ""
    while (item := shares.next()) is not None:
        found += item[1][0]
    return found


@pytest.mark.parametrize(
    ("threads", "waiting", "expected"),
    [
        (8, "a" * 20, "aaaa"),
        (8, "a" * 20 + "b" * 20, "ababab"),
        (8, "abcdefghij", "abcdefgh"),
        (1, "aab", "a"),
        (2, "aab", "ab"),
        (4, "aaaa----", "a-a---"),
        (8, "", ""),
    ],
)
def test_a_cenv_begins_while_more_is_free_than_it_holds(threads: int, waiting: str, expected: str) -> None:
    assert begun(line(threads, waiting)) == expected


def test_what_waits_for_its_cenv_keeps_no_other_waiting() -> None:
    shares = line(8, "a" * 20)
    begun(shares)
    assert not shares.ready

    shares.append("b", "b0")

    assert shares.ready
    assert shares.next() == ("b", "b0")


def test_one_that_ends_makes_room() -> None:
    shares = line(8, "a" * 6)
    begun(shares)

    shares.end("a")

    assert shares.next() == ("a", "a4")
    assert shares.next() is None
    assert len(shares) == 1


def test_one_that_has_not_waited_begins_at_once_or_not() -> None:
    shares = line(2, "")

    assert [shares.begin(cenv) for cenv in ("a", "a", "b", NOBODY)] == [True, False, True, True]


def test_those_that_are_not_to_begin_come_out_one_by_one() -> None:
    shares = line(2, "aba")

    assert sorted(shares.popleft() for _ in range(len(shares))) == ["a0", "a2", "b1"]
    assert not shares.ready


def test_in_the_end_all_have_been_answered_whatever_the_order() -> None:
    chance = random.Random(5)
    shares, running, answered = line(5, "".join(chance.choices("abcd-", k=300))), [], 0

    while len(shares) or running:
        while (item := shares.next()) is not None:
            running.append(item[0])
        assert running
        shares.end(running.pop(chance.randrange(len(running))))
        answered += 1

    assert answered == 300


@pytest.mark.parametrize("waiting", [5_000, 0])
def test_whose_turn_it_is_is_found_without_a_look_at_all_who_wait(waiting: int) -> None:
    asked = 0

    class Counted(Shares[str]):
        def _may(self, cenv: str) -> bool:
            nonlocal asked
            asked += 1
            return super()._may(cenv)

    shares = Counted(8)
    for number in range(4):
        assert all(shares.begin(f"slow {number}") for _ in range((4, 2, 1, 1)[number]))
        shares.append(f"slow {number}", "")
    for number in range(waiting):
        shares.append(f"{number}", "")
    asked = 0

    assert not shares.ready  # no thread is free
    shares.end("slow 0")
    assert shares.ready is (waiting > 0)
    assert asked <= 8


@pytest.mark.parametrize(
    ("path", "cenv"),
    [
        (f"/{ID}/query", ID),
        (f"/{ID}/", ID),
        (f"/{ID}", NOBODY),
        ("/health", NOBODY),
        ("", NOBODY),
        (f"/{ID}x/", NOBODY),
        (f"/{ID}/query/7f", NOBODY),  # stops the statement of that name, and must not wait for it
        (f"/{ID}/query/explain", ID),
    ],
)
def test_whose_a_request_is(path: str, cenv: str) -> None:
    assert cenv_of(path) == cenv


def test_those_who_send_files_for_new_cenvs_share_a_place_and_leave_room() -> None:
    assert cenv_of("/new", brings_file=True) == NEWCOMERS
    assert cenv_of(f"/{ID}/admin/import", brings_file=True) == ID

    assert begun(line(4, "nnnn-")) == "n-n"
