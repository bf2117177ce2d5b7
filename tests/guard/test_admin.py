"""Administrators: all data and the schema, nothing of WCE's own, no way out of the file."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.guard.catalogue import SCHEMA
from wce.model import Rights, Role

ALL = Rights(can_read=True, can_write=True, can_delete=True)


@pytest.fixture
def admin(cenv):
    cenv.execute(
        "INSERT INTO _wce_users (user_id, username, password_hash, role, created_at) VALUES (5, 'ann', '$2b$secret', 'editor', 0)",
        "INSERT INTO _wce_sessions VALUES ('s', 5, 'tokenhash', 0, 0, 0, '', '')",
    )
    return cenv.admin()


def code(person, sql: str, params=()) -> str:
    with pytest.raises(WceError) as caught:
        person.run(sql, params)
    return caught.value.code


def test_no_policy_holds_for_administrators(cenv, admin) -> None:
    assert len(admin.rows("SELECT * FROM notes")) == 3
    assert len(cenv.admin(Role.OWNER).rows("SELECT * FROM main.notes")) == 3
    assert admin.run("UPDATE notes SET title = 'x'").changes == 3
    assert admin.run("INSERT INTO notes (title) VALUES (?) RETURNING id", ("new",)).rows == [(4,)]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT (lower('X')), CHECK (length(name) < 50)) STRICT",
        "CREATE INDEX notes_title ON notes (lower(title)) WHERE title IS NOT NULL",
        "CREATE VIEW v AS SELECT id -- with a comment\n FROM notes /* and another */",
        "CREATE TRIGGER t AFTER INSERT ON notes WHEN new.id > 1"
        " BEGIN UPDATE notes SET title = CASE WHEN 1 THEN 'a' END; DELETE FROM hidden; END;",
        "CREATE TABLE copy AS SELECT * FROM notes",
        "ALTER TABLE notes ADD COLUMN extra TEXT DEFAULT 'x'",
        "ALTER TABLE notes RENAME COLUMN title TO heading",
        "ALTER TABLE notes DROP COLUMN secret",
        "DROP TABLE notes",
        "DROP INDEX notes_owner",
        "CREATE VIRTUAL TABLE words USING fts5(body, tokenize='trigram')",
        "CREATE VIRTUAL TABLE words USING fts5(title, content='notes', content_rowid='id')",
        "CREATE VIRTUAL TABLE boxes USING rtree(id, x1, x2)",
        "ANALYZE",
        "ANALYZE notes",
        "REINDEX",
        "REINDEX notes",
    ],
)
def test_the_schema_may_be_changed(cenv, admin, sql: str) -> None:
    admin.run(sql)

    assert cenv.person({"hidden": ALL}).rows("SELECT count(*) FROM hidden") == [(1,)]  # and others can still read the file


def test_a_trigger_of_many_steps_is_one_statement_and_works(cenv, admin) -> None:
    admin.run(
        """CREATE TRIGGER t AFTER INSERT ON notes BEGIN
             INSERT INTO hidden VALUES (';');
             -- not the END; of it
             INSERT INTO hidden SELECT CASE new.id WHEN 4 THEN 'END' ELSE 'x' END;
           END ;"""
    )

    admin.run("INSERT INTO notes (title) VALUES ('a')")

    assert cenv.all("SELECT x FROM hidden WHERE rowid > 1") == [(";",), ("END",)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "CREATE TABLE a (x); CREATE TABLE b (x)",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END; DROP TABLE notes",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END; END",
        "CREATE TABLE trigger_like (x); DROP TABLE notes",
        "CREATE VIEW v AS SELECT 1; END",
    ],
)
def test_a_second_statement_is_refused(cenv, admin, sql: str) -> None:
    assert code(admin, sql) == "multiple_statements"
    assert len(cenv.all("SELECT * FROM notes")) == 3


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM _wce_users",
        "SELECT password_hash FROM _wce_users",
        "SELECT 1 FROM _wce_users WHERE password_hash LIKE '$2b%'",
        "SELECT (SELECT u.password_hash FROM main._wce_users AS u)",
        "WITH u AS (SELECT * FROM _wce_users) SELECT username FROM u",
        "SELECT username FROM _wce_users ORDER BY password_hash",
        "SELECT count(password_hash) FROM _wce_users",
        "SELECT token_hash FROM _wce_sessions",
        "SELECT * FROM _wce_revoked_tokens",
        "SELECT body FROM _wce_idempotency",
        "INSERT INTO hidden SELECT password_hash FROM _wce_users",
        "UPDATE notes SET title = (SELECT token_hash FROM _wce_sessions)",
        "DELETE FROM notes RETURNING (SELECT password_hash FROM _wce_users)",
        "EXPLAIN SELECT password_hash FROM _wce_users",
    ],
)
def test_secrets_cannot_be_read(admin, sql: str) -> None:
    assert code(admin, sql) == "table_forbidden"


def test_the_rest_of_our_tables_may_be_looked_at(admin) -> None:
    assert (5, "ann", "editor") in admin.rows("SELECT user_id, username, role FROM _wce_users")
    assert admin.rows("SELECT count(*) FROM _wce_sessions") == [(1,)]
    assert admin.rows("SELECT * FROM _wce_config") == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE _wce_users SET role = 'owner'",
        "DELETE FROM _wce_audit_log",
        "INSERT INTO _wce_config VALUES ('a', '1', 0, 0)",
        "REPLACE INTO '_wce_state' (id) VALUES (1)",
        "DROP TABLE _wce_audit_log",
        "DROP TRIGGER _wce_bump_users_update",
        "DROP INDEX _wce_users_one_owner",
        "ALTER TABLE _wce_users ADD COLUMN x",
        "ALTER TABLE notes RENAME TO _wce_notes",
        "ALTER TABLE [_wce_users] RENAME TO users",
        "CREATE TABLE _wce_new (x)",
        "CREATE TABLE t AS SELECT username FROM _wce_users",
        "CREATE TABLE t (x REFERENCES _wce_users)",
        "CREATE INDEX i ON _wce_users (password_hash)",
        "CREATE VIEW v AS SELECT * FROM _wce_users",
        'CREATE VIEW v AS SELECT * FROM "_WCE_users"',
        "CREATE TRIGGER t AFTER UPDATE ON _wce_users BEGIN SELECT 1; END",
        "CREATE TRIGGER t AFTER UPDATE ON notes BEGIN UPDATE _wce_users SET role = 'owner'; END",
        "CREATE TRIGGER t AFTER UPDATE ON notes BEGIN INSERT INTO hidden SELECT password_hash FROM '_wce_users'; END",
        "CREATE VIRTUAL TABLE f USING fts5(password_hash, content='_wce_users')",
        "CREATE VIRTUAL TABLE f USING fts5(password_hash, content=[_wce_users])",
        "CREATE VIRTUAL TABLE f USING fts5(password_hash, content=`_wce_users`)",
        "CREATE TABLE sqlite_x (a)",
        "DELETE FROM sqlite_sequence WHERE name = '_wce_users'",
        "UPDATE sqlite_master SET sql = 'x'",
        "DROP TABLE sqlite_sequence",
    ],
)
def test_our_tables_cannot_be_changed_or_built_upon(cenv, admin, sql: str) -> None:
    assert code(admin, sql) in ("table_forbidden", "sql_error")
    assert cenv.all("SELECT role FROM _wce_users WHERE user_id = 5") == [("editor",)]


@pytest.mark.parametrize(
    "sql",
    [
        "VACUUM",
        "VACUUM INTO '/tmp/x'",
        "ATTACH DATABASE '/etc/passwd' AS x",
        "DETACH main",
        "BEGIN",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE a",
        "CREATE TEMP TABLE x (a)",
        "CREATE TEMPORARY VIEW x AS SELECT 1",
        "CREATE TEMP TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END",
        "CREATE TABLE temp.x (a)",
        "CREATE TABLE main.x (a)",
        "CREATE VIEW v AS SELECT * FROM main.notes",
        "CREATE VIRTUAL TABLE x USING dbstat(main)",
        "CREATE VIRTUAL TABLE x USING fts3(a)",
        "CREATE VIRTUAL TABLE x USING csv(filename='/etc/passwd')",
        "CREATE VIEW json_each AS SELECT 1",
        "CREATE TABLE dbstat (x)",
        "ALTER TABLE notes RENAME TO json_tree",
        "INSERT OR ROLLBACK INTO notes (id) VALUES (1)",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA main.journal_mode(off)",
        "PRAGMA writable_schema = 1",
        "PRAGMA user_version = 99",
        "PRAGMA schema_version = 99",
        "PRAGMA application_id = 0",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA hard_heap_limit = 1",
        "PRAGMA soft_heap_limit = 1",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA recursive_triggers = OFF",
        "PRAGMA trusted_schema = ON",
        "PRAGMA max_page_count = 10",
        "PRAGMA database_list",
        "PRAGMA table_list",
        "PRAGMA temp_store_directory = '/tmp'",
        "PRAGMA optimize",
        "PRAGMA secure_delete",
        "CREATE TABLE IF NOT EXISTS if (a)",
        "CREATE VIEW IF NOT EXISTS if AS SELECT 1",
    ],
)
def test_there_is_no_way_out_of_the_file_or_the_transaction(admin, sql: str) -> None:
    assert code(admin, sql) == "statement_not_allowed"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT load_extension('x')",
        "SELECT fts3_tokenizer('simple')",
        "SELECT fts3_tokenizer('simple', x'00')",
        "SELECT total_changes()",
        "CREATE TABLE t (a DEFAULT (fts3_tokenizer('simple')))",
        "CREATE TABLE t (a, b AS (load_extension('x')))",
        'CREATE TABLE t (a CHECK ("load_extension"(a)))',
        "CREATE VIEW v AS SELECT load_extension('x')",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT load_extension('x'); END",
        "CREATE VIEW v AS SELECT instr(title, secret) FROM notes",
        "SELECT json_patch(a, b) FROM (SELECT 1 AS a, 2 AS b)",
    ],
)
def test_functions_are_an_allow_list_for_administrators_too(admin, sql: str) -> None:
    assert code(admin, sql) == "function_not_allowed"


@pytest.mark.parametrize(
    "table", ["sqlite_dbpage", "dbstat", "sqlite_stmt", "sqlite_temp_master", "temp.sqlite_master", "sqlite_stat4", "pragma_database_list"]
)
def test_windows_into_the_engine_are_shut(admin, table: str) -> None:
    assert code(admin, f"SELECT * FROM {table}") in ("table_forbidden", "no_such_table", "sql_error")
    assert code(admin, f"SELECT count(*) FROM {table}") in ("table_forbidden", "no_such_table", "sql_error")


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("PRAGMA user_version", None),
        ("PRAGMA foreign_key_check", []),
        ("PRAGMA integrity_check", [("ok",)]),
        ("PRAGMA main.index_list(notes)", None),
        ("SELECT name FROM pragma_table_info('hidden')", [("x",)]),
        ("SELECT name FROM sqlite_master WHERE name = 'hidden'", [("hidden",)]),
        ("SELECT value FROM json_each('[7]')", [(7,)]),
        ("EXPLAIN QUERY PLAN SELECT * FROM hidden", None),
        ("EXPLAIN DELETE FROM hidden", None),
    ],
)
def test_what_only_looks_is_allowed(cenv, admin, sql: str, rows) -> None:
    found = admin.rows(sql)

    assert rows is None or found == rows
    assert cenv.all("SELECT count(*) FROM hidden") == [(1,)]


@pytest.mark.parametrize(
    "sql",
    ["DROP TABLE words_data", "UPDATE words_data SET block = 1", "DELETE FROM 'words_content'", "ALTER TABLE words_idx RENAME TO x"],
)
def test_tables_behind_a_virtual_table_are_left_alone(admin, sql: str) -> None:
    admin.run("CREATE VIRTUAL TABLE words USING fts5(body)")
    admin.run("INSERT INTO words VALUES ('hello world')")

    assert code(admin, sql) == "table_forbidden"

    assert admin.rows("SELECT body FROM words WHERE words MATCH 'hello'") == [("hello world",)]
    assert admin.run("DROP TABLE words").changes == 0


def test_views_and_triggers_that_reach_our_tables_do_not_work(cenv, admin) -> None:
    """Our rules let nobody make one; a file may come from elsewhere."""
    cenv.execute(
        "CREATE VIEW spy AS SELECT username FROM _wce_users",
        "CREATE TRIGGER promote AFTER INSERT ON notes BEGIN UPDATE _wce_users SET role = 'viewer'; END",
    )

    for sql in ("SELECT * FROM spy", "SELECT count(*) FROM spy", "INSERT INTO notes (title) VALUES ('a')"):
        assert code(admin, sql) == "table_forbidden"


def test_an_insert_through_a_view_fires_its_trigger(cenv, admin) -> None:
    admin.run("CREATE VIEW v AS SELECT x FROM hidden")
    admin.run("CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN INSERT INTO hidden VALUES (new.x || '!'); END")

    admin.run("INSERT INTO v VALUES ('a')")

    assert cenv.all("SELECT x FROM hidden WHERE x = 'a!'") == [("a!",)]


def test_views_over_views_have_a_bound(admin) -> None:
    admin.run("CREATE VIEW v12 AS SELECT a.x FROM v11 AS a, v11 AS b")  # what it is made of comes later
    with pytest.raises(WceError) as caught:  # noqa: PT012
        for number in range(11, 0, -1):
            admin.run(f"CREATE VIEW v{number} AS SELECT a.x FROM v{number - 1} AS a, v{number - 1} AS b")

    assert caught.value.code == "too_large"


def test_errors_say_what_and_where(admin) -> None:
    with pytest.raises(WceError) as caught:
        admin.run("SELECT *\nFORM notes")
    assert (caught.value.code, str(caught.value.detail)) == ("syntax_error", 'near "FORM": syntax error')
    assert caught.value.position is not None
    assert (caught.value.position.line, caught.value.position.column) == (2, 1)

    assert code(admin, "SELECT * FROM nosuch") == "no_such_table"
    assert code(admin, "DROP TABLE nosuch") == "no_such_table"
    assert code(admin, "CREATE TABLE notes (x)") == "sql_error"
    assert code(admin, "INSERT INTO notes (id) VALUES (1)") == "constraint"
    assert code(admin, "CREATE TABLE") == "syntax_error"
    assert code(admin, "SELCT 1") == "syntax_error"
    assert code(admin, "EXPLAIN") == "syntax_error"


def test_a_broken_view_is_named_to_administrators(admin) -> None:
    admin.run("CREATE VIEW v AS SELECT * FROM gone")

    with pytest.raises(WceError) as caught:
        admin.run("SELECT * FROM v")

    assert "gone" in caught.value.detail


def test_a_change_of_the_schema_is_undone_with_its_transaction(cenv, admin) -> None:
    with pytest.raises(ZeroDivisionError), admin.session() as session, session.transaction(admin.actor, write=True):  # noqa: PT012
        session.run("CREATE TABLE gone (x)")
        session.run("INSERT INTO gone VALUES (1)")
        assert session.run("SELECT * FROM gone").rows == [(1,)]
        raise ZeroDivisionError

    cenv.execute("CREATE TABLE other (x)")  # takes the version that the undone change had

    assert code(admin, "SELECT * FROM gone") == "no_such_table"
    assert admin.rows("SELECT * FROM other") == []
    assert "other" in cenv.guard.catalogue(cenv.id).tables


def test_what_a_change_of_the_schema_touches_is_known(cenv, admin, store) -> None:
    commits = []
    store.hooks.add("test", commits.append)

    for sql in ("CREATE TABLE t (x)", "ALTER TABLE t ADD COLUMN y", "DROP TABLE t"):
        admin.run(sql)

    assert [set(commit.tables) for commit in commits] == [{"t", SCHEMA}, {"t", SCHEMA}, {"t", SCHEMA}]
