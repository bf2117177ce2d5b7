"""The list of a cenv's tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible_in_both_themes
from tests.browser.place import PASSWORD, Place

MANY = [f"measured_{number:02}" for number in range(20)]


@pytest.fixture
def many(open_page: Open, place: Place) -> Iterator[Page]:
    refers = "CREATE TABLE {} (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id))"
    place.made("/transaction", {"statements": [{"sql": refers.format(name)} for name in MANY]})
    yield open_page("/data")
    place.made("/transaction", {"statements": [{"sql": f"DROP TABLE {name}"} for name in MANY]})


def test_many_tables_are_narrowed_down_by_their_names(many: Page) -> None:
    names = many.locator("#tables tbody td:first-child")
    expect(names).to_have_count(24)

    many.locator("main").focus()
    many.keyboard.press("Tab")
    many.keyboard.type("D_1")

    expect(names).to_have_text([f"measured_1{digit}" for digit in range(10)])
    assert_accessible_in_both_themes(many)
    many.get_by_role("button", name="Diagram").click()
    expect(many.get_by_role("img", name="10 tables and 0 references")).to_be_visible()
    many.get_by_role("searchbox", name="Filter tables").fill("r")
    expect(many.get_by_role("img", name="23 tables and 22 references")).to_be_visible()
    many.get_by_role("searchbox", name="Filter tables").fill("nowhere")
    expect(many.get_by_text("No table matches")).to_be_visible()
    many.set_viewport_size({"width": 390, "height": 844})
    assert many.evaluate("document.documentElement.scrollWidth") <= 390
    many.get_by_role("searchbox", name="Filter tables").press("Escape")
    many.get_by_role("button", name="List").click()
    expect(names).to_have_count(24)


def test_among_many_tables_it_stays_in_view_whose_permissions_a_column_has(many: Page) -> None:
    many.goto(many.url.replace("/data", "/admin/permissions"))
    many.get_by_role("button", name="vera on products: read").hover()

    expect(many.get_by_role("columnheader", name="vera")).to_be_in_viewport()


def test_permissions_on_many_tables_are_narrowed_down_and_stay_so_when_one_is_changed(many: Page, place: Place) -> None:
    many.goto(many.url.replace("/data", "/admin/permissions"))
    names = many.locator("#matrix tbody th")
    expect(names).to_have_count(24)
    filters = many.get_by_role("searchbox", name="Filter tables")

    filters.fill("D_07")

    expect(names).to_have_text(["measured_07"])
    expect(many.locator("#told")).to_have_text("1 entry found")
    many.get_by_role("button", name="grace on measured_07: nothing").press("Enter")
    many.get_by_role("dialog").get_by_label("Read").check()
    many.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(many.get_by_role("button", name="grace on measured_07: read")).to_be_visible()
    expect(names).to_have_text(["measured_07"])
    assert_accessible_in_both_themes(many)
    many.set_viewport_size({"width": 320, "height": 640})
    assert many.evaluate("document.documentElement.scrollWidth") <= 320
    filters.fill("nowhere")
    expect(many.get_by_text("No table matches")).to_be_visible()
    filters.press("Escape")
    expect(names).to_have_count(24)


def test_permissions_of_many_users_are_narrowed_down(many: Page, place: Place) -> None:
    people = [f"guest_{number:02}" for number in range(12)]
    made = [place.made("/admin/users", {"username": name, "password": PASSWORD, "role": "viewer"}) for name in people]
    many.goto(many.url.replace("/data", "/admin/permissions"))

    many.get_by_role("searchbox", name="Filter users").fill("t_1")

    expect(many.locator("#matrix thead th b")).to_have_text(["guest_10", "guest_11"])
    many.get_by_role("searchbox", name="Filter users").fill("nobody")
    expect(many.get_by_text("No user matches")).to_be_visible()
    for number in made:
        place.send("DELETE", f"/admin/users/{number}")


def test_a_few_tables_have_no_filter(open_page: Open) -> None:
    page = open_page("/data")
    names = page.get_by_role("link", name="customers").first
    expect(names).to_be_visible()

    expect(page.get_by_role("searchbox", name="Filter tables")).to_be_hidden()
    name, kind = names.locator("b").bounding_box(), page.get_by_role("cell", name="table", exact=True).first.bounding_box()
    assert abs(name["y"] + name["height"] / 2 - kind["y"] - kind["height"] / 2) < 1
