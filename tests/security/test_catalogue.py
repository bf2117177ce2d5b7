"""Every entry of the catalogue: what it answers, that nobody can tell two worlds apart by it, and that it leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.security.attack import ANY, OK, Attack
from tests.security.catalogue.admins import ALLOWED, SECRETS, STOPPED, SYSTEM
from tests.security.catalogue.deputies import PEOPLE, TRIGGERS, VIEWS
from tests.security.catalogue.hidden import FTS, HIDDEN
from tests.security.catalogue.leaky import LEAKY
from tests.security.catalogue.limits import LIMITS, PARAMETERS
from tests.security.catalogue.qualifiers import QUALIFIERS
from tests.security.catalogue.reads import READS
from tests.security.catalogue.statements import FUNCTIONS, KINDS
from tests.security.catalogue.writes import DELETES, INSERTS, UPDATES, UPSERTS
from tests.security.worlds import Outcome, Pair, limits

USERS = {
    "reads": READS,
    "names": QUALIFIERS,
    "hidden": HIDDEN,
    "fts": FTS,
    "leaky": LEAKY,
    "update": UPDATES,
    "delete": DELETES,
    "insert": INSERTS,
    "upsert": UPSERTS,
    "kinds": KINDS,
    "functions": FUNCTIONS,
    "limits": LIMITS,
    "parameters": PARAMETERS,
    "views": VIEWS,
    "triggers": TRIGGERS,
    "people": PEOPLE,
}
ADMINS = {"admin may": ALLOWED, "admin secrets": SECRETS, "admin system": SYSTEM, "admin stopped": STOPPED}


def flat(classes: dict[str, tuple[Attack, ...]]) -> list[Attack]:
    return [replace(attack, name=f"{group}: {attack.name}") for group, attacks in classes.items() for attack in attacks]


ORDINARY = flat(USERS)
ADMINISTRATIVE = [replace(attack, who=who, name=f"{attack.name} ({who})") for attack in flat(ADMINS) for who in ("admin", "owner")]
TWINS = [attack for attack in [*ORDINARY, *ADMINISTRATIVE[::2]] if attack.twin]


def judge(attack: Attack, outcome: Outcome) -> None:
    """Hold one outcome against what the entry expects."""
    assert outcome.code != "internal", outcome
    if isinstance(attack.expect, list):
        assert outcome.code == "ok", outcome
        assert list(outcome.rows) == attack.expect
    elif attack.expect == OK:
        assert outcome.code == "ok", outcome
    elif attack.expect != ANY:
        assert outcome.code in attack.expect, outcome
    if attack.changes is not None:
        assert outcome.changes == attack.changes


def ids(attacks: list[Attack]) -> list[str]:
    return [attack.name for attack in attacks]


@pytest.mark.parametrize("attack", ORDINARY, ids=ids(ORDINARY))
def test_a_user_gets_what_he_may_and_learns_and_harms_nothing_else(attack: Attack, pair: Pair) -> None:
    left, right = pair.run(attack.who, attack.sql, attack.params, limits(attack))

    assert left == right
    judge(attack, left)
    for world in (pair.left, pair.right):
        assert world.tampered(attack) == {}
        if attack.left is not None:
            assert world.trusted(attack.after) == attack.left


@pytest.mark.parametrize("attack", ADMINISTRATIVE, ids=ids(ADMINISTRATIVE))
def test_an_administrator_reaches_neither_secrets_nor_system_tables(attack: Attack, admin_pair: Pair) -> None:
    left, right = admin_pair.run(attack.who, attack.sql, attack.params, limits(attack))

    assert left == right
    judge(attack, left)
    for world in (admin_pair.left, admin_pair.right):
        assert world.tampered(attack) == {}
        assert world.run("alice", "SELECT count(*) FROM catalog").rows == ((2,),)


@pytest.mark.parametrize("attack", TWINS, ids=ids(TWINS))
def test_what_is_refused_has_a_harmless_twin_that_works(attack: Attack, pair: Pair) -> None:
    outcome = pair.left.run(attack.who, attack.twin, attack.twin_params)

    assert outcome.code == "ok", outcome


def test_every_refusal_has_a_twin() -> None:
    without = [attack.name for attack in [*ORDINARY, *ADMINISTRATIVE] if attack.refused and not attack.twin]

    assert without == []


def test_the_catalogue_is_large_and_its_names_are_unique() -> None:
    names = ids(ORDINARY) + ids(ADMINISTRATIVE)

    assert len(names) == len(set(names))
    assert len({attack.sql for attack in [*ORDINARY, *ADMINISTRATIVE]}) >= 500
