"""The editor of pages."""

from __future__ import annotations

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.conftest import Open, assert_accessible_in_both_themes
from tests.browser.place import Place

HOSTILE = """<h1>Draft</h1><p id="told">nothing</p><script>
try { told.textContent = 'reached ' + parent.document.title; } catch (error) { told.textContent = 'kept out: ' + error.name; }
</script>"""


@pytest.fixture
def pages(open_page: Open) -> Page:
    page = open_page("/editor/templates")
    page.locator("body[data-ready]").wait_for()
    return page


def shown(page: Page) -> FrameLocator:
    """The newest preview; the one before it is there until it has come."""
    return page.locator("#preview iframe").last.content_frame


def test_a_page_is_written_looked_at_and_published(pages: Page, place: Place) -> None:
    pages.get_by_role("button", name="New template or file").click()
    pages.get_by_role("menuitem", name="Markdown page").click()
    pages.get_by_role("dialog").get_by_label("Name").fill("shop/hello")
    pages.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(shown(pages).get_by_role("heading")).to_have_text("Hello")

    pages.locator("#editor .view-lines").click()
    pages.keyboard.press("Control+End")
    pages.keyboard.insert_text("*fresh*")
    expect(shown(pages).locator("em")).to_have_text("fresh")
    pages.keyboard.insert_text("{%")
    expect(pages.locator("#verdict")).to_contain_text("line 9: unexpected")
    for _ in "{%":
        pages.keyboard.press("Backspace")
    expect(pages.locator("#verdict")).to_have_text("no syntax errors")
    assert_accessible_in_both_themes(pages)
    pages.get_by_role("button", name="Front matter").click()
    pages.get_by_label("Description").fill("All: of it")
    pages.get_by_role("button", name="Write it").click()
    templates = place.send("GET", "/admin/templates").json()["templates"]
    made = next(item["id"] for item in templates if item["name"] == "shop/hello")
    place.send("PUT", f"/admin/templates/{made}", {"content": "somebody else's"})
    pages.locator("#save").click()
    pages.get_by_role("dialog").get_by_role("button", name="Save over it").click()
    expect(pages.locator(".toast").last).to_have_text("shop/hello is saved.")
    pages.get_by_role("button", name="Publish").click()
    expect(pages.get_by_role("link", name="published")).to_be_visible()

    text = place.send("GET", "/pages/shop/hello").text
    assert "<em>fresh</em>" in text
    assert '<meta name="description" content="All: of it">' in text
    assert text.startswith("<!doctype html>")  # the layout came with the first page
    for _ in range(2):  # the same file again, as it has been mended meanwhile
        pages.locator("#upload").set_input_files({"name": "a.css", "mimeType": "text/css", "buffer": b"em { color: red }"})
        expect(pages.locator(".toast").last).to_have_text("a.css is uploaded.")
        expect(pages.locator("#upload")).to_have_value("")
        pages.get_by_role("button", name="Dismiss").last.click()
    pages.locator("#editor .view-lines").click()
    pages.keyboard.insert_text("not saved ")
    pages.get_by_role("button", name="More").click()
    pages.get_by_role("menuitem", name="Versions").click()
    pages.get_by_role("button", name="Bring back").last.click()
    expect(pages.get_by_role("dialog").last).to_contain_text("Undo there brings it back")
    pages.get_by_role("button", name="Bring it back").click()
    expect(pages.locator("#editor .view-lines")).not_to_contain_text("not saved")
    pages.locator("#editor .view-lines").click()
    pages.keyboard.press("Control+z")
    expect(pages.locator("#editor .view-lines")).to_contain_text("saved")
    pages.keyboard.press("Control+Shift+z")
    for name in ("shop/hello", "layouts/base"):
        pages.get_by_role("button", name="More").click()
        pages.get_by_role("menuitem", name="Delete").click()
        pages.get_by_role("button", name=f"Delete {name}").click()
    expect(pages.locator("#preview")).to_contain_text("No pages yet")


def test_a_draft_has_no_more_powers_than_its_page(open_page: Open, place: Place) -> None:
    made = place.made("/admin/templates", {"name": "hostile", "syntax": "html", "content": HOSTILE})

    page = open_page("/editor/templates#hostile", theme="dark")

    expect(shown(page).locator("#told")).to_have_text("kept out: SecurityError")
    expect(page.locator(".frames")).not_to_have_css("background-color", "rgb(255, 255, 255)")  # a dark page has no ground of its own
    place.send("DELETE", f"/admin/templates/{made}")
