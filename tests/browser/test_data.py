"""Looking at tables and editing them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Open, assert_accessible, assert_accessible_in_both_themes
from tests.browser.place import PASSWORD, Place

IS_RED = "at => { const own = getComputedStyle(at).color; at.style.color = 'var(--red)'; return own === getComputedStyle(at).color }"


def cell(page: Page, text: str) -> Locator:
    return page.locator("#grid tbody td", has_text=re.compile(f"^{re.escape(text)}$")).first


def delete(page: Page) -> None:
    """The chosen rows, with a yes to the question."""
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("but not the rows that refer to them")
    dialog.get_by_role("button", name="Delete", exact=True).click()


def test_rows_are_searched_filtered_sorted_and_paged(open_page: Open) -> None:
    page = open_page("/data")
    page.get_by_role("link", name="orders").first.click()
    expect(page.locator("#count")).to_contain_text("1–100 of 1 400 rows".replace("1 400", "1\u202f400"))
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("#count")).to_contain_text("101–200")

    page.get_by_label("Filter status").fill("refunded")
    page.get_by_label("Filter total").fill("> 300")
    expect(page.locator("#grid tbody tr").first).to_contain_text("refunded")
    page.get_by_role("button", name="total").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("total")
    expect(page.get_by_role("button", name="total")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("total")
    page.reload()
    expect(page.get_by_label("Filter total")).to_have_value("> 300")
    for number, rows in (("-1", "1–100 of"), ("0.5", "1–100 of"), ("1e99", "1\u202f301–1\u202f400 of")):
        page.goto(f"{page.url.partition('?')[0]}?page={number}")
        expect(page.locator("#count")).to_contain_text(rows)
    page.get_by_label("Filter status").fill("open")
    expect(page.locator("#clear")).to_be_visible()

    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Search every column").fill("no such thing")
    expect(page.locator("#nothing")).to_contain_text("No row matches")
    assert_accessible(page)


def test_a_foreign_key_leads_to_its_row(open_page: Open) -> None:
    page = open_page("/data/orders")
    link = page.locator("#grid tbody a").first
    number = link.inner_text()

    link.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("customers")
    expect(page.locator("#count")).to_have_text("1–1 of 1 row")
    expect(page.locator("#grid tbody")).to_contain_text(f"Customer {number}")


def test_a_broken_reference_is_told_by_its_column_and_by_who_refers(open_page: Open) -> None:
    page = open_page("/data/orders")
    page.locator("#grid tbody tr").first.locator("td").nth(2).dblclick()
    page.locator(".cell-input").fill("99999")
    page.keyboard.press("Enter")
    expect(page.locator(".cell-error")).to_contain_text("customer_id refers to customers (id)")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Insert").click()
    page.get_by_role("dialog").locator("[name=customer_id]").fill("99999")
    page.keyboard.press("Enter")
    expect(page.locator("[data-field=customer_id] .field-error")).to_have_text("Names no row of customers (id).")

    page = open_page("/data/products")
    page.get_by_label("Select row 1", exact=True).check()
    delete(page)
    expect(page.locator(".toast.failed")).to_contain_text("rows of orders refer to what would go")


def test_rows_are_inserted_edited_deleted_and_brought_back(open_page: Open, place: Place) -> None:
    place.made("/query", {"sql": "CREATE TABLE shelf (id INTEGER PRIMARY KEY, title TEXT NOT NULL, price REAL, facts TEXT, elements TEXT)"})
    page = open_page("/data/shelf")
    expect(page.locator("#nothing")).to_contain_text("No rows yet")
    page.get_by_role("button", name="Insert").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Insert the row").click()
    expect(dialog.get_by_role("alert")).to_contain_text("NOT NULL")
    assert dialog.get_by_role("alert").evaluate(IS_RED)
    dialog.locator("[name=title]").fill("A lamp")
    dialog.locator("[name=price]").fill("12.5")
    dialog.locator("[name=facts]").fill('{"colour":\n["red"]}')  # as pasted: its end of line stays
    dialog.locator("[name=elements]").fill("Fe")
    page.keyboard.press("Enter")

    cell(page, "A lamp").dblclick()
    page.locator(".cell-input").fill("A chair")
    page.keyboard.press("Enter")
    expect(cell(page, "A chair")).to_be_focused()
    assert place.send("POST", "/query", {"sql": "SELECT title, price FROM shelf"}).json()["rows"] == [{"title": "A chair", "price": 12.5}]
    for key in ("ArrowRight", "ArrowRight", "Space"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog", name="facts")).to_contain_text('"colour": [')
    page.get_by_role("dialog", name="facts").get_by_role("button", name="Edit").click()
    expect(page.locator(".cell-input")).to_have_value('{"colour":\n["red"]}')
    for key in ("Escape", "ArrowRight", "Control+C", "ArrowLeft", "Control+V"):
        page.keyboard.press(key)
    expect(page.locator(".cell-input")).to_have_value("Fe")
    page.keyboard.press("Enter")
    expect(page.locator(".cell-input")).to_have_count(0)

    page.get_by_label("Select row 1").check()
    delete(page)
    expect(page.locator("#nothing")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(cell(page, "A chair")).to_be_visible()
    place.made("/query", {"sql": "DROP TABLE shelf"})


def test_a_write_whose_answer_was_lost_is_done_once_when_it_is_sent_again(open_page: Open, place: Place) -> None:
    place.made("/query", {"sql": "CREATE TABLE parcel (name TEXT)"})
    page = open_page("/data/parcel")
    expect(page.locator("#nothing")).to_be_visible()

    def lose(route: Route) -> None:
        route.fetch()
        route.abort("internetdisconnected")

    def lost(path: str) -> None:
        page.route(f"**{path}", lambda route: lose(route), times=1)  # noqa: PLW0108 - as in test_import

    page.get_by_role("button", name="Insert").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("[name=name]").fill("books")
    lost("/query")
    dialog.get_by_role("button", name="Insert the row").click()
    expect(dialog.get_by_role("alert")).to_contain_text("cannot be reached")
    dialog.get_by_role("button", name="Insert the row").click()
    expect(page.locator("#count")).to_have_text("1–1 of 1 row")

    page.get_by_label("Select row 1").check()
    lost("/transaction")
    delete(page)
    expect(page.locator(".toast.failed")).to_contain_text("cannot be reached")
    delete(page)
    expect(page.locator("#count")).to_have_text("No rows")
    lost("/transaction")
    page.get_by_role("button", name="Undo").click()
    page.locator(".toast.failed").filter(has_text="Undo").get_by_role("button", name="Undo").click()

    expect(page.locator("#count")).to_have_text("1–1 of 1 row")

    page.get_by_role("button", name="Insert").click()
    dialog.locator("[name=name]").fill("pens")
    lost("/query")
    dialog.get_by_role("button", name="Insert the row").click()
    expect(dialog.get_by_role("alert")).to_contain_text("cannot be reached")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Discard it").click()
    page.get_by_label("Select row 1").check()
    delete(page)
    expect(page.locator("#count")).to_have_text("1–1 of 1 row")  # it was done
    page.get_by_role("button", name="Insert").click()
    dialog.locator("[name=name]").fill("pens")
    dialog.get_by_role("button", name="Insert the row").click()
    expect(page.locator("#count")).to_have_text("1–2 of 2 rows")  # after another write it is meant
    place.made("/query", {"sql": "DROP TABLE parcel"})


def test_lines_and_large_integers_stay_as_they_are(open_page: Open, place: Place) -> None:
    place.made("/query", {"sql": "CREATE TABLE mail (id INTEGER PRIMARY KEY, text TEXT)"})
    key = 9007199254740993  # a number of JavaScript would be the one before
    place.made("/query", {"sql": "INSERT INTO mail VALUES (?, 'other'), (?, ?)", "params": [key - 1, key, "one\r\ntwo"]})
    rows = {"sql": "SELECT id, text FROM mail ORDER BY id"}
    page = open_page("/data/mail")
    lines = page.locator("#grid tbody tr").nth(1).locator("td").nth(2)

    lines.dblclick()
    page.get_by_label("Search every column").click()
    expect(page.locator(".cell-input")).to_have_count(0)
    assert place.send("POST", "/query", rows).json()["rows"][1] == {"id": key, "text": "one\r\ntwo"}
    lines.dblclick()
    page.keyboard.press("End")
    for press in ("Shift+Enter", "3", "Enter"):
        page.keyboard.press(press)
    expect(page.locator(".cell-input")).to_have_count(0)
    expect(lines).to_contain_text("3")
    page.get_by_label("Select row 2").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#count")).to_contain_text("of 2 rows")

    expected = [{"id": key - 1, "text": "other"}, {"id": key, "text": "one\ntwo\n3"}]
    assert place.send("POST", "/query", rows).json()["rows"] == expected
    place.made("/query", {"sql": "DROP TABLE mail"})


def test_a_text_among_numbers_is_asked_about_also_where_there_is_no_key(open_page: Open, place: Place) -> None:
    place.made("/query", {"sql": "CREATE TABLE tools (name TEXT, price REAL)"})  # as imported ones are
    place.made("/query", {"sql": "INSERT INTO tools VALUES ('saw', 3), ('axe', 4)"})
    rows = {"sql": "SELECT name, price, typeof(price) AS kind FROM tools ORDER BY rowid"}
    page = open_page("/data/tools")
    typing, told = page.locator(".cell-input"), page.locator(".cell-error")
    cell(page, "3").dblclick()
    typing.fill("12,5")
    typing.press("Enter")
    expect(told).to_have_text("A number has a decimal point: 12.5. Enter once more keeps it as text.")
    assert_accessible(page)
    page.get_by_label("Search every column").click()
    expect(typing).to_have_value("12,5")
    assert place.send("POST", "/query", rows).json()["rows"][0] == {"name": "saw", "price": 3.0, "kind": "real"}
    typing.fill("12.5")
    expect(told).to_have_count(0)
    typing.press("Enter")
    expect(cell(page, "12.5")).to_be_visible()
    cell(page, "4").dblclick()
    typing.fill("about 4")
    for _ in range(2):
        typing.press("Enter")
    expect(cell(page, "about 4")).to_be_visible()

    page.get_by_role("button", name="Insert").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("[name=name]").fill("vice")
    dialog.locator("[name=price]").fill("1,5")
    dialog.get_by_role("button", name="Insert the row").click()
    expect(dialog.locator("[data-field=price] .field-error")).to_contain_text("1.5")
    dialog.locator("[name=price]").fill("1.5")
    dialog.get_by_role("button", name="Insert the row").click()
    expect(cell(page, "vice")).to_be_visible()
    page.get_by_label("Select row 1").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#count")).to_contain_text("of 2 rows")

    left = [{"name": "axe", "price": "about 4", "kind": "text"}, {"name": "vice", "price": 1.5, "kind": "real"}]
    assert place.send("POST", "/query", rows).json()["rows"] == left
    place.made("/query", {"sql": "DROP TABLE tools"})


def test_rows_without_a_key_come_back_as_they_were(open_page: Open, place: Place) -> None:
    place.made("/query", {"sql": "CREATE TABLE odds (name TEXT, worth)"})
    values = "(7, NULL, -9e999), (9, 'large', 9007199254740993), (10, 'few', 5), (11, 'most', 9e999)"
    place.made("/query", {"sql": f"INSERT INTO odds (rowid, name, worth) VALUES {values}"})
    exact = "iif(abs(worth) = 9e999, sign(worth), worth) AS worth, typeof(worth) AS kind"
    rows = {"sql": f"SELECT rowid, name, {exact} FROM odds ORDER BY rowid"}
    page = open_page("/data/odds")
    cell(page, "5").dblclick()
    page.locator(".cell-input").fill("6")
    page.keyboard.press("Enter")
    expect(cell(page, "6")).to_be_visible()
    before = place.send("POST", "/query", rows).json()["rows"]

    for number in range(1, 5):
        page.get_by_label(f"Select row {number}").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#nothing")).to_be_visible()
    expect(page.locator("#count")).to_be_focused()
    page.context.set_offline(True)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast.failed")).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    page.locator(".toast.failed").get_by_role("button", name="Undo").click()
    expect(page.locator("#count")).to_contain_text("of 4 rows")

    assert place.send("POST", "/query", rows).json()["rows"] == before
    assert [row["rowid"] for row in before] == [7, 9, 10, 11]
    assert before[2] == {"rowid": 10, "name": "few", "worth": 6, "kind": "integer"}
    page.locator("#grid tbody tr").last.locator("td").last.dblclick()
    page.locator(".cell-input").fill("8")
    page.keyboard.press("Enter")
    expect(cell(page, "8")).to_be_visible()
    place.made("/query", {"sql": "DROP TABLE odds"})


def test_what_is_refused_stays_in_its_cell_and_says_why(open_page: Open, place: Place) -> None:
    place.made("/query", {"sql": "CREATE TABLE bench (id INTEGER PRIMARY KEY, name TEXT UNIQUE)"})
    place.made("/query", {"sql": "INSERT INTO bench VALUES (1, 'saw'), (2, 'axe')"})
    page = open_page("/data/bench")
    typing, told = page.locator(".cell-input"), page.locator(".cell-error")
    cell(page, "saw").dblclick()
    typing.fill("axe")
    typing.press("Enter")
    expect(told).to_contain_text("UNIQUE")
    page.context.set_offline(True)
    typing.fill("drill")
    typing.press("Enter")
    expect(told).to_contain_text("The server cannot be reached")
    page.context.set_offline(False)
    place.made("/query", {"sql": "UPDATE bench SET name = 'file' WHERE name = 'saw'"})
    typing.press("Enter")
    expect(told).to_contain_text("changed or removed in the meantime")
    expect(typing).to_have_value("drill")
    typing.press("Escape")
    expect(cell(page, "file")).to_be_visible()

    cell(page, "axe").dblclick()
    page.get_by_role("button", name="Set name to NULL").click()
    expect(cell(page, "NULL")).to_be_visible()
    assert place.send("POST", "/query", {"sql": "SELECT name FROM bench WHERE id = 2"}).json()["rows"] == [{"name": None}]

    place.made("/query", {"sql": "DROP TABLE bench"})


def test_a_session_that_ends_while_somebody_types_takes_nothing_with_it(open_page: Open, place: Place) -> None:
    place.made("/query", {"sql": "CREATE TABLE draft (id INTEGER PRIMARY KEY, text TEXT)"})
    place.made("/query", {"sql": "INSERT INTO draft VALUES (1, 'old')"})
    page = open_page("/data/draft")
    cell(page, "old").dblclick()
    page.locator(".cell-input").fill("What I wrote")
    session = {"name": f"wce_{place.cenv[:8]}", "domain": "127.0.0.1", "path": f"/{place.cenv}/"}
    page.context.add_cookies([{**session, "value": "ended"}])
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Sign in again")
    expect(dialog.get_by_label("Password")).to_be_focused()
    assert_accessible(page)
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.locator(".cell-error")).to_be_visible()
    expect(page.locator(".cell-input")).to_have_value("What I wrote")
    page.keyboard.press("Enter")
    dialog.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(cell(page, "What I wrote")).to_be_visible()

    page.context.add_cookies(
        [{**session, "value": place.tokens["ada"]}]
    )  # as another tab does; the token of this page is of the session before
    cell(page, "What I wrote").dblclick()
    page.locator(".cell-input").fill("More")
    page.keyboard.press("Enter")
    expect(cell(page, "More")).to_be_visible()
    page.context.add_cookies([{**session, "value": place.tokens["grace"]}])
    cell(page, "More").dblclick()
    page.locator(".cell-input").fill("Not hers")
    page.keyboard.press("Enter")

    expect(page.locator(".cell-error")).to_contain_text("grace is now signed in")
    expect(page.locator(".cell-input")).to_have_value("Not hers")
    place.made("/query", {"sql": "DROP TABLE draft"})


def test_what_is_not_there_or_does_not_work_says_so(open_page: Open, place: Place) -> None:
    page = open_page("/data/nothing")
    expect(page.locator("#grid")).to_contain_text("There is no table called nothing here")
    expect(page.get_by_role("heading", level=1)).to_have_text("nothing")
    place.made("/query", {"sql": "CREATE VIEW odd AS SELECT missing FROM customers"})
    page.goto(page.url.replace("nothing", "odd"))

    expect(page.locator(".toast")).to_contain_text("no such column: missing")
    place.made("/query", {"sql": "DROP VIEW odd"})


def test_rows_that_come_late_do_not_take_the_place_of_newer_ones(open_page: Open) -> None:
    page = open_page("/data/customers")
    expect(page.locator("#count")).to_contain_text("of 240 rows")
    held: list[Route] = []
    page.route(
        "**/query", lambda route: held.append(route) if "%customer 1%" in route.request.post_data_json["params"] else route.continue_()
    )
    search = page.get_by_label("Search every column")
    with page.expect_request("**/query"):
        search.fill("Customer 1")
    search.fill("Customer 240")
    expect(page.locator("#count")).to_have_text("1–1 of 1 row")

    with page.expect_response("**/query"):
        held[0].continue_()

    page.evaluate("new Promise(requestAnimationFrame)")
    expect(page.locator("#grid tbody tr")).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1–1 of 1 row")


@pytest.mark.parametrize("name", ["..", "/left", "right/"])
def test_addresses_that_name_no_table_and_tables_that_have_no_address(open_page: Open, place: Place, name: str) -> None:
    page = open_page("/data/%zz")
    expect(page.locator("#grid")).to_contain_text("There is no table called %zz here")
    place.made("/query", {"sql": f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY)'})

    page.get_by_label("Breadcrumb").get_by_role("link", name="Data").click()
    page.get_by_role("link", name=name, exact=True).click()

    expect(page.locator("#editor")).to_contain_text(f'SELECT * FROM "{name}"')
    place.made("/query", {"sql": f'DROP TABLE "{name}"'})


def test_the_structure_and_the_rows_can_be_taken_away(open_page: Open) -> None:
    page = open_page("/data/orders")
    page.get_by_role("button", name="Structure").click()
    expect(page.get_by_role("dialog")).to_contain_text("customer_id → customers (id)")
    page.keyboard.press("Escape")
    page.get_by_label("Filter status").fill("open")
    expect(page.locator("#count")).not_to_contain_text("1\u202f400")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Export").click()

    text = download.value.path().read_text()

    assert download.value.suggested_filename == "orders.csv"
    assert text.startswith("id,customer_id,product_id,total,status,created_at")
    assert "paid" not in text


def test_everybody_sees_his_own_rows_and_may_do_no_more_than_he_may(open_page: Open) -> None:
    page = open_page("/data/customers", who="grace")
    expect(page.locator("#count")).to_contain_text("of 120 rows")
    page.goto(page.url.replace("customers", "products"))
    expect(page.locator("#count")).to_contain_text("of 60 rows")
    expect(page.get_by_role("button", name="Insert")).to_be_visible()
    assert page.get_by_label("Select row 1").count() == 0

    page = open_page("/data/products", who="vera")

    expect(page.locator("#kind")).to_have_text("read only")
    assert not page.get_by_role("button", name="Insert").is_visible()


@pytest.mark.parametrize("path", ["/data", "/data/customers"])
def test_data_is_for_everybody(open_page: Open, path: str) -> None:
    page = open_page(path)
    expect(page.locator("[aria-busy]")).to_have_count(0)
    expect(page.locator("tbody tr").first).to_be_visible()

    assert_accessible_in_both_themes(page)
    rows = page.locator("tbody tr").count()
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollHeight") > rows * 20
    assert page.locator("body").evaluate("body => getComputedStyle(body).colorScheme") == "light"
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()


def test_data_fits_a_phone_however_long_its_names_are(open_page: Open, place: Place) -> None:
    name = "<img src=x onerror=alert(1)>" + "n" * 170
    place.made("/query", {"sql": f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, "{name}" TEXT)'})
    page = open_page("/data", viewport={"width": 390, "height": 844})
    kind = page.get_by_role("row", name=name).locator("td").nth(1)
    expect(kind).to_be_in_viewport()
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("button", name="Insert")).to_be_in_viewport(ratio=1)

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"/{place.cenv}/data/orders")
    page.set_viewport_size({"width": 320, "height": 256})  # 400 % of a small screen's 1280 × 1024
    expect(page.locator("#count")).to_contain_text("of 1")
    assert page.locator("#grid").evaluate("box => box.clientHeight") > 150
    page.get_by_role("button", name="Next page").scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Next page")).to_be_in_viewport(ratio=1)
    place.made("/query", {"sql": f'DROP TABLE "{name}"'})
