"""The pages that say what went wrong: ours, and those in the sandbox of what tenants wrote, which ask for nothing that it keeps out."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import FREELY, REFUSED, RULES, assert_accessible
from tests.browser.place import Place, settle
from tests.conftest import Server

FREE = {"WCE_RATE_LIMIT_NEW": FREELY, "WCE_RATE_LIMIT_LOGIN": FREELY}
NONE = "/1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
TEMPLATES = (("gone", "{{ query('SELECT * FROM nowhere') }}", "public"), ("ours", "inside", "admin"))
SCRIPT = "def handler(request):\n    return 1 // 0\n"
Look = Callable[..., Page]


@dataclass(frozen=True)
class Lone:
    """A server of one's own, with the shop on it."""

    server: Server
    place: Place


@pytest.fixture(scope="module")
def lone(start_server: Callable[..., Server]) -> Lone:
    server = start_server(**FREE)
    place = settle(server.url)
    for name, content, access in TEMPLATES:
        place.made("/admin/templates", {"name": name, "syntax": "jinja", "content": content, "access": access, "published": True})
    place.made("/admin/endpoints", {"path": "/bad", "method": "GET", "script": SCRIPT, "access": "public"})
    return Lone(server, place)


@pytest.fixture
def look(browser: Browser) -> Iterator[Look]:
    """Call it with a place, a path or an address, and who looks, for a page that had nothing to complain of but its own status."""
    opened = []

    def look_at(place: Place, path: str, status: int, who: str = "", theme: str = "light") -> Page:
        context = browser.new_context(base_url=place.url, color_scheme="dark" if theme == "dark" else "light")
        if who:
            cookie = {"name": f"wce_{place.cenv[:8]}", "value": place.tokens[who], "domain": "127.0.0.1", "path": f"/{place.cenv}/"}
            context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Strict"}])
        page, said = context.new_page(), list[str]()
        page.on("console", lambda message: said.append(message.text))
        page.on("requestfailed", lambda asked: said.append(asked.url))
        opened.append(context)
        answer = page.goto(place.url + path if path.startswith("/") else path, wait_until="networkidle")
        assert answer is not None
        assert answer.status == status
        known = tuple(f"Failed to load resource: {why}" for why in (*REFUSED, "the server responded with a status of 5"))
        assert [text for text in said if not text.startswith(known)] == []
        return page

    yield look_at
    for context in opened:
        context.close()


@pytest.mark.parametrize(
    ("path", "status", "who"),
    [
        ("/pages/none", 404, ""),
        ("/api/none", 404, ""),
        ("/pages/ours", 403, "vera"),
        ("/pages/gone", 502, ""),
        ("/pages/gone", 502, "ada"),
        ("/api/bad", 502, ""),
        ("/editor/templates/frame", 403, "vera"),
        ("/nothing", 404, ""),
        ("/admin/users", 403, "vera"),
    ],
)
def test_an_error_page_asks_for_nothing_that_is_kept_out(lone: Lone, look: Look, path: str, status: int, who: str) -> None:
    page = look(lone.place, path, status, who)

    expect(page.get_by_role("heading")).to_be_visible()


def test_an_error_in_the_sandbox_can_be_read_in_both_themes_and_on_a_phone(lone: Lone, look: Look) -> None:
    for theme in ("light", "dark"):
        page = look(lone.place, "/pages/gone", 502, "ada", theme=theme)
        assert_accessible(page, RULES if theme == "light" else ["color-contrast"])

    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_who_is_too_fast_or_meets_a_damaged_cenv_is_told_so_in_either_class(lone: Lone, look: Look) -> None:
    fast, damaged = settle(lone.server.url), settle(lone.server.url)
    fast.send("PUT", "/admin/config", {"rate_limit_ip": "1 per minute"})
    with (lone.server.storage / f"{damaged.cenv}.db").open("r+b") as file:
        file.truncate(8192)
        file.write(b"no database " * 400)

    for path in ("/pages/none", "/admin/users"):
        look(fast, path, 429)
        look(damaged, path, 503)


def test_on_the_host_for_content_an_error_page_has_its_looks_and_leads_home(start_server: Callable[..., Server], look: Look) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    main, content = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
    place = settle(start_server(WCE_PORT=str(port), WCE_CONTENT_HOST=f"localhost:{port}", WCE_BASE_URL=main, **FREE).url)

    for address, status in (
        (f"/{place.cenv}/pages/none", 404),
        (f"/{place.cenv}/admin/users", 421),
        ("/nothing", 404),
        (NONE + "/pages/", 404),
    ):
        page = look(place, content + address, status)
        expect(page.get_by_role("heading")).to_have_css("font-size", "28px")
        for link in page.get_by_role("link").all():
            assert str(link.get_attribute("href")).startswith(main + "/")


def test_where_nobody_has_said_what_the_main_host_is_no_link_leads_astray(start_server: Callable[..., Server], look: Look) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = settle(start_server(WCE_PORT=str(port), WCE_CONTENT_HOST=f"localhost:{port}", **FREE).url)

    page = look(place, f"http://localhost:{port}{NONE}/pages/", 404)

    expect(page.get_by_role("link")).to_have_count(0)
