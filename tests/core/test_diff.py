"""Differences: put into the old text they make the new one."""

from __future__ import annotations

import random

import pytest

from wce.core.diff import unified


def applied(old: str, diff: str) -> list[str]:
    """The old text with the difference put into it."""
    before, after, at = old.splitlines(), [], 0
    for line in diff.splitlines()[2:]:
        if line.startswith("@@"):
            start, count = (int(part) for part in line.split()[1].lstrip("-").split(","))
            start -= 1 if count else 0
            after += before[at:start]
            at = start
        elif line[0] == " ":
            assert before[at] == line[1:]
            after.append(line[1:])
            at += 1
        elif line[0] == "-":
            assert before[at] == line[1:]
            at += 1
        else:
            after.append(line[1:])
    return after + before[at:]


def test_equal_texts_do_not_differ() -> None:
    assert unified("a\nb\n", "a\nb\n", "a", "b") == ""


def test_a_changed_line_stands_between_its_neighbours() -> None:
    told = unified("1\n2\n3\n4\n5\n6\n7\n8\n9", "1\n2\n3\n4\nfive\n6\n7\n8\n9", "version 1", "version 2")

    assert told == "--- version 1\n+++ version 2\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"


@pytest.mark.parametrize("seed", range(40))
def test_random_changes_lead_from_one_text_to_the_other(seed: int) -> None:
    chance = random.Random(seed)
    before = [str(chance.randrange(6)) for _ in range(chance.randrange(40))]
    after = [line for line in before if chance.random() > 0.2]
    for _ in range(chance.randrange(5)):
        after.insert(chance.randrange(len(after) + 1), "new")
    old, new = "\n".join(before), "\n".join(after)

    assert applied(old, unified(old, new, "a", "b")) == after


def test_where_too_much_differs_all_of_it_is_one_block() -> None:
    old = "\n".join(["same"] * 5 + [f"x{i % 7}" for i in range(2_500)] + ["end"] * 5)
    new = "\n".join(["same"] * 5 + [f"y{i % 7}" for i in range(2_500)] + ["end"] * 5)

    told = unified(old, new, "a", "b")

    assert told.count("@@ ") == 1
    assert told.splitlines()[2] == "@@ -3,2506 +3,2506 @@"
    assert applied(old, told) == new.splitlines()
