"""A new user's first hour in one go, by clicks and keys alone: nothing is made or looked at by the API."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.place import PASSWORD
from tests.browser.test_admin import in_dialog
from tests.browser.test_entry import sign_in

SALES = b"id,agent,city,amount\n1,ada,Oslo,10.5\n2,grace,Bergen,20\n3,grace,Oslo,7.5\n4,ada,Turku,2\n"
SCRIPT = 'def handler(request): return {"sum": db.query("SELECT sum(amount) AS n FROM sales")[0]["n"]}'
ROWS = "<h1>Sold</h1><p>{{ query('SELECT sum(amount) AS n FROM sales')[0].n }} in all</p>"
PAGE = "{% extends 'layouts/base' %}{% block main %}" + ROWS + "{% endblock %}"


def goto(page: Page, screen: str) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name=screen).click()
    expect(page).to_have_title(re.compile(screen))
    page.wait_for_load_state()
    if screen in ("SQL console", "Scripts", "Pages"):
        page.locator("body[data-ready]").wait_for()


def write(page: Page, text: str) -> None:
    page.locator("#editor .view-lines").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def create(page: Page) -> None:
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create it").click()
    expect(page.locator(".field-error:visible")).to_have_text("Must have 8 to 72 bytes.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create it").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(page.locator(".who")).to_contain_text("ada")


def load_rows(page: Page) -> None:
    goto(page, "Data")
    page.get_by_role("button", name="Import a file").click()
    page.locator("dialog [name=file]").set_input_files({"name": "sales.csv", "mimeType": "text/csv", "buffer": SALES})
    page.get_by_role("button", name="Import 4 rows").click()
    expect(page.locator("#count")).to_have_text("1–4 of 4 rows")


def ask(page: Page) -> None:
    goto(page, "SQL console")
    write(page, "SELECT agent, sum(amount) AS sold FROM sales GROUP BY agent ORDER BY agent")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#grid tbody tr")).to_have_text([re.compile(r"ada\s*12\.5"), re.compile(r"grace\s*27\.5")])


def let_grace_see_her_rows(page: Page) -> None:
    goto(page, "Users")
    page.get_by_role("button", name="Invite").click()
    in_dialog(page, "Create", username="grace", password=PASSWORD, role="viewer")
    page.get_by_role("button", name="Set permissions").click()
    page.get_by_role("button", name="grace on sales: nothing").click()
    page.get_by_role("checkbox", name="Read").check()
    in_dialog(page, "Save")
    goto(page, "Row policies")
    page.get_by_role("button", name="New policy").first.click()
    in_dialog(page, "Create", sql_condition="agent = $username")
    expect(page.locator("#policies")).to_contain_text("agent = $username")


def write_script(page: Page) -> None:
    goto(page, "Scripts")
    page.get_by_role("button", name="New script").click()
    page.get_by_role("menuitem", name="Endpoint: empty").click()
    in_dialog(page, "Create", path="/sold")
    expect(page.locator("#title")).to_have_text("GET /sold")
    write(page, SCRIPT)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#answer")).to_contain_text('"sum": 40')
    page.keyboard.press("Control+s")
    expect(page.locator(".toast").last).to_contain_text("in use from now on")


def publish_page(page: Page) -> None:
    goto(page, "Pages")
    page.get_by_role("button", name="New template or file").click()
    page.get_by_role("menuitem", name="Jinja page").click()
    in_dialog(page, "Create", name="index", run_as="definer")
    expect(page.locator("#title")).to_have_text("index")
    shown = page.locator("#preview iframe").last.content_frame
    expect(shown.get_by_role("listitem")).to_have_text(["ada", "grace", "grace", "ada"])
    write(page, PAGE)
    expect(shown.locator("p")).to_have_text("40.0 in all")
    page.keyboard.press("Control+s")
    expect(page.locator(".toast").last).to_have_text("index is saved.")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("link", name="published")).to_be_visible()


def test_from_nothing_to_a_page_that_the_world_may_see(open_page: Open) -> None:
    page = open_page("server:/", who=None)
    create(page)
    home = page.url
    load_rows(page)
    ask(page)
    let_grace_see_her_rows(page)
    write_script(page)
    publish_page(page)

    visitor = open_page(f"server:{home}pages/", who=None)
    expect(visitor.locator("p")).to_have_text("40.0 in all")

    grace = open_page(f"server:{home}data/sales", who=None)
    sign_in(grace, "grace")
    expect(grace.locator("#count")).to_have_text("1–2 of 2 rows")
    grace.goto(f"{home}api/sold")
    expect(grace.locator("body")).to_contain_text('"sum":27.5')
