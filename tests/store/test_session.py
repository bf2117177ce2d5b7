from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.store.sqlite import sqlite3


@pytest.fixture
def session(store, cenv):
    with store.session(cenv) as opened:
        yield opened


def test_one_is_the_first_row_or_none(session):
    assert session.one("SELECT 1, 'a' UNION ALL SELECT 2, 'b'") == (1, "a")
    assert session.one("SELECT 1 WHERE 0") is None


def test_one_leaves_no_statement_open(session):
    session.one("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i FROM n, _wce_users")

    session.execute("DROP TABLE notes")  # would be refused as locked


def test_all_is_every_row(session):
    assert session.all("VALUES (1), (2)") == [(1,), (2,)]


def test_parameters_come_by_place_and_by_name(session):
    assert session.one("SELECT ? + ?", (1, 2)) == (3,)
    assert session.one("SELECT $a || $b", {"a": "x", "b": "y"}) == ("xy",)


def test_an_error_of_the_sql_is_raised_as_it_is(session):
    for run in (session.execute, session.one, session.all):
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            run("SELECT * FROM no_table")


def test_an_error_of_the_file_says_what_it_means(session):
    session.execute("PRAGMA max_page_count=1")  # SQLite makes it the present size

    for run in (session.execute, session.one, session.all):
        with pytest.raises(WceError) as caught:
            run("INSERT INTO notes (title) VALUES (zeroblob(100000)) RETURNING id")
        assert caught.value.code == "quota_exceeded"


def test_the_pragmas_are_set(session):
    assert [session.one(f"PRAGMA {name}") for name in ("foreign_keys", "recursive_triggers", "journal_mode", "synchronous")] == [
        (1,),
        (1,),
        ("wal",),
        (1,),
    ]
