"""Pictures of every screen, in light, in dark and as wide as a phone, to look at: `make screens`, or with a folder of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.place import Place, settle
from tests.conftest import launch, serving
from wce.web.screens import LINKS

VARIANTS = {"light": ("light", 1440, 900), "dark": ("dark", 1440, 900), "phone": ("light", 390, 844), "phone-dark": ("dark", 390, 844)}
PHONE = 860  # pixels: narrower screens fetch the editor when somebody writes
OUTSIDE = {"landing": "/", "new": "/new", "undelete": "/undelete", "error": "/nothing"}
FREELY = "100000 per minute"
ENVIRON = {
    "WCE_RATE_LIMIT_NEW": FREELY,
    "WCE_RATE_LIMIT_LOGIN": FREELY,
    "WCE_CENV_RATE_LIMIT_IP": FREELY,
    "WCE_CENV_RATE_LIMIT_USER": FREELY,
}


def use(place: Place) -> None:
    """Leave traces, so that figures and lists have something to show."""
    for sql in ("SELECT month, orders, revenue FROM monthly ORDER BY month", "SELECT * FROM customers WHERE region = 'Europe'"):
        result = place.send("POST", "/query", {"sql": sql}).json()
        place.send("POST", "/console/history", {"sql": sql, "duration_ms": result["duration_ms"], "row_count": result["row_count"]})
    for _ in range(40):
        place.send("GET", "/api/customers")


def pages(place: Place) -> dict[str, str]:
    """Every screen by the name of its picture."""
    inside = {link.title.lower().replace(" ", "-"): f"/{place.cenv}{link.path}" for link in LINKS}
    return OUTSIDE | {"login": f"/{place.cenv}/login"} | inside | {"table": f"/{place.cenv}/data/orders"}


def settled(page: Page) -> None:
    """Wait until nothing is on its way any more."""
    page.wait_for_load_state("networkidle")
    page.locator("[aria-busy='true']").first.wait_for(state="detached")
    page.wait_for_timeout(250)  # what is drawn after the last answer


def shoot(browser: Browser, place: Place, folder: Path) -> int:
    count = 0
    for variant, (theme, width, height) in VARIANTS.items():
        context = browser.new_context(base_url=place.server, viewport={"width": width, "height": height}, reduced_motion="reduce")
        context.add_cookies([{"name": "theme", "value": theme, "url": place.server}])
        cookie = {"name": f"wce_{place.cenv[:8]}", "value": place.tokens["ada"], "domain": "127.0.0.1", "path": f"/{place.cenv}/"}
        for name, path in pages(place).items():
            context.clear_cookies(name=cookie["name"])
            if name != "login":
                context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Strict"}])
            page = context.new_page()
            page.goto(path)
            settled(page)
            if width > PHONE and page.locator("#editor").count():
                page.locator("#editor .view-line").first.wait_for()  # until then a plain field stands there
            if name == "sql-console":
                page.keyboard.press("Control+Enter")
                settled(page)
            page.screenshot(path=folder / f"{name}-{variant}.png")
            page.close()
            count += 1
        context.close()
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description="Take pictures of every screen.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("screens"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as storage, serving(Path(storage), ENVIRON) as server, sync_playwright() as playwright:
        place = settle(server.url)
        use(place)
        browser = launch(playwright)
        count = shoot(browser, place, folder)
        browser.close()
    print(f"{count} pictures are in {folder}/")


if __name__ == "__main__":
    main()
