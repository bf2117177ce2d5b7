from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wce.core.shape import Shapes, shape
from wce.guard.catalogue import Catalogue, load
from wce.store.sqlite import connect


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    connection = connect("", mode="memory")
    try:
        connection.execute('CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT, "the year")')
        connection.execute("CREATE VIEW hits AS SELECT title AS hit FROM songs")
        return load(lambda sql, params=(): connection.execute(sql, params).fetchall(), "main")
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("INSERT INTO songs VALUES (1, 'it''s', x'00ff', 2.5e3, 0x1F)", "INSERT INTO songs VALUES (?, ?, ?, ?, ?)"),
        ("UPDATE songs SET title = 'pass' WHERE id=7;", "UPDATE songs SET title = ? WHERE id=?"),
        ("UPDATE songs SET title = ?, id = :id", "UPDATE songs SET title = ?, id = :id"),
        ("  DELETE  FROM songs\n-- the password is 'x'\nWHERE /* 'y' */ id = 1", "DELETE FROM songs WHERE id = ?"),
        ("DELETE FROM songs WHERE title IS NULL", "DELETE FROM songs WHERE title IS NULL"),
        ('UPDATE "Songs" SET "the year" = "hunter2"', 'UPDATE "Songs" SET "the year" = ?'),
        ('UPDATE songs SET title = (SELECT "hit" FROM "HITS")', 'UPDATE songs SET title = (SELECT "hit" FROM "HITS")'),
        ("UPDATE [songs] SET `title` = -1", "UPDATE [songs] SET `title` = -?"),
        ("""CREATE TABLE "new" ("a b" TEXT DEFAULT 'x')""", """CREATE TABLE "new" ("a b" TEXT DEFAULT ?)"""),
        ('ALTER TABLE "songs" RENAME TO "tunes"', 'ALTER TABLE "songs" RENAME TO "tunes"'),
    ],
)
def test_the_statement_stays_and_its_values_go(catalogue, sql, expected):
    assert shape(sql, catalogue).text == expected


@given(st.one_of(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"]), min_size=1)))
def test_no_text_that_was_written_as_a_value_stays(catalogue, secret):
    quoted = "'" + secret.replace("'", "''") + "'"

    assert shape(f"UPDATE songs SET title = {quoted} WHERE id = 1", catalogue).text == "UPDATE songs SET title = ? WHERE id = ?"


def test_a_long_statement_is_cut(catalogue):
    assert len(shape("INSERT INTO songs (id) VALUES " + ", ".join(["(1)"] * 5_000), catalogue).text) == 2_000


@pytest.mark.parametrize(
    ("sql", "made"),
    [
        ('CREATE TABLE IF NOT EXISTS "My Notes" (id)', "My Notes"),
        ("CREATE UNIQUE INDEX i ON songs (title)", "i"),
        ("CREATE TRIGGER t AFTER INSERT ON songs BEGIN DELETE FROM songs WHERE id = 1; SELECT 2; END", "t"),
        ("ALTER TABLE songs ADD COLUMN x", "songs"),
        ("DROP VIEW IF EXISTS hits", "hits"),
        ("ANALYZE", ""),
        ("REINDEX songs", ""),
        ("DELETE FROM songs", ""),
    ],
)
def test_a_change_of_the_schema_tells_what_it_names(catalogue, sql, made):
    assert shape(sql, catalogue).made == made


def test_shapes_are_remembered(catalogue):
    shapes, asked = Shapes(), []

    def ask():
        asked.append(1)
        return catalogue

    assert shapes.of("c", "DELETE FROM songs WHERE id = 1", ask) is shapes.of("c", "DELETE FROM songs WHERE id = 1", ask)
    assert len(asked) == 1
    assert shapes.of("c", "DELETE FROM songs" + " " * 10_000, ask).text == "DELETE FROM songs"
