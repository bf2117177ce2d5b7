"""The editor of scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible, assert_accessible_in_both_themes
from tests.browser.place import PASSWORD, Place, token


@pytest.fixture
def scripts(open_page: Open) -> Page:
    page = open_page("/editor/scripts")
    page.locator("body[data-ready]").wait_for()
    return page


def test_an_endpoint_is_written_tried_and_saved(scripts: Page) -> None:
    scripts.get_by_role("button", name="New script").click()
    expect(scripts.get_by_role("menuitem", name="Endpoint: Insert from JSON", exact=True)).to_be_visible()
    scripts.get_by_role("menuitem", name="Endpoint: Empty", exact=True).click()
    scripts.get_by_role("dialog").get_by_label("Path").fill("customers")
    scripts.get_by_role("button", name="Create").click()
    expect(scripts.locator(".field-error:visible")).to_be_visible()
    scripts.get_by_role("dialog").get_by_label("Path").fill("/greeting/{name}")
    scripts.get_by_role("button", name="Create").click()
    expect(scripts.locator("#title")).to_have_text("GET /greeting/{name}")

    scripts.locator("#editor .view-lines").click()
    scripts.keyboard.press("Control+a")
    # One line: a new one would be indented by the editor itself.
    scripts.keyboard.insert_text('def handler(request): return [print("called"), {"hello": request.params["name"]}][1]')
    scripts.keyboard.press("Control+Enter")

    expect(scripts.locator("#answer")).to_contain_text('"hello": "1"')
    expect(scripts.locator("#answer .prints")).to_contain_text("called")
    scripts.keyboard.press("Control+s")
    expect(scripts.locator(".toast").last).to_contain_text("is saved and in use from now on")
    scripts.get_by_role("tab", name="Versions").click()
    expect(scripts.locator("#panel li")).to_have_count(2)
    scripts.get_by_role("button", name="Compare").last.click()
    expect(scripts.locator(".diff .editor.modified")).to_contain_text("called")
    expect(scripts.get_by_role("dialog").get_by_role("textbox")).to_have_count(2)
    for side in ("Before", "After"):
        expect(scripts.get_by_role("textbox", name=side)).to_have_count(1)
    scripts.keyboard.press("Escape")
    scripts.get_by_role("button", name="More").click()
    scripts.get_by_role("menuitem", name="Delete").click()
    scripts.get_by_role("button", name="Delete GET /greeting/{name}").click()
    expect(scripts.locator(".toast").last).to_contain_text("is deleted")


def test_it_is_said_what_comes_of_a_new_script(scripts: Page, place: Place) -> None:
    for kind, label, name, said in (
        ("Endpoint", "Path", "/hello", "GET /hello answers at /api/hello from now on."),
        ("Hook", "Name", "noter", "noter runs after each commit that writes to any table."),
        ("Schedule", "Name", "daily", "daily runs for the first time in "),
    ):
        scripts.get_by_role("button", name="New script").click()
        scripts.get_by_role("menuitem", name=f"{kind}: Empty", exact=True).click()
        scripts.get_by_role("dialog").get_by_label(label, exact=True).fill(name)
        scripts.get_by_role("button", name="Create").click()
        expect(scripts.locator(".toast").last).to_contain_text(said)

    scripts.get_by_role("button", name="New script").click()
    scripts.get_by_role("menuitem", name="Hook: Empty", exact=True).click()
    scripts.get_by_role("dialog").get_by_label("Name", exact=True).fill("later")
    scripts.get_by_role("dialog").get_by_label("Enabled").uncheck()
    scripts.get_by_role("button", name="Create").click()
    expect(scripts.locator(".toast").last).to_contain_text("later is created and off.")
    for kind in ("endpoints", "hooks", "schedules"):
        for item in place.send("GET", f"/admin/{kind}").json()[kind]:
            if item.get("path") != "/customers":
                place.send("DELETE", f"/admin/{kind}/{item['id']}")


def test_a_mistake_is_marked_while_one_types_and_an_ended_session_asks_when_something_is_done(scripts: Page, place: Place) -> None:
    scripts.get_by_role("button", name="GET /customers").click()
    scripts.locator("#editor .view-lines").click()
    scripts.keyboard.press("Control+End")
    scripts.keyboard.insert_text("def (")

    expect(scripts.locator("#verdict .bad")).to_contain_text("line 5")
    expect(scripts.locator(".squiggly-error")).to_have_count(1)
    assert_accessible(scripts)

    ended = {"name": f"wce_{place.cenv[:8]}", "value": "ended", "domain": "127.0.0.1", "path": f"/{place.cenv}/"}
    scripts.context.add_cookies([ended])
    scripts.keyboard.insert_text("def (")
    expect(scripts.locator("#verdict")).to_have_text("Sign in first")
    assert scripts.get_by_role("dialog").count() == 0  # it would take the keys
    scripts.keyboard.press("Control+s")
    scripts.get_by_role("dialog", name="Sign in again").get_by_label("Password").fill(PASSWORD)
    scripts.keyboard.press("Enter")
    expect(scripts.locator("#verdict .bad")).to_contain_text("line 5")
    expect(scripts.locator("#editor .view-lines")).to_contain_text("def (def (")


def test_the_names_of_the_api_are_proposed(scripts: Page) -> None:
    scripts.get_by_role("button", name="GET /customers").click()
    scripts.locator("#editor .view-lines").click()
    scripts.keyboard.press("Control+End")
    scripts.keyboard.type("x = hash.sha")

    expect(scripts.locator(".suggest-widget .monaco-list-row").first).to_contain_text("sha256")


def test_what_somebody_else_saved_meanwhile_is_not_saved_over_without_a_word(open_page: Open, place: Place) -> None:
    script = "def handler(request):\n    return 1\n"
    made = place.made("/admin/endpoints", {"path": "/twice", "method": "GET", "script": script})
    page = open_page(f"/editor/scripts#endpoint/{made}")
    page.locator("#editor .view-lines").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("mine = 1")
    expect(page.locator("#verdict")).to_contain_text("it defines no handler")
    place.send("PUT", f"/admin/endpoints/{made}", {"script": script.replace("1", "2")})

    page.keyboard.press("Control+s")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert "return 2" in place.send("GET", f"/admin/endpoints/{made}").json()["script"]
    page.locator("#save").click()
    page.get_by_role("button", name="Save it anyway").click()
    asked = page.get_by_role("dialog", name="Save over GET /twice")
    expect(asked).to_contain_text("ada saved this")
    assert_accessible(page)
    asked.get_by_role("button", name="Compare").click()
    expect(page.locator(".diff .editor.original")).to_contain_text("return 2")
    page.keyboard.press("Escape")
    asked.get_by_role("button", name="Cancel").click()
    assert "return 2" in place.send("GET", f"/admin/endpoints/{made}").json()["script"]

    page.locator("#save").click()
    page.get_by_role("button", name="Save it anyway").click()
    asked.get_by_role("button", name="Save over it").click()
    expect(page.locator(".toast").last).to_contain_text("is saved, but it defines no handler")
    assert place.send("GET", f"/admin/endpoints/{made}").json()["script"] == "mine = 1"
    place.send("DELETE", f"/admin/endpoints/{made}")


def test_runs_are_listed(scripts: Page) -> None:
    scripts.get_by_role("button", name="GET /customers").click()
    scripts.get_by_role("tab", name="Runs").click()

    expect(scripts.locator("#panel")).to_contain_text("No runs yet")
    assert_accessible_in_both_themes(scripts)


def test_a_run_that_failed_says_where_and_why(open_page: Open, place: Place) -> None:
    script = "def handler(request):\n    print('before')\n    log.warning('odd')\n    return db.query('SELECT * FROM gone')\n"
    made = place.made("/admin/endpoints", {"path": "/fails", "method": "GET", "script": script})
    place.send("GET", "/api/fails")
    page = open_page(f"/editor/scripts#endpoint/{made}")

    page.get_by_role("tab", name="Runs").click()

    run = page.locator("#panel .runs li").first
    expect(run).to_contain_text("failed in line 4")
    expect(run).to_contain_text("no such table: gone\n    return db.query('SELECT * FROM gone')")
    expect(run.locator(".prints li")).to_have_text(["before", "warningodd"])
    place.send("DELETE", f"/admin/endpoints/{made}")


def test_a_script_that_has_lost_its_author_says_so_and_works_again_when_it_is_saved(open_page: Open, place: Place) -> None:
    leaver = place.made("/admin/users", {"username": "author", "password": PASSWORD, "role": "admin"})
    place.tokens["author"] = token(place, "author")
    endpoint = {"path": "/orphan", "method": "GET", "script": "def handler(request):\n    return 1\n", "run_as": "definer"}
    made = place.send("POST", "/admin/endpoints", endpoint, "author").json()["id"]
    place.send("DELETE", f"/admin/users/{leaver}")
    assert place.send("GET", "/api/orphan").status_code == 403
    page = open_page(f"/editor/scripts#endpoint/{made}")

    expect(page.locator("#tags")).to_contain_text("has lost its author")
    assert_accessible(page)
    page.locator("#save").click()

    expect(page.locator(".toast")).to_contain_text("It no longer runs with its author’s rights")
    expect(page.locator("#tags")).not_to_contain_text("has lost its author")
    expect(page.locator("#save")).to_be_disabled()
    assert place.send("GET", "/api/orphan").status_code == 200
    place.send("DELETE", f"/admin/endpoints/{made}")


def test_what_is_changed_beside_a_hook_leaves_its_table_and_whose_rights_it_has(open_page: Open, place: Place) -> None:
    place.made("/query", {"sql": "CREATE VIRTUAL TABLE found USING fts5(text)"})
    hook = {"name": "found", "table_name": "found", "script": "def handler(event):\n    pass\n", "run_as": "definer"}
    made = place.made("/admin/hooks", hook)
    page = open_page(f"/editor/scripts#hook/{made}")

    def describe(text: str) -> None:
        page.locator("#settings").click()
        page.get_by_role("dialog").get_by_label("Description").fill(text)
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        expect(page.get_by_role("dialog")).to_have_count(0)

    describe("of a virtual table")
    assert place.send("GET", f"/admin/hooks/{made}").json()["table_name"] == "found"
    place.made("/query", {"sql": "DROP TABLE found"})
    describe("of a table that is gone")

    kept = place.send("GET", f"/admin/hooks/{made}").json()
    assert (kept["table_name"], kept["description"]) == ("found", "of a table that is gone")
    place.send("DELETE", f"/admin/hooks/{made}")


def test_on_a_phone_scripts_are_in_a_drawer(open_page: Open) -> None:
    page = open_page("/editor/scripts", viewport={"width": 390, "height": 844})
    page.locator("body[data-ready]").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("button", name="Show scripts").click()

    expect(page.locator("#list")).to_contain_text("/customers")
