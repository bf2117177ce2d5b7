"""Tables with how they are built: as far as the caller may know of them."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.web.callers import Caller

SCHEMA = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, shout TEXT GENERATED ALWAYS AS (upper(name)) STORED)",
    "CREATE TABLE places (country TEXT, city TEXT, PRIMARY KEY (city, country)) WITHOUT ROWID",
    "CREATE TABLE visits (id INTEGER PRIMARY KEY, person INTEGER REFERENCES people ON DELETE CASCADE, c TEXT, t TEXT,"
    " FOREIGN KEY (t, c) REFERENCES places (city, country), FOREIGN KEY (t) REFERENCES nowhere (x))",
    "CREATE UNIQUE INDEX visits_once ON visits (person, lower(t))",
    "CREATE VIEW cities AS SELECT DISTINCT city FROM places",
)


@pytest.fixture
def built(owner: Caller) -> Caller:
    for sql in SCHEMA:
        owner.sql(sql)
    return owner


def test_an_administrator_sees_keys_references_indexes_and_definitions(built: Caller) -> None:
    table = built.get("/data/VISITS").json

    assert (table["name"], table["type"], table["key"]) == ("visits", "table", ["id"])
    assert table["references"] == [
        {"columns": ["t", "c"], "table": "places", "to_columns": ["city", "country"], "on_delete": "NO ACTION"},
        {"columns": ["person"], "table": "people", "to_columns": ["id"], "on_delete": "CASCADE"},
    ]
    assert table["indexes"] == [{"name": "visits_once", "unique": True, "columns": ["person", None]}]
    assert table["sql"].startswith("CREATE TABLE visits")
    assert [column["generated"] for column in built.get("/data/people").json["columns"]] == ["", "", "stored"]
    assert built.get("/data/places").json["key"] == ["city", "country"]


def test_a_view_has_no_key(built: Caller) -> None:
    view = built.get("/data/cities").json

    assert (view["type"], view["key"], view["references"], view["indexes"]) == ("view", [], [], [])
    assert view["sql"].startswith("CREATE VIEW cities")


def test_everybody_else_sees_what_leads_to_his_own_tables_only(built: Caller, invite: Callable[..., Caller]) -> None:
    grace = invite("grace", "editor")
    for table in ("visits", "people"):
        built.post("/admin/permissions", {"user_id": grace.user_id, "table_name": table, "can_read": True})

    seen = grace.get("/data").json["tables"]

    assert [table["name"] for table in seen] == ["people", "visits"]
    assert [reference["table"] for reference in seen[1]["references"]] == ["people"]
    assert (seen[1]["indexes"], seen[1]["sql"]) == ([], None)


def test_rows_without_a_key_are_told_apart_by_their_rowid_unless_a_policy_hides_it(owner: Caller, invite: Callable[..., Caller]) -> None:
    for sql in (
        "CREATE TABLE loose (rowid TEXT, a TEXT)",
        "CREATE TABLE full (rowid, oid, _rowid_)",
        "CREATE TABLE kept (id INTEGER PRIMARY KEY)",
    ):
        owner.sql(sql)
    grace = invite("grace", "editor")
    owner.post("/admin/permissions", {"user_id": grace.user_id, "table_name": "loose", "can_read": True, "can_write": True})

    def rowid(caller: Caller, table: str = "loose") -> str | None:
        found: str | None = caller.get(f"/data/{table}").json["rowid"]
        return found

    assert [rowid(owner, table) for table in ("loose", "full", "kept")] == ["oid", None, None]
    assert rowid(grace) == "oid"
    owner.post("/admin/policies", {"table_name": "loose", "policy_type": "write", "sql_condition": "a <> 'x'"})
    assert rowid(grace) == "oid"
    assert grace.sql("SELECT oid FROM loose")["rows"] == []
    owner.post("/admin/policies", {"table_name": "LOOSE", "policy_type": "read", "sql_condition": "a <> 'x'"})
    assert (rowid(grace), rowid(owner)) == (None, "oid")


@pytest.mark.parametrize("name", ["places", "_wce_users", "sqlite_schema", "nothing", "a%22b"])
def test_what_is_hidden_is_absent(built: Caller, invite: Callable[..., Caller], name: str) -> None:
    answer = invite("grace", "editor").get(f"/data/{name}")

    assert (answer.status_code, answer.json["code"]) == (404, "no_such_table")


@pytest.mark.parametrize("name", ["km/h", "50 %", "Straße", ".."])
def test_a_table_of_any_name_has_an_address(owner: Caller, name: str) -> None:
    owner.sql(f'CREATE TABLE "{name}" (a)')
    place = quote(name, safe="")

    assert owner.get(f"/data/{place}").json["name"] == name
    assert [table["name"] for table in owner.get(f"/tables/{place}").json["tables"]] == [name]


def test_the_tables_of_wce_are_not_even_an_administrators(built: Caller) -> None:
    assert built.get("/data/_wce_users").status_code == 404
