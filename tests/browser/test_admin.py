"""What administrators do: accounts, permissions, policies, settings, and the log of all that."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open, assert_accessible, assert_accessible_in_both_themes
from tests.browser.place import PASSWORD, Place, token


def in_dialog(page: Page, action: str, **fields: str) -> None:
    """Fill in the open dialog, by the names of its fields, and send it."""
    for name, text in fields.items():
        field = page.locator(f"dialog [name={name}]")
        if field.evaluate("el => el.tagName") == "SELECT":
            field.select_option(text)
        else:
            field.fill(text)
    page.locator("dialog").get_by_role("button", name=action).click()


def test_somebody_is_invited_given_a_table_and_held_to_some_rows(open_page: Open, place: Place) -> None:
    page = open_page("/admin/users")
    page.get_by_role("button", name="Invite").click()
    in_dialog(page, "Create", username="x", password="short")
    wrong = page.locator("dialog .form-error, dialog .field-error").filter(visible=True)
    expect(wrong).to_have_text(["Must have 3 to 32 letters from A to Z, digits or underscores.", "Must have 8 to 72 bytes."])
    expect(page.get_by_label("User name")).to_have_accessible_description(re.compile("Must have 3 to 32 letters"))
    page.get_by_label("User name").fill("grace")
    expect(wrong).to_have_text(["Must have 8 to 72 bytes."])
    in_dialog(page, "Create", password=PASSWORD)
    expect(wrong).to_contain_text("grace")
    assert_accessible(page)
    in_dialog(page, "Create", username="nina", password=PASSWORD, role="editor")
    expect(page.locator("#users")).to_contain_text("nina")

    page.get_by_role("link", name="Permissions").click()
    page.get_by_role("button", name="nina on orders: nothing").click()
    page.get_by_role("checkbox", name="Read").check()
    in_dialog(page, "Save")
    expect(page.get_by_role("button", name="nina on orders: read")).to_be_focused()

    page.get_by_role("link", name="Row policies").click()
    page.get_by_role("button", name="New policy").click()
    in_dialog(page, "Create", table_name="orders", sql_condition="nonsense(")
    expect(page.locator("dialog .field-error, dialog .form-error").filter(visible=True)).to_be_visible()
    page.get_by_label("Try it as").select_option(label="nina")
    page.locator("dialog [name=sql_condition]").fill("status = 'open' OR $username <> 'nina'")
    expect(page.locator("dialog .field-error, dialog .form-error").filter(visible=True)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_contain_text("nina would see 127 rows of 1400.")
    in_dialog(page, "Create", table_name="orders")
    orders = page.locator("section", has_text="orders").last
    orders.get_by_role("button", name="See as").click()
    page.locator("dialog [name=who]").select_option(label="nina")
    page.get_by_role("button", name="Show the rows").click()
    expect(page.get_by_role("dialog", name="What nina sees of orders")).to_contain_text("of 1400")
    page.get_by_role("dialog", name="What nina sees of orders").get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Delete the policy status").click()
    in_dialog(page, "Delete the policy")
    expect(page.locator("#policies")).not_to_contain_text("status = 'open'")


def test_who_may_pass_on_a_table_lets_others_in(open_page: Open, place: Place) -> None:
    for name in ("olga", "otto"):
        user = place.made("/admin/users", {"username": name, "password": PASSWORD, "role": "editor"})
        place.tokens.update({name: token(place, name), f"{name}.id": str(user)})
    rights = {"can_read": True, "can_write": True, "can_grant": True}
    place.made("/admin/permissions", {"user_id": int(place.tokens["olga.id"]), "table_name": "products", **rights})
    page = open_page("/me", who="otto")
    expect(page.get_by_text(f"user number {place.tokens['otto.id']}")).to_be_visible()
    assert page.get_by_role("link", name="Permissions").count() == 0

    page = open_page("/", who="olga")
    page.get_by_role("link", name="Permissions").click()
    expect(page.locator("#matrix")).not_to_contain_text("otto")
    page.get_by_role("button", name="Let somebody in").click()
    in_dialog(page, "Give the permission", user_id=place.tokens["otto.id"])
    page.get_by_role("button", name="otto on products: read").click()
    expect(page.get_by_role("checkbox")).to_have_count(3)  # she may not delete, so she cannot let others
    page.get_by_role("checkbox", name="Write").check()
    assert_accessible(page)
    in_dialog(page, "Save")

    expect(page.get_by_role("button", name="otto on products: read, write")).to_be_visible()
    assert page.get_by_role("button", name="olga on products").count() == 0


def test_a_screen_that_cannot_be_loaded_says_why_and_tries_again(open_page: Open) -> None:
    page = open_page("/me")
    limited = {"code": "rate_limited", "detail": "Too many requests; try again in 9 s."}
    page.route("**/admin/users", lambda route: route.fulfill(status=429, json=limited) if is_fetch(route) else route.continue_())
    page.get_by_role("link", name="Users").click()
    expect(page.locator("#users")).to_contain_text("try again in 9 s.")
    assert_accessible(page)
    page.unroute("**/admin/users")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#users tbody")).to_contain_text("ada")

    page.get_by_role("button", name="Invite").click()
    page.get_by_label("User name").fill("half typed")
    page.mouse.click(5, 600)  # beside the dialog
    asked = page.locator("dialog[aria-label='Discard what you typed']")  # gone, not only closed, when it counts no more
    asked.get_by_role("button", name="Cancel").click()
    expect(asked).to_have_count(0)
    for _ in range(2):  # the browser itself lets only the first one in a row be stopped
        page.keyboard.press("Escape")
        expect(asked).to_be_visible()
        page.keyboard.press("Escape")
        expect(asked).to_have_count(0)
    expect(page.get_by_label("User name")).to_have_value("half typed")
    page.keyboard.press("Escape")
    assert_accessible(page)
    asked.get_by_role("button", name="Discard it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def is_fetch(route: Route) -> bool:
    return route.request.resource_type == "fetch"


def test_an_account_is_disabled_and_deleted_by_its_name(open_page: Open, place: Place) -> None:
    place.made("/admin/users", {"username": "leaver", "password": PASSWORD, "role": "viewer"})
    page = open_page("/admin/users")
    page.get_by_role("button", name="Actions for leaver").click()
    page.get_by_role("menuitem", name="Disable").click()
    in_dialog(page, "Disable")
    row = page.get_by_role("row", name="leaver")
    expect(row).to_contain_text("disabled")

    page.get_by_role("button", name="Actions for leaver").click()
    page.get_by_role("menuitem", name="Delete").click()
    delete = page.locator("dialog").get_by_role("button", name="Delete the account")
    expect(delete).to_be_disabled()
    page.get_by_label("Type leaver to continue").fill("leaver")
    delete.click()

    expect(row).to_have_count(0)


def test_who_is_about_to_delete_an_author_reads_what_stops_and_a_policy_of_his_stays_nobodys(open_page: Open, place: Place) -> None:
    place.made("/admin/users", {"username": "guardian", "password": PASSWORD, "role": "admin"})
    place.tokens["guardian"] = token(place, "guardian")
    policy = {"table_name": "orders", "policy_type": "delete", "sql_condition": "status = 'void'"}
    made = place.send("POST", "/admin/policies", policy, "guardian").json()["id"]
    page = open_page("/admin/users")

    page.get_by_role("button", name="Actions for guardian").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Scripts and pages that it saved last stop working")
    page.get_by_label("Type guardian to continue").fill("guardian")
    page.locator("dialog").get_by_role("button", name="Delete the account").click()
    expect(page.get_by_role("row", name="guardian")).to_have_count(0)
    page.goto(f"/{place.cenv}/admin/policies")

    expect(page.locator("#policies li").filter(has_text="status = 'void'")).to_contain_text("by a deleted user")
    place.send("DELETE", f"/admin/policies/{made}")


def test_a_setting_is_changed_refused_and_taken_back(open_page: Open, place: Place) -> None:
    page = open_page("/admin/config")
    page.get_by_label("Query max rows").fill("0")
    save = page.get_by_role("form", name="Queries").get_by_role("button", name="Save")
    save.click()
    expect(page.locator("[data-field=query_max_rows] .field-error")).to_contain_text("Must be from 1")

    page.get_by_label("Max users").fill("77")
    page.get_by_label("Query max rows").fill("500")
    save.click()
    expect(page.locator(".toast").first).to_contain_text("saved")
    assert place.send("GET", "/admin/config").json()["config"]["query_max_rows"]["value"] == 500
    page.get_by_role("button", name="Reset to default for Query max rows").click()

    expect(page.get_by_label("Query max rows")).to_have_value("10000")
    expect(page.get_by_label("Max users")).to_have_value("77")

    title = page.locator(".project-name b")
    for name in ("Corner Shop", "Acme Store"):
        page.get_by_label("Title", exact=True).fill(name)
        page.get_by_label("Title", exact=True).press("Enter")
        expect(title).to_have_text(name)
        expect(page).to_have_title(f"Configuration · {name}")
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()


def test_the_log_is_filtered_read_and_verified(open_page: Open) -> None:
    page = open_page("/admin/audit")
    page.get_by_label("Action").fill("user.*")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#entries tbody tr").first).to_contain_text("user.")
    page.get_by_role("button", name="Details of entry").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Action")
    page.keyboard.press("Escape")

    page.reload()
    expect(page.get_by_label("Action")).to_have_value("user.*")
    page.get_by_label("User").fill("nobody")
    page.get_by_label("To", exact=True).fill("2001-02-03")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#entries")).to_contain_text("No entry matches these filters.")
    page.go_back()
    expect(page.locator("#entries tbody tr").first).to_contain_text("user.")
    expect(page.get_by_label("User")).to_have_value("")
    page.go_forward()
    expect(page.get_by_label("To", exact=True)).to_have_value("2001-02-03")
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("button", name="Verify the chain").click()

    expect(page.locator(".toast").first).to_contain_text("The chain is unbroken")


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_the_log_is_taken_away_whole_however_many_pages_it_has(open_page: Open, place: Place, kind: str) -> None:
    entries = place.send("GET", "/admin/audit?action=user.*&limit=1000").json()["entries"]
    page = open_page("/admin/audit?action=user.*")
    page.route("**/admin/audit?*limit=1000*", lambda route: route.continue_(url=route.request.url.replace("limit=1000", "limit=1")))
    with page.expect_download() as download:
        page.get_by_role("button", name=kind.upper(), exact=True).click()

    text = download.value.path().read_text()

    read = csv.DictReader(io.StringIO(text)) if kind == "csv" else map(json.loads, text.splitlines())
    assert [int(entry["id"]) for entry in read] == [entry["id"] for entry in entries]
    assert len(entries) > 1


@pytest.mark.parametrize("path", ["/admin/users", "/admin/permissions", "/admin/policies", "/admin/config", "/admin/audit"])
def test_every_screen_of_administrators_is_for_everybody(open_page: Open, path: str) -> None:
    page = open_page(path)
    expect(page.locator("[aria-busy]")).to_have_count(0)

    assert_accessible_in_both_themes(page)


@pytest.mark.parametrize("path", ["/admin/users", "/admin/permissions", "/admin/audit"])
def test_nothing_is_wider_than_a_phone(open_page: Open, path: str) -> None:
    page = open_page(path, viewport={"width": 390, "height": 844})
    expect(page.locator("[aria-busy]")).to_have_count(0)

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_who_administers_nothing_is_told_so(open_page: Open) -> None:
    page = open_page("/admin/users", who="vera")

    expect(page.get_by_role("heading", level=1)).to_contain_text("Not allowed")
    page.get_by_role("link", name="To the dashboard").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
