"""Files of honest people: what they hold is there afterwards, under the same names and numbers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.core.importing.conftest import Bench
from wce.core import audit

ROOT = Path(__file__).resolve().parents[3]
CHINOOK = ROOT / "examples" / "chinook" / "chinook.sqlite"
Make = Callable[..., Path]


def test_a_whole_database_comes_along_row_by_row(bench: Bench) -> None:
    cenv, report = bench.take(CHINOOK)

    assert report.dropped == []
    assert report.kind == "data"
    with closing(sqlite3.connect(f"file:{CHINOOK}?mode=ro", uri=True)) as source:
        for table in report.tables:
            assert bench.ask(cenv, f'SELECT rowid, * FROM "{table}"') == source.execute(f'SELECT rowid, * FROM "{table}"').fetchall()
        kept = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '\\_wce%' ESCAPE '\\' AND sql NOT NULL ORDER BY 1, 2"
        mine = [row for row in bench.ask(cenv, kept) if not row[1].startswith("sqlite_")]
        assert mine == [row for row in source.execute(kept).fetchall() if not row[1].startswith("sqlite_")]
    assert bench.ask(cenv, "PRAGMA foreign_key_check") == []


def test_what_a_schema_may_have_is_there(bench: Bench, plain: Make) -> None:
    cenv, report = bench.take(
        plain(
            "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, n INT CHECK (n > 0), twice INT AS (n * 2) STORED, thrice AS (n * 3));",
            "INSERT INTO a (n) VALUES (1), (2), (9); DELETE FROM a WHERE n = 9;",
            "CREATE TABLE keyed (rowid TEXT PRIMARY KEY, n) WITHOUT ROWID; INSERT INTO keyed VALUES ('k', 1);",
            "CREATE TABLE taken (rowid, oid, _rowid_); INSERT INTO taken VALUES (1, 2, 3);",
            "CREATE TABLE child (a INT REFERENCES a); INSERT INTO child VALUES (1);",
            "CREATE UNIQUE INDEX a_n ON a (n); CREATE INDEX a_half ON a (lower(n)) WHERE n > 1;",
            "CREATE VIEW sums (total) AS SELECT sum(n) FROM a;"
            "CREATE TRIGGER t AFTER DELETE ON a BEGIN DELETE FROM child WHERE a = old.id; END;",
        )
    )

    assert report.dropped == []
    assert bench.ask(cenv, "SELECT * FROM a") == [(1, 1, 2, 3), (2, 2, 4, 6)]
    assert bench.ask(cenv, "SELECT * FROM keyed, taken, sums, child") == [("k", 1, 1, 2, 3, 3, 1)]
    assert bench.ask(cenv, "SELECT seq FROM sqlite_sequence WHERE name = 'a'") == [(3,)]
    assert report.objects == {"index": 2, "view": 1, "trigger": 1}


def test_full_text_is_searched_afterwards(bench: Bench, plain: Make) -> None:
    cenv, report = bench.take(
        plain(
            "CREATE VIRTUAL TABLE own USING fts5(title, body); INSERT INTO own (rowid, title, body) VALUES (7, 'hello', 'world');",
            "CREATE TABLE docs (id INTEGER PRIMARY KEY, text); INSERT INTO docs VALUES (5, 'fine words');"
            "CREATE VIRTUAL TABLE outer_ USING fts5(text, content='docs', content_rowid='id');"
            "INSERT INTO outer_ (outer_) VALUES ('rebuild');",
            "CREATE VIRTUAL TABLE bare USING fts5(text, content=''); INSERT INTO bare (rowid, text) VALUES (1, 'lost');",
            "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1); INSERT INTO box VALUES (1, 0, 1);",
        )
    )

    assert bench.ask(cenv, "SELECT rowid, title FROM own('world')") == [(7, "hello")]
    assert bench.ask(cenv, "SELECT rowid FROM outer_('words')") == [(5,)]
    assert bench.ask(cenv, "SELECT count(*) FROM box") == [(0,)]
    assert len(report.notes) == 2


def test_a_cenv_comes_along_with_its_log(bench: Bench, cenv_file: Make) -> None:
    cenv, report = bench.take(cenv_file(), owner=None)

    assert (report.kind, report.owner) == ("cenv", "olivia")
    with bench.store.session(cenv) as session:
        assert audit.verify(session).ok
        assert session.all("SELECT action FROM _wce_audit_log ORDER BY id") == [("cenv.create",), ("cenv.import",)]
        assert session.all("PRAGMA integrity_check") == [("ok",)]


def test_saved_queries_come_along_and_no_table_of_this_version_is_unknown(bench: Bench, cenv_file: Make) -> None:
    columns = "(user_id, name, sql, modified_at)"
    cenv, report = bench.take(
        cenv_file(
            f"INSERT INTO _wce_saved_queries {columns} SELECT user_id, 'sums 😀', 'SELECT 1', 5 FROM _wce_users WHERE role = 'owner';",
            "INSERT INTO _wce_traffic VALUES (900, 1, 0, 0, '[]');",
        ),
        owner=None,
    )

    assert report.dropped == []
    assert report.system["saved_queries"] == 1
    assert bench.ask(cenv, "SELECT name, sql, modified_at FROM _wce_saved_queries") == [("sums 😀", "SELECT 1", 5)]
    assert bench.ask(cenv, "SELECT * FROM _wce_traffic") == []


def test_rows_that_refer_to_nothing_are_data_too(bench: Bench, plain: Make) -> None:
    cenv, report = bench.take(plain("CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p); INSERT INTO c VALUES (5);"))

    assert report.tables == {"p": 0, "c": 1}
    assert bench.ask(cenv, "SELECT p FROM c") == [(5,)]


def test_the_files_of_pages_come_along_and_what_they_are_is_read_from_themselves(bench: Bench, cenv_file: Make) -> None:
    columns = "(path, content_type, size, hash, created_at, modified_at, content)"
    cenv, _ = bench.take(
        cenv_file(
            f"INSERT INTO _wce_assets {columns} VALUES ('a.svg', 'text/html', 7, 'x', 1, 1, x'3c');",
            f"INSERT INTO _wce_assets {columns} VALUES ('../b', 'text/html', 7, 'x', 1, 1, x'3c');",
        ),
        owner=None,
    )

    assert bench.ask(cenv, "SELECT path, content_type, size, length(hash), content FROM _wce_assets") == [
        ("a.svg", "image/svg+xml", 1, 64, b"<")
    ]
