"""What the guard knows of a file."""

from __future__ import annotations

import pytest

from wce.guard.catalogue import Catalogue
from wce.guard.guard import weight
from wce.guard.references import ForeignKey, Reaches


@pytest.fixture
def found(new_cenv) -> Catalogue:
    cenv = new_cenv(
        "CREATE TABLE Plain (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x', twice AS (id * 2), kept AS (id) STORED)",
        "CREATE TABLE keyed (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID",
        "CREATE TABLE odd (rowid, oid)",
        "CREATE VIEW v (n) AS SELECT name FROM main_plain".replace("main_plain", "Plain"),
        "CREATE VIEW broken AS SELECT * FROM nosuch",
        "CREATE TRIGGER t AFTER UPDATE ON Plain BEGIN INSERT INTO keyed SELECT new.id, count(*) FROM v; END",
        "CREATE VIRTUAL TABLE words USING fts5(body, content=Plain)",
        "CREATE VIRTUAL TABLE stems USING fts5vocab('words', 'row')",
        "CREATE VIRTUAL TABLE boxes USING rtree(id, x1, x2)",
        "CREATE VIRTUAL TABLE own USING fts5(body, content='')",
    )
    return cenv.guard.catalogue(cenv.id)


def test_tables_are_found_by_folded_name(found: Catalogue) -> None:
    assert set(found.tables) == {"plain", "keyed", "odd", "words", "stems", "boxes", "own"}
    assert found.tables["plain"].name == "Plain"
    assert not any(name.startswith(("_wce_", "sqlite_")) for name in found.tables)
    assert {"plain", "v", "twice", "n"} < found.words


def test_a_catalogue_weighs_as_much_as_its_definitions_are_long(new_cenv) -> None:
    columns = ", ".join(f"1 AS c{number}" for number in range(1_000))
    cenv = new_cenv("CREATE TABLE t (a)", f"CREATE VIEW v AS SELECT {columns}")

    assert weight(cenv.guard.catalogue(cenv.id)) > 100 * len(columns)


def test_columns_are_described(found: Catalogue) -> None:
    identity, name, twice, kept = found.tables["plain"].columns

    assert (identity.name, identity.type, identity.primary_key) == ("id", "INTEGER", 1)
    assert (name.not_null, name.default) == (True, "'x'")
    assert (twice.generated, kept.generated) == ("virtual", "stored")
    assert found.tables["plain"].computes
    assert not found.tables["keyed"].computes


def test_rows_have_a_key(found: Catalogue) -> None:
    assert found.tables["plain"].rowid == "rowid"
    assert (found.tables["keyed"].rowid, found.tables["keyed"].without_rowid, found.tables["keyed"].key) == (None, True, ("b", "a"))
    assert found.tables["odd"].rowid == "_rowid_"


def test_virtual_tables_name_what_they_answer_from(found: Catalogue) -> None:
    assert (found.tables["words"].module, found.tables["words"].sources) == ("fts5", {"plain"})
    assert "words" in found.tables["stems"].sources
    assert found.tables["own"].sources == frozenset()
    assert found.shadows["words_data"] == "words"
    assert found.shadows["boxes_node"] == "boxes"


def test_views_and_triggers_name_what_they_use(found: Catalogue) -> None:
    assert "plain" in found.views["v"].names
    assert [column.name for column in found.views["v"].columns] == ["n"]
    assert found.views["broken"].columns == ()
    assert found.triggers["t"].table == "plain"
    assert found.triggers["t"].names is not None
    assert {"keyed", "v"} <= found.triggers["t"].names
    assert not {"new", "plain"} & found.triggers["t"].names
    assert found.fired_views == {"v"}


@pytest.mark.parametrize(
    "body", ["datetime() AS at", "(1) AS a, (2) AS b", "count(*) AS n FROM (SELECT 1)", "main.keyed.a AS a, abs(1) FROM main.keyed"]
)
def test_parentheses_of_a_view_are_counted_from_its_select_on(new_cenv, body: str) -> None:
    cenv = new_cenv("CREATE TABLE keyed (a)", f"CREATE VIEW v AS SELECT {body}")
    text = cenv.guard.catalogue(cenv.id).views["v"].text

    assert text is not None
    for index, token in enumerate(text.body):
        if token.keyword in ("(", ")"):
            assert text.body[token.match].match == index
            assert text.body[token.match].keyword == {"(": ")", ")": "("}[token.keyword]


def test_a_schema_is_read_once(new_cenv) -> None:
    first, second, other = (new_cenv(f"CREATE TABLE {name} (x)") for name in ("a", "a", "b"))

    assert first.guard.catalogue(first.id) is second.guard.catalogue(second.id)
    assert first.guard.catalogue(first.id) is not other.guard.catalogue(other.id)


def test_a_change_is_seen(new_cenv) -> None:
    cenv = new_cenv("CREATE TABLE a (x)")
    cenv.guard.catalogue(cenv.id)

    cenv.execute("ALTER TABLE a ADD COLUMN y")

    assert [column.name for column in cenv.guard.catalogue(cenv.id).tables["a"].columns] == ["x", "y"]


class Keyed:
    key = ("id",)


def test_foreign_keys_reach_through_cascades() -> None:
    tables = dict.fromkeys(("a", "b", "c", "d"), Keyed())
    keys = [
        ForeignKey("b", "a", ["a_id"], [], "NO ACTION", "CASCADE"),
        ForeignKey("c", "b", ["b_id"], ["code"], "CASCADE", "SET NULL"),
        ForeignKey("d", "c", ["c_id"], [], "NO ACTION", "NO ACTION"),
    ]

    found = Reaches(tables, keys)["a"]

    assert found.deletes == {"b"}
    assert found.updates == {("c", "b_id")}
    assert Reaches(tables, keys).written_with("a") == {"b"}
    assert Reaches(tables, keys).written_with("c") == set()
    assert {("a", "id"), ("b", "a_id"), ("b", "code"), ("c", "b_id"), ("d", "c_id"), ("c", "id")} == found.reads
