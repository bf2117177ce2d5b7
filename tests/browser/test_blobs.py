"""Bytes in the cells of tables and results."""

from __future__ import annotations

import base64

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible
from tests.browser.place import Place

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def look(page: Page, row: int) -> None:
    page.keyboard.press("Escape")
    page.locator("#grid tbody tr").nth(row).locator("td").nth(2).dblclick()


def test_bytes_are_shown_with_their_size_and_can_be_taken_away(open_page: Open, place: Place) -> None:
    place.made("/query", {"sql": "CREATE TABLE media (id INTEGER PRIMARY KEY, held BLOB)"})
    hexes = f"(1, x'{PNG.hex()}'), (2, zeroblob(20000)), (3, x'ffd8ff'), (4, x'0001')"
    place.made("/query", {"sql": f"INSERT INTO media VALUES {hexes}"})
    page = open_page("/data/media")
    dialog = page.get_by_role("dialog")
    look(page, 0)
    expect(dialog).to_contain_text("PNG, 70 B")
    expect(dialog.get_by_role("img", name="Picture in held")).to_be_visible()
    with page.expect_download() as started:
        dialog.get_by_role("button", name="Download").click()
    assert (started.value.suggested_filename, started.value.path().read_bytes()) == ("held.png", PNG)
    assert_accessible(page)

    look(page, 1)
    expect(dialog).to_contain_text("The first 3\u202f072 of 20\u202f000 bytes")
    look(page, 2)
    expect(dialog).to_contain_text("3 B, not a complete picture")
    expect(dialog.get_by_label("Value")).to_have_text("ff d8 ff")
    look(page, 3)
    expect(dialog).to_contain_text("2 B")

    page.goto(f"/{place.cenv}/console?sql=SELECT zeroblob(20000)")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#grid .null")).to_have_text("BLOB 20 KiB")
    place.made("/query", {"sql": "DROP TABLE media"})
