"""What an answer rests on: too little would be a page that is wrong."""

from __future__ import annotations

import pytest

from tests.guard.conftest import READ, Cenv, Person
from wce.guard.footprint import Footprint, footprint
from wce.store.sqlite import sqlite3

SCHEMA = "sqlite_schema"
WITH_JSONB = pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 45), reason="this SQLite has no jsonb_extract")
TABLES = (
    "CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER, title TEXT, at TEXT)",
    "CREATE TABLE authors (author INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE friends (user_id INTEGER, author INTEGER)",
    "CREATE VIEW named AS SELECT title, name FROM posts JOIN authors USING (author)",
    "CREATE VIEW recent AS SELECT title FROM posts WHERE at > date('now')",
    "CREATE VIEW outer_view AS SELECT * FROM named",
    "CREATE VIRTUAL TABLE found USING fts5(title, content='posts', content_rowid='id')",
    "CREATE VIRTUAL TABLE short USING fts5(title, c='posts', content_rowid='id')",
)


@pytest.fixture
def world(new_cenv) -> Cenv:
    return new_cenv(*TABLES)


@pytest.fixture
def admin(world: Cenv) -> Person:
    return world.admin()


@pytest.fixture
def reader(world: Cenv) -> Person:
    rights = dict.fromkeys(("posts", "authors", "named", "recent", "outer_view"), READ)
    policy = "author IN (SELECT f.author FROM friends f WHERE f.user_id = $user_id)"
    return world.person(rights, [("posts", "read", policy)])


def of(person: Person, sql: str, params=()) -> Footprint:
    with person.session() as session, session.transaction(person.actor):
        session.run(sql, params)
        return footprint(session, session.plan(sql), params)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT 1", set()),
        ("SELECT title FROM posts", {"posts"}),
        ("SELECT count(*) FROM posts", {"posts"}),
        ("SELECT 1 FROM posts, authors", {"posts", "authors"}),
        ("SELECT 1 FROM posts JOIN authors USING (author)", {"posts", "authors"}),
        ("SELECT 1 FROM posts NATURAL JOIN authors", {"posts", "authors"}),
        ("SELECT (SELECT max(name) FROM authors) AS x", {"authors"}),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM POSTS)", {"posts"}),
        ("WITH p AS (SELECT title FROM posts) SELECT * FROM p", {"posts"}),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < (SELECT count(*) FROM authors)) SELECT i FROM n",
            {"authors"},
        ),
        ("SELECT title FROM posts UNION SELECT name FROM authors", {"posts", "authors"}),
        ("SELECT title FROM named", {"named", "posts", "authors"}),
        ("SELECT title FROM outer_view", {"outer_view", "named", "posts", "authors"}),
        ("SELECT value FROM json_each((SELECT json_array(title) FROM posts))", {"posts"}),
        ("VALUES ((SELECT name FROM authors))", {"authors"}),
    ],
)
def test_every_table_behind_an_answer_is_in_it(admin: Person, sql: str, tables: set[str]) -> None:
    assert of(admin, sql) == Footprint(frozenset(tables | {SCHEMA}), fleeting=False)


def test_a_long_statement_rests_on_as_much_as_a_short_one(admin: Person, reader: Person) -> None:
    long = " " * 10_000

    assert of(reader, f"SELECT title{long}FROM posts").tables == {"posts", "friends", SCHEMA}
    assert of(admin, f"SELECT 1{long}WHERE random()").fleeting
    assert of(admin, f"SELECT at{long}FROM (SELECT datetime() AS at)").fleeting


def test_a_policy_brings_its_own_tables_along(reader: Person) -> None:
    assert of(reader, "SELECT title FROM posts").tables == {"posts", "friends", SCHEMA}
    assert of(reader, "SELECT title FROM outer_view").tables == {"outer_view", "named", "posts", "authors", "friends", SCHEMA}


@pytest.mark.parametrize("table", ["found", "short"])
def test_a_full_text_table_answers_from_the_table_behind_it(admin: Person, table: str) -> None:
    assert of(admin, f"SELECT title FROM {table} WHERE {table} MATCH 'x'").tables == {table, "posts", SCHEMA}


def test_what_an_r_tree_reads_when_it_is_opened_changes_no_answer(world: Cenv) -> None:
    world.execute("CREATE VIRTUAL TABLE boxes USING rtree(id, low, high)", "INSERT INTO boxes VALUES (1, 0, 1)", "ANALYZE")

    admin = world.admin()

    for _ in range(2):  # the second connection is given what is known of the schema, and opens the tree for the statement
        assert of(admin, "SELECT id FROM boxes") == Footprint(frozenset({"boxes", SCHEMA}), fleeting=False)
        world.store.connections.close_cenv(world.id)
    assert of(admin, "SELECT stat FROM sqlite_stat1").fleeting


def test_it_is_the_same_when_the_statement_was_compiled_before(reader: Person) -> None:
    sql = "SELECT title FROM posts WHERE abs(id) > ?"

    assert of(reader, sql, (1,)) == of(reader, sql, ("x" * 600,)) == of(reader, sql, (2,))


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT random()", ()),
        ("SELECT hex(randomblob(4))", ()),
        ("SELECT title FROM posts ORDER BY random()", ()),
        ("SELECT current_timestamp", ()),
        ("SELECT current_date", ()),
        ("SELECT date('now')", ()),
        ("SELECT datetime('NOW', '-1 day')", ()),
        ('SELECT datetime("now")', ()),
        ("SELECT datetime()", ()),
        ("SELECT unixepoch()", ()),
        ("SELECT julianday ( )", ()),
        ("SELECT strftime('%Y')", ()),
        ("SELECT datetime(?)", ("now",)),
        ("SELECT datetime(:at)", {"at": " Now "}),
        ("SELECT datetime('n' || 'ow')", ()),
        ("SELECT datetime(a) FROM (SELECT ? || ? AS a)", ("no", "w")),
        ("SELECT datetime(trim('.now', '.'))", ()),
        ("SELECT datetime(char(110, 111, 119))", ()),
        ("SELECT datetime('[\"now\"]' ->> 0)", ()),
        ("SELECT datetime(value) FROM json_each('[\"now\"]')", ()),
        pytest.param("SELECT datetime(jsonb_extract('[\"now\"]', '$[0]'))", (), marks=WITH_JSONB),
        ("SELECT datetime(x'6e6f77')", ()),
        ("SELECT datetime(?)", (b"now",)),
        ("SELECT datetime(?)", ("now\0.",)),
        ("SELECT unixepoch('subsec')", ()),
        ("SELECT title FROM recent", ()),
        ("SELECT at FROM moment", ()),
        ("SELECT at FROM made", ()),
        ("SELECT at FROM fraction", ()),
        ("SELECT name FROM sqlite_sequence", ()),
        ("SELECT username FROM _wce_users", ()),
        ("SELECT * FROM pragma_table_info('posts')", ()),
        ("PRAGMA table_info(posts)", ()),
        ("EXPLAIN SELECT 1", ()),
    ],
)
def test_what_changes_without_a_commit_is_fleeting(world: Cenv, admin: Person, sql: str, params) -> None:
    world.execute("CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    world.execute("CREATE VIEW moment AS SELECT datetime() AS at")
    world.execute("CREATE VIEW made AS SELECT datetime(lower('N') || 'ow') AS at")
    world.execute("CREATE VIEW fraction (at) AS SELECT strftime('%f')")

    assert of(admin, sql, params).fleeting


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT date(at) FROM posts",
        "SELECT strftime('%Y', at) FROM posts",
        "SELECT strftime('%Y', '2024-01-01', '+1 day')",
        "SELECT datetime(max(at, (SELECT at FROM posts))) FROM posts",
        "SELECT 'now' AS word",
        "SELECT title || ', ' || trim(author) FROM posts",
        "SELECT name FROM sqlite_master",
    ],
)
def test_what_only_looks_so_is_not(admin: Person, sql: str) -> None:
    assert not of(admin, sql).fleeting


def test_a_policy_may_ask_for_the_time(world: Cenv) -> None:
    person = world.person({"posts": READ}, [("posts", "read", "at < datetime('now')")])

    assert of(person, "SELECT title FROM posts").fleeting
