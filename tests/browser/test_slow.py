"""What somebody goes on to do while the server is slow to answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.place import Place


def hold(page: Page, where: str, part: str = "") -> list[Route]:
    """The first request to an address with a part in its body, which waits until it is continued."""
    held: list[Route] = []

    def take(route: Route) -> None:
        if held or part not in (route.request.post_data or ""):
            route.continue_()
        else:
            held.append(route)

    page.route(where, take)
    return held


@pytest.fixture
def tools(open_page: Open, place: Place) -> Iterator[Page]:
    place.made("/query", {"sql": "CREATE TABLE workshop (id INTEGER PRIMARY KEY, name TEXT, weight REAL)"})
    place.made("/query", {"sql": "INSERT INTO workshop VALUES (1, 'saw', 1.5), (2, 'axe', 2), (3, 'file', 0.5)"})
    yield open_page("/data/workshop")
    place.made("/query", {"sql": "DROP TABLE workshop"})


def cell(page: Page, text: str) -> Locator:
    return page.locator("#grid tbody td").filter(has_text=text)


def test_a_cell_that_comes_back_ends_no_other_one_in_the_middle(tools: Page, place: Place) -> None:
    held = hold(tools, "**/query", "UPDATE")
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
    assert place.send("POST", "/query", {"sql": "SELECT name FROM workshop", "format": "arrays"}).json()["rows"] == [
        ["drill"],
        ["hatchet"],
        ["file"],
    ]


def test_rows_are_turned_to_when_what_was_typed_is_saved(tools: Page) -> None:
    cell(tools, "axe").locator("xpath=following-sibling::td").dblclick()
    tools.keyboard.type("2,5")
    tools.get_by_role("button", name="name").click()
    expect(tools.locator(".toast")).to_contain_text("A cell has a value that is not saved")
    expect(tools.locator(".cell-input")).to_have_value("2,5")

    tools.locator(".cell-input").fill("2.5")
    tools.keyboard.press("Enter")

    expect(tools.locator("#grid tbody td:nth-child(3)")).to_have_text(["axe", "file", "saw"])


def test_rows_that_are_chosen_stay_so_when_a_cell_is_left(tools: Page) -> None:
    tools.get_by_label("Select row 1").check()
    cell(tools, "axe").dblclick()

    tools.keyboard.press("Escape")

    expect(tools.get_by_label("Select row 1")).to_be_checked()
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


def test_what_a_closed_dialog_has_sent_is_told_when_it_is_done(open_page: Open, place: Place) -> None:
    page = open_page("/admin/users")
    expect(page.locator("#users")).to_contain_text("vera")
    held = hold(page, "**/admin/users")
    page.get_by_role("button", name="Invite").click()
    asked = page.get_by_role("dialog")
    asked.get_by_label("User name").fill("ida")
    asked.get_by_label("First password").fill("correct horse")
    with page.expect_request("**/admin/users"):
        asked.get_by_role("button", name="Create the account").click()
    asked.get_by_role("button", name="Cancel").click()
    expect(asked).to_have_count(0)

    held[0].continue_()

    expect(page.locator(".toast")).to_contain_text("ida can sign in now")
    expect(page.locator("#users")).to_contain_text("ida")
    made = next(user for user in place.send("GET", "/admin/users").json()["users"] if user["username"] == "ida")
    place.send("DELETE", f"/admin/users/{made['user_id']}")


def test_what_a_trial_answers_late_or_a_list_tells_late_disturbs_nothing(open_page: Open) -> None:
    page = open_page("/editor/scripts")
    trial, versions = hold(page, "**/test"), hold(page, "**/versions")
    with page.expect_request("**/test"):
        page.get_by_role("button", name="Try", exact=False).first.click()
    page.get_by_role("tab", name="Runs").click()
    expect(page.locator("#panel")).to_contain_text("No runs yet")
    with page.expect_request("**/versions"):
        page.get_by_role("tab", name="Versions").click()
    page.get_by_role("tab", name="Try").click()

    for one in (trial, versions):
        with page.expect_response(one[0].request.url):
            one[0].continue_()

    page.evaluate("new Promise(requestAnimationFrame)")
    expect(page.locator("#trial")).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)


def test_a_statement_that_is_laid_out_late_takes_the_place_of_no_other_text(open_page: Open) -> None:
    page = open_page("/console?sql=select 1")
    page.locator("#editor .view-line").first.wait_for()
    held = hold(page, "**/explain")
    with page.expect_request("**/explain"):
        page.get_by_role("button", name="Format").click()
    page.get_by_role("button", name="New statement").click()

    held[0].continue_()

    expect(page.locator(".toast")).to_contain_text("so it stays as it is")
    expect(page.locator("#editor .view-lines")).to_have_text("")
