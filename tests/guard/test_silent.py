"""What SQLite reads without asking its authorizer."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.guard.silent import copies, merges
from wce.guard.tokens import tokenize
from wce.model import Rights
from wce.store.sqlite import connect, sqlite3

ALL = Rights(can_read=True, can_write=True, can_delete=True)
READ = Rights(can_read=True)
BETTER = pytest.mark.skipif(sqlite3.sqlite_version_info > (3, 51), reason="it says so from then on")


def code(person, sql: str) -> str:
    with pytest.raises(WceError) as caught:
        person.run(sql)
    return caught.value.code


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM (SELECT 'a' AS x) JOIN t USING (x)",
        pytest.param("SELECT x FROM (SELECT NULL AS x WHERE 0) FULL JOIN t USING (x)", marks=BETTER),
        "SELECT 1 FROM (SELECT 'a' AS x) NATURAL JOIN t",
        pytest.param("INSERT INTO u SELECT * FROM t", marks=BETTER),
    ],
)
def test_sqlite_does_not_say_that_it_reads_the_table(sql: str) -> None:
    """Why all of this is needed; should it ever fail, SQLite has become better."""
    connection = connect("", mode="memory")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("CREATE TABLE u (x)")
    heard = []
    connection.set_authorizer(lambda *event: heard.append(event) or 0)

    connection.execute(sql).fetchall()

    connection.set_authorizer(None)
    connection.close()
    assert not [event for event in heard if event[0] == 20 and event[1] == "t"]


def test_such_texts_are_recognized() -> None:
    assert merges(tokenize("SELECT 1 FROM a JOIN b USING (x)"))
    assert merges(tokenize("SELECT 1 FROM a NATURAL LEFT JOIN b"))
    assert not merges(tokenize("SELECT 1 FROM a JOIN b ON a.x = b.x"))
    assert copies(tokenize("INSERT INTO a SELECT * FROM b"))
    assert copies(tokenize("INSERT INTO a SELECT ALL b.* FROM b"))
    assert not copies(tokenize("INSERT INTO a SELECT count(*) FROM b"))


@pytest.mark.parametrize(
    "body",
    [
        "SELECT NULL AS x FROM notes WHERE 0) FULL JOIN hidden USING (x",
        "SELECT 'hidden value' AS x) JOIN hidden USING (x",
        "SELECT 'hidden value' AS x) NATURAL JOIN (hidden",
    ],
)
def test_a_view_does_not_read_so_for_who_may_not_read(cenv, body: str) -> None:
    cenv.execute(f"CREATE VIEW v AS SELECT x FROM ({body})", "CREATE VIEW outer_one AS SELECT * FROM v")
    closed = cenv.person({"notes": ALL, "v": READ, "outer_one": READ})
    open_ = cenv.person({"notes": ALL, "hidden": READ, "v": READ, "outer_one": READ})

    for sql in ("SELECT * FROM v", "SELECT count(*) FROM v", "SELECT 1 FROM v", "SELECT * FROM outer_one"):
        assert code(closed, sql) == "table_forbidden"
        assert len(open_.rows(sql)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "INSERT INTO copy SELECT * FROM hidden",
        "INSERT INTO copy SELECT ALL hidden.* FROM hidden",
        "INSERT INTO copy SELECT x FROM (SELECT NULL AS x WHERE 0) FULL JOIN hidden USING (x)",
        "INSERT INTO copy SELECT x FROM v",
    ],
)
def test_a_trigger_does_not_read_so_for_who_may_not_read(cenv, body: str) -> None:
    cenv.execute(
        "CREATE TABLE copy (x)",
        "CREATE VIEW v AS SELECT x FROM (SELECT NULL AS x WHERE 0) FULL JOIN hidden USING (x)",
        f"CREATE TRIGGER t AFTER INSERT ON notes BEGIN {body}; END",
    )
    closed = cenv.person({"notes": ALL, "copy": ALL, "v": READ})
    open_ = cenv.person({"notes": ALL, "copy": ALL, "v": READ, "hidden": READ})
    definer = cenv.person({"notes": ALL}, definers=["t"])

    assert code(closed, "INSERT INTO notes (title) VALUES ('a')") == "table_forbidden"
    assert cenv.all("SELECT * FROM copy") == []
    assert open_.run("INSERT INTO notes (title) VALUES ('a')").changes == 1
    if "FROM v" not in body:  # the right of a definer does not reach into a view that SQLite asks about
        assert definer.run("INSERT INTO notes (title) VALUES ('b')").changes == 1
    assert cenv.all("SELECT DISTINCT x FROM copy") == [("hidden value",)]


def test_a_trigger_does_not_copy_restricted_rows(cenv) -> None:
    cenv.execute("CREATE TABLE copy (id INTEGER PRIMARY KEY, owner_id INTEGER, title TEXT, secret TEXT)", "CREATE TABLE inbox (x)")
    cenv.execute("CREATE TRIGGER t AFTER INSERT ON inbox BEGIN INSERT INTO copy SELECT * FROM notes; END")
    ann = cenv.person({"notes": ALL, "copy": ALL, "inbox": ALL}, [("notes", "read", "owner_id = $user_id")])

    assert code(ann, "INSERT INTO inbox VALUES (1)") == "table_forbidden"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT username FROM _wce_users JOIN (SELECT '$2b$' AS password_hash) USING (password_hash)",
        "SELECT password_hash AS x FROM (SELECT NULL AS password_hash WHERE 0) FULL JOIN _wce_users USING (password_hash)",
        "SELECT 1 FROM _wce_users NATURAL JOIN (SELECT 1 AS user_id)",
        "SELECT sql FROM (SELECT NULL AS sql WHERE 0) FULL JOIN sqlite_stmt USING (sql)",
        "SELECT file FROM (SELECT NULL AS file WHERE 0) FULL JOIN pragma_database_list USING (file)",
    ],
)
def test_administrators_do_not_read_secrets_so(cenv, sql: str) -> None:
    assert code(cenv.admin(), sql) == "table_forbidden"


def test_administrators_do_not_copy_secrets_as_a_whole(cenv) -> None:
    (definition,) = cenv.all("SELECT sql FROM sqlite_master WHERE name = '_wce_revoked_tokens'")
    cenv.execute(str(definition[0]).replace("_wce_revoked_tokens", "mirror", 1))
    cenv.execute("INSERT INTO _wce_revoked_tokens VALUES ('secret', 1)")

    for sql in ("INSERT INTO mirror SELECT * FROM _wce_revoked_tokens", "REPLACE INTO mirror SELECT ALL * FROM main._wce_revoked_tokens"):
        assert code(cenv.admin(), sql) == "table_forbidden"
    assert cenv.all("SELECT * FROM mirror") == []


def test_views_and_triggers_from_elsewhere_do_not_read_our_tables_so(cenv) -> None:
    cenv.execute(
        "CREATE VIEW v AS SELECT password_hash FROM (SELECT NULL AS password_hash WHERE 0) FULL JOIN _wce_users USING (password_hash)",
        "CREATE TABLE copy (x)",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN"
        " INSERT INTO copy SELECT password_hash FROM (SELECT NULL AS password_hash WHERE 0)"
        " FULL JOIN _wce_users USING (password_hash); END",
    )

    for person in (
        cenv.admin(),
        cenv.person({"notes": ALL, "copy": ALL, "v": READ}),
        cenv.person({"notes": ALL, "v": READ}, definers=["t"]),
    ):
        assert code(person, "SELECT * FROM v") == "table_forbidden"
        assert code(person, "INSERT INTO notes (title) VALUES ('x')") == "table_forbidden"
    assert cenv.all("SELECT * FROM copy") == []


def test_a_full_join_of_a_stand_in_is_one_of_stand_ins(cenv) -> None:
    """With a real table SQLite from 3.51 on asks for the column of the stand-in as if it were the hidden one's."""
    cenv.execute("CREATE TABLE tags (id INTEGER, tag TEXT)", "CREATE VIEW v AS SELECT id FROM notes FULL JOIN tags USING (id)")
    ann = cenv.person({"notes": ALL, "tags": READ, "v": READ}, [("notes", "read", "owner_id = $user_id")])

    with ann.session() as session:
        for sql in ("SELECT id FROM notes FULL JOIN tags USING (id)", "SELECT * FROM v"):
            assert '"tags" AS NOT MATERIALIZED' in session.plan(sql).sql
        assert '"tags" AS' not in session.plan("SELECT id FROM notes JOIN tags USING (id)").sql


def test_ordinary_joins_by_name_work(cenv) -> None:
    cenv.execute("CREATE TABLE tags (id INTEGER, tag TEXT)", "INSERT INTO tags VALUES (1, 'red'), (2, 'blue')")
    ann = cenv.person({"notes": ALL, "tags": READ}, [("notes", "read", "owner_id = $user_id")])

    assert ann.rows("SELECT id, tag FROM notes JOIN tags USING (id)") == [(1, "red")]
    assert ann.rows("SELECT tag FROM notes NATURAL JOIN tags") == [("red",)]
    assert sorted(ann.rows("SELECT id FROM notes FULL JOIN tags USING (id)")) == [(1,), (2,), (3,)]
    assert sorted(ann.rows("WITH c AS (SELECT 3 AS id) SELECT id FROM c FULL JOIN tags USING (id)")) == [(1,), (2,), (3,)]
    assert cenv.admin().rows("SELECT count(*) FROM notes JOIN tags USING (id)") == [(2,)]
    assert cenv.admin().rows("SELECT count(*) FROM _wce_users JOIN _wce_users AS b USING (user_id)") == [(1,)]
