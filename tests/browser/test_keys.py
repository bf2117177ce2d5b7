"""By keys alone, and as a reader of screens tells it: where the focus is, what has a name, which state is said."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible
from tests.browser.place import Place


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_rows_are_chosen_and_references_followed_by_keys(open_page: Open, place: Place) -> None:
    for sql in (
        'CREATE TABLE codes (code TEXT PRIMARY KEY, "-x" INTEGER, x INTEGER)',
        "INSERT INTO codes VALUES (' it''s\n1', 2, 5), ('b', 1, 6), ('c', 3, 7)",
        "CREATE TABLE labels (id INTEGER PRIMARY KEY, code TEXT REFERENCES codes (code), raw BLOB REFERENCES codes (code))",
        "INSERT INTO labels (code) VALUES ('b'), (' it''s\n1')",
    ):
        place.made("/query", {"sql": sql})
    page = open_page("/data/labels")
    expect(page.locator("#count")).to_have_text("1–2 of 2 rows")
    rows = page.get_by_role("grid", name="Rows of labels")
    expect(rows).to_have_accessible_description(re.compile("Enter edits"))
    page.get_by_label("Filter raw").focus()

    press(page, "Tab", "ArrowDown", "Home", "ArrowLeft", "Space")
    expect(page.get_by_label("Choose row 2")).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="of 2 rows")).to_have_text("1–2 of 2 rows, 1 chosen")
    press(page, "Tab")
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_focused()
    press(page, "Shift+Tab", "ArrowRight", "ArrowRight", "Space")
    page.get_by_role("dialog", name="code").get_by_role("link", name="Open this row of codes").focus()
    press(page, "Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("codes")
    expect(page.locator("#count")).to_have_text("1–1 of 1 row")
    page.get_by_role("button", name="Clear filters").focus()
    press(page, "Enter")
    expect(page.locator("#count")).to_have_text("1–3 of 3 rows")
    expect(page.locator("#count")).to_be_focused()  # its button is not there any more
    column = page.locator("#grid tbody td:nth-child(3)")
    page.get_by_role("button", name="-x", exact=True).focus()
    press(page, "Enter")
    expect(column).to_have_text(["1", "2", "3"])
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("-x")
    press(page, "Enter")
    expect(column).to_have_text(["3", "2", "1"])
    page.get_by_role("button", name="x", exact=True).focus()
    press(page, "Enter", "Enter")
    expect(page.locator("th[aria-sort=descending]")).to_have_text("x")
    expect(page.locator("#grid tbody td:nth-child(4)")).to_have_text(["7", "6", "5"])
    assert_accessible(page)
    for table in ("labels", "codes"):
        place.made("/query", {"sql": f"DROP TABLE {table}"})
