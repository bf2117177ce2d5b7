"""The loader against a real server."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from load import LoadError, load, make_schema
from loading import csv_file, sqlite_file
from loading.source import Source, SourceError, Table, batches

from wce.client import ApiError, Client

Run = Callable[..., subprocess.CompletedProcess[str]]

EVERYTHING = """
    CREATE TABLE "odd name" (id INTEGER PRIMARY KEY AUTOINCREMENT, [a "b"] TEXT, twice AS (id * 2), stored AS (id + 1) STORED);
    INSERT INTO "odd name" (id, [a "b"]) VALUES (5, 'ü'), (2, NULL);
    CREATE TABLE plain (v);
    INSERT INTO plain (rowid, v) VALUES (9, x'00ff'), (4, 9223372036854775807), (6, -0.5), (7, ''), (8, 9e999), (11, CAST(x'ff' AS TEXT));
    CREATE TABLE pairs (a TEXT, b INTEGER, n REAL, PRIMARY KEY (a, b)) WITHOUT ROWID;
    INSERT INTO pairs VALUES ('x', 1, 1.5), ('a', 2, NULL);
    CREATE TABLE strict (id INTEGER PRIMARY KEY, t TEXT NOT NULL DEFAULT 'd' CHECK (length(t) < 9)) STRICT;
    INSERT INTO strict DEFAULT VALUES;
    CREATE TABLE child (id INTEGER PRIMARY KEY, code TEXT REFERENCES parent (code), boss INTEGER REFERENCES child);
    CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT);
    CREATE UNIQUE INDEX parent_code ON parent (code);
    INSERT INTO parent VALUES (1, 'p');
    INSERT INTO child VALUES (1, 'p', 2), (2, NULL, NULL);
    CREATE INDEX child_code ON child (code) WHERE code IS NOT NULL;
    CREATE VIEW names AS SELECT [a "b"] AS name FROM "odd name";
    CREATE TRIGGER copy AFTER INSERT ON parent BEGIN INSERT INTO plain VALUES (NEW.code); END;
"""


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """A database with one of every kind of thing that can be loaded."""
    with closing(sqlite3.connect(tmp_path / "everything.db")) as connection:
        connection.executescript(EVERYTHING)
    return tmp_path / "everything.db"


def rows(client: Client, sql: str) -> list[list[object]]:
    found: list[list[object]] = client.query(sql, as_lists=True).rows
    return found


def test_every_kind_of_table_and_value_arrives(owner: Client, everything: Path, run_load: Run) -> None:
    done = run_load(everything)

    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(everything)) as source:
        for table in ("odd name", "plain", "pairs", "strict", "child", "parent", "names"):
            names = [row[1] for row in source.execute(f"PRAGMA table_xinfo([{table}])")] + ["rowid"] * (table == "plain")
            sql = f"SELECT {', '.join(f'hex([{name}]), typeof([{name}])' for name in names)} FROM [{table}] ORDER BY 1"
            assert rows(owner, sql) == [list(row) for row in source.execute(sql)], table


def test_types_stay_what_they_were(owner: Client, everything: Path, run_load: Run) -> None:
    run_load(everything)

    kinds = rows(owner, "SELECT typeof(v) FROM plain ORDER BY rowid")

    assert [kind for (kind,) in kinds] == ["integer", "real", "text", "real", "blob", "text"]


def test_indexes_triggers_and_views_come_along(owner: Client, everything: Path, run_load: Run) -> None:
    run_load(everything)

    listed = rows(owner, "SELECT type, name FROM sqlite_master WHERE tbl_name NOT GLOB '_wce*' AND type <> 'table' AND sql IS NOT NULL")

    assert {tuple(row) for row in listed} == {
        ("index", "parent_code"),
        ("index", "child_code"),
        ("view", "names"),
        ("trigger", "copy"),
    }


def test_a_trigger_does_not_fire_while_its_table_is_loaded(owner: Client, everything: Path, run_load: Run) -> None:
    run_load(everything)

    assert rows(owner, "SELECT count(*) FROM plain WHERE v = 'p'") == [[0]]


def test_the_last_line_tells_rows_and_speed(everything: Path, run_load: Run) -> None:
    done = run_load(everything)

    assert "14 rows in 6 tables" in done.stdout.splitlines()[-1]
    assert "rows/s" in done.stdout.splitlines()[-1]


def test_what_is_there_already_is_not_touched(everything: Path, run_load: Run) -> None:
    run_load(everything)

    again = run_load(everything)

    assert again.returncode == 1
    assert "already in this cenv" in again.stderr
    assert "--resume" in again.stderr


def test_an_interrupted_load_goes_on_where_it_stopped(owner: Client, tmp_path: Path, run_load: Run) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text("n,text\n" + "".join(f"{n},{'x' * 200}\n" for n in range(10_000)))
    source = csv_file.read(file, "numbers")
    make_schema(owner, source, resume=False)
    first_rows, statements = next(iter(batches(source.tables[0], 0)))
    owner.transaction_of(statements)

    done = run_load(file, "--resume")

    assert 0 < first_rows < 10_000
    assert f"{10_000 - first_rows:,} rows in 1 tables" in done.stdout
    assert rows(owner, "SELECT count(*), count(DISTINCT n), sum(n) FROM numbers") == [[10_000, 10_000, sum(range(10_000))]]


def test_resuming_what_is_complete_sends_nothing(everything: Path, run_load: Run) -> None:
    run_load(everything)

    done = run_load(everything, "--resume")

    assert done.returncode == 0, done.stderr
    assert "0 rows in 6 tables" in done.stdout


def test_resuming_with_a_shorter_file_is_refused(tmp_path: Path, run_load: Run) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    run_load(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("a\n1\n")

    done = run_load(tmp_path / "t.csv", "--resume")

    assert "2 rows in the cenv and 1 in the file" in done.stderr


def test_a_csv_file_becomes_a_table_with_types(owner: Client, tmp_path: Path, run_load: Run) -> None:
    (tmp_path / "people.csv").write_text("name;age;height\nanna;31;1.7\nbob;;1.8\n")

    done = run_load(tmp_path / "people.csv", "--table", "persons")

    assert done.returncode == 0, done.stderr
    assert rows(owner, "SELECT name, age, height, typeof(age) FROM persons") == [["anna", 31, 1.7, "integer"], ["bob", None, 1.8, "null"]]


def test_a_row_that_a_constraint_refuses_is_told_with_its_table(owner: Client) -> None:
    table = Table("t", "CREATE TABLE t (a INTEGER NOT NULL)", ("a",), 2, lambda offset: iter([(1,), (None,)][offset:]))

    with pytest.raises(LoadError, match="t, after 0 rows: 422 constraint"):
        load(owner, Source((table,)))

    assert rows(owner, "SELECT count(*) FROM t") == [[0]]


def test_a_wrong_password_is_one_clear_line(everything: Path, run_load: Run) -> None:
    done = run_load(everything, WCE_TEST_PASSWORD="wrong password")

    assert done.returncode == 1
    assert done.stderr.strip().startswith("Error: the server refused: 401 bad_credentials")


def test_the_password_may_come_from_a_file(everything: Path, tmp_path: Path, run_load: Run) -> None:
    (tmp_path / "password").write_text("correct horse battery\n")

    assert run_load(everything, "--password-file", tmp_path / "password").returncode == 0


def test_a_server_that_does_not_answer_is_one_clear_line(everything: Path, run_load: Run) -> None:
    done = run_load(everything, "--url", "http://127.0.0.1:9")

    assert done.returncode == 1
    assert "no answer from http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_viewer_cannot_load(owner: Client, tmp_path: Path) -> None:
    owner.call("POST", "admin/users", {"username": "viewer", "password": "a viewer's password", "role": "viewer"})
    (tmp_path / "t.csv").write_text("a\n1\n")
    owner.log_in("viewer", "a viewer's password")

    with pytest.raises(ApiError) as caught:
        load(owner, csv_file.read(tmp_path / "t.csv", "t"))

    assert caught.value.status in (403, 404)


def test_a_circle_of_rows_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "circle.db")) as connection:
        connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, x REFERENCES t); INSERT INTO t VALUES (1, 2), (2, 1)")

    with closing(sqlite_file.open_file(tmp_path / "circle.db")) as connection, pytest.raises(SourceError, match="circle"):
        sqlite_file.read(connection)
