"""What is kept of pages, and that it goes in the transaction which makes it stale."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.conftest import Desk, World
from wce.core import pages
from wce.core.logins import anonymous
from wce.core.pages import Page, Proof
from wce.core.templates import NewTemplate, TemplateChanges, delete_template, save_template, update_template
from wce.errors import WceError
from wce.model import Role
from wce.store.transaction import Transaction


@pytest.fixture
def shelf(desk: Desk) -> World:
    """A world whose store lets go of pages, with two tables."""
    world = desk.world
    world.store.hooks.before("pages", pages.forget)
    desk.run(world.owner, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    desk.run(world.owner, "CREATE TABLE other (id INTEGER PRIMARY KEY, text TEXT)")
    return world


def page(text: str = "<p>hello</p>", template_id: int = 1) -> Page:
    return pages.make(template_id, text.encode(), "text/html; charset=utf-8", for_all=True)


def proof(world: World, *tables: str, templates: tuple[str, ...] = ("index",)) -> Proof:
    """That of a page rendered at this moment."""
    state = anonymous(world.session).state
    return Proof(state.grants, state.settings, state.templates, state.commits, frozenset(tables), frozenset(templates))


def keep(world: World, path: str = "/x", *tables: str, **options: Any) -> Page | None:
    """Keep a page; the first time only makes its tables watched."""
    pages.keep(world.session, path, page(), proof(world, *tables, **options), world.clock())
    return pages.keep(world.session, path, page(), proof(world, *tables, **options), world.clock())


def kept(world: World, path: str = "/x") -> bool:
    return pages.find_mark(world.session, path) is not None


def test_a_page_comes_back_as_it_was_kept(shelf: World) -> None:
    made = keep(shelf, "/x", "notes")

    assert made is not None
    assert pages.find(shelf.session, "/x") == made
    assert pages.find_mark(shelf.session, "/x") == made.mark
    assert (pages.find(shelf.session, "/y"), pages.find_mark(shelf.session, "/y")) == (None, None)


def test_a_copy_of_the_file_under_another_name_begins_without_pages(shelf: World) -> None:
    keep(shelf, "/x", "notes")
    shelf.session.all("PRAGMA wal_checkpoint(TRUNCATE)")
    path, copy = shelf.store.path(shelf.cenv), str(uuid.uuid4())
    shutil.copy(path, path.with_name(f"{copy}.db"))

    with shelf.store.session(copy) as session:
        assert (pages.find(session, "/x"), pages.find_mark(session, "/x")) == (None, None)
    assert kept(shelf)


def test_a_large_page_is_kept_zipped_beside(shelf: World) -> None:
    large = page("<p>again and again</p>" * 1_000)

    assert large.zipped is not None
    assert len(large.zipped) < len(large.body)
    assert page().zipped is None


def test_a_write_to_its_table_ends_a_page_and_a_write_to_another_does_not(shelf: World, desk: Desk) -> None:
    keep(shelf, "/x", "notes")

    desk.run(shelf.owner, "INSERT INTO other (text) VALUES ('x')")
    assert kept(shelf)

    desk.run(shelf.owner, "INSERT INTO Notes (text) VALUES ('x')")
    assert not kept(shelf)
    assert shelf.session.all("SELECT * FROM _wce_page_dependencies") == []


def test_a_write_that_is_undone_ends_nothing(shelf: World, desk: Desk) -> None:
    keep(shelf, "/x", "notes")

    statements = ["INSERT INTO notes (text) VALUES ('x')", "INSERT INTO notes (text, id) VALUES ('x', 'no number')"]
    with pytest.raises(WceError):
        desk.run(shelf.owner, *statements)

    assert kept(shelf)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW v AS SELECT 1 AS x",
        "ALTER TABLE other ADD COLUMN more",
        "DROP TABLE other",
        "CREATE INDEX i ON other (text)",
    ],
)
def test_a_change_of_the_schema_ends_every_page_with_sql(shelf: World, desk: Desk, statement: str) -> None:
    keep(shelf, "/x", "sqlite_schema", "notes")
    keep(shelf, "/still")

    desk.run(shelf.owner, statement)

    assert (kept(shelf), kept(shelf, "/still")) == (False, True)


def test_a_trigger_and_a_cascade_count_as_writes(shelf: World, desk: Desk) -> None:
    desk.run(shelf.owner, "CREATE TRIGGER t AFTER INSERT ON other BEGIN INSERT INTO notes (text) VALUES (new.text); END")
    desk.run(shelf.owner, "CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES other (id) ON DELETE CASCADE)")
    keep(shelf, "/notes", "notes")
    keep(shelf, "/child", "child")

    desk.run(shelf.owner, "INSERT INTO other (text) VALUES ('x')")
    assert (kept(shelf, "/notes"), kept(shelf, "/child")) == (False, True)

    desk.run(shelf.owner, "DELETE FROM other")
    assert not kept(shelf, "/child")


def test_what_was_rendered_before_a_commit_is_not_kept_after_it(shelf: World, desk: Desk) -> None:
    keep(shelf, "/x", "notes")
    before = proof(shelf, "notes")
    desk.run(shelf.owner, "INSERT INTO notes (text) VALUES ('x')")

    assert pages.keep(shelf.session, "/x", page(), before, shelf.clock()) is None
    assert pages.keep(shelf.session, "/x", page(), proof(shelf, "notes"), shelf.clock()) is not None


def test_commits_to_other_tables_do_not_keep_a_page_from_being_kept(shelf: World, desk: Desk) -> None:
    keep(shelf, "/x", "notes")
    before = proof(shelf, "notes")
    desk.run(shelf.owner, "INSERT INTO other (text) VALUES ('x')")

    assert pages.keep(shelf.session, "/x", page(), before, shelf.clock()) is not None


def test_of_a_table_that_nobody_watched_only_a_file_without_commits_proves_anything(shelf: World, desk: Desk) -> None:
    before = proof(shelf, "notes")
    desk.run(shelf.owner, "INSERT INTO other (text) VALUES ('x')")

    assert pages.keep(shelf.session, "/x", page(), before, shelf.clock()) is None
    assert pages.keep(shelf.session, "/x", page(), proof(shelf, "notes"), shelf.clock()) is not None


def test_a_page_without_tables_needs_no_such_proof(shelf: World, desk: Desk) -> None:
    before = proof(shelf)
    desk.run(shelf.owner, "INSERT INTO other (text) VALUES ('x')")

    assert pages.keep(shelf.session, "/x", page(), before, shelf.clock()) is not None


@pytest.mark.parametrize(
    "act",
    [
        lambda world, desk: desk.allow(world.add("Vera"), "notes", can_read=True),
        lambda world, desk: world.add("Vera", Role.EDITOR),
        lambda world, desk: world.sql("INSERT INTO _wce_config VALUES ('page_cache', 'true', 0, NULL)"),
    ],
)
def test_rights_and_settings_end_every_page_and_what_was_rendered_before_them(
    shelf: World, desk: Desk, act: Callable[[World, Desk], None]
) -> None:
    keep(shelf, "/x", "notes")
    before = proof(shelf, "notes")

    act(shelf, desk)

    assert not kept(shelf)
    assert pages.keep(shelf.session, "/x", page(), before, shelf.clock()) is None


def template(world: World, name: str, **options: Any) -> int:
    new = NewTemplate(name, "html", "<p>x</p>", **options)
    return save_template(world.session, lambda content, _: content, world.owner, new)[0].id


def test_a_template_ends_the_pages_that_used_it_or_looked_for_it(shelf: World) -> None:
    layout = template(shelf, "layouts/base")
    keep(shelf, "/a", templates=("a", "layouts/base"))
    keep(shelf, "/b", templates=("b", "parts/missing"))
    keep(shelf, "/c", templates=("c",))
    before = proof(shelf)

    update_template(shelf.session, lambda content, _: content, shelf.owner, layout, TemplateChanges(content="new"))
    assert [kept(shelf, path) for path in ("/a", "/b", "/c")] == [False, True, True]

    template(shelf, "parts/missing")
    assert [kept(shelf, path) for path in ("/b", "/c")] == [False, True]
    assert pages.keep(shelf.session, "/c", page(), before, shelf.clock()) is None  # it may have another address now

    keep(shelf, "/a", templates=("a", "layouts/base"))
    delete_template(shelf.session, shelf.owner, layout)
    assert not kept(shelf, "/a")


def test_a_renamed_template_ends_those_under_both_names(shelf: World) -> None:
    old = template(shelf, "old")
    keep(shelf, "/a", templates=("a", "old"))
    keep(shelf, "/b", templates=("b", "new"))

    update_template(shelf.session, lambda content, _: content, shelf.owner, old, TemplateChanges(name="new"))

    assert not kept(shelf, "/a")
    assert not kept(shelf, "/b")


def test_the_oldest_make_room(shelf: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_PAGES", 3)
    for index in range(5):
        keep(shelf, f"/{index}", "notes")
        shelf.clock.now += 1

    assert [kept(shelf, f"/{index}") for index in range(5)] == [False, False, True, True, True]

    monkeypatch.setattr(pages, "MAX_BYTES", 20)
    keep(shelf, "/last", "notes")
    assert [kept(shelf, path) for path in ("/4", "/last")] == [False, True]


def test_a_page_that_is_too_large_is_not_kept(shelf: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_MAX_PAGE", 5)

    assert keep(shelf, "/x") is None


def test_a_page_is_not_kept_for_a_path_that_takes_more_room_than_it(shelf: World) -> None:
    assert keep(shelf, "/" + "x" * 511, "notes") is not None
    assert keep(shelf, "/" + "x" * 512, "notes") is None


def test_a_name_that_no_template_can_have_is_not_noted(shelf: World) -> None:
    keep(shelf, "/x", templates=("index", "a" * 100_000))

    assert shelf.session.all("SELECT name FROM _wce_page_templates") == [("index",)]


def test_two_pages_of_one_second_have_times_of_their_own(shelf: World, desk: Desk) -> None:
    first = keep(shelf, "/x", "notes")
    desk.run(shelf.owner, "INSERT INTO notes (text) VALUES ('x')")
    second = pages.keep(shelf.session, "/x", page("new"), proof(shelf, "notes"), shelf.clock())

    assert first is not None
    assert second is not None
    assert second.changed_at == first.changed_at + 1

    shelf.clock.now += 10
    desk.run(shelf.owner, "INSERT INTO notes (text) VALUES ('x')")
    third = pages.keep(shelf.session, "/x", page("newer"), proof(shelf, "notes"), shelf.clock())
    assert third is not None
    assert third.changed_at == int(shelf.clock())


def test_nothing_is_asked_where_no_page_depends_on_a_table(shelf: World, desk: Desk) -> None:
    asked: list[str] = []

    def count(transaction: Transaction) -> None:
        asked.append(str(transaction.watched))

    shelf.store.hooks.before("count", count)
    desk.run(shelf.owner, "INSERT INTO notes (text) VALUES ('x')")
    keep(shelf, "/x", "notes")
    desk.run(shelf.owner, "INSERT INTO notes (text) VALUES ('x')")

    assert (asked[0], asked[-1]) == ("0", "1")
