"""Permissions and policies follow their table, and never pass to another one of the same name."""

from __future__ import annotations

import pytest

from wce.errors import WceError

POLICY = "INSERT INTO _wce_row_policies (id, table_name, policy_type, sql_condition, created_at) VALUES "


@pytest.fixture
def admin(cenv):
    cenv.execute(
        "INSERT INTO _wce_users (user_id, username, role, created_at) VALUES (5, 'ann', 'editor', 0)",
        "INSERT INTO _wce_table_permissions (table_name, user_id, can_read) VALUES ('notes', 5, 1), ('hidden', 5, 1), ('gone', 5, 1)",
        POLICY + "(7, 'notes', 'read', 'owner_id = $user_id', 0)",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END",
        "INSERT INTO _wce_triggers VALUES ('t', 1, 5, 0)",
    )
    return cenv.admin()


def permissions(cenv) -> set[object]:
    return {name for (name,) in cenv.all("SELECT table_name FROM _wce_table_permissions")}


def policies(cenv) -> set[object]:
    return {name for (name,) in cenv.all("SELECT table_name FROM _wce_row_policies")}


def test_dropping_a_table_drops_what_was_granted_on_it(cenv, admin) -> None:
    admin.run("DROP TABLE notes")

    assert permissions(cenv) == {"hidden", "gone"}
    assert policies(cenv) == set()
    assert cenv.all("SELECT * FROM _wce_triggers") == []


def test_a_table_that_comes_to_exist_inherits_nothing(cenv, admin) -> None:
    admin.run("CREATE TABLE Gone (x)")

    assert permissions(cenv) == {"hidden", "notes"}


def test_renaming_carries_permissions_and_policies_along(cenv, admin) -> None:
    admin.run("ALTER TABLE notes RENAME TO Gone")

    assert permissions(cenv) == {"Gone", "hidden"}
    assert policies(cenv) == {"Gone"}
    assert cenv.all("SELECT count(*) FROM _wce_table_permissions") == [(2,)]  # what had waited for the new name is gone


def test_rebuilding_a_table_in_steps_starts_anew(cenv, admin) -> None:
    for sql in ("CREATE TABLE fresh AS SELECT * FROM notes", "DROP TABLE notes", "ALTER TABLE fresh RENAME TO notes"):
        admin.run(sql)

    assert "notes" not in permissions(cenv)


def test_views_are_treated_alike(cenv, admin) -> None:
    admin.run("CREATE VIEW v AS SELECT 1 AS one")
    cenv.execute("INSERT INTO _wce_table_permissions (table_name, user_id, can_read) VALUES ('v', 5, 1)")

    admin.run("DROP VIEW v")

    assert "v" not in permissions(cenv)


def test_the_mark_of_a_trigger_goes_with_it(cenv, admin) -> None:
    admin.run("DROP TRIGGER t")
    assert cenv.all("SELECT * FROM _wce_triggers") == []

    cenv.execute("INSERT INTO _wce_triggers VALUES ('later', 1, 5, 0)")
    admin.run("CREATE TRIGGER Later AFTER INSERT ON notes BEGIN SELECT 1; END")
    assert cenv.all("SELECT * FROM _wce_triggers") == []


@pytest.mark.parametrize("sql", ["ALTER TABLE notes RENAME COLUMN owner_id TO owner", "ALTER TABLE notes DROP COLUMN owner_id"])
def test_a_change_that_breaks_a_policy_is_refused(cenv, admin, sql: str) -> None:
    cenv.execute("DROP INDEX notes_owner")

    with pytest.raises(WceError) as caught:
        admin.run(sql)

    assert caught.value.code == "bad_policy"
    assert caught.value.detail == "policy 7 on notes would no longer work: no such column: owner_id"
    assert cenv.all("SELECT owner_id FROM notes WHERE id = 1") == [(1,)]
    assert policies(cenv) == {"notes"}


def test_dropping_a_table_that_a_policy_looks_up_is_refused(cenv, admin) -> None:
    cenv.execute(POLICY + "(8, 'notes', 'read', 'id IN (SELECT x FROM hidden)', 0)")

    with pytest.raises(WceError) as caught:
        admin.run("DROP TABLE hidden")

    assert "policy 8" in caught.value.detail
    assert permissions(cenv) >= {"hidden"}


def test_grants_count_as_changed(cenv, admin) -> None:
    before = admin.version()

    admin.run("DROP TABLE notes")

    assert admin.version() > before


def test_an_undone_change_leaves_the_grants(cenv, admin) -> None:
    with pytest.raises(ZeroDivisionError), admin.session() as session, session.transaction(admin.actor, write=True):  # noqa: PT012
        session.run("DROP TABLE notes")
        raise ZeroDivisionError

    assert permissions(cenv) == {"notes", "hidden", "gone"}


def test_all_definitions_together_have_a_bound(admin) -> None:
    long = f"SELECT {'x' * 99_900} AS x"
    for number in range(10):
        admin.run(f"CREATE VIEW v{number} AS {long}")

    with pytest.raises(WceError, match="1,000,000 characters") as caught:
        admin.run(f"CREATE VIEW v10 AS {long}")

    assert caught.value.code == "too_large"
    admin.run("DROP VIEW v9")
    admin.run("CREATE VIEW v10 AS SELECT 1")


@pytest.mark.parametrize(
    ("condition", "change"),
    [
        ("\"title\" <> 'draft'", "ALTER TABLE notes RENAME COLUMN title TO name"),
        ("id IN (SELECT shared FROM shares WHERE owner_id = $user_id)", "ALTER TABLE shares RENAME COLUMN owner_id TO whom"),
        ("id IN (SELECT shared FROM shares WHERE owner_id = $user_id)", "ALTER TABLE shares DROP COLUMN owner_id"),
        ("EXISTS (SELECT 1 FROM shares WHERE shared = id AND title = $username)", "ALTER TABLE shares ADD COLUMN Title"),
        ("id IN (WITH own AS (SELECT shared FROM shares WHERE owner_id = 1) SELECT shared FROM own)", "CREATE TABLE own (shared)"),
        ("id IN (WITH own AS (SELECT shared FROM shares WHERE owner_id = 1) SELECT shared FROM own)", "ALTER TABLE shares RENAME TO own"),
    ],
)
def test_a_policy_does_not_come_to_mean_something_else(new_cenv, condition: str, change: str) -> None:
    cenv = new_cenv(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner_id INTEGER, title TEXT)",
        "CREATE TABLE shares (shared INTEGER, owner_id INTEGER)",
    )
    cenv.guard.validate_policy(cenv.id, "notes", condition)
    quoted = condition.replace("'", "''")
    cenv.execute(POLICY + f"(7, 'notes', 'read', '{quoted}', 0)")

    with pytest.raises(WceError) as caught:
        cenv.admin().run(change)

    assert caught.value.code == "bad_policy"
    assert "policy 7 on notes" in str(caught.value.detail)


def test_a_new_column_may_be_called_as_a_table_or_a_function_in_a_policy(new_cenv) -> None:
    cenv = new_cenv("CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT)", "CREATE TABLE shares (shared INTEGER)")
    condition = "id IN (SELECT max(shared) FROM shares WHERE shares.shared > 0)"
    cenv.guard.validate_policy(cenv.id, "notes", condition)
    cenv.execute(POLICY + f"(7, 'notes', 'read', '{condition}', 0)")
    admin = cenv.admin()

    for name in ("shares", "max"):
        admin.run(f"ALTER TABLE shares ADD COLUMN {name}")


def test_columns_that_no_policy_looks_at_come_and_go(new_cenv) -> None:
    cenv = new_cenv(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT, label TEXT)",
        "CREATE TABLE shares (shared INTEGER, label TEXT, whom INTEGER)",
    )
    cenv.execute(
        POLICY + "(7, 'notes', 'read', 'label = 1 AND id IN (SELECT shared FROM shares s WHERE s.whom = $user_id AND notes.title = 1)', 0)"
    )
    admin = cenv.admin()

    for change in ("ADD COLUMN text", "ADD COLUMN title", "DROP COLUMN text"):
        admin.run(f"ALTER TABLE shares {change}")
