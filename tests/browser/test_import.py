"""Files of rows that become tables."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from tests.browser.conftest import Open, assert_accessible
from tests.browser.place import Place

CSV = b"id;name;code;price\n1;lamp;007;12.5\n2;chair;+49;\n"


def test_a_file_is_looked_at_mended_and_loaded(open_page: Open, place: Place) -> None:
    page = open_page("/data")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    button = page.get_by_role("button", name="Import a file")
    held: list[Route] = []
    page.route("**/data", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks what it calls, which no built-in method takes
    with page.expect_request("**/data"):
        button.click()
    expect(button).to_be_disabled()  # the tables are on their way: a second click would open a second dialog
    held[0].continue_()
    dialog = page.get_by_role("dialog")
    wrong = {"name": "Spring stock.csv", "mimeType": "text/csv", "buffer": CSV + b"3;too;many;1;cells\n"}
    dialog.get_by_label("CSV, JSON or NDJSON file").set_input_files(wrong)
    expect(dialog.locator(".bad")).to_contain_text("Line 4")
    expect(dialog.get_by_role("button", name="Import", exact=False).last).to_be_disabled()
    page.context.set_offline(True)
    dialog.get_by_label("Into").select_option("customers")
    expect(dialog.get_by_role("alert")).to_contain_text("The server cannot be reached")
    page.context.set_offline(False)
    dialog.get_by_role("button", name="Try again").click()  # a browser tells of no change where the same file is chosen once more
    expect(dialog.get_by_role("button", name="Try again")).to_have_count(0)
    dialog.get_by_label("Into").select_option("A new table")

    dialog.get_by_label("CSV, JSON or NDJSON file").set_input_files(wrong | {"buffer": CSV})
    expect(dialog.get_by_label("Name of the new table")).to_have_value("spring_stock")
    expect(dialog.get_by_label("Type of code")).to_have_value("TEXT")
    expect(dialog.get_by_label("Preview")).to_contain_text("007")
    assert_accessible(page)
    dialog.get_by_label("Type of price").select_option("TEXT")
    load = dialog.get_by_role("button", name="Import 2 rows")
    expect(load).to_be_enabled()
    page.context.set_offline(True)
    load.click()
    expect(dialog.get_by_role("alert")).to_contain_text("The server cannot be reached")
    page.context.set_offline(False)
    load.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("spring_stock")
    expect(page.locator(".toast")).to_contain_text("2 rows imported into spring_stock")
    rows = place.send("POST", "/query", {"sql": "SELECT id, code, price FROM spring_stock"}).json()["rows"]
    assert rows == [{"id": 1, "code": "007", "price": "12.5"}, {"id": 2, "code": "+49", "price": None}]
    place.made("/query", {"sql": "DROP TABLE spring_stock"})


def test_a_workbook_is_not_sent_and_it_is_said_how_its_rows_come_in(open_page: Open) -> None:
    page = open_page("/data")
    page.get_by_role("button", name="Import a file").click()
    dialog = page.get_by_role("dialog")
    file = dialog.get_by_label("CSV, JSON or NDJSON file")

    file.set_input_files({"name": "Prices.XLSX", "mimeType": "application/octet-stream", "buffer": b"PK"})
    expect(dialog.get_by_text("A workbook is not read. Save its sheet as “CSV UTF-8” there, and choose that file.")).to_be_visible()
    expect(dialog.get_by_role("button", name="Import", exact=True)).to_be_disabled()
    file.set_input_files({"name": "letter.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"})
    expect(dialog.get_by_text("Is no CSV, JSON or NDJSON file by its name.")).to_be_visible()
    expect(file).to_have_attribute("aria-invalid", "true")
    file.set_input_files({"name": "prices.csv", "mimeType": "text/csv", "buffer": b"a\n1\n"})

    expect(dialog.get_by_role("button", name="Import 1 row")).to_be_enabled()
    expect(dialog.locator(".field-error:visible")).to_have_count(0)


def test_columns_get_the_names_that_the_file_does_not_give_them(open_page: Open, place: Place) -> None:
    page = open_page("/data")
    page.get_by_role("button", name="Import a file").click()
    dialog = page.get_by_role("dialog")
    file = dialog.get_by_label("CSV, JSON or NDJSON file")
    file.set_input_files({"name": "other.csv", "mimeType": "text/csv", "buffer": b"a,b\n1\n"})
    expect(dialog.locator(".bad")).to_have_text("Line 2: 1 field where the first line has 2")
    file.set_input_files({"name": "bare.csv", "mimeType": "text/csv", "buffer": b"id,,id\n1,2,3\n"})
    expect(dialog.get_by_label("Name of the new table")).to_have_value("bare")
    expect(dialog.locator(".bad li")).to_have_count(2)
    dialog.get_by_label("Into").select_option("customers")
    expect(dialog.locator(".bad")).to_contain_text("Line 1: column 2 must have a name")
    dialog.get_by_label("Into").select_option("A new table")

    dialog.get_by_label("Name of column 2").fill("a long name of a column")
    assert dialog.get_by_label("Name of column 2").evaluate("box => box.scrollWidth <= box.clientWidth")
    dialog.get_by_label("Name of column 2").fill("amount")
    dialog.get_by_label("Name of column 3").fill("other id")
    dialog.get_by_label("Type of column 2").focus()
    expect(dialog.locator(".bad li")).to_have_count(0)
    expect(dialog.get_by_label("Type of column 2")).to_be_focused()
    assert_accessible(page)
    dialog.get_by_label("Name of the new table").fill("dressed")
    dialog.get_by_role("button", name="Import 1 row").click()  # the first click counts, though the name is looked at as it is left

    expect(page.get_by_role("heading", level=1)).to_have_text("dressed")
    assert place.send("POST", "/query", {"sql": "SELECT * FROM dressed"}).json()["rows"] == [{"id": 1, "amount": 2, "other id": 3}]
    place.made("/query", {"sql": "DROP TABLE dressed"})
