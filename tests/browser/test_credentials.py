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
    page.get_by_label("Only these tables").fill("products")
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
