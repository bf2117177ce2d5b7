"""Random statements on random cenvs: two that differ only in what the sender may not see answer alike, and keep what he may not touch."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.admins import SPEC
from tests.fuzz.campaign import PER_WORLD, Tally, make_statement, run_world
from tests.fuzz.pairs import Leak, twins
from tests.fuzz.reads import Reader, Statement
from tests.security.worlds import Pair
from wce.guard.guard import Guard
from wce.store.sqlite import quote
from wce.store.store import Store

# 16 parts of 7 pairs of worlds with 180 statements each: 20,160, always the same.
PARTS = 16
WORLDS = 7
SLOW = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_nobody_learns_of_or_touches_what_he_may_not_see(part: int, store: Store, guard: Guard) -> None:
    tally = Tally()

    for number in range(WORLDS):
        run_world(store, guard, f"test-{part}-{number}", tally, range(PER_WORLD))

    assert not tally.findings, "\n\n".join(map(str, tally.findings))
    assert tally.statements == WORLDS * PER_WORLD
    assert tally.codes["ok"] > tally.statements / 3, tally
    assert tally.compared > tally.statements / 25, tally


@pytest.mark.slow
@settings(SLOW, max_examples=60)
@given(seed=st.integers(0, 2**64), random=st.randoms(use_true_random=False))
def test_every_choice_of_a_statement_may_be_the_wrong_one(seed: int, random: Random, store: Store, guard: Guard) -> None:
    """Here hypothesis makes the choices inside each statement, so what it finds it also makes small."""
    with twins(store, guard, f"hypothesis-{seed}") as world:
        for _ in range(3):
            world.check(make_statement(random, world))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_an_administrator_cannot_tell_secrets_apart(part: int, admins_pair: Pair) -> None:
    codes: Counter[str] = Counter()

    for number in range(250):
        statement = Reader(Random(f"admin-{part}-{number}"), SPEC).statement()
        left, right = admins_pair.run("admin", statement.sql, statement.params)
        assert left == right, statement
        codes[left.code] += 1

    assert codes["ok"] > 25, codes
    assert codes["internal"] == 0


def test_a_finding_says_how_to_repeat_it(store: Store, guard: Guard) -> None:
    tally = Tally()

    run_world(store, guard, "repeat", tally, range(20))
    again = Tally()
    run_world(store, guard, "repeat", again, range(20))

    assert (tally.kinds, tally.codes) == (again.kinds, again.codes)


def test_a_row_that_vanishes_is_noticed(store: Store, guard: Guard) -> None:
    with twins(store, guard, "vanished 3") as world:
        table = next(table.name for table in world.spec.tables if "w" in table.rights)
        for rows in world.hidden:
            rows[table][("a row that is not there",)] += 1

        with pytest.raises(Leak, match="were changed"):
            world.check(Statement(f"INSERT INTO {quote(table)} DEFAULT VALUES", (), "INSERT"))
