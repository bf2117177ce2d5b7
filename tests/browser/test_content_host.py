"""The editor of pages on a server that has a host of its own for what tenants wrote."""

from __future__ import annotations

import socket
from collections.abc import Callable

import requests
from playwright.sync_api import Browser, expect

from tests.browser.conftest import FREELY
from tests.conftest import Server

PASSWORD = "correct horse"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
PAGE = '<h1>Draft</h1><img src="{{ url_for_page("assets/nine.svg") }}">'


def test_a_preview_shows_the_page_and_its_pictures(browser: Browser, start_server: Callable[..., Server]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    limits = {"WCE_RATE_LIMIT_NEW": FREELY, "WCE_RATE_LIMIT_LOGIN": FREELY}
    server = start_server(WCE_PORT=port, WCE_CONTENT_HOST=f"localhost:{port}", **limits)
    cenv = requests.post(f"{server.url}/new", json={"username": "ada", "password": PASSWORD}, timeout=30).json()["cenv_id"]
    login = requests.post(f"{server.url}/{cenv}/login", json={"username": "ada", "password": PASSWORD}, timeout=30).json()
    bearer = {"Authorization": f"Bearer {login['token']}"}
    requests.put(f"{server.url}/{cenv}/admin/assets/nine.svg", data=PICTURE, headers=bearer, timeout=30)
    text = {"name": "index", "syntax": "jinja", "content": PAGE}
    assert requests.post(f"{server.url}/{cenv}/admin/templates", json=text, headers=bearer, timeout=30).ok
    context = browser.new_context()
    cookie = {"name": f"wce_{cenv[:8]}", "value": login["token"], "domain": "127.0.0.1", "path": f"/{cenv}/"}
    context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Strict"}])
    page = context.new_page()

    page.goto(f"{server.url}/{cenv}/editor/templates")

    shown = page.locator("#preview iframe").last.content_frame
    expect(shown.get_by_role("heading")).to_have_text("Draft")
    expect(shown.locator("img")).to_have_js_property("naturalWidth", 9)
    context.close()
