"""Files that were made to harm: each is refused with a reason, or becomes a cenv in which nothing of the harm is left."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import struct
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.importing.conftest import HASH, MIB, Bench
from wce.core.importing.foreign import Foreign
from wce.core.importing.header import read_header
from wce.core.importing.report import Report
from wce.errors import WceError
from wce.store.sqlite import APPLICATION_ID

Make = Callable[..., Path]
NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO notes (text) VALUES ('one'), ('two');"


def refused(bench: Bench, path: Path, code: str = "bad_file", said: str = "", **options: object) -> None:
    before = bench.store.cenvs()

    with pytest.raises(WceError) as caught:
        bench.take(path, **options)  # type: ignore[arg-type]

    assert caught.value.code == code, caught.value.detail
    assert said in caught.value.detail
    assert bench.store.cenvs() == before
    assert [name for name in os.listdir(bench.store.folder.path) if not name.endswith((".db", "-wal", "-shm", ".lock"))] == []


def patched(path: Path, at: int, content: bytes) -> Path:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)
    return path


def test_rows_that_nobody_reads_to_the_end_are_cleared_away_after_their_file(plain: Make) -> None:
    path = plain(NOTES)
    with Foreign(path, read_header(path, max_bytes=MIB, newest_schema=1), time.monotonic() + 60) as foreign:
        rows = foreign.rows("SELECT text FROM notes")
        next(rows)

    rows.close()  # type: ignore[attr-defined] # as the collector of garbage does, which would write an error to the log


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_what_is_no_file_hangs_nobody(bench: Bench, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "pipe" if kind == "pipe" else Path("/dev/ptmx")
    if kind == "pipe":
        os.mkfifo(path)

    refused(bench, path, said="It is not a SQLite database")


def taken_or_refused(bench: Bench, path: Path, codes: tuple[str, ...] = ("bad_file",)) -> tuple[str, Report] | None:
    """What became of it; None where it was refused for one of these reasons."""
    try:
        return bench.take(path)
    except WceError as error:
        if error.code not in codes:
            raise
        return None


# Not a database, or not a whole one.


@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\0", b"PK\x03\x04" + b"x" * 5000, b"SQLite format 2\0" + b"\0" * 4080], ids=range(4)
)
def test_what_is_no_database_is_refused(bench: Bench, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    refused(bench, path, said="not a SQLite database")


def test_a_folder_or_a_link_is_not_followed(bench: Bench, plain: Make, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(plain(NOTES))

    with pytest.raises(OSError, match="symbolic link"):
        bench.take(link)
    refused(bench, tmp_path, said="not a SQLite database")


def test_a_truncated_file_is_refused(bench: Bench, plain: Make) -> None:
    path = plain(NOTES, "CREATE TABLE filler AS WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT i FROM n;")
    whole = path.read_bytes()

    for size in (len(whole) - 4096, len(whole) - 100, 4096, 50):
        path.write_bytes(whole[:size])
        refused(bench, path)


def test_pages_that_were_overwritten_are_found(bench: Bench, plain: Make) -> None:
    path = plain(NOTES, "CREATE TABLE filler AS WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT i FROM n;")

    refused(bench, patched(path, 3 * 4096, os.urandom(2048)))


@pytest.mark.parametrize(
    ("at", "content"),
    [
        (16, b"\0\3"),  # page size 3
        (16, b"\1\1"),  # no power of two
        (18, b"\7\7"),  # a format of the future
        (20, b"\xff"),  # hardly anything of a page is left
        (21, b"\x10\x20\x20"),
        (28, struct.pack(">I", 0xFFFFFFFE)),  # four billion pages
        (44, struct.pack(">I", 9)),
        (56, struct.pack(">I", 7)),
        (56, struct.pack(">I", 0)),
    ],
)
def test_a_header_that_lies_is_refused(bench: Bench, plain: Make, at: int, content: bytes) -> None:
    refused(bench, patched(plain(NOTES), at, content))


def test_a_definition_that_nobody_can_read_is_refused(bench: Bench, plain: Make) -> None:
    path = plain(NOTES)

    refused(bench, patched(path, path.read_bytes().index(b"CREATE TABLE") + 5, b"\xff"), said="not UTF-8")


def test_a_file_of_a_newer_server_is_refused_as_such(bench: Bench, cenv_file: Make) -> None:
    refused(bench, cenv_file("PRAGMA user_version = 9999;"), "newer_schema")


def test_a_database_that_only_says_that_it_is_a_cenv_is_refused(bench: Bench, plain: Make) -> None:
    refused(bench, plain(NOTES, f"PRAGMA application_id = {APPLICATION_ID};"))
    refused(bench, plain(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;"), said="no owner", owner=None)


def test_a_file_larger_than_allowed_is_refused_and_so_is_one_that_grows(bench: Bench, plain: Make) -> None:
    path = plain("CREATE TABLE big (text TEXT); INSERT INTO big SELECT zeroblob(900000) FROM (VALUES (1), (2), (3));")

    refused(bench, path, "too_large", max_bytes=MIB)
    with path.open("ab") as file:
        file.truncate(10 * 1024 * MIB)  # sparse
    refused(bench, path, "too_large")


def test_a_value_that_nobody_could_read_afterwards_is_refused(bench: Bench, plain: Make) -> None:
    refused(bench, plain("CREATE TABLE big (text); INSERT INTO big VALUES (zeroblob(1500000));"), "too_large", "big")


def test_ten_thousand_views_are_too_many(bench: Bench, plain: Make) -> None:
    views = (
        "PRAGMA writable_schema = ON; WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000)"
        " INSERT INTO sqlite_schema SELECT 'view', 'v' || n, 'v' || n, 0, 'CREATE VIEW v' || n || ' AS SELECT 1' FROM c;"
    )

    refused(bench, plain(NOTES, views), "too_large", "10001 tables, indexes, views and triggers")


# Formats that are odd and honest.


@pytest.mark.parametrize(
    "pragma", ["page_size = 512", "page_size = 65536", "encoding = 'UTF-16le'", "journal_mode = WAL", "auto_vacuum = 1"]
)
def test_an_odd_format_becomes_a_usual_one(bench: Bench, plain: Make, pragma: str) -> None:
    cenv, report = bench.take(plain(f"PRAGMA {pragma};", NOTES))

    assert report.tables == {"notes": 2}
    assert bench.ask(cenv, "SELECT text FROM notes") == [("one",), ("two",)]
    assert bench.ask(cenv, "PRAGMA encoding") == [("UTF-8",)]


def test_text_that_is_no_text_is_mended(bench: Bench, plain: Make) -> None:
    cenv, report = bench.take(
        plain(NOTES, "INSERT INTO notes (text) VALUES (CAST(x'ff41' AS TEXT)), (x'ff41'), (CAST(x'410042' AS TEXT));")
    )

    assert bench.ask(cenv, "SELECT text FROM notes WHERE id > 2") == [("\ufffdA",), (b"\xffA",), ("A\0B",)]
    assert report.notes == ["notes: text that was not UTF-8 got replacement characters"]


def test_negative_and_huge_row_numbers_are_kept(bench: Bench, plain: Make) -> None:
    cenv, _ = bench.take(plain("CREATE TABLE t (x); INSERT INTO t (rowid, x) VALUES (-5, 'a'), (9223372036854775807, 'b');"))

    assert bench.ask(cenv, "SELECT rowid, x FROM t") == [(-5, "a"), (9223372036854775807, "b")]


# The schema as a weapon.


def doubled(text: str) -> str:
    return text.replace("'", "''")


def edited(path: Path, *statements: str) -> Path:
    """The file after somebody has written to its schema by hand."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def test_a_name_that_is_qualified_is_left_out(bench: Bench, plain: Make) -> None:
    path = plain(NOTES, "CREATE VIEW v AS SELECT * FROM main.notes; CREATE VIEW good AS SELECT text FROM notes;")

    cenv, report = bench.take(path)

    assert bench.ask(cenv, "SELECT name FROM sqlite_schema WHERE type = 'view'") == [("good",)]
    assert [(item["type"], item["name"]) for item in report.dropped] == [("view", "v")]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE notes (id, text); DROP TABLE _wce_users",
        "CREATE TABLE notes AS SELECT * FROM _wce_users",
        "CREATE TABLE _wce_users (id, text)",
        "CREATE TABLE other (id, text)",
        "CREATE VIEW notes AS SELECT 1 AS id, 2 AS text",
        "CREATE TEMP TABLE notes (id, text)",
        "SELECT load_extension('x')",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT DEFAULT (load_extension('x')))",
        "not SQL at all",
    ],
)
def test_a_text_that_is_not_its_tables_never_runs(bench: Bench, plain: Make, sql: str) -> None:
    path = edited(plain(NOTES), f"UPDATE sqlite_master SET sql = '{doubled(sql)}' WHERE name = 'notes'")

    found = taken_or_refused(bench, path)

    if found is not None:
        assert "notes" not in found[1].tables
        assert bench.ask(found[0], "SELECT count(*) FROM _wce_users") == [(2,)]


def test_two_tables_on_one_page_are_found(bench: Bench, plain: Make) -> None:
    path = plain(NOTES, "CREATE TABLE other (id INTEGER PRIMARY KEY, text TEXT);")

    refused(bench, edited(path, "UPDATE sqlite_master SET rootpage = 2"))
    refused(bench, edited(plain(), "UPDATE sqlite_master SET rootpage = 999"))


@pytest.mark.parametrize(
    "trick",
    [
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN UPDATE _wce_users SET role = 'owner'; END;",
        "CREATE TRIGGER t AFTER UPDATE ON _wce_users BEGIN DELETE FROM notes; END;",
        "CREATE TRIGGER _wce_mine AFTER INSERT ON notes BEGIN SELECT 1; END;",
        "CREATE VIEW v AS SELECT password_hash FROM _wce_users;",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT fts3_tokenizer('simple', 'x'); END;",
    ],
)
def test_what_reaches_for_our_tables_is_left_out(bench: Bench, cenv_file: Make, trick: str) -> None:
    cenv, report = bench.take(cenv_file(NOTES, trick))

    assert [item["type"] for item in report.dropped if item["type"] != "table"] in (["trigger"], ["view"])
    assert report.tables == {"notes": 2}
    assert bench.ask(cenv, "SELECT count(*) FROM sqlite_schema WHERE name IN ('t', 'v', '_wce_mine')") == [(0,)]


def test_triggers_do_not_run_while_rows_come_in(bench: Bench, plain: Make) -> None:
    cenv, report = bench.take(
        plain(NOTES, "CREATE TABLE log (n); CREATE TRIGGER t AFTER INSERT ON notes BEGIN INSERT INTO log VALUES (1); END;")
    )

    assert bench.ask(cenv, "SELECT count(*) FROM log") == [(0,)]
    assert report.objects == {"trigger": 1}


def test_views_that_double_are_left_out(bench: Bench, plain: Make) -> None:
    doubling = "".join(f"CREATE VIEW v{n + 1} AS SELECT a.x FROM v{n} a, v{n} b;" for n in range(20))

    cenv, report = bench.take(plain("CREATE TABLE t (x); CREATE VIEW v0 AS SELECT x FROM t;", doubling))

    assert report.dropped
    assert bench.ask(cenv, "SELECT count(*) FROM v3") == [(0,)]


def test_definitions_beyond_the_bound_are_left_out(bench: Bench, plain: Make) -> None:
    long = "".join(f"CREATE VIEW v{n} AS SELECT {'x' * 99_900} AS x;" for n in range(11))

    _, report = bench.take(plain(NOTES, long))

    assert report.objects == {"view": 10}
    assert ["1,000,000 characters" in item["reason"] for item in report.dropped] == [True]


@pytest.mark.parametrize(
    "bomb",
    [
        "CHECK (length(replace(hex(zeroblob(200000)), '00', hex(text || randomblob(400000)))) > 0)",
        "bomb TEXT GENERATED ALWAYS AS (printf('%.*c', 900000000, text)) STORED",
    ],
)
def test_a_bomb_in_a_column_ends_with_an_error(bench: Bench, plain: Make, bomb: str) -> None:
    path = edited(
        plain(NOTES),
        f"UPDATE sqlite_master SET sql = 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, {doubled(bomb)})' WHERE name = 'notes'",
    )

    found = taken_or_refused(bench, path, ("bad_file", "query_timeout", "too_large"))

    assert found is None or "notes" not in found[1].tables


def test_virtual_tables_of_unknown_modules_are_left_out_and_never_opened(bench: Bench, plain: Make) -> None:
    path = edited(
        plain(NOTES, "CREATE VIRTUAL TABLE old USING fts4(text); INSERT INTO old VALUES ('hello');"),
        "INSERT INTO sqlite_master VALUES ('table', 'evil', 'evil', 0, 'CREATE VIRTUAL TABLE evil USING csv(filename=''/etc/passwd'')')",
    )

    cenv, report = bench.take(path)

    assert {item["name"] for item in report.dropped} == {"old", "evil"}
    assert bench.ask(cenv, "SELECT name FROM sqlite_schema WHERE name LIKE 'old%' OR name = 'evil'") == []


def test_a_name_with_a_zero_byte_or_without_meaning_is_refused_or_left_out(bench: Bench, plain: Make) -> None:
    path = edited(plain(NOTES), "UPDATE sqlite_master SET name = CAST(x'6100' AS TEXT), tbl_name = CAST(x'6100' AS TEXT)")

    found = taken_or_refused(bench, path)

    assert found is None or found[1].tables == {}


# Our own rows as a weapon.

USER = "INSERT INTO _wce_users (user_id, username, password_hash, role, created_at) VALUES"


@pytest.mark.parametrize(
    ("trick", "said"),
    [
        (f"DROP INDEX _wce_users_one_owner; {USER} (7, 'mallory', '{HASH}', 'owner', 1);", "more than one owner"),
        (f"{USER} (-7, 'mallory', '{HASH}', 'editor', 1);", "user_id"),
        (f"{USER} (9223372036854775807, 'mallory', '{HASH}', 'editor', 1);", "user_id"),
        (f"{USER} (7, 'mal' || char(0) || 'lory', '{HASH}', 'editor', 1);", "username"),
        (f"{USER} (7, 'mallory', '{HASH.replace('04', '03')}', 'editor', 1);", "cost"),
        (f"{USER} (7, 'mallory', '{HASH.replace('04', '31')}', 'editor', 1);", "cost"),
        (f"{USER} (7, 'mallory', 'plain text', 'editor', 1);", "bcrypt"),
        ("UPDATE _wce_users SET password_hash = NULL WHERE role = 'owner';", "bcrypt"),
        ("UPDATE _wce_users SET enabled = 0 WHERE role = 'owner';", "enabled"),
        ("UPDATE _wce_users SET created_at = -5;", "created_at"),
    ],
)
def test_an_account_that_is_wrong_ends_the_import(bench: Bench, cenv_file: Make, trick: str, said: str) -> None:
    refused(bench, cenv_file(trick), said=said)


def test_an_unknown_role_ends_the_import(bench: Bench, cenv_file: Make) -> None:
    path = edited(
        cenv_file(),
        "UPDATE sqlite_master SET sql = replace(sql, '''owner'')', '''owner'', ''superuser'')') WHERE name = '_wce_users'",
    )
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{USER} (7, 'mallory', '{HASH}', 'superuser', 1);")

    refused(bench, path, said="role")


def test_a_table_of_ours_with_other_columns_is_refused(bench: Bench, cenv_file: Make) -> None:
    refused(bench, cenv_file("ALTER TABLE _wce_users RENAME COLUMN role TO part;"), said="role")
    refused(bench, cenv_file("DROP TABLE _wce_users; CREATE VIEW _wce_users AS SELECT 1 AS user_id;"), said="no owner", owner=None)


def test_a_file_without_owner_wants_one(bench: Bench, cenv_file: Make) -> None:
    path = cenv_file("DELETE FROM _wce_users WHERE role = 'owner';", f"{USER} (7, 'grace', '{HASH}', 'admin', 1);")

    refused(bench, path, said="no owner", owner=None)
    cenv, report = bench.take(path)

    assert report.owner == "ada"
    assert bench.ask(cenv, "SELECT username, role FROM _wce_users WHERE user_id > 0 ORDER BY 1") == [("ada", "owner"), ("grace", "admin")]


def test_sessions_and_other_keys_never_come_along(bench: Bench, cenv_file: Make) -> None:
    cenv, _ = bench.take(
        cenv_file(
            "INSERT INTO _wce_sessions VALUES ('s', 1, 'hash', 1, 9999999999, 1, '', '');"
            "INSERT INTO _wce_idempotency VALUES (1, 'k', 'h', 200, 'body', 1, 0);"
            "INSERT INTO _wce_jobs (kind, item_id, payload, due_at, created_at) VALUES ('hook', 1, '{}', 1, 1);"
            "CREATE TABLE _wce_api_keys_of_mine (x);"
        )
    )

    for table in ("_wce_sessions", "_wce_idempotency", "_wce_jobs"):
        assert bench.ask(cenv, f"SELECT count(*) FROM {table}") == [(0,)]
    assert bench.ask(cenv, "SELECT count(*) FROM sqlite_schema WHERE name = '_wce_api_keys_of_mine'") == [(0,)]


POLICY = "INSERT INTO _wce_row_policies (table_name, user_id, policy_type, sql_condition, created_at) VALUES"


@pytest.mark.parametrize("condition", ["no sense at all", "1 = (SELECT count(*) FROM _wce_users)", "load_extension('x')", "nothing = 1"])
def test_a_policy_that_does_not_compile_ends_the_import(bench: Bench, cenv_file: Make, condition: str) -> None:
    refused(bench, cenv_file(NOTES, f"{POLICY} ('notes', NULL, 'read', '{doubled(condition)}', 1);"), said="policy")


def test_rights_and_policies_of_nothing_and_of_nobody_are_left_out(bench: Bench, cenv_file: Make) -> None:
    cenv, report = bench.take(
        cenv_file(
            NOTES,
            f"{POLICY} ('gone', NULL, 'read', '1', 1), ('notes', 99, 'read', '1', 1), ('notes', NULL, 'read', 'text <> ''two''', 1);"
            "INSERT INTO _wce_table_permissions (table_name, user_id, can_read) VALUES ('gone', 1, 1), ('notes', 99, 1), ('notes', 0, 1),"
            " ('_wce_users', 0, 1);",
        )
    )

    assert bench.ask(cenv, "SELECT table_name, user_id FROM _wce_table_permissions") == [("notes", 0)]
    assert bench.ask(cenv, "SELECT sql_condition FROM _wce_row_policies") == [("text <> 'two'",)]
    assert len([item for item in report.dropped if item["type"] != "table"]) == 5


SCRIPT = "(path, method, script, run_as, created_at, modified_at, modified_by) VALUES"


def test_scripts_are_checked_and_run_with_no_more_rights_than_their_author_has(bench: Bench, cenv_file: Make) -> None:
    cenv, report = bench.take(
        cenv_file(
            NOTES,
            f"{USER} (7, 'grace', '{HASH}', 'editor', 1);",
            f"INSERT INTO _wce_endpoints {SCRIPT} ('/a', 'GET', 'fine', 'definer', 1, 1, 1), ('/b', 'GET', 'fine', 'definer', 1, 1, 7),"
            " ('/c', 'GET', 'fine', 'definer', 1, 1, NULL), ('/d', 'GET', 'broken', 'caller', 1, 1, 1),"
            " ('no path', 'GET', 'x', 'caller', 1, 1, 1);"
            "INSERT INTO _wce_hooks (name, table_name, script, run_as, created_at, modified_at, modified_by)"
            " VALUES ('h', 'notes', 'fine', 'definer', 1, 1, 1), ('all', '*', 'fine', 'caller', 1, 1, 1),"
            " ('g', 'gone', 'fine', 'caller', 1, 1, 1);"
            "INSERT INTO _wce_schedules (name, cron, script, next_at, created_at, modified_at, modified_by)"
            " VALUES ('s', '0 8 * * *', 'fine', 5, 1, 1, 1), ('bad', 'always', 'fine', 5, 1, 1, 1);",
        )
    )

    assert bench.ask(cenv, "SELECT path, run_as FROM _wce_endpoints ORDER BY path") == [
        ("/a", "definer"),
        ("/b", "caller"),
        ("/c", "caller"),
    ]
    assert bench.ask(cenv, "SELECT name, run_as FROM _wce_hooks ORDER BY name") == [("all", "caller"), ("h", "definer")]
    ((name, next_at),) = bench.ask(cenv, "SELECT name, next_at FROM _wce_schedules")
    assert name == "s"
    assert next_at > 1_000_000
    assert {item["name"] for item in report.dropped if item["type"] != "table"} == {"/d", "no path", "g", "bad"}


def test_a_mark_of_a_trigger_stands_only_for_administrators(bench: Bench, cenv_file: Make) -> None:
    trigger = "CREATE TRIGGER {0} AFTER INSERT ON notes BEGIN SELECT 1; END;"
    cenv, _ = bench.take(
        cenv_file(
            NOTES,
            trigger.format("mine") + trigger.format("hers"),
            f"{USER} (7, 'grace', '{HASH}', 'editor', 1);",
            "INSERT INTO _wce_triggers VALUES ('mine', 1, 1, 1), ('hers', 1, 7, 1), ('gone', 1, 1, 1);",
        )
    )

    assert bench.ask(cenv, "SELECT name FROM _wce_triggers") == [("mine",)]


def test_settings_that_are_none_are_left_out(bench: Bench, cenv_file: Make) -> None:
    cenv, report = bench.take(
        cenv_file("INSERT INTO _wce_config VALUES ('max_users', '50', 1, 1), ('max_users_ever', '1', 1, 1), ('page_cache', 'maybe', 1, 1);")
    )

    assert bench.ask(cenv, "SELECT key, value FROM _wce_config") == [("max_users", "50")]
    assert {item["name"] for item in report.dropped if item["type"] != "table"} == {"max_users_ever", "page_cache"}


def test_a_setting_of_a_thousand_levels_is_left_out(bench: Bench, cenv_file: Make) -> None:
    _, report = bench.take(cenv_file(f"INSERT INTO _wce_config VALUES ('title', '{'[' * 90_000}', 1, 1);"))

    assert "title" in {item["name"] for item in report.dropped}


def with_entry(path: Path, column: int, value: str) -> Path:
    """The cenv with another value in the one entry of its log, chained as it should be."""
    with closing(sqlite3.connect(path)) as connection, connection:
        cursor = connection.execute("SELECT * FROM _wce_audit_log")
        row = list(cursor.fetchone()[:10])
        row[column] = value
        link = hashlib.sha256(json.dumps(row, separators=(",", ":")).encode()).hexdigest()
        connection.execute(f"UPDATE _wce_audit_log SET {cursor.description[column][0]} = ?, hash = ?", (value, link))
        connection.execute("UPDATE _wce_state SET audit_hash = ?", (link,))
    return path


def levels(count: int) -> str:
    return '{"a":' * count + "1" + "}" * count


@pytest.mark.parametrize("details", [levels(5_000), levels(500), '{"a": 18446744073709551616}', "[]"])
def test_a_log_with_details_that_no_answer_could_tell_begins_anew(bench: Bench, cenv_file: Make, details: str) -> None:
    cenv, report = bench.take(with_entry(cenv_file(), 7, details))

    assert bench.ask(cenv, "SELECT action FROM _wce_audit_log") == [("cenv.import",)]
    assert "must be a JSON object" in report.notes[0]


@pytest.mark.parametrize("name", ["", "x" * 50_000])
def test_a_table_of_any_name_keeps_its_policy_and_its_place_in_the_log(bench: Bench, cenv_file: Make, name: str) -> None:
    path = cenv_file(f'CREATE TABLE "{name}" (a);', f"{POLICY} ('{name}', NULL, 'read', '1', 1);")

    cenv, report = bench.take(with_entry(path, 6, name))

    assert bench.ask(cenv, "SELECT table_name FROM _wce_row_policies") == [(name,)]
    assert bench.ask(cenv, "SELECT resource_id FROM _wce_audit_log WHERE id = 1") == [(name,)]
    assert report.notes == []


def test_a_log_whose_chain_is_broken_begins_anew(bench: Bench, cenv_file: Make) -> None:
    cenv, report = bench.take(cenv_file("UPDATE _wce_audit_log SET username = 'somebody else';"))

    assert bench.ask(cenv, "SELECT action FROM _wce_audit_log") == [("cenv.import",)]
    assert "starts anew" in report.notes[0]


def test_numbers_beyond_reason_are_not_taken_over(bench: Bench, cenv_file: Make) -> None:
    cenv, _ = bench.take(cenv_file("UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = '_wce_users';"))

    assert bench.ask(cenv, "SELECT seq FROM sqlite_sequence WHERE name = '_wce_users'") == [(1,)]


def test_time_runs_out(bench: Bench, plain: Make) -> None:
    hurried = Bench(bench.store, replace(bench.importer, seconds=0.0), b"")

    refused(hurried, plain(NOTES), "query_timeout")


def test_time_runs_out_in_a_statement_of_our_own(bench: Bench, tmp_path: Path) -> None:
    draft = tmp_path / "draft"
    draft.touch()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    with pytest.raises(WceError) as late, bench.importer.guard.builder("", draft, max_bytes=1_000_000, seconds=0.01) as builder:
        builder.run(endless)

    assert late.value.code == "query_timeout"
