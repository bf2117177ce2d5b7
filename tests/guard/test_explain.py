"""Explanations tell why, and nothing that their principal may not know."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.guard.explain import explain
from wce.model import Rights, Role

ALL = Rights(can_read=True, can_write=True, can_delete=True)


def explained(person, sql: str, params=None, *, frank: bool = False):
    with person.session() as session, session.transaction(person.actor):
        found = explain(session, sql, params, frank=frank)
        for secret in session.link.hidden.all:
            assert secret == "main" or secret not in repr(found)
        return found


def test_a_statement_that_may_run_has_a_plan(ann) -> None:
    found = explained(ann, "SELECT title FROM notes WHERE id = ?")

    assert (found.kind, found.allowed, found.reason) == ("SELECT", True, "")
    assert any("notes" in row.detail for row in found.plan)
    (use,) = found.tables
    assert (use.table, use.right, use.allowed, use.columns) == ("notes", "read", True, ("id", "title"))
    assert [(rule.rule, rule.allowed, rule.id) for rule in use.rules] == [
        ("role", True, None),
        ("permission", True, None),
        ("policy", True, 1),
    ]


def test_a_word_of_sql_is_no_table_of_that_name(cenv) -> None:
    cenv.execute('CREATE TABLE "order" (id INTEGER PRIMARY KEY)', 'CREATE TABLE "select" (x)')
    buyer = cenv.person(dict.fromkeys(("notes", "order", "select"), ALL))

    found = explained(buyer, 'SELECT id FROM notes WHERE id IN (SELECT id FROM "order") ORDER BY id')

    assert [use.table for use in found.tables] == ["notes", "order"]
    assert [use.table for use in explained(buyer, "SELECT title FROM notes ORDER BY title").tables] == ["notes"]


def test_conditions_are_quoted_for_administrators_only(ann) -> None:
    assert "owner_id = $user_id" not in repr(explained(ann, "SELECT * FROM notes"))
    assert "owner_id = $user_id" in repr(explained(ann, "SELECT * FROM notes", frank=True))


def test_a_write_is_judged_by_its_own_right(cenv) -> None:
    reader = cenv.person({"notes": Rights(can_read=True)})

    found = explained(reader, "DELETE FROM notes")

    assert (found.allowed, found.code, found.plan) == (False, "table_forbidden", ())
    (use,) = found.tables
    assert (use.right, use.allowed) == ("delete", False)
    assert [(rule.reason, rule.allowed) for rule in use.rules if rule.rule == "permission"] == [
        ("can_delete on notes is not granted", False),
        ("can_read on notes is granted", True),
    ]
    assert cenv.all("SELECT count(*) FROM notes") == [(3,)]


def test_explaining_a_write_writes_nothing(cenv, ann) -> None:
    found = explained(ann, "DELETE FROM notes WHERE id = 1")

    assert found.allowed
    assert found.tables[0].right == "delete"
    assert cenv.all("SELECT count(*) FROM notes") == [(3,)]


@pytest.mark.parametrize("table", ["hidden", "nothere"])
def test_a_hidden_table_is_explained_like_one_that_is_not_there(ann, table: str) -> None:
    found = explained(ann, f"SELECT * FROM {table}")

    assert (found.allowed, found.code, found.tables, found.plan) == (False, "no_such_table", (), ())
    assert found.reason == f"no such table: {table}"


@pytest.mark.parametrize(
    ("sql", "missing"),
    [
        ("SELECT * FROM hidden", ["can_read"]),
        ("INSERT INTO hidden (x) VALUES (1)", ["can_write"]),
        ("INSERT INTO hidden (x) VALUES (1) RETURNING x", ["can_write", "can_read"]),
        ("UPDATE hidden SET x = 1", ["can_write", "can_read"]),
        ("DELETE FROM hidden", ["can_delete", "can_read"]),
    ],
)
def test_an_administrator_is_told_what_another_one_lacks_on_a_table_that_is_hidden_from_him(cenv, sql: str, missing: list[str]) -> None:
    editor = cenv.person({"notes": ALL})

    found = explained(editor, sql, frank=True)

    assert (found.allowed, found.code) == (False, "no_such_table")
    (use,) = found.tables
    assert (use.table, use.allowed) == ("hidden", False)
    assert [rule.reason for rule in use.rules if not rule.allowed] == [f"{right} on hidden is not granted" for right in missing]
    assert explained(editor, "SELECT * FROM _wce_users", frank=True).tables == ()


def test_the_role_is_the_reason_where_the_role_is_what_stops_it(cenv) -> None:
    viewer = cenv.person({"notes": ALL}, role=Role.VIEWER)

    (use,) = explained(viewer, "UPDATE notes SET title = 'x'").tables

    assert [(rule.rule, rule.reason) for rule in use.rules if not rule.allowed] == [
        ("role", "the role viewer only reads, whatever was granted")
    ]


def test_what_a_policy_looks_up_is_not_shown(cenv) -> None:
    cenv.execute("CREATE TABLE members (user_id INTEGER)", "CREATE INDEX members_user ON members (user_id)")
    condition = "EXISTS (SELECT 1 FROM members WHERE members.user_id = $user_id)"
    ann = cenv.person({"notes": ALL}, [("notes", kind, condition) for kind in ("read", "write", "delete")])

    for sql in (
        "SELECT * FROM notes WHERE abs(id)",
        "SELECT * FROM notes",
        "UPDATE notes SET title = 'x'",
        "DELETE FROM notes WHERE id = 1",
    ):
        found = explained(ann, sql)
        assert found.allowed
        assert "members" not in repr(found)


def test_nor_by_the_name_that_the_policy_gives_it(cenv) -> None:
    cenv.execute("CREATE TABLE members (member INTEGER, class INTEGER)", "CREATE VIEW titles AS SELECT n.title FROM notes AS n")
    condition = "EXISTS (SELECT 1 FROM members AS q JOIN members AS r ON q.class = r.class WHERE r.member = owner_id)"
    rights = {"notes": ALL, "titles": Rights(can_read=True)}
    ann = cenv.person(rights, [("notes", kind, condition) for kind in ("read", "write", "delete")])

    for sql in (
        "SELECT * FROM notes AS x WHERE abs(id)",
        "UPDATE notes SET title = 'x'",
        "WITH one AS (SELECT 1 FROM notes) SELECT * FROM one",
    ):
        found = explained(ann, sql)
        assert found.allowed
        assert "class" not in repr(found)
        assert "member=" not in repr(found)
        assert any("notes" in row.detail for row in found.plan)
    assert [row.detail for row in explained(cenv.person(rights), "SELECT * FROM titles").plan] == ["SCAN n"]


def test_administrators_get_a_plan_too(cenv) -> None:
    found = explained(cenv.admin(), "SELECT * FROM notes JOIN hidden ON x = title")

    assert found.allowed
    assert [use.table for use in found.tables] == ["hidden", "notes"]
    assert found.tables[0].rules[0].rule == "role"
    assert explained(cenv.admin(), "DROP TABLE notes").allowed
    assert not explained(cenv.admin(), "SELECT password_hash FROM _wce_users").allowed


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("DROP TABLE missing", "no_such_table"),
        ("CREATE INDEX found ON notes (missing)", "sql_error"),
        ("CREATE TEMP TABLE t (a)", "statement_not_allowed"),
        ("CREATE VIEW v AS SELECT password_hash FROM _wce_users", "table_forbidden"),
        ("PRAGMA user_version = 5", "statement_not_allowed"),
        ("PRAGMA wal_checkpoint", "statement_not_allowed"),
        ("EXPLAIN SELECT * FROM missing", "no_such_table"),
        ("EXPLAIN QUERY PLAN SELECT password_hash FROM _wce_users", "table_forbidden"),
    ],
)
def test_what_has_no_plan_is_refused_as_when_it_runs(cenv, sql: str, code: str) -> None:
    admin = cenv.admin()

    found = explained(admin, sql)
    with pytest.raises(WceError) as refused:
        admin.run(sql)

    assert (found.allowed, found.code, found.reason) == (False, code, refused.value.detail)


@pytest.mark.parametrize(
    "sql",
    ["CREATE TABLE t (a)", "DROP TABLE notes", "ALTER TABLE notes ADD COLUMN b", "ANALYZE", "PRAGMA table_info(notes)", "EXPLAIN SELECT 1"],
)
def test_what_has_no_plan_may_run_and_changes_nothing(cenv, sql: str) -> None:
    before = cenv.all("SELECT name, sql FROM sqlite_master")

    found = explained(cenv.admin(), sql)

    assert (found.allowed, found.plan) == (True, ())
    assert cenv.all("SELECT name, sql FROM sqlite_master") == before


def test_a_text_that_is_no_sql_is_explained_by_its_error(ann) -> None:
    found = explained(ann, "SELECT 'never closed")

    assert (found.allowed, found.code) == (False, "syntax_error")
    assert found.position is not None


def test_administrators_are_told_what_a_trigger_does_that_its_firer_may_not(cenv) -> None:
    mine = [("notes", "read", "owner_id = $user_id")]
    rights = {"notes": ALL, "inbox": ALL}
    cenv.execute("CREATE TABLE inbox (x)", "CREATE VIEW v AS SELECT * FROM notes")
    steps = ["SELECT 1 FROM notes", "INSERT INTO hidden VALUES (NEW.x)", "DELETE FROM hidden", "SELECT count(*) FROM v"]
    told = []
    for step in steps:
        cenv.execute(f"CREATE TRIGGER Checks AFTER INSERT ON inbox BEGIN {step}; END")
        found = explained(cenv.person(rights | {"v": Rights(can_read=True)}, mine), "INSERT INTO inbox VALUES (1)", frank=True)
        told.append(found.reason.removeprefix("permission denied: a trigger of the table needs more rights: "))
        assert explained(cenv.person(rights, mine), "INSERT INTO inbox VALUES (1)").reason.endswith("needs more rights")
        cenv.execute("DROP TRIGGER Checks")

    assert told == ["Checks reads notes", "Checks writes to hidden", "Checks writes to hidden", "v reads notes"]
