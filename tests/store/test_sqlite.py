from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wce.store.sqlite import Connection, attach, connect, damaged, fold, full_reason, known_holes, prepare, quote, sqlite3, translate

PAGE = 4096


@pytest.fixture
def connection(tmp_path: Path):
    opened = connect(tmp_path / "a file? with #odd% letters.db", mode="rwc")
    yield opened
    opened.close()


def pragma(connection: Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def failure(connection: Connection, sql: str) -> Exception:
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(sql).fetchall()
    return caught.value


def with_code(code: int) -> sqlite3.OperationalError:
    """An error as the module makes it for a code that cannot be brought about here."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_TEST"
    return error


def test_a_path_is_taken_literally(connection, tmp_path):
    connection.execute("CREATE TABLE t (a)")

    assert (tmp_path / "a file? with #odd% letters.db").exists()


def test_a_connection_is_in_autocommit_mode(connection):
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")

    assert not connection.in_transaction


def test_rw_does_not_create_a_file(tmp_path):
    with pytest.raises(sqlite3.OperationalError) as caught:
        connect(tmp_path / "none.db")

    assert translate(caught.value).code == "busy"


def test_ro_cannot_write(connection, tmp_path):
    connection.execute("CREATE TABLE t (a)")
    reader = connect(tmp_path / "a file? with #odd% letters.db", mode="ro")

    error = failure(reader, "INSERT INTO t VALUES (1)")
    reader.close()

    assert translate(error).code == "storage_read_only"


def test_a_file_attached_under_another_name_works_with_its_triggers(connection, tmp_path):
    connection.execute("CREATE TABLE t (a)")
    connection.execute("CREATE TABLE seen (a)")
    connection.execute("CREATE TRIGGER tell AFTER INSERT ON t BEGIN INSERT INTO seen VALUES (new.a); END")
    memory = connect("", mode="memory")
    attach(memory, tmp_path / "a file? with #odd% letters.db", "w1f2")
    prepare(memory, schema="w1f2", max_database_bytes=100 * PAGE)

    memory.execute("INSERT INTO w1f2.t VALUES (7)")
    pages, synchronous = pragma(memory, "w1f2.max_page_count"), pragma(memory, "w1f2.synchronous")
    memory.close()

    assert connection.execute("SELECT a FROM seen").fetchall() == [(7,)]
    assert (pages, synchronous) == (100, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("recursive_triggers", 1), ("foreign_keys", 1), ("trusted_schema", 1), ("cell_size_check", 1), ("mmap_size", 0), ("cache_size", -512)],
)
def test_prepare_sets(connection, name, value):
    prepare(connection)

    assert pragma(connection, name) == value


@pytest.mark.parametrize(("durability", "synchronous"), [("normal", 1), ("full", 2)])
def test_durability_is_synchronous(connection, durability, synchronous):
    prepare(connection, durability=durability)

    assert pragma(connection, "synchronous") == synchronous


def test_fts5_stays_in_step_through_triggers(connection):
    prepare(connection)
    connection.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT)")
    connection.execute("CREATE VIRTUAL TABLE ft USING fts5(body, content='docs', content_rowid='id')")
    connection.execute("CREATE TRIGGER sync AFTER INSERT ON docs BEGIN INSERT INTO ft (rowid, body) VALUES (new.id, new.body); END")

    connection.execute("INSERT INTO docs VALUES (1, 'hello world')")

    assert connection.execute("SELECT rowid FROM ft WHERE ft MATCH 'hello'").fetchall() == [(1,)]


def test_a_page_limit_is_told_as_the_quota(connection, tmp_path):
    prepare(connection, max_database_bytes=20 * PAGE)
    connection.execute("CREATE TABLE t (a)")

    error = failure(connection, "INSERT INTO t VALUES (zeroblob(200000))")

    assert translate(error, full=full_reason(connection.execute, tmp_path)).code == "quota_exceeded"


def test_full_without_a_page_limit_is_the_disk(connection, tmp_path):
    assert full_reason(connection.execute, tmp_path) == "disk_full"
    assert translate(with_code(sqlite3.SQLITE_FULL)).code == "disk_full"


def test_a_lock_of_somebody_else_is_busy(connection, tmp_path):
    connection.execute("BEGIN IMMEDIATE")
    other = connect(tmp_path / "a file? with #odd% letters.db", deadline_ms=0)

    error = failure(other, "BEGIN IMMEDIATE")
    other.close()

    meaning = translate(error)
    assert (meaning.code, meaning.retry_after) == ("busy", 1)


def test_no_database_is_damaged(tmp_path):
    (tmp_path / "text.db").write_bytes(b"no database at all, but long enough to have a header" * 100)
    connection = connect(tmp_path / "text.db")

    error = failure(connection, "SELECT * FROM sqlite_schema")
    connection.close()

    assert damaged(error)
    assert translate(error).code == "cenv_damaged"


def test_an_error_of_the_sql_has_no_other_meaning(connection):
    assert translate(failure(connection, "SELEKT 1")) is None
    assert not damaged(failure(connection, "SELECT * FROM no_table"))


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("SQLITE_IOERR_WRITE", "disk_full"),
        ("SQLITE_IOERR_FSYNC", "disk_full"),
        ("SQLITE_IOERR_SHMSIZE", "disk_full"),
        ("SQLITE_IOERR_READ", "internal"),
        ("SQLITE_IOERR_LOCK", "internal"),
        ("SQLITE_IOERR_SHORT_READ", "cenv_damaged"),
        ("SQLITE_IOERR_NOMEM", "too_large"),
        ("SQLITE_NOTADB", "cenv_damaged"),
        ("SQLITE_BUSY_SNAPSHOT", "busy"),
        ("SQLITE_LOCKED_SHAREDCACHE", "busy"),
        ("SQLITE_READONLY_DBMOVED", "internal"),
        ("SQLITE_READONLY_DIRECTORY", "storage_read_only"),
    ],
)
def test_an_extended_code_means(code, meaning):
    assert translate(with_code(getattr(sqlite3, code))).code == meaning


def test_no_memory_is_too_large():
    assert translate(MemoryError()).code == "too_large"


def test_the_words_of_sqlite_stay_in_the_evidence(connection, tmp_path):
    meaning = translate(with_code(sqlite3.SQLITE_IOERR_WRITE))

    assert "disk I/O error" in meaning.evidence
    assert "I/O" not in meaning.detail


def test_known_holes_are_sentences():
    assert all(hole.endswith(".") for hole in known_holes())


def test_the_file_keeps_the_mode_it_was_made_with(tmp_path):
    path = tmp_path / "private.db"
    path.touch(0o600)
    connection = connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (a)")

    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    connection.close()

    assert modes == {0o600}


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8), st.data())
def test_two_names_fold_alike_exactly_when_sqlite_takes_them_for_one(name, data):
    other = data.draw(st.sampled_from([name.upper(), name.lower(), name.swapcase(), name + "x", "\u212a" + name]))
    connection = connect("", mode="memory")

    same = connection.execute("SELECT ? = ? COLLATE NOCASE", (name, other)).fetchone()[0]
    connection.close()

    assert (fold(name) == fold(other)) == bool(same)


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_a_quoted_name_is_that_name(name):
    connection = connect("", mode="memory")

    described = connection.execute(f"SELECT 1 AS {quote(name)}").description
    connection.close()

    assert described[0][0] == name


def test_large_sorts_spill_into_the_folder_that_was_named(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from wce.store.sqlite import connect;"
        "from wce.store.spill import spill_to; spill_to(Path(sys.argv[1]));"
        "sort = connect('', mode='memory').execute('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 60000)"
        " SELECT hex(randomblob(100)) FROM n ORDER BY 1'); sort.fetchone();"
        "print([os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') if os.path.islink(f'/proc/self/fd/{fd}')])"
    )

    told = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60).stdout

    assert re.search(rf"{tmp_path}/(etilqs_|#\d+ \(deleted\))", told)  # SQLite from 3.51 on takes a file that never has a name
