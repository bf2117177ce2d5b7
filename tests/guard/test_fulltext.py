"""Full-text and R-tree tables, whose modules read and write tables of their own."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.model import Rights

ALL = Rights(can_read=True, can_write=True, can_delete=True)
WRITE = Rights(can_read=True, can_write=True)
READ = Rights(can_read=True)
MINE = [("notes", kind, "owner_id = $user_id") for kind in ("read", "write", "delete")]


def code(person, sql: str) -> str:
    with pytest.raises(WceError) as caught:
        person.run(sql)
    return caught.value.code


@pytest.fixture
def library(cenv):
    cenv.execute(
        "CREATE VIRTUAL TABLE words USING fts5(body)",
        "INSERT INTO words VALUES ('hello world'), ('goodbye world')",
        "CREATE VIRTUAL TABLE index_of_notes USING fts5(title, secret, content='notes', content_rowid='id')",
        "INSERT INTO index_of_notes (index_of_notes) VALUES ('rebuild')",
        "CREATE VIRTUAL TABLE stems USING fts5vocab('index_of_notes', 'row')",
        "CREATE VIRTUAL TABLE own_stems USING fts5vocab('words', 'row')",
        "CREATE VIEW all_notes AS SELECT * FROM notes",
        "CREATE VIRTUAL TABLE index_of_view USING fts5(title, content='all_notes', content_rowid='id')",
        "INSERT INTO index_of_view (index_of_view) VALUES ('rebuild')",
        "CREATE VIRTUAL TABLE cut_short USING fts5(title, CONT = [notes], content_rowid='id')",
        "CREATE VIRTUAL TABLE boxes USING rtree(id, x1, x2)",
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, body TEXT)",
        "CREATE VIRTUAL TABLE search USING fts5(body, content='posts', content_rowid='id')",
        "CREATE TRIGGER posts_in AFTER INSERT ON posts BEGIN INSERT INTO search (rowid, body) VALUES (new.id, new.body); END",
        "CREATE TRIGGER posts_out AFTER DELETE ON posts BEGIN"
        " INSERT INTO search (search, rowid, body) VALUES ('delete', old.id, old.body); END",
    )
    return cenv


def test_an_index_of_its_own_is_searched_and_written(library) -> None:
    ann = library.person({"words": ALL, "own_stems": READ})

    assert ann.rows("SELECT body FROM words WHERE words MATCH 'hello' ORDER BY rank") == [("hello world",)]
    assert ann.rows("SELECT highlight(words, 0, '<', '>') FROM words WHERE body MATCH 'hello'") == [("<hello> world",)]
    assert ann.run("INSERT INTO words VALUES ('new')").changes == 1
    assert ann.run("UPDATE words SET body = 'newer' WHERE body = 'new'").changes == 1
    assert ann.run("DELETE FROM words WHERE words MATCH 'newer'").changes == 1
    assert ("hello",) in ann.rows("SELECT term FROM own_stems")


def test_an_index_over_restricted_rows_is_shut(library) -> None:
    indexes = dict.fromkeys(("index_of_notes", "stems", "index_of_view", "cut_short"), READ)
    ann = library.person({"notes": ALL, "all_notes": READ} | indexes | {"index_of_notes": ALL}, MINE)

    for table in indexes:
        assert code(ann, f"SELECT rowid FROM {table} WHERE {table} MATCH 'TOP'") == "no_such_table"
        assert code(ann, f"SELECT count(*) FROM {table}") == "no_such_table"
        assert code(ann, f"DELETE FROM {table}") == "no_such_table"


def test_an_index_over_what_may_not_be_read_is_shut(library) -> None:
    ann = library.person({"index_of_notes": ALL, "own_stems": READ, "index_of_view": READ, "all_notes": READ})

    for table in ("index_of_notes", "own_stems", "index_of_view"):
        assert code(ann, f"SELECT * FROM {table}") == "no_such_table"


def test_an_index_over_open_rows_is_open(library) -> None:
    ann = library.person({"notes": ALL, "index_of_notes": READ, "stems": READ})

    assert ann.rows("SELECT rowid, secret FROM index_of_notes WHERE index_of_notes MATCH 'TOP'") == [(2, "TOP")]
    assert ("top",) in ann.rows("SELECT term FROM stems")


@pytest.mark.parametrize("command", ["rebuild", "delete-all", "optimize"])
def test_commands_to_an_index_need_the_right_to_delete(library, command: str) -> None:
    writer, owner = library.person({"words": WRITE}), library.person({"words": ALL})

    for sql in (f"INSERT INTO words (words) VALUES ('{command}')", f"INSERT INTO words (body, \"WORDS\") SELECT 'x', '{command}'"):
        assert code(writer, sql) == "table_forbidden"
    assert writer.run("INSERT INTO words (body) VALUES ('fine')").changes == 1
    assert owner.run("INSERT INTO words (words) VALUES ('optimize')").columns == ()


@pytest.mark.parametrize(
    "sql",
    [
        "REPLACE INTO words (rowid, body) VALUES (1, 'x')",
        "INSERT OR REPLACE INTO words (rowid, body) VALUES (1, 'x')",
        "REPLACE INTO boxes VALUES (1, 7, 8)",
        "UPDATE OR REPLACE boxes SET id = 2 WHERE id = 1",
    ],
)
def test_replacing_in_a_virtual_table_needs_the_right_to_delete(library, sql: str) -> None:
    library.execute("INSERT INTO boxes VALUES (1, 0, 1), (2, 5, 6)")

    assert code(library.person({"words": WRITE, "boxes": WRITE}), sql) == "table_forbidden"
    assert library.all("SELECT count(*) FROM boxes") == [(2,)]
    assert library.person({"words": ALL, "boxes": ALL}).run(sql).changes == 1


@pytest.mark.parametrize("table", ["words_data", "words_content", "words_idx", "words_docsize", "words_config", "boxes_node"])
def test_what_is_behind_an_index_cannot_be_named(library, table: str) -> None:
    ann = library.person({"words": ALL, "boxes": ALL, "words_data": ALL, "words_content": ALL})

    for sql in (f"SELECT * FROM {table}", f"SELECT * FROM '{table}'", f"DELETE FROM {table}", f"WITH {table} AS (SELECT 1) SELECT 1"):
        assert code(ann, sql) == "no_such_table"


def test_a_view_does_not_open_what_is_behind_an_index(cenv) -> None:
    cenv.execute(
        "CREATE VIEW peek AS SELECT * FROM later_content", "CREATE VIRTUAL TABLE later USING fts5(body)", "INSERT INTO later VALUES ('x')"
    )
    ann = cenv.person({"peek": READ})

    assert code(ann, "SELECT * FROM peek") in ("table_forbidden", "no_such_table", "sql_error")


def test_triggers_keep_an_index_in_step(library) -> None:
    invoker = library.person({"posts": ALL, "search": ALL})
    definer = library.person({"posts": ALL}, definers=["posts_in", "posts_out"])
    neither = library.person({"posts": ALL})

    for person in (invoker, definer):
        assert person.run("INSERT INTO posts (body) VALUES ('some text')").changes == 1
        assert library.all("SELECT count(*) FROM search WHERE search MATCH 'text'") == [(1,)]
        assert person.run("DELETE FROM posts").changes == 1
        assert library.all("SELECT count(*) FROM search WHERE search MATCH 'text'") == [(0,)]
    assert code(neither, "INSERT INTO posts (body) VALUES ('x')") == "table_forbidden"


def test_triggers_keep_an_index_in_step_that_those_who_fire_them_may_not_search(library) -> None:
    library.execute("ALTER TABLE posts ADD COLUMN owner_id INTEGER", "INSERT INTO posts VALUES (7, 'theirs', 2)")
    mine = [("posts", kind, "owner_id = $user_id") for kind in ("read", "write", "delete")]
    ann = library.person({"posts": ALL, "search": WRITE}, mine)

    assert ann.run("INSERT INTO posts VALUES (8, 'mine', 1), (9, 'also mine', 1)").changes == 2
    assert ann.run("DELETE FROM posts WHERE id = 9").changes == 1
    for sql in ("SELECT rowid FROM search('theirs')", "INSERT INTO search(rowid, body) VALUES (7, 'x')", "DELETE FROM search_data"):
        assert code(ann, sql) == "no_such_table"
    assert code(library.person({"posts": ALL}, mine), "DELETE FROM posts") == "table_forbidden"
    assert library.all("SELECT rowid FROM search('mine') ORDER BY rowid") == [(8,)]


def test_boxes_are_found(library) -> None:
    ann = library.person({"boxes": ALL})

    assert ann.run("INSERT INTO boxes VALUES (1, 0, 5), (2, 10, 15)").changes == 2
    assert ann.rows("SELECT id FROM boxes WHERE x1 < 3") == [(1,)]
    assert ann.run("DELETE FROM boxes WHERE id = 1").changes == 1


def test_boxes_are_found_after_analyze_and_nothing_of_what_it_has_counted_is(library) -> None:
    library.execute("CREATE VIEW counted AS SELECT * FROM sqlite_stat1", "ANALYZE")
    ann = library.person({"boxes": ALL, "counted": READ})

    assert ann.rows("SELECT count(*) FROM boxes") == library.all("SELECT count(*) FROM boxes")
    assert code(ann, "SELECT (SELECT stat FROM 'sqlite_stat1') FROM boxes") == "no_such_table"
    assert code(ann, "SELECT stat FROM counted, boxes") == "table_forbidden"
