"""Row policies: what a condition becomes, and which conditions are refused."""

from __future__ import annotations

from contextlib import suppress

import pytest

from wce.errors import WceError
from wce.guard.policies import literal, translate
from wce.model import Rights

ALL = Rights(can_read=True, can_write=True, can_delete=True)


@pytest.fixture
def club(new_cenv):
    return new_cenv(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner_id INTEGER, title TEXT)",
        "CREATE TABLE members (grp INTEGER, user_id INTEGER)",
        "CREATE TABLE keyed (a TEXT, b TEXT, owner_id INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "CREATE TABLE odd (rowid TEXT, oid TEXT, _rowid_ TEXT, owner_id INTEGER)",
        "CREATE TABLE strict_one (id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, n INT DEFAULT 7, g TEXT AS (upper(n)) STORED) STRICT",
        "CREATE VIEW v AS SELECT * FROM members",
        "CREATE VIRTUAL TABLE words USING fts5(body)",
        "INSERT INTO notes VALUES (1, 1, 'mine'), (2, 2, 'theirs'), (3, NULL, 'nobodys')",
        "INSERT INTO members VALUES (1, 1), (2, 2)",
        "INSERT INTO keyed VALUES ('a', 'x', 1), ('b', 'y', 2)",
    )


def refusal(club, condition: str, table: str = "notes") -> WceError:
    with pytest.raises(WceError) as caught:
        club.guard.validate_policy(club.id, table, condition)
    return caught.value


@pytest.mark.parametrize(
    ("value", "sql"),
    [(None, "NULL"), (5, "5"), (True, "1"), (1.5, "1.5"), ("it's", "'it''s'"), (b"\x00\xff", "X'00ff'"), (-3, "-3")],
)
def test_values_become_literals(value: object, sql: str) -> None:
    assert literal(value) == sql  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["a\x00b", float("inf"), float("nan")])
def test_values_without_a_literal_are_refused(value) -> None:
    with pytest.raises(WceError):
        literal(value)


@pytest.mark.parametrize(
    "condition",
    [
        "owner_id = $user_id",
        "notes.owner_id = $user_id OR $role = 'editor'",
        "EXISTS (SELECT 1 FROM members WHERE members.user_id = $user_id AND grp = owner_id)",
        "EXISTS (SELECT 1 FROM main.members AS m JOIN notes n ON n.id = m.grp WHERE m.user_id = $user_id)",
        "owner_id IN (WITH mine AS (SELECT grp FROM members WHERE user_id = $user_id) SELECT grp FROM mine)",
        "lower(title) LIKE '%' || $username || '%'",
        "id IN (SELECT value FROM json_each('[1,2]'))",
        "owner_id IS NOT DISTINCT FROM $user_id",
        '"owner_id" = $user_id OR id IN (SELECT m."grp" FROM "members" AS "m" WHERE "m"."user_id" = notes."id")',
        "1",
    ],
)
def test_good_conditions_pass(club, condition: str) -> None:
    club.guard.validate_policy(club.id, "Notes", condition)


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "owner_id = $user",
        "owner_id = ?",
        "owner_id = :user_id",
        "owner_id = 1; DELETE FROM notes",
        "1) OR (1",
        "(1",
        "1 -- always",
        "1 /* always */",
        "nosuch = 1",
        "id IN (SELECT grp FROM nosuch)",
        "id IN members",
        "EXISTS (SELECT 1 FROM members, notes)",
        "EXISTS (SELECT 1 FROM (members))",
        "EXISTS (SELECT 1 FROM _wce_users)",
        "EXISTS (SELECT count(*) FROM '_wce_users')",
        "EXISTS (SELECT 1 FROM sqlite_master)",
        "EXISTS (SELECT 1 FROM pragma_table_info('notes'))",
        "EXISTS (SELECT 1 FROM dbstat)",
        "EXISTS (SELECT 1 FROM words_data)",
        "EXISTS (SELECT 1 FROM temp.members)",
        "load_extension('x')",
        "total_changes() = 0",
        "last_insert_rowid() = 5",
        "changes()",
        "json_patch(title, title)",
        "instr(title, title)",
        "count(*) > 1",
        "rowid = 1",
        "id, owner_id",
        'title <> "draft"',
        "id IN (WITH members AS (SELECT grp FROM main.members WHERE user_id = $user_id) SELECT grp FROM members)",
        "id IN (WITH json_each AS (SELECT 1 AS value) SELECT value FROM json_each)",
        "id IN (WITH grp AS (SELECT user_id FROM members) SELECT user_id FROM grp)",
        "id IN (SELECT grp FROM v WHERE user_id = $user_id)",
    ],
)
def test_bad_conditions_are_refused(club, condition: str) -> None:
    assert refusal(club, condition).code == "bad_policy"


def test_a_refusal_says_what_is_wrong(club) -> None:
    assert refusal(club, "nosuch = 1").detail == "no such column: nosuch"
    assert refusal(club, 'title = "draft"').detail == "no such column: draft; text goes in single quotes"
    assert "directly after FROM or JOIN" in refusal(club, "id IN members").detail
    assert "$user" in refusal(club, "a = $user").detail


@pytest.mark.parametrize("table", ["v", "words", "odd"])
def test_some_tables_cannot_have_policies(club, table: str) -> None:
    assert refusal(club, "1", table).code == "bad_policy"


def test_names_of_other_tables_take_no_room(club) -> None:
    club.execute(*(f"CREATE TABLE [{number}{'x' * 5_000}] (a)" for number in range(100)))

    club.guard.validate_policy(club.id, "notes", "owner_id IN (SELECT user_id FROM members)")
    assert "directly after FROM or JOIN" in refusal(club, "id IN Members").detail
    assert "directly after FROM or JOIN" in refusal(club, "id IN 'members'").detail


def test_a_table_that_is_not_there_is_said_not_to_be(club) -> None:
    assert refusal(club, "1", "nosuch").code == "no_such_table"
    assert refusal(club, "1", "_wce_users").code == "no_such_table"


def test_null_counts_as_false(club) -> None:
    ann = club.person({"notes": ALL}, [("notes", "read", "owner_id <> $user_id")])

    assert ann.rows("SELECT id FROM notes") == [(2,)]


def test_the_public_principal_is_null(club) -> None:
    public = club.person({"notes": ALL}, [("notes", "read", "owner_id = $user_id")], user_id=None)

    assert public.rows("SELECT id FROM notes") == []


def test_policies_are_joined_by_and(club) -> None:
    ann = club.person({"notes": ALL}, [("notes", "read", "owner_id = 1 OR owner_id = 2"), ("notes", "read", "id > 1")])

    assert ann.rows("SELECT id FROM notes") == [(2,)]


@pytest.mark.parametrize(
    "condition",
    [
        "EXISTS (SELECT 1 FROM members WHERE members.user_id = $user_id AND grp = owner_id)",
        "owner_id IN (WITH mine AS (SELECT grp FROM members WHERE user_id = $user_id) SELECT mine.grp FROM mine)",
        "owner_id IN (WITH all_(x) AS (SELECT grp FROM members), own AS (SELECT x FROM all_ WHERE x = $user_id) SELECT z.x FROM own AS z)",
    ],
)
def test_a_policy_reads_tables_that_its_principal_cannot(club, condition: str) -> None:
    ann = club.person({"notes": ALL}, [("notes", "read", condition)])

    assert ann.rows("SELECT id FROM notes") == [(1,)]
    assert ann.rows("WITH mine AS (SELECT 2 AS grp), own(x) AS (VALUES (2)) SELECT id FROM notes, mine, own") == [(1,)]
    with pytest.raises(WceError):
        ann.run("SELECT * FROM members")


@pytest.mark.parametrize("name", ["members", "notes", "mine"])
def test_no_with_of_the_client_stands_in_for_a_table_of_a_policy(club, name: str) -> None:
    policies = {
        "members": "owner_id IN (SELECT grp FROM members WHERE user_id = $user_id)",
        "notes": "id IN (SELECT id FROM notes WHERE owner_id = $user_id)",
        "mine": "owner_id IN (WITH mine AS (SELECT $user_id AS grp) SELECT grp FROM mine)",
    }
    ann = club.person({"notes": ALL}, [("notes", "read", policies[name])])
    forged = "(SELECT 1 AS grp, 1 AS user_id, 1 AS id, 1 AS owner_id UNION SELECT 2, 1, 2, 1)"

    if name == "notes":
        assert ann.rows("SELECT id FROM notes") == [(1,)]
        return
    assert ann.rows(f"WITH {name} AS {forged} SELECT id FROM notes") == [(1,)]
    assert ann.rows(f"SELECT id FROM notes WHERE id IN (WITH {name} AS {forged} SELECT id FROM notes)") == [(1,)]


@pytest.mark.parametrize(
    "source", ["json_each WHERE json = title", "json_each AS j WHERE j.json = title", "members, json_each WHERE json = title"]
)
@pytest.mark.parametrize("query", ["WITH {} SELECT id FROM notes", "SELECT id FROM notes WHERE id IN (WITH {} SELECT id FROM notes)"])
def test_no_with_of_the_client_stands_in_for_a_function_of_a_policy(club, source: str, query: str) -> None:
    club.execute("UPDATE notes SET title = json_array(owner_id)")
    ann = club.person({"notes": ALL}, [("notes", "read", f"$user_id IN (SELECT value FROM {source})")])

    assert ann.rows("SELECT id FROM notes") == [(1,)]
    with pytest.raises(WceError, match="choose another name"):
        ann.run(query.format("json_each (value, json) AS (VALUES (1, '[1]'), (1, '[2]'))"))


def test_a_function_of_a_policy_is_bound_as_its_tables_are(club) -> None:
    with club.person({}).session() as session:
        bound = translate("1 IN (SELECT json_each.value FROM json_each, json_tree('[]'))", session.catalogue, "s", {})

    assert bound == '1 IN ( SELECT json_each . value FROM "s".json_each , "s".json_tree ( \'[]\' ) )'


def test_a_policy_may_look_at_its_own_table(club) -> None:
    condition = "id <= (SELECT max(id) FROM notes WHERE owner_id = $user_id)"
    ann = club.person({"notes": ALL}, [("notes", "read", condition)])

    assert ann.rows("SELECT id FROM notes") == [(1,)]


def test_a_table_without_rowid_is_guarded_by_its_key(club) -> None:
    ann = club.person({"keyed": ALL}, [("keyed", kind, "owner_id = $user_id") for kind in ("read", "write", "delete")])

    assert ann.rows("SELECT a FROM keyed") == [("a",)]
    assert ann.run("UPDATE keyed SET b = 'z'").changes == 1
    assert ann.run("DELETE FROM keyed").changes == 1
    assert club.all("SELECT a FROM keyed") == [("b",)]


def test_what_is_checked_after_an_insert_has_its_defaults(club) -> None:
    ann = club.person({"strict_one": ALL}, [("strict_one", "write", "n = 7 AND g = '7'")])

    assert ann.run("INSERT INTO strict_one (owner_id) VALUES (1)").changes == 1
    with pytest.raises(WceError) as caught:
        ann.run("INSERT INTO strict_one (owner_id, n) VALUES (1, 8)")
    assert caught.value.code == "row_policy"


def test_a_policy_that_cannot_be_used_shuts_the_table(club) -> None:
    ann = club.person({"notes": ALL, "members": ALL}, [("notes", "delete", "owner_id = $nobody")])

    for sql in ("SELECT * FROM notes", "DELETE FROM notes", "INSERT INTO notes VALUES (9, 1, 'x')"):
        with pytest.raises(WceError) as caught:
            ann.run(sql)
        assert caught.value.code == "no_such_table"
    assert len(ann.rows("SELECT * FROM members")) == 2


def test_policies_on_a_virtual_table_shut_it(club) -> None:
    ann = club.person({"words": ALL}, [("words", "read", "1")])

    with pytest.raises(WceError):
        ann.run("SELECT * FROM words")


def test_a_policy_without_columns_leaves_counting_alone(club) -> None:
    ann = club.person({"notes": ALL}, [("notes", "read", "$role = 'editor'")])
    bob = club.person({"notes": ALL}, [("notes", "read", "$role = 'viewer'")])

    for sql in ("SELECT count(*) FROM notes", "SELECT sum(1) FROM notes", "SELECT count(*) FROM notes WHERE abs(1)"):
        assert ann.rows(sql) == [(3,)]
    assert bob.rows("SELECT count(*) FROM notes") == [(0,)]
    assert ann.run("UPDATE notes SET title = 'x'").changes == 3
    assert bob.run("UPDATE notes SET title = 'x'").changes == 0
    assert ann.run("DELETE FROM notes ORDER BY id LIMIT 2").changes == 2


def test_a_table_called_by_main_is_never_a_with_of_that_name(club) -> None:
    ann = club.person({"notes": ALL, "members": ALL}, [("notes", "read", "owner_id = $user_id")])

    for name in ("notes", "members", "nowhere"):
        with pytest.raises(WceError, match=f"{name} is a table here and a name in WITH") as caught:
            ann.run(f"WITH {name} AS (SELECT 9 AS id) SELECT * FROM main.{name}")
        assert caught.value.position is not None
    assert ann.rows("WITH n AS (SELECT * FROM main.notes) SELECT id FROM n") == [(1,)]
    assert ann.run("WITH notes AS (SELECT 'x' AS t) UPDATE main.notes SET title = (SELECT t FROM notes)").changes == 1


@pytest.mark.parametrize(
    "shape",
    [
        "{}closed",
        "NOT EXISTS (SELECT 1 FROM teams AS t WHERE t.id = nodes.team AND ({}t.closed))",
        "{}EXISTS (SELECT 1 FROM nodes AS n WHERE n.id = nodes.up AND n.closed)",
        "{}team IN (SELECT t.id FROM teams AS t)",
    ],
)
def test_the_deepest_condition_that_can_be_saved_holds_for_writes_beside_as_many_as_may_be(new_cenv, shape: str) -> None:
    cenv = new_cenv(
        "CREATE TABLE teams (id INTEGER PRIMARY KEY, closed)",
        "CREATE TABLE nodes (team REFERENCES teams ON DELETE CASCADE ON UPDATE CASCADE, id, up, closed, PRIMARY KEY (team, id), "
        "FOREIGN KEY (team, up) REFERENCES nodes ON DELETE SET NULL ON UPDATE CASCADE)",
    )
    deepest = ""
    with suppress(WceError):
        while True:
            cenv.guard.validate_policy(cenv.id, "nodes", shape.format(deepest + "NOT "))
            deepest += "NOT "
    policies = [("nodes", kind, text) for kind in ("read", "write", "delete") for text in [shape.format(deepest), *["id = id"] * 32]]
    ann = cenv.person({"teams": ALL, "nodes": ALL}, policies)

    for sql in ("UPDATE nodes SET closed = 1", "DELETE FROM nodes", "UPDATE teams SET id = 1", "DELETE FROM teams"):
        assert ann.run(sql).changes == 0
    assert len(deepest) > 100  # characters, four for each level
    assert "too many levels" in refusal(cenv, shape.format(deepest + "NOT "), "nodes").detail
