"""Every layer of the guard, taken away, is missed by the catalogue and by the fuzz."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.campaign import Tally, run_world
from tests.security.attack import Attack
from tests.security.conftest import opened, paired
from tests.security.holes import ALL, Plant
from tests.security.test_catalogue import ORDINARY, judge
from tests.security.worlds import Pair, limits
from wce.guard import selftest
from wce.guard.guard import Guard
from wce.store.store import Store

STATEMENTS = 150
WORLDS = 30
BROKEN = [pytest.param(plant, classes, start, id=plant.__name__) for plant, classes, start in ALL]


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Plant) -> Iterator[tuple[Store, Guard]]:
    """A guard with a hole, which its own self-test would otherwise keep from running."""
    selftest.proven()  # kept for the whole process, so it must not meet a hole first
    plant(monkeypatch)
    with opened(tmp_path) as store:
        guard = Guard(store)
        guard.failures = ()
        yield store, guard
        guard.close()


def violated(attack: Attack, pair: Pair) -> bool:
    left, right = pair.run(attack.who, attack.sql, attack.params, limits(attack))
    harmed = pair.left.tampered(attack) or pair.right.tampered(attack)
    pair.restore()
    try:
        judge(attack, left)
    except AssertionError:
        return True
    return left != right or bool(harmed)


@pytest.mark.parametrize(("plant", "classes", "start"), BROKEN)
def test_the_catalogue_notices_a_missing_layer(classes: tuple[str, ...], start: int, broken: tuple[Store, Guard]) -> None:
    with paired(*broken, ("a", "one"), ("b", "two")) as pair:
        noticed = [attack.name for attack in ORDINARY if attack.name.startswith(classes) and violated(attack, pair)]

    assert len(noticed) >= 3, noticed


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "classes", "start"), BROKEN)
def test_the_fuzz_notices_a_missing_layer(classes: tuple[str, ...], start: int, broken: tuple[Store, Guard]) -> None:
    tally = Tally()

    for number in range(start, start + WORLDS):
        run_world(*broken, f"sensitive-{number}", tally, range(STATEMENTS))
        if tally.findings:
            break

    assert tally.findings, tally
