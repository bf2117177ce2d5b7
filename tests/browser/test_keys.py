"""By keys alone, and as a reader of screens tells it: where the focus is, what has a name, which state is said."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible
from tests.browser.place import Place, token

NARROW = {"width": 320, "height": 640}


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def ready(page: Page) -> Page:
    page.locator("body[data-ready]").wait_for()
    return page


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
    expect(page.get_by_label("Select row 2")).to_be_focused()
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

    page.clock.install()
    page.get_by_label("Select row 1").press("Space")
    page.get_by_role("button", name="Delete", exact=True).press("Enter")
    press(page, "Enter")
    expect(page.locator("#count")).to_be_focused()
    page.clock.fast_forward(20_000)
    page.get_by_role("button", name="Undo").press("Enter")  # the way to it is long for who has no mouse
    expect(page.locator("#count")).to_have_text("1–3 of 3 rows")
    for table in ("labels", "codes"):
        place.made("/query", {"sql": f"DROP TABLE {table}"})


def test_the_rows_of_a_statement_are_read_out_cell_by_cell(open_page: Open) -> None:
    page = ready(open_page("/console?sql=SELECT+id,+total+FROM+orders+ORDER+BY+id"))
    page.keyboard.press("Control+Enter")
    expect(page.locator("#meta")).to_contain_text("1\u202f000 rows")
    page.get_by_role("grid", name="Rows of the result").get_by_role("button", name="total").focus()

    press(page, "Tab", "ArrowDown", "End", "ArrowLeft")
    expect(page.locator("#grid td[data-at='1,0']")).to_be_focused()
    press(page, "Enter")
    expect(page.get_by_role("dialog", name="id")).to_be_visible()
    press(page, "Escape")
    expect(page.locator("#grid td[data-at='1,0']")).to_be_focused()
    press(page, "Tab", "Enter")
    expect(page.locator("#grid td[data-at='300,0']")).to_be_focused()  # the first of those that have come
    assert_accessible(page)

    page.get_by_role("tab", name="Chart").press("Enter")
    expect(page.get_by_role("img", name=re.compile(r"^\w+ of total by id, 1.000 rows: from \S+ to \S+"))).to_be_visible()
    expect(page).to_have_title(re.compile("^Statement 2 · SQL console · "))
    page.locator("summary", has_text="products").press("Enter")
    page.get_by_role("tab", name="History").press("Enter")
    page.get_by_role("tab", name="Schema").press("Enter")
    expect(page.locator("details[open] > summary")).to_have_text(["products4"])
    page.get_by_label("Filter tables").press("p")
    expect(page.locator("#told")).to_have_text("2 entries found")
    page.get_by_role("button", name="Explain").press("Enter")
    expect(page.locator(".verdicts")).to_contain_text("allowed")


def test_tabs_name_the_panel_that_they_turn_to(open_page: Open) -> None:
    page = ready(open_page("/console"))
    expect(page.get_by_role("tabpanel")).to_have_count(3)
    expect(page.get_by_role("tabpanel", name="Statement", exact=True)).to_be_visible()

    page.get_by_role("tab", name="Schema").press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Saved")).to_be_visible()
    page.get_by_role("tab", name="Chart").press("ArrowLeft")
    expect(page.get_by_role("tabpanel", name="Results")).to_be_visible()
    page.get_by_role("button", name="New statement").press("Enter")
    expect(page.get_by_role("tabpanel", name="Statement 2")).to_be_visible()
    assert_accessible(page)

    page = ready(open_page("/editor/scripts"))
    page.get_by_role("tab", name="Try").press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Runs")).to_be_visible()
    assert_accessible(page)


def test_what_is_published_is_what_one_looks_at(open_page: Open, place: Place) -> None:
    made = place.made("/admin/templates", {"name": "news/today", "syntax": "html", "content": "<p>old</p>"})
    page = ready(open_page("/editor/templates#news/today"))
    expect(page).to_have_title("news/today · Pages · Acme Store")
    page.locator("#editor .view-lines").click()
    press(page, "Control+a")
    page.keyboard.insert_text("new")
    expect(page.get_by_role("button", name="today not saved")).to_be_visible()
    page.locator("summary", has_text="news").press("Enter")

    page.get_by_role("button", name="Publish").press("Enter")
    expect(page.locator(".toast").last).to_contain_text("news/today is saved and published.")
    assert place.send("GET", "/pages/news/today").text == "new"
    expect(page.locator("details[open]")).to_have_count(0)  # the folder that was closed

    page.locator("#editor .view-lines").click()
    page.keyboard.insert_text("x")
    page.get_by_role("button", name="Unpublish").press("Enter")
    expect(page.locator(".toast").last).to_contain_text("is a draft again")
    assert place.send("GET", f"/admin/templates/{made}").json()["content"] == "new"
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.locator(".toast").last).to_have_text("news/today is saved.")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    expect(page.get_by_role("button", name="Save")).to_be_focused()
    more = page.get_by_role("button", name="More")
    more.press("Enter")
    expect(page.get_by_role("menu", name="More")).to_be_visible()
    expect(more).to_have_attribute("aria-expanded", "true")
    press(page, "End")
    expect(page.get_by_role("menuitem", name="Delete")).to_be_focused()
    press(page, "Escape")
    expect(more).to_have_attribute("aria-expanded", "false")
    place.send("DELETE", f"/admin/templates/{made}")


def test_dialogs_say_what_they_are_about_and_keep_the_focus_and_what_was_typed(open_page: Open) -> None:
    page = open_page("/data")
    page.get_by_role("button", name="New table").press("Enter")
    dialog = page.get_by_role("dialog", name="New table")
    dialog.get_by_label("Name", exact=True).fill("orders")
    dialog.get_by_role("button", name="Remove column 2").press("Enter")
    expect(dialog.get_by_role("button", name="Remove column 1")).to_be_focused()
    dialog.get_by_role("button", name="Create the table").press("Enter")
    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(dialog.get_by_role("button", name="Create the table")).to_be_focused()
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("orders")

    press(page, "Escape")
    question = page.get_by_role("dialog", name="Discard what you typed")
    expect(question).to_have_accessible_description("What you typed in “New table” will be lost.")
    press(page, "Enter")
    expect(dialog).to_have_count(0)
    page.reload()  # of which nobody asks, as nothing is lost


def test_a_drawer_takes_the_focus_and_gives_it_back(open_page: Open, place: Place) -> None:
    place.made("/transaction", {"statements": [{"sql": "UPDATE products SET name = name WHERE id = 1"}] * 60})
    page = open_page("/admin/audit", viewport=NARROW, forced_colors="active")
    burger = page.get_by_role("button", name="Open menu")
    expect(burger).to_have_attribute("aria-expanded", "false")
    burger.press("Enter")
    expect(page.get_by_role("button", name="Close menu")).to_be_focused()
    expect(burger).to_have_attribute("aria-expanded", "true")
    press(page, "Escape")
    expect(burger).to_be_focused()
    burger.press("Enter")
    page.get_by_role("button", name="Sign out").focus()
    press(page, "Tab")
    expect(burger).to_be_focused()  # what lies under the drawer is not walked over while nobody sees it
    expect(burger).to_have_attribute("aria-expanded", "false")
    theme = page.get_by_role("button", name="Toggle dark mode")
    theme.press("Enter")
    expect(theme).to_have_attribute("aria-pressed", "true")

    page.get_by_label("User", exact=True).press("Home")
    expect(page.get_by_label("User", exact=True)).to_have_css("outline-style", "solid")  # what a colour says is not seen there
    entries = page.locator("#entries tbody tr")
    page.get_by_role("button", name="Older entries").press("Enter")
    expect(entries.nth(50).get_by_role("button")).to_be_focused()


def test_where_nothing_is_left_the_focus_stays_and_where_nothing_is_found_it_is_said(open_page: Open, place: Place) -> None:
    assert place.send("POST", "/keys", {"name": "night", "scope": {"read_only": True}}, who="vera").ok
    page = open_page("/me", who="vera")
    page.get_by_role("button", name="Revoke the key night").press("Enter")
    press(page, "Enter")
    expect(page.locator("#keys")).to_contain_text("No keys")
    expect(page.locator("#keys")).to_be_focused()

    token(place, "vera")
    page.get_by_role("link", name="Devices").first.click()
    page.get_by_role("button", name="End the session").last.press("Enter")
    press(page, "Enter")
    expect(page.locator(".toast").last).to_contain_text("has ended")
    expect(page.locator("#sessions :focus")).to_have_count(1)

    press(page, "Control+k")
    command = page.get_by_role("combobox", name="Command")
    expect(command).to_have_attribute("aria-expanded", "true")
    page.keyboard.type("zzz")
    expect(page.locator("#palette").get_by_role("status")).to_have_text("Nothing matches.")
    expect(command).to_have_attribute("aria-expanded", "false")
    assert_accessible(page)
