"""Files in the rows of a table: chosen, shown, taken away, emptied, and never in the way of the rows themselves."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import Open, assert_accessible
from tests.browser.place import Place
from tests.browser.test_blobs import PNG

PICTURE: FilePayload = {"name": "dot.png", "mimeType": "image/png", "buffer": PNG}
LARGEST = 720 * 1024
SCHEMA = "CREATE TABLE shots (id INTEGER PRIMARY KEY, title TEXT, held BLOB)"


def payload(size: int) -> FilePayload:
    return {"name": "scan.bin", "mimeType": "application/octet-stream", "buffer": bytes(range(256)) * (size // 256)}


@pytest.fixture
def shots(open_page: Open, place: Place) -> Iterator[Page]:
    """As on a phone, in the dark: a row without a file, and one with a file of 20,000 bytes."""
    place.made("/query", {"sql": SCHEMA})
    place.made("/query", {"sql": "INSERT INTO shots VALUES (1, 'empty', NULL), (2, 'full', zeroblob(20000))"})
    yield open_page("/data/shots", theme="dark", viewport={"width": 320, "height": 640})
    place.made("/query", {"sql": "DROP TABLE shots"})


def held(place: Place, number: int) -> Any:
    value = place.send("POST", "/query", {"sql": "SELECT held FROM shots WHERE id = ?", "params": [number]}).json()["rows"][0]["held"]
    return value and base64.b64decode(value["$base64"])


def cell(page: Page, row: int) -> Any:
    return page.locator("#grid tbody tr").nth(row).locator("td").nth(3)


def test_a_file_is_put_into_an_empty_cell_by_keys_and_taken_away_again(shots: Page, place: Place) -> None:
    cell(shots, 0).focus()
    shots.keyboard.press("Enter")
    shots.get_by_role("dialog", name="held").get_by_role("button", name="Choose a file").focus()
    shots.keyboard.press("Enter")
    dialog = shots.get_by_role("dialog", name="A file for held")
    field = dialog.get_by_label("File", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description("At most 720 KiB")
    field.set_input_files(PICTURE)
    expect(field).to_have_accessible_description("dot.png: 70 B")
    assert_accessible(shots)
    dialog.get_by_role("button", name="Save").press("Enter")

    expect(shots.get_by_text("dot.png is saved in held.")).to_be_visible()
    expect(cell(shots, 0)).to_be_focused()
    expect(cell(shots, 0)).to_have_text("BLOB 70 B")
    assert held(place, 1) == PNG


def test_a_file_that_is_too_large_is_named_with_the_limit_and_not_sent(shots: Page, place: Place) -> None:
    cell(shots, 0).dblclick()
    shots.get_by_role("button", name="Choose a file").click()
    dialog = shots.get_by_role("dialog", name="A file for held")

    dialog.get_by_label("File", exact=True).set_input_files(payload(1024 * 1024))

    expect(dialog.get_by_role("status").first).to_have_text("scan.bin: 1.0 MiB is too large for a row, which takes at most 720 KiB")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Take it out").click()
    expect(dialog.get_by_label("File", exact=True)).to_have_value("")
    dialog.get_by_label("File", exact=True).set_input_files(payload(LARGEST))
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert len(held(place, 1)) == LARGEST


def test_what_is_there_is_fetched_when_somebody_looks_and_replaced_or_emptied(shots: Page, place: Place) -> None:
    expect(cell(shots, 1)).to_have_text("BLOB 20 KiB")
    cell(shots, 1).dblclick()
    dialog = shots.get_by_role("dialog", name="held")
    with shots.expect_download() as started:
        dialog.get_by_role("button", name="Download").click()
    assert started.value.path().read_bytes() == bytes(20000)
    dialog.get_by_role("button", name="Choose a file").click()
    expect(shots.get_by_role("dialog")).to_contain_text("the place of the 20 KiB that are there now")
    shots.get_by_label("File", exact=True).set_input_files(PICTURE)
    shots.get_by_role("button", name="Save").click()
    expect(cell(shots, 1)).to_have_text("BLOB 70 B")
    assert held(place, 2) == PNG

    cell(shots, 1).dblclick()
    shots.get_by_role("button", name="Set to NULL").click()
    expect(shots.get_by_role("dialog")).to_contain_text("The 70 B in it are gone for good")
    shots.get_by_role("dialog").get_by_role("button", name="Set to NULL").click()
    expect(cell(shots, 1)).to_have_text("NULL")
    assert held(place, 2) is None


def test_a_file_that_somebody_else_put_there_meanwhile_stays(shots: Page, place: Place) -> None:
    cell(shots, 0).dblclick()
    shots.get_by_role("button", name="Choose a file").click()
    place.made("/query", {"sql": "UPDATE shots SET held = x'01' WHERE id = 1"})
    shots.get_by_label("File", exact=True).set_input_files(PICTURE)
    shots.get_by_role("button", name="Save").click()

    expect(shots.get_by_role("alert")).to_contain_text("This was changed or removed in the meantime")
    assert held(place, 1) == b"\x01"


def test_a_new_row_comes_with_its_file(shots: Page, place: Place) -> None:
    shots.get_by_role("button", name="Insert").click()
    shots.get_by_label("title · TEXT").fill("third")
    shots.get_by_label("held · BLOB").set_input_files(PICTURE)
    assert_accessible(shots)
    shots.get_by_role("button", name="Insert the row").click()

    expect(shots.get_by_text("Row inserted into shots.")).to_be_visible()
    assert held(place, 3) == PNG


def test_a_table_of_many_files_can_be_looked_at_and_deleted_rows_with_files_come_back(shots: Page, place: Place) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 50)"
    place.made("/query", {"sql": f"{many} INSERT INTO shots SELECT i, 'many', zeroblob(700000) FROM n"})
    shots.reload()
    expect(shots.locator("#count")).to_contain_text("1–43 of 43 rows")
    shots.get_by_label("Select row 2", exact=True).check()
    shots.get_by_role("button", name="Delete").click()
    shots.get_by_role("dialog").get_by_role("button", name="Delete").click()
    shots.get_by_role("button", name="Undo").click()
    expect(shots.locator("#count")).to_contain_text("of 43 rows")
    assert held(place, 2) == bytes(20000)

    for row in (3, 4):
        shots.get_by_label(f"Select row {row}", exact=True).check()
    shots.get_by_role("button", name="Delete").click()
    expect(shots.get_by_role("dialog")).to_contain_text("So many bytes are in them that Undo cannot bring them back.")
    shots.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(shots.get_by_text("2 rows deleted.")).to_be_visible()
    expect(shots.get_by_role("button", name="Undo")).to_have_count(0)


def test_a_view_of_files_can_be_looked_at(shots: Page, place: Place) -> None:
    place.made("/query", {"sql": "CREATE VIEW gallery AS SELECT title, held FROM shots WHERE held IS NOT NULL"})
    shots.goto(f"{place.url}/data/gallery")

    shots.locator("#grid tbody td").nth(2).dblclick()

    expect(shots.get_by_role("dialog")).to_contain_text("The first 3\u202f072 of 20\u202f000 bytes")
    expect(shots.get_by_role("button", name="Choose a file")).to_have_count(0)
    place.made("/query", {"sql": "DROP VIEW gallery"})
