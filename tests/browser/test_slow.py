"""What somebody goes on to do while the server is slow to answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.place import Place


@pytest.fixture
def tools(open_page: Open, place: Place) -> Iterator[Page]:
    place.made("/query", {"sql": "CREATE TABLE tools (id INTEGER PRIMARY KEY, name TEXT, weight REAL)"})
    place.made("/query", {"sql": "INSERT INTO tools VALUES (1, 'saw', 1.5), (2, 'axe', 2), (3, 'file', 0.5)"})
    yield open_page("/data/tools")
    place.made("/query", {"sql": "DROP TABLE tools"})


def cell(page: Page, text: str) -> Locator:
    return page.locator("#grid tbody td").filter(has_text=text)


def test_a_cell_that_comes_back_ends_no_other_one_in_the_middle(tools: Page, place: Place) -> None:
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        if held or "UPDATE" not in route.request.post_data_json["sql"]:
            route.continue_()
        else:
            held.append(route)

    tools.route("**/query", hold_first)
    cell(tools, "saw").dblclick()
    tools.keyboard.type("drill")
    with tools.expect_request("**/query"):
        cell(tools, "axe").dblclick()
    tools.keyboard.type("hat")

    held[0].continue_()

    expect(cell(tools, "drill")).to_be_visible()
    tools.keyboard.type("chet")
    tools.keyboard.press("Enter")
    expect(tools.locator(".cell-input")).to_have_count(0)
    expect(cell(tools, "hatchet")).to_be_visible()
    assert place.send("POST", "/query", {"sql": "SELECT name FROM tools", "format": "arrays"}).json()["rows"] == [
        ["drill"],
        ["hatchet"],
        ["file"],
    ]


def test_rows_are_turned_to_when_what_was_typed_is_saved(tools: Page) -> None:
    cell(tools, "axe").locator("xpath=following-sibling::td").dblclick()
    tools.keyboard.type("2,5")
    tools.get_by_role("button", name="name").click()
    expect(tools.locator(".toast")).to_contain_text("A cell holds what is not saved")
    expect(tools.locator(".cell-input")).to_have_value("2,5")

    tools.locator(".cell-input").fill("2.5")
    tools.keyboard.press("Enter")

    expect(tools.locator("#grid tbody td:nth-child(3)")).to_have_text(["axe", "file", "saw"])


def test_rows_that_are_chosen_stay_so_when_a_cell_is_left(tools: Page) -> None:
    tools.get_by_label("Choose row 1").check()
    cell(tools, "axe").dblclick()

    tools.keyboard.press("Escape")

    expect(tools.get_by_label("Choose row 1")).to_be_checked()
    expect(tools.get_by_role("button", name="Delete", exact=True)).to_be_visible()


def test_a_page_of_rows_that_did_not_come_is_not_passed_over(open_page: Open) -> None:
    page = open_page("/data/orders")
    expect(page.locator("#count")).to_contain_text("of 1")
    page.context.set_offline(True)
    page.get_by_role("button", name="Next page").click()
    expect(page.locator(".toast")).to_contain_text("The server cannot be reached")
    page.context.set_offline(False)

    page.get_by_role("button", name="Next page").click()

    expect(page.locator("#count")).to_have_text("101\u2013200 of 1\u202f400 rows")
