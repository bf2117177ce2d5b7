"""Screens as wide as at a zoom of 400 %, and what must be scrolled there by keys."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Open, assert_accessible
from tests.browser.place import Place
from wce.web.screens import LINKS

NARROW = {"width": 320, "height": 640}
LOW = {"width": 844, "height": 390}  # a phone on its side
OUTSIDE = ("/", "/new", "/undelete", "/nothing", "/docs", "/docs/api", "/docs/comparison", "/docs/settings", "/docs/search?q=policy")
KEYS = ["scrollable-region-focusable"]


def test_whatever_is_wider_than_the_screen_can_be_scrolled_by_keys(open_page: Open, place: Place) -> None:
    place.send("POST", "/console/history", {"sql": "SELECT count(*) FROM customers, customers", "duration_ms": 20, "row_count": 1})
    page = open_page("/", viewport=NARROW)
    page.get_by_role("columnheader", name="Operation").wait_for()
    assert_accessible(page, KEYS)

    page.goto(f"/{place.cenv}/admin/policies")
    page.get_by_role("button", name="See as").click()
    page.get_by_role("button", name="Show the rows").click()
    page.get_by_role("columnheader", name="notes").wait_for()
    assert_accessible(page, KEYS)

    page = open_page("/data/orders", who="vera", viewport=NARROW)
    page.get_by_role("button", name="Structure").click()
    page.get_by_role("dialog").get_by_role("columnheader", name="Rules").wait_for()
    assert_accessible(page, KEYS)


def test_no_page_scrolls_sideways(open_page: Open, place: Place) -> None:
    long = "customer_id IN (SELECT id FROM customers WHERE region = 'A_region_with_a_remarkably_long_name')"
    policy = place.made("/admin/policies", {"table_name": "orders", "policy_type": "read", "sql_condition": long})
    page = open_page("/", viewport=NARROW)

    inside = [f"{place.url}{link.path}" for link in LINKS]
    for address in [f"{place.url}/data/orders", *inside, *(f"{place.server}{path}" for path in OUTSIDE)]:
        page.goto(address)
        page.locator("[aria-busy='true']").first.wait_for(state="detached")
        wider = page.evaluate("[document.documentElement, document.querySelector('main')].map(at => at.scrollWidth - at.clientWidth)")
        assert wider == [0, 0], address
    place.send("DELETE", f"/admin/policies/{policy}")


def test_a_dialog_on_a_low_screen_scrolls_as_a_whole(open_page: Open) -> None:
    page = open_page("/data/orders", viewport=LOW)
    page.get_by_role("button", name="Structure").click()

    columns = page.get_by_role("dialog").get_by_role("region", name="Columns")

    expect(columns).to_be_visible()
    assert columns.evaluate("box => box.scrollHeight - box.clientHeight") <= 1


def test_a_low_screen_shows_what_a_tried_script_answered(open_page: Open) -> None:
    page = open_page("/editor/scripts", viewport=LOW)
    page.locator("body[data-ready]").wait_for()
    page.get_by_role("button", name="Show scripts").click()
    page.get_by_role("button", name="GET /customers").click()
    page.get_by_role("button", name="Try", exact=True).click()

    expect(page.locator("#answer .tag")).to_have_text("200")

    expect(page.locator("#answer .tag")).to_be_in_viewport(ratio=1)


def test_every_method_of_the_api_can_be_read(open_page: Open) -> None:
    page = open_page("server:/docs/api", who=None)

    for method in ("get", "post", "put", "delete"):
        page.locator(f".method.{method}").first.evaluate("at => { at.id = 'looked-at' }")
        found = Axe().run(page, context="#looked-at", options={"runOnly": ["color-contrast"]})
        assert found.violations_count == 0, (method, found.generate_report())
        page.locator("#looked-at").evaluate("at => { at.id = '' }")
