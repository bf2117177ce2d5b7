"""One's own second factor and API keys."""

from __future__ import annotations

import re

import pyotp
import requests
from playwright.sync_api import expect

from tests.browser.conftest import Open, assert_accessible
from tests.browser.place import PASSWORD, Place, token


def test_a_second_factor_is_set_up_asked_for_and_switched_off(open_page: Open, place: Place) -> None:
    place.made("/admin/users", {"username": "careful", "password": PASSWORD, "role": "viewer"})
    page = open_page("/login?next=" + place.url.removeprefix(place.server) + "/me", who=None)
    page.get_by_label("User name").fill("careful")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("dialog").get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    secret = page.locator(".qr code").inner_text()
    assert page.get_by_alt_text("QR code").evaluate("async picture => { await picture.decode(); return picture.naturalWidth }") > 100
    assert_accessible(page)
    page.get_by_label("Code from the app").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Switch it on").click()
    codes = page.get_by_role("dialog", name="Recovery codes").locator("pre").inner_text().split()
    page.keyboard.press("Escape")
    expect(page.locator("#totp")).to_contain_text("10 recovery codes left")

    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").fill("careful")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_label(re.compile("[Cc]ode")).filter(visible=True).fill(codes[0])
    page.keyboard.press("Enter")
    expect(page.locator(".who")).to_contain_text("careful")
    page.get_by_role("link", name="Profile").first.click()
    page.get_by_role("button", name="Switch off").click()
    page.get_by_role("dialog").get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Switch it off").click()

    expect(page.locator("#totp")).to_contain_text("off")


def test_a_key_is_made_shown_once_used_and_revoked(open_page: Open, place: Place) -> None:
    page = open_page("/me")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("nightly report")
    page.get_by_role("group", name="Only these tables").get_by_label("products").check()
    expect(page.get_by_text("1 ticked: products. The key calls no endpoints, unless you choose some as well")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Make the key").click()
    key = page.get_by_role("dialog", name="The key nightly report").locator("pre").inner_text()
    assert_accessible(page)
    page.evaluate("delete Navigator.prototype.clipboard")  # as over plain HTTP
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("is on the clipboard")
    page.get_by_role("button", name="Dismiss").click()
    page.keyboard.press("Escape")
    page.get_by_label("Current password").focus()
    page.keyboard.press("Control+V")
    expect(page.get_by_label("Current password")).to_have_value(key)

    def ask(sql: str) -> int:
        return requests.post(f"{place.url}/query", json={"sql": sql}, headers={"Authorization": f"Bearer {key}"}, timeout=30).status_code

    assert (ask("SELECT count(*) FROM products"), ask("SELECT count(*) FROM orders"), ask("DELETE FROM products")) == (200, 404, 403)
    page.reload()
    expect(page.locator("#keys")).to_contain_text("reads only · tables products · used")
    page.get_by_role("button", name="Revoke the key nightly report").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.locator("#keys")).to_contain_text("No keys")

    assert ask("SELECT count(*) FROM products") == 401


def test_the_tables_of_a_key_are_chosen_among_those_that_are_there(open_page: Open, place: Place) -> None:
    names = [f"measured {number:02}" for number in range(20)]
    place.made("/transaction", {"statements": [{"sql": f'CREATE TABLE "{name}" (id INTEGER)'} for name in names]})
    page = open_page("/me", theme="dark", viewport={"width": 320, "height": 640})
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog", name="New API key")
    dialog.get_by_label("Name", exact=True).fill("gauge")

    dialog.get_by_label("Filter: Only these tables").fill("D 07")
    page.keyboard.press("Enter")  # sends nothing yet
    expect(dialog.get_by_role("group", name="Only these tables").get_by_role("checkbox")).to_have_count(1)
    dialog.get_by_label("measured 07").check()
    dialog.get_by_label("Filter: Only these tables").fill("nowhere")
    expect(dialog.get_by_text("None matches")).to_be_visible()
    dialog.get_by_label("Filter: Only these tables").fill("")
    dialog.get_by_label("/customers").check()
    assert_accessible(page)
    dialog.get_by_role("button", name="Make the key").click()

    expect(page.get_by_role("dialog", name="The key gauge")).to_be_visible()
    made = next(key for key in place.send("GET", "/keys").json()["keys"] if key["name"] == "gauge")
    assert (made["scope"]["tables"], made["scope"]["endpoints"]) == (["measured 07"], ["/customers"])
    place.send("DELETE", f"/keys/{made['id']}")
    place.made("/transaction", {"statements": [{"sql": f'DROP TABLE "{name}"'} for name in names]})


def test_who_administers_nothing_names_endpoints_by_their_paths(open_page: Open, place: Place) -> None:
    page = open_page("/me", who="vera")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("till")
    expect(page.get_by_role("group", name="Only these tables").get_by_role("checkbox")).to_have_count(3)

    page.get_by_label("Only these endpoints").fill("/customers")
    page.get_by_role("button", name="Make the key").click()

    expect(page.get_by_role("dialog", name="The key till")).to_be_visible()
    (made,) = place.send("GET", "/keys", who="vera").json()["keys"]
    assert made["scope"]["endpoints"] == ["/customers"]
    place.send("DELETE", f"/keys/{made['id']}", who="vera")


def test_a_new_password_ends_the_keys_where_one_says_so(open_page: Open, place: Place) -> None:
    place.made("/admin/users", {"username": "wary", "password": PASSWORD, "role": "viewer"})
    place.tokens["wary"] = token(place, "wary")
    place.send("POST", "/keys", {"name": "leaked"}, who="wary")
    page = open_page("/me", who="wary")
    expect(page.locator("#keys")).to_contain_text("leaked")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill("another horse")
    page.get_by_label("Revoke my API keys, too").check()
    page.get_by_role("button", name="Change password").click()

    expect(page.locator(".toast")).to_contain_text("and your API keys are revoked")
    expect(page.locator("#keys")).to_contain_text("No keys")
