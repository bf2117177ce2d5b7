"""A table that one may not see answers exactly like one that never existed, in every place where a name can stand."""

from __future__ import annotations

import pytest

from tests.security.catalogue.hidden import HIDDEN_NAMES, SHAPES
from tests.security.worlds import Outcome, Pair

NEVER = "nonesuch"
# What is known about these is their name alone, which is the same in every cenv; SQLite itself answers for it in places.
QUOTES = ('"{}"', "[{}]", "`{}`", "'{}'")


def plain(outcome: Outcome, name: str) -> tuple[str, str]:
    return outcome.code, outcome.detail.replace(name, NEVER)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hidden_name_is_no_name_at_all(shape: str, pair: Pair) -> None:
    expected = pair.left.run("alice", SHAPES[shape].format(NEVER))

    assert expected.code == "no_such_table"
    for name in HIDDEN_NAMES:
        left, right = pair.run("alice", SHAPES[shape].format(name))
        assert left == right, name
        assert plain(left, name) == plain(expected, NEVER), name


@pytest.mark.parametrize("quotes", QUOTES)
@pytest.mark.parametrize("shape", ["star", "count", "qualified", "delete", "insert"])
def test_quotes_change_nothing_about_a_hidden_name(shape: str, quotes: str, pair: Pair) -> None:
    for name in HIDDEN_NAMES:
        left, right = pair.run("alice", SHAPES[shape].format(quotes.format(name)))
        assert left == right, name
        assert left.code == "no_such_table", name
