"""Making tables and changing them."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Open, assert_accessible, assert_accessible_in_both_themes
from tests.browser.place import Place
from tests.browser.test_admin import in_dialog


def test_a_table_is_made_changed_and_dropped_and_its_sql_is_shown_before(open_page: Open, place: Place) -> None:
    page = open_page("/data")
    page.get_by_role("button", name="New table").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("returns")
    dialog.get_by_label("Name of column 2").fill("order_id")
    dialog.get_by_label("Refers to of column 2").select_option(label="→ orders (id)")
    expect(dialog.get_by_label("Type of column 2")).to_have_value("INTEGER")
    dialog.get_by_label("not null of column 2").check()
    dialog.get_by_role("button", name="Add a column").click()
    dialog.get_by_label("Name of column 3").fill("why")
    dialog.get_by_label("Default of column 3").fill("it's broken")
    expect(dialog.locator("pre")).to_have_text(
        'CREATE TABLE "returns" (\n  "id" INTEGER PRIMARY KEY,\n  "order_id" INTEGER NOT NULL REFERENCES "orders" ("id"),\n'
        "  \"why\" TEXT DEFAULT 'it''s broken'\n)"
    )
    assert_accessible(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.querySelector('dialog').scrollWidth") <= 390
    page.set_viewport_size({"width": 1440, "height": 900})
    dialog.get_by_role("button", name="Create the table").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("returns")

    structure = page.get_by_role("button", name="Structure")
    structure.click()
    page.get_by_role("button", name="Add a column").click()
    in_dialog(page, "Add the column", name="id")
    expect(page.locator("dialog .form-error").filter(visible=True)).to_contain_text("duplicate")
    dialog = page.get_by_role("dialog").last
    dialog.get_by_label("Refers to").select_option(label="orders (id)")
    expect(dialog.get_by_label("Type")).to_have_value("INTEGER")
    dialog.get_by_label("Refers to").select_option(label="nothing")
    in_dialog(page, "Add the column", name="note")
    expect(page.locator(".toast")).to_contain_text("new column")
    structure.click()
    page.get_by_role("button", name="Actions for note").click()
    page.get_by_role("menuitem", name="Rename").click()
    in_dialog(page, "Rename the column", name="remark")
    expect(page.locator("#grid thead")).to_contain_text("remark")
    structure.click()
    page.get_by_role("button", name="Create an index").click()
    page.get_by_role("checkbox", name="remark").check()
    in_dialog(page, "Create the index", name="by_remark")
    expect(page.locator(".toast")).to_contain_text("new index")
    structure.click()
    assert_accessible(page)
    expect(page.get_by_role("dialog")).to_contain_text("by_remark (id, remark)")
    page.get_by_role("button", name="Drop the index by_remark").click()
    page.get_by_role("button", name="Drop the index", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("by_remark is dropped")
    structure.click()
    page.get_by_role("dialog").get_by_role("button", name="Drop", exact=True).click()
    in_dialog(page, "Drop the table")

    expect(page.locator("#tables")).to_contain_text("orders")
    expect(page.locator("#tables")).not_to_contain_text("returns")


def test_names_are_more_than_blanks_and_what_is_unique_can_be_referred_to(open_page: Open) -> None:
    page = open_page("/data")
    page.get_by_role("button", name="New table").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill(" ")
    dialog.get_by_label("Name of column 2").fill(" ")
    dialog.get_by_label("Refers to of column 2").select_option(label="→ products (sku)")  # no key, but no value is there twice
    dialog.get_by_role("button", name="Create the table").click()

    expect(dialog.locator("input:invalid")).to_have_count(2)
    expect(dialog.get_by_label("Type of column 2")).to_have_value("TEXT")


def test_tables_and_their_references_are_drawn(open_page: Open, place: Place) -> None:
    place.made("/query", {"sql": "CREATE TABLE parts (id INTEGER PRIMARY KEY, whole INTEGER REFERENCES parts (id))"})
    page = open_page("/data")
    page.get_by_role("button", name="Diagram").click()
    picture = page.get_by_role("img", name="4 tables and 3 references")
    expect(picture.locator(".er-box")).to_have_count(4)
    expect(picture.locator(".er-line")).to_have_count(3)
    assert_accessible_in_both_themes(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("button", name="List").click()

    expect(page.get_by_role("link", name="orders").first).to_be_visible()
    place.made("/query", {"sql": "DROP TABLE parts"})
