"""A hidden object answers exactly as one that does not exist, in every position of a statement."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.guard.faults import Faults
from wce.guard.plan import Plan
from wce.model import Params, Rights
from wce.store.sqlite import sqlite3

ALL = Rights(can_read=True, can_write=True, can_delete=True)
READ = Rights(can_read=True)

SHAPES = (
    "SELECT * FROM {x}",
    "SELECT 1 FROM {x}",
    "SELECT count(*) FROM {x}",
    "SELECT count(*) FROM main.{x}",
    'SELECT * FROM "{x}" AS h',
    "SELECT * FROM '{x}'",
    "SELECT * FROM [{x}] JOIN notes",
    "SELECT * FROM notes, {x}",
    "SELECT * FROM {x}, nothing_else",
    "SELECT * FROM nothing_else, {x}",
    "SELECT * FROM notes LEFT JOIN {x} ON 1",
    "SELECT * FROM notes NATURAL JOIN {x}",
    "SELECT * FROM {x}('a')",
    "SELECT * FROM {x} INDEXED BY i",
    "SELECT * FROM {x} AS h INDEXED BY i",
    "SELECT * FROM {x} h INDEXED BY i",
    "SELECT * FROM notes JOIN {x} INDEXED BY i",
    "SELECT * FROM {x} NOT INDEXED",
    "SELECT id FROM notes WHERE id IN {x}",
    "SELECT id FROM notes WHERE id IN (SELECT id FROM {x})",
    "SELECT id FROM notes WHERE EXISTS (SELECT 1 FROM {x})",
    "SELECT (SELECT 1 FROM {x})",
    "SELECT {x}.id FROM notes",
    "SELECT {x}.* FROM notes",
    "SELECT {x} FROM notes",
    "SELECT {x}(1)",
    "SELECT id AS {x} FROM notes",
    "SELECT '{x}'",
    "SELECT id FROM notes ORDER BY {x}",
    "SELECT id FROM notes AS {x}",
    "WITH {x} AS (SELECT 1) SELECT * FROM {x}",
    "WITH {x} AS (SELECT * FROM {x}) SELECT * FROM {x}",
    "WITH a AS (SELECT * FROM {x}) SELECT 1",
    "WITH a AS (SELECT * FROM {x}) SELECT * FROM a",
    "WITH a AS (WITH {x} AS (SELECT 1) SELECT count(*) FROM {x}) SELECT * FROM a",
    "WITH a AS (WITH {x} AS (SELECT 1) SELECT 1) SELECT count(*) FROM a, {x}",
    "SELECT count(*) FROM {x} WHERE EXISTS (WITH {x} AS (SELECT 1) SELECT * FROM {x})",
    "WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT 1 FROM {x}) SELECT * FROM a",
    "SELECT 1 UNION SELECT * FROM {x}",
    "INSERT INTO {x} VALUES (1)",
    "INSERT INTO {x} DEFAULT VALUES",
    "INSERT INTO notes SELECT * FROM {x}",
    "INSERT INTO notes (id) VALUES ((SELECT count(*) FROM {x}))",
    "INSERT INTO notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET title = (SELECT 1 FROM {x})",
    "INSERT INTO notes (id) WITH {x} AS (SELECT 7) SELECT * FROM {x}",
    "REPLACE INTO {x} VALUES (1)",
    "UPDATE {x} SET x = 1",
    "UPDATE {x} INDEXED BY i SET x = 1",
    "UPDATE notes SET title = (SELECT x FROM {x})",
    "UPDATE notes SET title = 1 FROM {x}",
    "UPDATE notes SET {x} = 1",
    "UPDATE notes AS {x} SET title = 1",
    "DELETE FROM {x}",
    "DELETE FROM notes WHERE id IN (SELECT id FROM {x})",
    "DELETE FROM notes RETURNING (SELECT count(*) FROM {x})",
    "DELETE FROM notes RETURNING {x}.id",
    "SELECT * FROM granted, {x}",
    "SELECT nothing.{x} FROM notes",
    "SELECT id COLLATE {x} FROM notes",
    "DROP TABLE {x}",
    "SELECT count(*) FROM {x} WINDOW {x} AS (ORDER BY 1)",
)
HIDDEN = ("hidden", "Secret View", "words", "words_data", "words_content", "fire", "notes_owner", "members", "odd name")


@pytest.fixture
def people(new_cenv):
    """One principal where the objects exist, and one where they do not."""
    common = (
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner_id INTEGER, title TEXT)",
        "INSERT INTO notes VALUES (1, 1, 'a'), (2, 2, 'b')",
        "CREATE VIEW granted AS SELECT id FROM notes",
    )
    objects = (
        "CREATE TABLE hidden (x)",
        'CREATE TABLE "odd name" (x)',
        "CREATE TABLE members (x)",
        'CREATE VIEW "Secret View" AS SELECT * FROM notes',
        "CREATE VIRTUAL TABLE words USING fts5(body)",
        "CREATE INDEX notes_owner ON notes (owner_id)",
        "CREATE TRIGGER fire AFTER INSERT ON hidden BEGIN SELECT 1; END",
    )
    mine = [("notes", kind, "owner_id = $user_id") for kind in ("read", "write", "delete")]
    rights = {"notes": ALL, "granted": READ}
    return [cenv.person(rights, mine) for cenv in (new_cenv(*common, *objects), new_cenv(*common))]


class Undone(Exception):  # noqa: N818
    pass


def outcome(person, sql: str):
    try:
        with person.session() as session:
            writes = session.plan(sql).writes
            try:
                with session.transaction(person.actor, write=writes):
                    result = session.run(sql)
                    if writes:
                        raise Undone
            except Undone:
                return (result.rows, result.changes)
        return (result.columns, result.rows)
    except WceError as error:
        return (error.code, error.detail, error.position)


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_is_absent(people, name: str) -> None:
    there, absent = people
    spelled = name if " " not in name else f"[{name}]"
    differing = []

    for shape in SHAPES:
        sql = shape.replace("'{x}'", f"'{name}'").replace('"{x}"', f'"{name}"').replace("[{x}]", f"[{name}]").replace("{x}", spelled)
        found, expected = outcome(there, sql), outcome(absent, sql)
        if found != expected:
            differing.append((sql, found, expected))

    assert differing == []


def test_case_tells_nothing(people) -> None:
    there, absent = people

    for sql in ("SELECT * FROM HIDDEN", "SELECT * FROM Hidden, HIDDEN", "DELETE FROM hIDDEN"):
        assert outcome(there, sql) == outcome(absent, sql)
        assert "idden" in str(outcome(there, sql)) or "IDDEN" in str(outcome(there, sql))


@pytest.mark.parametrize(
    "name",
    ["sqlite_master", "sqlite_schema", "sqlite_sequence", "sqlite_stat1", "_wce_users", "_wce_nothing", "dbstat", "pragma_table_list"],
)
def test_what_is_never_there_is_not_there(people, name: str) -> None:
    there, absent = people

    for shape in SHAPES[:24]:
        sql = shape.replace("{x}", name)
        assert outcome(there, sql) == outcome(absent, sql)
        if "nothing_else, " not in sql:
            assert outcome(there, sql)[0] in ("no_such_table", "sql_error")


@pytest.mark.parametrize(
    "body",
    ["SELECT notes.id, h.s FROM notes JOIN vault h ON h.id = notes.id", "SELECT count(*) AS n FROM vault", "SELECT 1 FROM notes, vault"],
)
def test_a_with_does_not_take_the_place_of_what_a_view_hides(new_cenv, body: str) -> None:
    cenv = new_cenv("CREATE TABLE notes (id INTEGER PRIMARY KEY)", "CREATE TABLE vault (id INTEGER, s TEXT)", f"CREATE VIEW v AS {body}")
    ann = cenv.person({"notes": Rights(can_read=True), "v": Rights(can_read=True)})

    for name in ("vault", "attic"):
        for sql in (
            "WITH {} AS (SELECT 1 AS id, 2 AS s) SELECT * FROM v",
            "SELECT * FROM (WITH {} AS (SELECT 1 AS id, 2 AS s) SELECT * FROM v)",
        ):
            with pytest.raises(WceError) as caught:
                ann.run(sql.format(name))
            assert (caught.value.code, caught.value.detail) == ("table_forbidden", "permission denied: the view v needs more rights")


def test_no_error_tells_a_hidden_name_from_any_other(new_cenv) -> None:
    cenv = new_cenv("CREATE TABLE vault (x)", 'CREATE TABLE "deep vault" (x)', "CREATE VIRTUAL TABLE words USING fts5(t)")
    ann = cenv.person({"words": Rights(can_read=True)})
    questions: list[tuple[str, Params]] = [
        ("SELECT [a {} b]", ()),
        ("SELECT * FROM [a {} b]", ()),
        ("SELECT words.'it''s {} b' FROM words", ()),
        ("SELECT json_extract('{{}}', ?)", ("{}",)),
        ("SELECT * FROM words WHERE words MATCH ?", ("{{t}} {}",)),
        ("SELECT * FROM words WHERE words MATCH ?", ("NEAR(a b, {})",)),
        ("SELECT * FROM words WHERE words MATCH ?", ("*{}",)),
        ("SELECT * FROM words WHERE words MATCH 'a' AND rank MATCH ?", ("{}",)),
    ]
    for sql, params in questions:
        for there, absent in (("vault", "attic"), ("deep vault", "deep attic")):
            answers = []
            for name in (there, absent):
                with pytest.raises(WceError) as caught:
                    ann.run(sql.format(name), tuple(str(value).format(name) for value in params))
                answers.append((caught.value.code, str(caught.value.detail).replace(name.split()[-1], "it"), caught.value.position))
            assert answers[0] == answers[1]


def test_a_constraint_names_the_column_although_a_hidden_table_is_called_so(new_cenv) -> None:
    cenv = new_cenv(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE)",
        "CREATE TABLE email (x UNIQUE)",
        "INSERT INTO email VALUES (1)",
    )
    cenv.execute("CREATE TRIGGER filed AFTER INSERT ON people WHEN new.email = 'file' BEGIN INSERT INTO email VALUES (1); END")
    ann = cenv.person({"people": ALL}, definers=["filed"])
    ann.run("INSERT INTO people VALUES (1, 'a')")

    for value, detail in (
        ("'a'", "UNIQUE constraint failed: people.email"),
        ("NULL", "NOT NULL constraint failed: people.email"),
        ("'file'", None),
    ):
        with pytest.raises(WceError) as caught:
            ann.run(f"INSERT INTO people VALUES (2, {value})")
        assert caught.value.code == "constraint"
        assert (caught.value.detail == detail) if detail else ("email" not in caught.value.detail)


def test_an_index_out_of_step_tells_no_name() -> None:
    error = sqlite3.DatabaseError("fts5: missing row 1 from content table 'w0123456789abcdefd'.'notes'")

    told = Faults(lambda _: None).of(error, Plan("SELECT * FROM ft", "SELECT"), None)

    assert told.code == "sql_error"
    assert "w0123456789abcdefd" not in told.detail
    assert "notes" not in told.detail


def test_a_trigger_that_does_not_work_tells_nothing_of_its_table_to_who_guesses_the_name(new_cenv) -> None:
    cenv = new_cenv(
        "CREATE TABLE items (x)",
        "CREATE TABLE hidden (a, b, c)",
        "CREATE TRIGGER t AFTER INSERT ON items BEGIN INSERT INTO hidden VALUES (1, 2); END",
    )
    ann = cenv.person({"items": ALL}, definers=["t"])
    told = []
    for name in ("hidden", "absent"):
        with pytest.raises(WceError) as caught:
            ann.run(f"INSERT INTO items VALUES (1) RETURNING x AS {name}")
        told.append(caught.value.detail)

    assert told[0] == told[1]
