"""Random writes along foreign keys, triggers and policies that look at other rows: none passes a policy, and none tells of hidden rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fuzz.acts import Act
from tests.fuzz.campaign import Tally
from tests.fuzz.forest import Forest, Link, Policy, Table
from tests.fuzz.grove import PER_GROVE, planted, run_grove
from tests.fuzz.pairs import USER, Leak
from wce.guard.guard import Guard
from wce.model import Rights
from wce.store.store import Store

# 4 parts of 9 groves with 10 transactions each, always the same.
PARTS = 4
GROVES = 9
COLUMNS = "(h DEFAULT 1, k INTEGER PRIMARY KEY, i, o, l, p, a DEFAULT 1, b"


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_write_passes_a_policy_or_tells_of_what_it_hides(part: int, store: Store, guard: Guard) -> None:
    tally = Tally()

    for number in range(GROVES):
        run_grove(store, guard, f"test-{part}-{number}", tally, range(PER_GROVE))

    assert not tally.findings, "\n\n".join(map(str, tally.findings))
    assert tally.codes["ok"] > tally.statements / 4, tally
    assert tally.codes["row_policy"] > 0, tally
    assert tally.compared > tally.statements / 20, tally


def test_a_finding_says_how_to_repeat_it(store: Store, guard: Guard) -> None:
    tally, again = Tally(), Tally()

    for found in (tally, again):
        run_grove(store, guard, "repeat", found, range(4))

    assert (tally.kinds, tally.codes) == (again.kinds, again.codes)


def forest(rule: str) -> Forest:
    """A parent and a child without any policy."""
    parent = Table("t0", False, f"CREATE TABLE t0 {COLUMNS})", ())
    child = Table("t1", False, f"CREATE TABLE t1 {COLUMNS}, FOREIGN KEY (a) REFERENCES t0 (k) {rule})", (Link("a", "t0", False, rule),))
    return Forest((parent, child), "CREATE TABLE log (k, p)", Rights())


def hiding() -> Forest:
    """The same with parents that cannot be seen."""
    parent, child = forest("").tables
    return replace(forest(""), tables=(replace(parent, policies=(Policy("read", "t0.o = $user_id", fixed=True),)), child))


@pytest.mark.parametrize(
    ("rule", "kind", "text", "sql", "told"),
    [
        ("ON DELETE CASCADE", "delete", "t1.i < 0", "DELETE FROM t0", "is gone"),
        ("ON DELETE CASCADE", "delete", "EXISTS (SELECT 1 FROM t0 AS x WHERE x.l = 7)", "DELETE FROM t0 WHERE k = 1", "is gone"),
        ("ON DELETE SET NULL", "write", "NOT EXISTS (SELECT 1 FROM t0 AS x WHERE x.k = t1.a)", "DELETE FROM t0 WHERE k = 1", "is now"),
        ("ON UPDATE CASCADE", "read", "t1.a < 9", "UPDATE t0 SET k = 9 WHERE k = 1", "is now"),
        ("", "write", "t1.l = 0", "INSERT INTO t1 (k, i, l) VALUES (9, 9, 1)", "was left behind"),
        ("", "delete", "t1.k > 9", "REPLACE INTO t1 (k, i, l, a) VALUES (1, 9, 1, 1)", "is gone"),
    ],
)
def test_what_passes_a_policy_is_noticed(store: Store, guard: Guard, rule: str, kind: str, text: str, sql: str, told: str) -> None:
    """The guard is told of no policy, and the oracle of one."""
    with planted(store, guard, forest(rule), "noticed") as world:
        table = "t0" if " t0 " in sql else "t1"
        act = Act(sql, table, sql.partition(" ")[0], sql.partition(" WHERE ")[2] or "")
        world.check([act])
        parent, child = world.forest.tables
        world.forest = replace(world.forest, tables=(parent, replace(child, policies=(Policy(kind, text, fixed=kind == "delete"),))))

        with pytest.raises(Leak, match=told):
            world.check([act])


def test_a_write_without_the_right_to_it_is_noticed(store: Store, guard: Guard) -> None:
    with planted(store, guard, forest("ON DELETE CASCADE"), "noticed") as world:
        world.forest = replace(world.forest, tables=tuple(replace(one, rights=Rights(can_read=True)) for one in world.forest.tables))

        with pytest.raises(Leak, match="is now"):
            world.check([Act("UPDATE t0 SET p = 77", "t0", "UPDATE")])


def test_what_a_trigger_tells_of_a_hidden_row_is_noticed(store: Store, guard: Guard) -> None:
    told = "CREATE TRIGGER g AFTER UPDATE ON t1 BEGIN INSERT INTO log SELECT k, p FROM t0; END"
    telling = replace(hiding(), triggers=(told,), definers=("g",), written=frozenset({"log"}))

    with planted(store, guard, telling, "noticed") as world, pytest.raises(Leak, match="differs"):
        world.check([Act("UPDATE t1 SET p = 5 WHERE k = 1", "t1", "UPDATE", "k = 1")])


def test_worlds_that_answer_otherwise_are_noticed(store: Store, guard: Guard) -> None:
    with planted(store, guard, hiding(), "noticed") as world:
        with world.sessions[1].transaction(USER, write=True) as transaction:
            transaction.execute("UPDATE t1 SET b = 77")

        with pytest.raises(Leak, match="answers differ"):
            world.check([Act("UPDATE t1 SET p = 5", "t1", "UPDATE")])


@pytest.mark.parametrize(
    ("sql", "told"),
    [("UPDATE t0 SET p = 5 WHERE k = 1", "passed over"), ("UPDATE t0 SET p = p + 1 WHERE k = 1", "not what plain SQLite makes of it")],
)
def test_what_comes_to_something_else_than_on_plain_sqlite_is_noticed(store: Store, guard: Guard, sql: str, told: str) -> None:
    with planted(store, guard, forest(""), "noticed") as world:
        for session in world.sessions:
            with session.transaction(USER, write=True) as transaction:
                transaction.execute("UPDATE t0 SET p = 5")
        world.copy.execute("UPDATE t0 SET p = 7")

        with pytest.raises(Leak, match=told):
            world.check([Act(sql, "t0", "UPDATE", "k = 1")])
