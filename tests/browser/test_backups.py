"""Backups, the cenv as a file, and its end. What ends sessions is tried in a cenv of its own."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible, assert_accessible_in_both_themes
from tests.browser.place import PASSWORD, Place, settle
from tests.browser.test_admin import in_dialog
from tests.browser.test_entry import sign_in


@pytest.fixture
def own(place: Place, open_page: Open) -> Callable[[], tuple[Place, Page]]:
    """A shop that a test may ruin, and its page of backups."""

    def make() -> tuple[Place, Page]:
        mine = settle(place.server)
        page = open_page(f"server:/{mine.cenv}/login", who=None)
        sign_in(page, "ada")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.get_by_role("link", name="Backups").click()
        return mine, page

    return make


def test_a_backup_is_made_taken_along_brought_back_and_replaced_by_a_file(own: Callable[[], tuple[Place, Page]]) -> None:
    mine, page = own()
    expect(page.locator("#backups")).to_contain_text("No backups yet")
    page.get_by_role("button", name="Back up now").click()
    expect(page.locator("#backups tbody tr")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the backup of").click()
    file = download.value.path()
    assert file.read_bytes().startswith(b"SQLite format 3\0")
    mine.made("/query", {"sql": "DELETE FROM orders"})

    page.get_by_role("button", name="Restore the backup of").click()
    in_dialog(page, "Restore the backup", password="not the one")
    expect(page.locator("dialog .form-error, dialog .field-error").filter(visible=True)).to_be_visible()
    in_dialog(page, "Restore the backup", password=PASSWORD)
    sign_in(page, "ada")
    page.get_by_role("link", name="Backups").click()
    expect(page.locator("#backups")).to_contain_text("before a restore")

    page.get_by_role("button", name="Import a file").click()
    page.locator("dialog [name=file]").set_input_files(file)
    in_dialog(page, "Replace everything", confirm="another")
    expect(page.locator("dialog [data-field=confirm] .field-error")).to_contain_text("id of this cenv")
    assert_accessible(page)
    in_dialog(page, "Replace everything", confirm=mine.cenv)
    expect(page.get_by_role("dialog", name="The file is imported")).to_contain_text("orders 1\u202f400 rows")
    page.get_by_role("button", name="Sign in again").click()

    expect(page).to_have_url(re.compile("/login$"))


def test_a_backup_is_deleted_and_then_the_whole_cenv_which_comes_back(own: Callable[[], tuple[Place, Page]]) -> None:
    mine, page = own()
    page.get_by_role("button", name="Back up now").click()
    page.get_by_role("button", name="Delete the backup of").click()
    in_dialog(page, "Delete the backup")
    expect(page.locator("#backups")).to_contain_text("No backups yet")
    page.get_by_role("button", name="Delete the cenv").click()
    in_dialog(page, "Delete the cenv", password=PASSWORD, confirm="another")
    expect(page.locator("dialog [data-field=confirm] .field-error")).to_contain_text("id of this cenv")

    in_dialog(page, "Delete the cenv", password=PASSWORD, confirm=mine.cenv)
    expect(page.get_by_role("dialog", name="The cenv is deleted")).to_contain_text("bring it back")
    page.goto(f"{mine.url}/data")
    expect(page.get_by_role("heading", level=1)).to_have_text("No such cenv")

    page.get_by_role("link", name="bring it back").click()
    expect(page.get_by_label("Id or address of the cenv")).to_have_value(mine.cenv)
    assert_accessible_in_both_themes(page)
    for address, password, told in (("somewhere", PASSWORD, "Must contain an id"), (mine.url, "not the one", "Check all three")):
        page.get_by_label("Id or address of the cenv").fill(address)
        page.get_by_label("User name").fill("ada")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Bring it back").click()
        expect(page.locator(".form-error, .field-error").filter(visible=True)).to_contain_text(told)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{mine.url}/login")
    expect(page.locator(".toast")).to_contain_text("is back")
    sign_in(page, "ada")

    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")


def test_backups_are_for_everybody_and_fit_a_phone(open_page: Open, place: Place) -> None:
    assert place.send("POST", "/admin/backups").ok
    page = open_page("/admin/backups")
    expect(page.locator("#backups tbody tr").first).to_be_visible()
    assert_accessible_in_both_themes(page)
    page.set_viewport_size({"width": 390, "height": 844})

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_phone_a_backup_is_restored_without_a_search_for_the_button(open_page: Open, place: Place) -> None:
    made = place.send("POST", "/admin/backups").json()["id"]

    page = open_page("/admin/backups", viewport={"width": 390, "height": 844})

    expect(page.get_by_role("button", name="Restore the backup").first).to_be_in_viewport(ratio=1)
    place.send("DELETE", f"/admin/backups/{made}")
