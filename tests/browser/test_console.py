"""The SQL console."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible, assert_accessible_in_both_themes
from tests.browser.place import Place

ENDLESS = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c"


@pytest.fixture
def console(open_page: Open) -> Page:
    return ready(open_page("/console"))


def ready(page: Page) -> Page:
    page.locator("body[data-ready]").wait_for()
    expect(page.locator("#side-list[aria-busy]")).to_have_count(0)
    return page


def write(page: Page, text: str) -> None:
    page.locator("#editor .view-lines").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def text_of(page: Page) -> list[str]:
    """The lines as the editor shows them, which draws spaces as such of its own."""
    lines = page.locator("#editor .view-line")
    found = sorted((float(line.evaluate("e => parseFloat(e.style.top)")), line.inner_text()) for line in lines.all())
    return [line.replace("\u00a0", " ") for _, line in found]


def test_the_statement_at_the_cursor_runs_and_is_remembered(console: Page) -> None:
    write(console, "SELECT 1 AS one;\n\nSELECT month, orders FROM monthly ORDER BY month;")
    console.keyboard.press("Control+Enter")
    expect(console.locator("#meta")).to_contain_text("11 rows")
    console.keyboard.press("Control+Home")
    console.keyboard.press("Control+Enter")
    expect(console.locator("#grid tbody tr")).to_have_count(1)
    expect(console.locator("#grid thead")).to_contain_text("one")

    console.get_by_role("tab", name="History").click()

    expect(console.locator(".remembered code").first).to_have_text("SELECT 1 AS one")
    console.get_by_role("textbox", name="SQL editor; Ctrl M lets the key Tab leave it").focus()
    console.keyboard.press("Control+m")
    console.keyboard.press("Tab")
    expect(console.get_by_role("separator", name="Size of the editor")).to_be_focused()


def test_an_error_stands_at_its_place(console: Page) -> None:
    write(console, "SELECT 1;\nSELECT *\nFROM nowhere")
    console.keyboard.press("Control+Home")
    console.keyboard.press("Control+Enter")
    expect(console.locator("#meta")).to_contain_text("1 row")
    console.keyboard.press("Control+End")
    console.keyboard.press("Control+Enter")

    expect(console.get_by_role("alert").filter(visible=True)).to_contain_text("no such table: nowhere (line 3, column 6)")
    expect(console.locator(".squiggly-error")).to_have_count(1)
    assert_accessible(console)

    console.get_by_role("tab", name="JSON").click()
    expect(console.locator("#json")).to_have_text("")  # what an earlier statement answered would look like an answer to this one


def test_the_schema_is_proposed_while_one_types(console: Page) -> None:
    write(console, "SELECT c. FROM customers AS c")
    console.keyboard.press("Home")
    for _ in range(9):
        console.keyboard.press("ArrowRight")
    console.keyboard.type("re")

    expect(console.locator(".suggest-widget .monaco-list-row").first).to_contain_text("region")
    assert_accessible(console, ["color-contrast"])
    console.keyboard.press("Enter")
    assert text_of(console) == ["SELECT c.region FROM customers AS c"]


def test_vim_keys_work_and_are_remembered(console: Page) -> None:
    write(console, "first line\nsecond line")
    console.locator(".switch").click()
    expect(console.locator("#vimbar")).to_have_text("--NORMAL--")
    console.keyboard.type("ggdd")
    assert text_of(console) == ["second line"]
    console.keyboard.type("Oone two three")
    expect(console.locator("#vimbar")).to_contain_text("--INSERT--")
    console.keyboard.press("Escape")
    assert text_of(console) == ["one two three", "second line"]
    console.keyboard.press("u")
    assert text_of(console) == ["second line"]

    console.reload()
    ready(console)

    expect(console.locator("#vimbar")).to_have_text("--NORMAL--")


def test_a_text_is_saved_under_a_name_and_found_again(console: Page) -> None:
    write(console, "SELECT count(*) AS n FROM products")
    console.keyboard.press("Control+s")
    console.get_by_label("Name", exact=True).fill("Products")
    assert_accessible(console, ["color-contrast"])
    console.keyboard.press("Enter")
    expect(console.locator("#docs [aria-selected='true']")).to_have_text("Products")

    console.get_by_role("button", name="New statement").click()
    console.get_by_role("tab", name="Saved").click()
    console.locator(".remembered button").first.click()

    assert text_of(console) == ["SELECT count(*) AS n FROM products"]
    console.get_by_role("tab", name="Products", exact=True).focus()
    console.keyboard.press("Delete")
    expect(console.locator("#docs")).not_to_contain_text("Products")
    console.get_by_role("button", name="Undo").click()
    expect(console.locator("#docs [aria-selected='true']")).to_have_text("Products")
    assert text_of(console) == ["SELECT count(*) AS n FROM products"]
    console.get_by_role("button", name="Delete Products").click()
    console.get_by_role("dialog").get_by_role("button", name="Delete Products").click()
    expect(console.locator("#side-list")).to_contain_text("Nothing saved")


def exported(page: Page, kind: str) -> str:
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as started:
        page.get_by_role("menuitem", name=kind).click()
    return started.value.path().read_text(encoding="utf-8")


def test_an_export_that_is_cut_says_so(console: Page, place: Place) -> None:
    place.send("PUT", "/admin/config", {"query_max_rows": 50})
    write(console, "SELECT id FROM products")
    console.keyboard.press("Control+Enter")
    expect(console.locator("#meta")).to_contain_text("50 rows")

    for kind in ("As CSV", "As JSON"):
        exported(console, kind)
        notice = console.locator(".toast", has_text="There are more rows")
        expect(notice).to_have_count(1)
        notice.get_by_role("button").click()
    place.send("PUT", "/admin/config", {"query_max_rows": None})


def test_results_are_charts_and_json_too_and_leave_as_csv(console: Page) -> None:
    write(console, "SELECT month, revenue, NULL AS missing FROM monthly")
    console.get_by_role("button", name="Run").click()
    expect(console.locator("#grid .null").first).to_have_text("NULL")
    console.get_by_role("tab", name="Split").click()
    expect(console.locator("#chart canvas")).to_be_visible()
    assert_accessible_in_both_themes(console)
    console.get_by_role("tab", name="Split").press("ArrowRight")
    expect(console.get_by_role("tab", name="JSON")).to_be_focused()
    expect(console.locator("#json")).to_contain_text('"missing": null')

    lines = exported(console, "As CSV").splitlines()

    assert (lines[0], len(lines)) == ("month,revenue,missing", 12)


def test_columns_of_one_name_are_told_apart_where_rows_are_objects(console: Page) -> None:
    write(console, "SELECT 1 AS id, 2 AS id, 3 AS id_2")
    console.get_by_role("button", name="Run").click()
    console.get_by_role("tab", name="JSON").click()

    expect(console.locator("#json")).to_contain_text('"id_3": 2')
    for text in (exported(console, "As JSON"), console.locator("#json").inner_text()):
        assert json.loads(text) == [{"id": 1, "id_3": 2, "id_2": 3}]


def test_a_long_statement_is_stopped(console: Page) -> None:
    write(console, ENDLESS)
    console.keyboard.press("Control+Enter")
    expect(console.get_by_role("button", name="Stop")).to_be_visible()

    with console.expect_response(lambda answer: answer.request.method == "DELETE") as told:
        console.get_by_role("button", name="Stop").click()

    assert told.value.json() == {"cancelled": True}
    expect(console.get_by_role("alert").filter(visible=True)).to_contain_text("You stopped the statement")


def test_read_only_refuses_and_says_so_and_all_statements_can_be_stopped(console: Page) -> None:
    console.get_by_role("button", name="Read-only").click()
    write(console, "DELETE FROM products")
    console.keyboard.press("Control+Enter")

    expect(console.get_by_role("alert").filter(visible=True)).to_contain_text("read_only was asked for")

    console.get_by_role("button", name="More").click()
    console.get_by_role("menuitem", name="Run all").click()

    expect(console.locator(".toast")).to_contain_text("switch Read-only off")
    console.get_by_role("button", name="Read-only").click()
    write(console, f"SELECT 1; {ENDLESS}")
    console.get_by_role("button", name="More").click()
    console.get_by_role("menuitem", name="Run all").click()
    console.get_by_role("button", name="Stop").click()
    expect(console.get_by_role("alert").filter(visible=True)).to_contain_text("You stopped the statement")


def test_an_administrator_sees_what_a_rule_does_to_somebody(console: Page) -> None:
    write(console, "SELECT * FROM customers")
    console.get_by_label("Run as").select_option(label="grace (editor)")
    console.get_by_role("button", name="Run").click()
    expect(console.locator("#meta")).to_contain_text("120 rows")
    expect(console.locator("#policies")).to_have_text("grace sees 120 of 240 rows of customers, under agent = $username")
    assert (exported(console, "As CSV").count("\n"), exported(console, "As JSON").count('"agent": "ada"')) == (121, 0)

    console.get_by_role("button", name="Explain").click()
    expect(console.locator(".plan")).to_contain_text("SCAN")

    console.get_by_label("As whom").select_option(label="grace (editor)")

    expect(console.locator(".verdicts")).to_contain_text("agent = $username")
    assert_accessible(console)


def test_two_tabs_keep_each_its_own_texts(console: Page) -> None:
    other = console.context.new_page()
    other.goto(console.url)
    ready(other)
    for page, text in ((console, "SELECT 'first'"), (other, "SELECT 'second'")):
        write(page, text)
        page.wait_for_function("text => Object.values(localStorage).join().includes(text)", arg=text)

    console.reload()

    expect(console.locator("#editor .view-line").first).to_contain_text("'first'")
    console.evaluate("() => { Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }; }")
    write(console, "SELECT 'more than it keeps'")
    expect(console.locator(".toast")).to_contain_text("This browser’s storage is full")


def test_who_may_not_see_a_table_does_not_see_it_here(open_page: Open) -> None:
    page = ready(open_page("/console", who="vera"))
    expect(page.locator("#side-list summary")).to_have_text(["customers5", "orders6", "products4"])
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#meta")).to_contain_text("1 row")  # what stands there at first works for everybody

    write(page, "SELECT count(*) AS n FROM customers")
    page.keyboard.press("Control+Enter")

    expect(page.locator("#grid td").first).to_have_text("0")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".explained")).to_be_visible()
    expect(page.get_by_label("As whom")).to_have_count(0)


def test_on_a_phone_everything_is_within_reach(open_page: Open) -> None:
    page = ready(open_page("/console", viewport={"width": 390, "height": 844}))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator(".switch")).to_be_hidden()

    page.get_by_role("button", name="Show tables").click()
    page.locator("summary", has_text="products").click()
    page.get_by_role("button", name="Show rows").locator("visible=true").click()

    expect(page.locator("#meta")).to_contain_text("60 rows")
    assert_accessible(page)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="At most 10000 rows").click()
    expect(page.locator("#limit")).to_have_value("10000")
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("menuitem", name="Copy", exact=True)).to_be_visible()


def test_a_phone_on_its_side_shows_what_the_statement_answered(open_page: Open) -> None:
    page = ready(open_page("/console", viewport={"width": 844, "height": 390}))
    page.get_by_role("button", name="Run", exact=False).first.click()

    expect(page.locator("#grid tbody td").first).to_be_in_viewport(ratio=1)


def test_a_phone_gets_the_editor_when_somebody_writes_and_what_was_written_stays(open_page: Open) -> None:
    page = ready(open_page("/console?sql=SELECT+1+AS+one", viewport={"width": 390, "height": 844}))
    field = page.get_by_role("textbox", name="SQL editor")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#grid thead")).to_contain_text("one")
    assert not page.evaluate("performance.getEntriesByType('resource').some(entry => entry.name.includes('/monaco/'))")

    field.press("End")
    page.keyboard.type(" + 1")

    page.locator("#editor .view-line").first.wait_for()
    expect(page.locator(".plain-code")).to_have_count(0)
    page.keyboard.type(" + 2")
    assert text_of(page) == ["SELECT 1 AS one + 1 + 2"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
