"""Conditions that may be checked before the policy."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.model import Rights


def plan_of(person, sql: str):
    with person.session() as session:
        return session.plan(sql)


def pushed(person, sql: str) -> str:
    """What stands between the policy and the barrier, or in front of the guard."""
    plan = plan_of(person, sql)
    assert plan.strict
    return plan.sql.split("(owner_id = 1)")[1].split("LIMIT -1")[0] if plan.kind == "SELECT" else plan.sql


@pytest.mark.parametrize(
    ("sql", "condition"),
    [
        ("SELECT * FROM notes WHERE id = 5 AND abs(id)", '"id" = 5'),
        ("SELECT * FROM notes AS n WHERE n.id >= ? AND abs(n.id) AND title = 'x'", '"id" >= ?1 AND "title" = \'x\''),
        ('SELECT * FROM notes n WHERE "n"."ID" = :id AND abs(id)', '"id" = :id'),
    ],
)
def test_comparisons_with_constants_go_in(ann, sql: str, condition: str) -> None:
    assert condition in pushed(ann, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM notes WHERE id = 5 OR abs(id)",
        "SELECT * FROM notes WHERE NOT id = 5 AND abs(id)",
        "SELECT * FROM notes WHERE id = abs(5)",
        "SELECT * FROM notes WHERE id = owner_id AND abs(id)",
        "SELECT * FROM notes WHERE (id = 5 AND abs(id))",
        "SELECT * FROM notes WHERE id BETWEEN 1 AND 5 AND abs(id)",
        "SELECT * FROM notes AS n, notes AS m WHERE n.id = 5 AND abs(n.id)",
        "SELECT * FROM notes WHERE id = 5 AND abs(id) UNION SELECT * FROM notes",
        "SELECT * FROM notes WHERE CASE WHEN abs(id) THEN id = 5 AND id = 6 END",
        "SELECT *, (SELECT count(*) FROM notes) FROM notes WHERE id = 5",
        "SELECT * FROM notes JOIN notes AS m USING (id) WHERE id = 5 AND abs(id)",
        "SELECT * FROM notes WHERE x.id = 5 AND abs(id)",
    ],
)
def test_everything_else_stays_outside(ann, sql: str) -> None:
    assert pushed(ann, sql).strip() == ""


def test_a_generated_column_stays_outside(cenv) -> None:
    cenv.execute("CREATE TABLE g (id INTEGER PRIMARY KEY, j TEXT, v AS (json_extract(j, '$')) VIRTUAL)", "INSERT INTO g VALUES (1, '{}')")
    mine = [("g", "read", "id = $user_id")]
    ann = cenv.person({"g": Rights(can_read=True)}, mine)

    plan = plan_of(ann, "SELECT id FROM g WHERE v = 5 AND id = 1")

    assert plan.strict
    assert '"v" = 5' not in plan.sql
    assert '"id" = 1' in plan.sql


def test_a_lookup_by_key_stays_one(cenv, ann) -> None:
    with ann.session() as session, session.transaction(ann.actor):
        plan = session.plan("SELECT * FROM notes WHERE id = 1 AND abs(id)")
        session.rules.expect(plan, 1e12)
        rows = session.link.connection.execute("EXPLAIN QUERY PLAN " + plan.sql).fetchall()

    assert any("USING INTEGER PRIMARY KEY" in row[3] for row in rows)


@pytest.mark.parametrize("sql", ["UPDATE notes SET title = 'x' WHERE id = 1 AND abs(id)", "DELETE FROM notes WHERE id = ? AND abs(id)"])
def test_writes_are_narrowed_before_their_guard(ann, sql: str) -> None:
    plan = plan_of(ann, sql)

    assert plan.strict
    assert '"notes"."id" = ' in plan.sql
    assert ann.run(sql, (1,) if "?" in sql else ()).changes == 1


def test_parameters_keep_their_values(ann) -> None:
    for mark in ("?", "?2", "?002"):
        assert ann.rows(f"SELECT ?, id FROM notes WHERE abs(id) AND id = {mark} AND owner_id = ?", ("a", 3, 1)) == [("a", 3)]
    with pytest.raises(WceError):
        ann.run("SELECT ?, id FROM notes WHERE abs(id) AND id = ?", ("a",))
