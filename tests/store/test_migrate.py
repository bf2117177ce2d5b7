from __future__ import annotations

import re
from pathlib import Path

import pytest

from wce.errors import WceError
from wce.store import migrate
from wce.store.sqlite import APPLICATION_ID, Connection, attach, connect, prepare, quote, sqlite3


@pytest.fixture
def connection(tmp_path: Path):
    opened = connect(tmp_path / "x.db", mode="rwc")
    prepare(opened)
    yield opened
    opened.close()


@pytest.fixture
def cenv(connection: Connection) -> Connection:
    """A file with the whole schema and one user, ada."""
    connection.execute("BEGIN")
    migrate.apply(connection, migrate.load())
    connection.execute("COMMIT")
    connection.execute("INSERT INTO _wce_users (username, role, created_at) VALUES ('ada', 'owner', 1)")
    return connection


def write(folder: Path, **files: str) -> tuple[migrate.Migration, ...]:
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(text)
    return migrate.load(folder)


def names(connection: Connection, kind: str = "table") -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = ?", (kind,))}


def state(connection: Connection, counter: str) -> int:
    return connection.execute(f"SELECT {counter} FROM _wce_state").fetchone()[0]


def test_a_script_is_split_where_sqlite_says_a_statement_ends():
    script = "CREATE TABLE t (a); -- one;\n-- two;\nCREATE TRIGGER x AFTER INSERT ON t\nBEGIN\n  SELECT 1;\n  SELECT ';';\nEND;\n-- end\n"

    statements = migrate.split(script)

    assert len(statements) == 2
    assert statements[1].endswith("END;")


def test_an_unfinished_script_is_a_mistake():
    with pytest.raises(ValueError, match="unfinished"):
        migrate.split("CREATE TABLE t (a); SELECT 1")


def test_a_gap_in_the_numbers_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="gap"):
        write(tmp_path / "m", m0001_a="SELECT 1;", m0003_b="SELECT 1;")


def test_only_what_is_lacking_runs(connection, tmp_path):
    steps = write(tmp_path / "m", m0001_a="CREATE TABLE a (x);", m0002_b="CREATE TABLE b (x);")

    migrate.upgrade(connection, steps[:1])
    migrate.upgrade(connection, steps)
    migrate.upgrade(connection, steps)

    assert names(connection) == {"a", "b"}
    assert migrate.version(connection) == 2


def test_a_step_that_fails_leaves_the_file_as_it_was(connection, tmp_path):
    steps = write(tmp_path / "m", m0001_a="CREATE TABLE a (x);", m0002_b="CREATE TABLE b (x);\nINSERT INTO nothing VALUES (1);")

    with pytest.raises(sqlite3.OperationalError):
        migrate.upgrade(connection, steps)

    assert names(connection) == {"a"}
    assert migrate.version(connection) == 1
    assert not connection.in_transaction


def test_a_newer_file_is_refused(connection):
    connection.execute(f"PRAGMA user_version={migrate.newest() + 1}")

    with pytest.raises(WceError) as caught:
        migrate.upgrade(connection, migrate.load())

    assert caught.value.code == "newer_schema"


def test_every_table_of_the_design_is_there_and_strict(cenv):
    tables = dict(cenv.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name LIKE '\\_wce\\_%' ESCAPE '\\'"))

    wanted = """users sessions revoked_tokens table_permissions row_policies config audit_log audit_tombstones endpoints templates versions
        hooks page_cache page_dependencies page_templates page_tables assets query_history triggers idempotency state schedules jobs
        script_runs saved_queries traffic api_keys recovery_codes second_factors"""
    assert set(tables) == {f"_wce_{name}" for name in wanted.split()}
    assert set(tables.values()) == {1}


def test_the_file_is_marked_as_a_cenv(cenv):
    assert cenv.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_no_text_in_the_schema_names_a_database(cenv):
    texts = [text for (text,) in cenv.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")]

    assert not [text for text in texts if re.search(r"\bmain\s*\.", text, re.IGNORECASE)]


def test_the_schema_works_under_another_name(cenv, tmp_path):
    memory = connect("", mode="memory")
    attach(memory, tmp_path / "x.db", "w0secret")
    prepare(memory, schema="w0secret")

    memory.execute("INSERT INTO _wce_config VALUES ('a', '1', 1, 1)")
    moved = state(memory, "settings")
    memory.close()

    assert moved == 1


def test_the_public_principal_is_row_0_and_real_users_count_from_1(cenv):
    assert cenv.execute("SELECT user_id, username, role FROM _wce_users ORDER BY 1").fetchall() == [
        (0, "public", "public"),
        (1, "ada", "owner"),
    ]


def test_a_user_id_is_never_used_again(cenv):
    cenv.execute("INSERT INTO _wce_users (username, role, created_at) VALUES ('bob', 'viewer', 1)")
    cenv.execute("DELETE FROM _wce_users WHERE username = 'bob'")
    cenv.execute("INSERT INTO _wce_users (username, role, created_at) VALUES ('eve', 'viewer', 1)")

    assert cenv.execute("SELECT user_id FROM _wce_users WHERE username = 'eve'").fetchone() == (3,)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO _wce_users (username, role, created_at) VALUES ('bob', 'owner', 1)",
        "UPDATE _wce_users SET role = 'king'",
        "UPDATE _wce_users SET role = 'owner' WHERE user_id = 0",
        "INSERT INTO _wce_users (username, role, created_at) VALUES ('bob', 'public', 1)",
        "INSERT INTO _wce_users (username, role, created_at) VALUES ('ADA', 'viewer', 1)",
        "INSERT INTO _wce_users (username, role, created_at) VALUES ('Public', 'viewer', 1)",
        "UPDATE _wce_users SET enabled = 2",
        "UPDATE _wce_users SET created_at = 'yesterday'",
        "INSERT INTO _wce_row_policies (table_name, policy_type, sql_condition, created_at) VALUES ('t', 'all', '1', 1)",
        "INSERT INTO _wce_table_permissions (table_name, user_id) VALUES ('t', 9)",
        "INSERT INTO _wce_table_permissions (table_name, user_id, can_read) VALUES ('t', 1, 3)",
        "INSERT INTO _wce_endpoints (path, method, script, created_at, modified_at) VALUES ('/a', 'TRACE', '', 1, 1)",
        "INSERT INTO _wce_endpoints (path, method, script, access, created_at, modified_at) VALUES ('/a', 'GET', '', 'all', 1, 1)",
        "INSERT INTO _wce_endpoints (path, method, script, run_as, created_at, modified_at) VALUES ('/a', 'GET', '', 'root', 1, 1)",
        "INSERT INTO _wce_templates (name, syntax, content, created_at, modified_at) VALUES ('a', 'php', '', 1, 1)",
        "INSERT INTO _wce_state (id) VALUES (2)",
        "INSERT INTO _wce_versions (kind, item_id, content, created_at) VALUES ('policy', 1, '', 1)",
        "INSERT INTO _wce_schedules (name, cron, script, created_at, modified_at, enabled) VALUES ('a', '', '', 1, 1, 2)",
        "INSERT INTO _wce_jobs (kind, item_id, payload, due_at, created_at) VALUES ('endpoint', 1, '{}', 1, 1)",
        "INSERT INTO _wce_script_runs (kind, item_id, started_at, duration_ms) VALUES ('page', 1, 1, 1)",
    ],
)
def test_the_file_refuses(cenv, sql):
    with pytest.raises(sqlite3.IntegrityError):
        cenv.execute(sql)


def test_a_permission_is_one_per_user_and_table_whatever_the_case(cenv):
    cenv.execute("INSERT INTO _wce_table_permissions (table_name, user_id, can_read) VALUES ('Notes', 1, 1)")

    with pytest.raises(sqlite3.IntegrityError):
        cenv.execute("INSERT INTO _wce_table_permissions (table_name, user_id, can_read) VALUES ('nOTES', 1, 1)")


BUMPS = {
    "INSERT INTO _wce_users (username, role, created_at) VALUES ('bob', 'viewer', 1)": "grants",
    "UPDATE _wce_users SET role = 'admin' WHERE user_id = 1": "grants",
    "UPDATE _wce_users SET enabled = 0 WHERE user_id = 1": "grants",
    "DELETE FROM _wce_users WHERE user_id = 1": "grants",
    "INSERT INTO _wce_table_permissions (table_name, user_id, can_read) VALUES ('t', 1, 1)": "grants",
    "INSERT INTO _wce_row_policies (table_name, policy_type, sql_condition, created_at) VALUES ('t', 'read', '1', 1)": "grants",
    "INSERT INTO _wce_triggers (name, definer, created_at) VALUES ('t', 1, 1)": "grants",
    "INSERT INTO _wce_config VALUES ('a', '1', 1, 1)": "settings",
    "INSERT INTO _wce_endpoints (path, method, script, created_at, modified_at) VALUES ('/a', 'GET', '', 1, 1)": "endpoints",
    "INSERT INTO _wce_hooks (name, script, created_at, modified_at) VALUES ('a', '', 1, 1)": "endpoints",
    "INSERT INTO _wce_schedules (name, cron, script, created_at, modified_at) VALUES ('a', '* * * * *', '', 1, 1)": "endpoints",
    "INSERT INTO _wce_templates (name, syntax, content, created_at, modified_at) VALUES ('a', 'html', '', 1, 1)": "templates",
    "INSERT INTO _wce_sessions (session_id, user_id, token_hash, created_at, expires_at, last_used) VALUES ('s', 1, '', 1, 2, 1)": "people",
    "INSERT INTO _wce_revoked_tokens (token_hash, expires_at) VALUES ('h', 1)": "people",
    "INSERT INTO _wce_api_keys (user_id, name, key_hash, created_at) VALUES (1, 'a', 'h', 1)": "people",
}


@pytest.mark.parametrize(("sql", "counter"), BUMPS.items())
def test_a_change_moves_its_counter(cenv, sql, counter):
    before = state(cenv, counter)

    cenv.execute(sql)

    assert state(cenv, counter) == before + 1


@pytest.mark.parametrize(
    ("table", "counter"),
    [
        ("_wce_table_permissions", "grants"),
        ("_wce_row_policies", "grants"),
        ("_wce_triggers", "grants"),
        ("_wce_config", "settings"),
        ("_wce_endpoints", "endpoints"),
        ("_wce_hooks", "endpoints"),
        ("_wce_schedules", "endpoints"),
        ("_wce_templates", "templates"),
        ("_wce_sessions", "people"),
        ("_wce_revoked_tokens", "people"),
        ("_wce_api_keys", "people"),
    ],
)
def test_updating_and_deleting_move_the_counter_too(cenv, table, counter):
    cenv.execute(next(sql for sql in BUMPS if f"INTO {table} " in sql))
    column = cenv.execute(f"SELECT name FROM pragma_table_info({quote(table)}) WHERE pk = 1").fetchone()[0]
    before = state(cenv, counter)

    cenv.execute(f"UPDATE {table} SET {column} = {column}")
    updated = state(cenv, counter)
    cenv.execute(f"DELETE FROM {table}")

    assert (updated, state(cenv, counter)) == (before + 1, before + 2)


@pytest.mark.parametrize(
    "sql",
    ["UPDATE _wce_users SET last_login = 5", "UPDATE _wce_templates SET rendered = 'x'", "UPDATE _wce_schedules SET next_at = 5"],
)
def test_what_nobody_caches_moves_nothing(cenv, sql):
    cenv.execute("INSERT INTO _wce_schedules (name, cron, script, created_at, modified_at) VALUES ('a', '', '', 1, 1)")
    cenv.execute("INSERT INTO _wce_templates (name, syntax, content, created_at, modified_at) VALUES ('a', 'html', '', 1, 1)")
    before = cenv.execute("SELECT * FROM _wce_state").fetchall()

    cenv.execute(sql)

    assert cenv.execute("SELECT * FROM _wce_state").fetchall() == before


def test_what_belongs_to_a_user_goes_with_him_and_what_he_did_stays(cenv):
    cenv.execute(
        "INSERT INTO _wce_sessions (session_id, user_id, token_hash, created_at, expires_at, last_used) VALUES ('s', 1, 'h', 1, 2, 1)"
    )
    cenv.execute("INSERT INTO _wce_table_permissions (table_name, user_id, can_read) VALUES ('t', 1, 1)")
    cenv.execute("INSERT INTO _wce_endpoints (path, method, script, created_at, modified_at, created_by) VALUES ('/', 'GET', '', 1, 1, 1)")
    cenv.execute("INSERT INTO _wce_audit_log (timestamp, user_id, action, hash) VALUES (1, 1, 'login', '')")
    before = state(cenv, "grants")

    cenv.execute("DELETE FROM _wce_users WHERE user_id = 1")

    assert cenv.execute("SELECT count(*) FROM _wce_sessions").fetchone() == (0,)
    assert cenv.execute("SELECT count(*) FROM _wce_table_permissions").fetchone() == (0,)
    assert cenv.execute("SELECT created_by FROM _wce_endpoints").fetchall() == [(None,)]
    assert cenv.execute("SELECT user_id FROM _wce_audit_log").fetchall() == [(1,)]
    assert state(cenv, "grants") == before + 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM _wce_sessions WHERE session_id = ?",
        "SELECT * FROM _wce_sessions WHERE token_hash = ?",
        "SELECT * FROM _wce_sessions WHERE user_id = ?",
        "DELETE FROM _wce_sessions WHERE expires_at < ?",
        "SELECT * FROM _wce_revoked_tokens WHERE token_hash = ?",
        "SELECT * FROM _wce_users WHERE username = ?",
        "SELECT * FROM _wce_table_permissions WHERE user_id = ?",
        "SELECT * FROM _wce_table_permissions WHERE table_name = ?",
        "SELECT * FROM _wce_row_policies WHERE user_id = ? OR user_id IS NULL",
        "SELECT * FROM _wce_endpoints WHERE path = ?",
        "SELECT * FROM _wce_templates WHERE name = ?",
        "SELECT * FROM _wce_versions WHERE kind = 'hook' AND item_id = ? ORDER BY id DESC",
        "SELECT * FROM _wce_versions WHERE kind = 'schedule' AND item_id = ? ORDER BY id DESC",
        "SELECT * FROM _wce_schedules WHERE name = ?",
        "SELECT * FROM _wce_schedules WHERE next_at <= ?",
        "SELECT * FROM _wce_jobs WHERE due_at <= ? ORDER BY due_at, id",
        "SELECT * FROM _wce_script_runs WHERE kind = 'hook' AND item_id = ? ORDER BY id DESC",
        "SELECT * FROM _wce_page_cache WHERE path = ?",
        "SELECT * FROM _wce_page_dependencies WHERE table_name = ?",
        "SELECT * FROM _wce_query_history WHERE user_id = ? ORDER BY id DESC",
        "DELETE FROM _wce_idempotency WHERE created_at < ?",
    ],
)
def test_a_lookup_uses_an_index(cenv, sql):
    plan = " ".join(row[3] for row in cenv.execute("EXPLAIN QUERY PLAN " + sql, (1,)))

    assert "SCAN" not in plan


def test_versions_of_the_first_schema_are_kept(connection):
    steps = migrate.load()
    migrate.upgrade(connection, steps[:1])
    connection.execute("INSERT INTO _wce_versions (kind, item_id, content, created_at) VALUES ('hook', 7, 'print(1)', 5)")

    migrate.upgrade(connection, steps)

    assert connection.execute("SELECT id, kind, item_id, content, created_at FROM _wce_versions").fetchall() == [
        (1, "hook", 7, "print(1)", 5)
    ]
    connection.execute("INSERT INTO _wce_versions (kind, item_id, content, created_at) VALUES ('schedule', 7, '', 5)")
    assert names(connection, "index") >= {"_wce_versions_item", "_wce_jobs_due", "_wce_script_runs_item"}


def test_the_audit_log_of_an_older_file_stays_as_it_was(connection):
    steps = migrate.load()
    migrate.upgrade(connection, steps[:6])
    row = "(?, 5, 1, 'ada', 'login', 'user', '1', '{}', '', '', 'abc')"
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO _wce_audit_log VALUES {row}", [(number,) for number in (3, 4, 9)])
    connection.execute("CREATE VIEW recent AS SELECT id, action FROM _wce_audit_log")
    connection.execute("COMMIT")
    before = connection.execute("SELECT * FROM _wce_audit_log ORDER BY id").fetchall()

    migrate.upgrade(connection, steps)

    assert connection.execute("SELECT * FROM _wce_audit_log ORDER BY id").fetchall() == before
    assert connection.execute("SELECT * FROM recent").fetchall() == [(3, "login"), (4, "login"), (9, "login")]
    assert connection.execute("SELECT name FROM sqlite_sequence WHERE name LIKE '%audit%'").fetchall() == []
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("have", range(1, migrate.newest()))
def test_a_view_of_users_whose_table_is_gone_stands_in_no_steps_way(connection, have):
    steps = migrate.load()
    migrate.upgrade(connection, steps[:have])
    connection.execute("CREATE TABLE bill (id)")
    connection.execute("CREATE VIEW unpaid AS SELECT id FROM bill")
    connection.execute("CREATE TRIGGER noted INSTEAD OF INSERT ON unpaid BEGIN INSERT INTO bill VALUES (NEW.id); END")
    connection.execute("DROP TABLE bill")

    migrate.upgrade(connection, steps)

    assert migrate.version(connection) == migrate.newest()
    assert names(connection, "view") == {"unpaid"}
    with pytest.raises(sqlite3.OperationalError, match="error in"):  # SQLite's usual strictness is back
        connection.execute("ALTER TABLE _wce_jobs RENAME TO _wce_work")
