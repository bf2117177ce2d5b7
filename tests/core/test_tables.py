from __future__ import annotations

import pytest

from wce.core.permissions import grants_of
from wce.core.tables import find_object, find_table, list_tables
from wce.errors import WceError
from wce.model import Rights, Role


@pytest.fixture
def shop(world):
    world.sql("CREATE TABLE Songs (id INTEGER PRIMARY KEY, title TEXT NOT NULL DEFAULT 'none', upper AS (upper(title)))")
    world.sql("CREATE TABLE _wce (id INTEGER)")
    world.sql("CREATE TABLE albums (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID")
    world.sql("CREATE VIEW hits AS SELECT title FROM songs")
    world.sql("CREATE VIEW broken AS SELECT * FROM gone")
    world.sql("CREATE VIRTUAL TABLE search USING fts5(title)")
    return world


def grants(world, actor):
    return grants_of(world.session, actor.user_id)[0]


def allow(world, actor, table, **rights):
    names = ", ".join(rights)
    world.sql(
        f"INSERT INTO _wce_table_permissions (table_name, user_id, {names}) VALUES (?, ?, {', '.join('1' * len(rights))})",
        table,
        actor.user_id,
    )


def test_administrators_see_every_table_and_view_of_users(shop):
    found = list_tables(shop.catalogue, grants(shop, shop.owner))

    assert [(table.name, table.type) for table in found] == [
        ("_wce", "table"),
        ("albums", "table"),
        ("broken", "view"),
        ("hits", "view"),
        ("search", "virtual"),
        ("Songs", "table"),
    ]
    assert all(table.rights == Rights(True, True, True, True) for table in found)


def test_others_see_what_they_may_do_something_with(shop):
    alice = shop.add("alice", Role.EDITOR)
    allow(shop, alice, "Songs", can_read=True, can_write=True)
    allow(shop, alice, "albums", can_grant=True)

    (songs,) = list_tables(shop.catalogue, grants(shop, alice))

    assert (songs.name, songs.rights) == ("Songs", Rights(can_read=True, can_write=True))


def test_a_viewer_sees_no_table_that_he_was_only_allowed_to_write(shop):
    alice = shop.add("alice", Role.VIEWER)
    allow(shop, alice, "Songs", can_write=True, can_delete=True)

    assert list_tables(shop.catalogue, grants(shop, alice)) == []


def test_columns_tell_type_null_key_and_default(shop):
    songs = find_table(shop.catalogue, grants(shop, shop.owner), "songs")
    albums = find_table(shop.catalogue, grants(shop, shop.owner), "albums")

    assert [(c.name, c.type, c.not_null, c.primary_key, c.default) for c in songs.columns] == [
        ("id", "INTEGER", False, 1, None),
        ("title", "TEXT", True, 0, "'none'"),
        ("upper", "", False, 0, None),
    ]
    assert [(c.name, c.primary_key) for c in albums.columns] == [("a", 2), ("b", 1)]


def test_the_invisible_and_the_absent_answer_alike(shop):
    alice = shop.add("alice", Role.EDITOR)
    refusals = []
    for name in ("songs", "_wce_users", "nothing"):
        with pytest.raises(WceError) as caught:
            find_table(shop.catalogue, grants(shop, alice), name)
        refusals.append((caught.value.code, caught.value.detail))

    assert refusals == [("no_such_table", f"no such table: {name}") for name in ("songs", "_wce_users", "nothing")]


def test_a_permission_on_a_table_that_is_gone_shows_nothing(shop):
    alice = shop.add("alice", Role.EDITOR)
    allow(shop, alice, "gone", can_read=True)

    assert list_tables(shop.catalogue, grants(shop, alice)) == []
    with pytest.raises(WceError):
        find_table(shop.catalogue, grants(shop, alice), "gone")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("SONGS", ("Songs", "table")),
        ("hits", ("hits", "view")),
        ("broken", ("broken", "view")),
        ("search", ("search", "virtual")),
        ("search_data", None),
        ("_wce", ("_wce", "table")),
        ("_wce_users", None),
        ("_WCE_state", None),
        ("sqlite_schema", None),
        ("sqlite_sequence", None),
        ("", None),
    ],
)
def test_only_what_belongs_to_users_is_an_object(shop, name, found):
    assert find_object(shop.session, shop.catalogue, name) == found
