"""The ways in and out, and the frame of every screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible, assert_accessible_in_both_themes
from tests.browser.place import PASSWORD, Place


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_a_visitor_begins_with_an_example_and_is_told_its_passwords_once(open_page: Open) -> None:
    page = open_page("server:/", who=None)
    page.get_by_label("User name").fill("newcomer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Start with").select_option("Blog")
    page.route("**/login", lambda route: route.abort("internetdisconnected"), times=1)
    page.get_by_role("button", name="Create it").click()

    told = page.get_by_role("dialog", name="Users of this example")
    expect(told.get_by_role("row")).to_have_text([re.compile(r"^grace\s*\S{16}$")])
    assert_accessible(page)
    told.get_by_role("button", name="Continue").click()

    page.wait_for_url(re.compile(r"/[0-9a-f-]{36}/"))  # the cenv was made, and its own page asks where signing in failed
    page.get_by_label("User name").fill("newcomer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_a_cenv_is_opened_by_its_address(open_page: Open, place: Place) -> None:
    page = open_page("server:/", who=None)
    page.get_by_label("Open a cenv by its address").fill("somewhere")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#open-error")).to_contain_text("contains an id")

    page.get_by_label("Open a cenv by its address").fill(place.url + "/console")
    page.keyboard.press("Enter")

    page.wait_for_url(re.compile(f"{place.cenv}/login"))


def test_signing_in_leads_back_to_where_one_wanted_to_be(open_page: Open, place: Place) -> None:
    page = open_page("/sessions#here", who=None)
    page.wait_for_url(re.compile("/login"))
    sign_in(page, "vera", "wrong horse")
    expect(page.get_by_role("alert").filter(visible=True)).to_have_text("Wrong user name or password")
    assert_accessible(page)

    sign_in(page, "vera")

    page.wait_for_url(f"{place.url}/sessions#here")
    expect(page.locator("#sessions li").first).to_contain_text("this device")
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    page.wait_for_url(re.compile("/login"))
    page.goto(f"{place.url}/sessions")
    page.wait_for_url(re.compile("/login"))


def test_a_link_from_elsewhere_finds_the_session(open_page: Open, place: Place) -> None:
    """A strict cookie does not come with it; the page for signing in asks again by itself."""
    page = open_page("/", who="vera")
    expect(page.locator(".stats")).to_be_visible()

    page.goto("about:blank")
    page.set_content(f'<a href="{place.url}/sessions">there</a>')
    page.get_by_role("link").click()

    page.wait_for_url(f"{place.url}/sessions")


@pytest.fixture
def open_to_visitors(place: Place) -> Iterator[None]:
    place.send("PUT", "/admin/config", {"allow_registration": True})
    yield
    place.send("PUT", "/admin/config", {"allow_registration": None})


@pytest.mark.usefixtures("open_to_visitors")
def test_visitors_register_where_that_is_allowed(open_page: Open, place: Place) -> None:
    page = open_page("/login", who=None)
    page.get_by_role("button", name="Register").click()
    expect(page).to_have_title(re.compile("^Register · "))
    form = page.get_by_role("form", name="Register")
    form.get_by_label("User name").fill("grace")
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Register").click()
    expect(form.locator(".form-error")).to_contain_text("There is already a user grace")
    assert_accessible(page)

    form.get_by_label("User name").fill("walter")
    form.get_by_role("button", name="Register").click()

    expect(page.locator(".who")).to_contain_text("walter")
    for screen in ("", "data", "console"):
        page.goto(f"/{place.cenv}/{screen}")
        expect(page.locator("main")).to_contain_text("Tables that an administrator lets you use are listed here")


def test_ones_own_password_is_changed(open_page: Open, place: Place) -> None:
    place.made("/admin/users", {"username": "changer", "password": PASSWORD, "role": "viewer"})
    page = open_page("/login", who=None)
    sign_in(page, "changer")
    page.get_by_role("link", name="Profile").first.click()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill("battery staple")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator(".toast")).to_contain_text("is changed")

    page.get_by_role("button", name="Sign out").click()
    sign_in(page, "changer", "battery staple")

    expect(page.locator(".who")).to_contain_text("changer")


def test_the_palette_goes_everywhere_by_keys(open_page: Open, place: Place) -> None:
    page = open_page("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("devic")
    expect(page.locator("#palette [aria-selected='true']")).to_contain_text("Devices")
    assert_accessible(page)

    page.keyboard.press("Enter")

    page.wait_for_url(f"{place.url}/sessions")


def test_what_is_chosen_can_be_seen_where_the_system_chooses_the_colors(open_page: Open) -> None:
    page = open_page("/admin/permissions", forced_colors="active")
    expect(page.locator("#matrix .rights .on").first).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option", selected=True)).to_have_count(1)

    pairs = (
        ("#matrix .rights .on", "#matrix .rights i:not(.on)"),
        ("#side [aria-current]", "#side ul a:not([aria-current])"),
        ("#palette [aria-selected=true]", "#palette [aria-selected=false]"),
    )
    for pair in pairs:
        grounds = [page.locator(each).first.evaluate("el => getComputedStyle(el).backgroundColor") for each in pair]
        assert len(set(grounds)) == 2, pair


def test_the_choice_of_dark_stays(open_page: Open) -> None:
    page = open_page("/")
    page.get_by_role("button", name="Toggle dark mode").click()

    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("body")).to_have_css("background-color", "rgb(11, 13, 17)")


def test_on_a_phone_the_menu_is_a_drawer_and_nothing_is_cut(open_page: Open) -> None:
    page = open_page("/", viewport={"width": 390, "height": 844})
    expect(page.locator(".stats")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("button", name="Open menu").click()
    page.get_by_role("link", name="Devices").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Signed in on these devices")


def test_the_first_load_is_small(open_page: Open, place: Place) -> None:
    sizes: list[int] = []
    page = open_page("server:/health")
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))

    page.goto(f"{place.url}/")
    page.wait_for_load_state("networkidle")

    assert 60_000 < sum(sizes) <= 210_000


@pytest.mark.parametrize("path", ["server:/", "server:/new", "/", "/me", "/sessions"])
def test_every_screen_is_for_everybody(open_page: Open, path: str) -> None:
    page = open_page(path)
    expect(page.locator("[aria-busy]")).to_have_count(0)

    assert_accessible_in_both_themes(page)
