"""One server, one browser and one lived-in cenv for all tests here; every page fails its test on a mistake that only shows in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect

from tests.browser.place import Place, settle
from tests.conftest import Server

WATCH = """window.violations = [];
document.addEventListener('securitypolicyviolation', e =>
  violations.push(`${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`));"""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FAILED = 502  # what a script or page of theirs does wrong, and no screen
REFUSED = ("the server responded with a status of 4", f"the server responded with a status of {FAILED}", "net::ERR_INTERNET_DISCONNECTED")
FREELY = "100000 per minute"
Open = Callable[..., Page]
PATIENCE_MS = 30_000  # a busy machine is slow; a page that works never waits so long

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def place(start_server: Callable[..., Server]) -> Place:
    """The shop of `settle`. Tests share it: what one changes, it changes back or nobody else looks at."""
    limits = {"WCE_RATE_LIMIT_NEW": FREELY, "WCE_RATE_LIMIT_LOGIN": FREELY}
    return settle(start_server(**limits, WCE_CENV_RATE_LIMIT_IP=FREELY, WCE_CENV_RATE_LIMIT_USER=FREELY).url)


@pytest.fixture
def open_page(browser: Browser, place: Place) -> Iterator[Open]:
    """Call it with a path of the cenv, a user (None: nobody) and options of a browser context for a watched page."""
    opened: list[tuple[BrowserContext, Page, list[str]]] = []

    def open_it(path: str, who: str | None = "ada", theme: str = "light", **options: Any) -> Page:
        context = browser.new_context(
            **{"base_url": place.server, "viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"} | options
        )
        context.add_init_script(WATCH)
        context.add_cookies([{"name": "theme", "value": theme, "url": place.server}])
        if who:
            name = f"wce_{place.cenv[:8]}"
            cookie = {"name": name, "value": place.tokens[who], "domain": "127.0.0.1", "path": f"/{place.cenv}/"}
            context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Strict"}])
        page, mistakes = context.new_page(), []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        page.on("console", lambda message: mistakes.extend(_bad(message)))
        page.on("response", lambda answer: mistakes.extend(_broken(answer)))
        opened.append((context, page, mistakes))
        page.goto(f"/{place.cenv}{path}" if path.startswith("/") else path.removeprefix("server:"))
        return page

    yield open_it
    for context, page, mistakes in opened:
        assert page.evaluate("window.violations") == []
        assert mistakes == []
        context.close()


def _bad(message: ConsoleMessage) -> list[str]:
    """Chromium itself writes a line for each request that is refused or finds no network; that is no mistake of a page."""
    refused = message.text.startswith(tuple(f"Failed to load resource: {why}" for why in REFUSED))
    return [message.text] if message.type == "error" and not refused else []


def _broken(answer: Response) -> list[str]:
    return [f"{answer.status} {answer.url}"] if answer.status >= 500 and answer.status != FAILED else []


def assert_accessible(page: Page, rules: Sequence[str] = RULES) -> None:
    """What axe finds on the page as it stands is nothing."""
    # Of what passed axe would tell every cell of a table, which took the tests more time than looking at it.
    found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()


def assert_accessible_in_both_themes(page: Page) -> None:
    """Of the second theme only the colours are looked at: everything else is the same, and axe is slow."""
    assert_accessible(page)
    page.get_by_role("button", name="Toggle dark mode").click()
    assert_accessible(page, ["color-contrast"])
