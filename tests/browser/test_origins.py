"""A page of a hostile tenant, opened by somebody who is signed in to that cenv and to another one, gets nothing from either.

The page is an endpoint of one of them. It runs what it likes, in a real Chromium, and its victim is the owner of both.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page

from tests.conftest import Server

PASSWORD = "correct horse"
ATTACK = Path(__file__).with_name("hostile.js")
HTML = """def handler(request):
    return html(TEXT)
"""
STRANGER = """async ([server, cenv]) => {
    const read = await fetch(`${server}/${cenv}/me`, { credentials: "include" }).then(a => a.text(), () => "refused");
    const told = { method: "POST", credentials: "include", mode: "no-cors", body: "{}" };
    const write = await fetch(`${server}/${cenv}/query`, told).then(a => a.type, () => "refused");
    const form = Object.assign(document.createElement("form"), { method: "POST", action: `${server}/${cenv}/logout`, target: "sink" });
    document.body.append(form);
    form.submit();
    return [read, write];
}"""
MAKE = """bytes => {
    const form = new FormData();
    for (const [name, text] of [["username", "mallory"], ["password", "correct horse"]]) form.append(name, text);
    form.append("file", new Blob([new Uint8Array(bytes)]), "notes.db");
    return fetch("/new", { method: "POST", mode: "no-cors", body: form }).then(a => a.type);
}"""
NOTHING = {"refused", "", "undefined"}


@dataclass(frozen=True)
class Cenv:
    """A cenv of the victim's, and his session in it."""

    server: str
    id: str
    token: str

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.request(method, f"{self.server}/{self.id}{path}", json=body, headers=headers, timeout=30)

    def state(self) -> list[Any]:
        """What an attack would have changed."""
        rows = self.send("POST", "/query", {"sql": "SELECT * FROM notes"}).json()["rows"]
        users = [user["username"] for user in self.send("GET", "/admin/users").json()["users"]]
        sessions = sorted(item["session_id"] for item in self.send("GET", "/sessions").json()["sessions"])
        keys = self.send("GET", "/keys").json()["keys"]
        return [rows, users, sessions, keys, self.send("GET", "/admin/config").json()]


@dataclass
class Scene:
    """The hostile cenv, the other one, and the victim's browser, signed in to both."""

    own: Cenv
    other: Cenv
    elsewhere: str
    context: BrowserContext
    storage: Path


def make(server: str) -> Cenv:
    cenv = requests.post(f"{server}/new", json={"username": "victim", "password": PASSWORD}, timeout=30).json()["cenv_id"]
    login = requests.post(f"{server}/{cenv}/login", json={"username": "victim", "password": PASSWORD}, timeout=30).json()
    made = Cenv(server, cenv, login["token"])
    for sql in ("CREATE TABLE notes (text TEXT)", "INSERT INTO notes VALUES ('secret')"):
        made.send("POST", "/query", {"sql": sql})
    endpoint(made, "/private", 'def handler(request):\n    return "secret"\n', "user")
    endpoint(made, "/public", 'def handler(request):\n    return "for all"\n', "public")
    return made


def endpoint(cenv: Cenv, path: str, script: str, access: str) -> None:
    made = cenv.send("POST", "/admin/endpoints", {"path": path, "method": "*", "script": script, "access": access})
    assert made.ok, made.text


@pytest.fixture(scope="module")
def scene(browser: Browser, start_server: Callable[..., Server]) -> Iterator[Scene]:
    freely = "100000 per minute"
    started = start_server(
        WCE_RATE_LIMIT_NEW=freely, WCE_RATE_LIMIT_LOGIN=freely, WCE_CENV_RATE_LIMIT_IP=freely, WCE_CENV_RATE_LIMIT_USER=freely
    )
    server = started.url
    own, other = make(server), make(server)
    elsewhere = server.replace("127.0.0.1", "localhost")
    names = f"const OWN = {json.dumps(own.id)}, OTHER = {json.dumps(other.id)}, ELSEWHERE = {json.dumps(elsewhere)};"
    page = f"<!doctype html><title>hostile</title><body><iframe name=sink></iframe><a href='/{own.id}/' target=_blank>more</a>"
    page += f"<script>{names}\n{ATTACK.read_text(encoding='utf-8')}</script>"
    endpoint(own, "/hostile", HTML.replace("TEXT", json.dumps(page)), "public")
    endpoint(own, "/worker", 'def handler(request):\n    return response("", content_type="text/javascript")\n', "public")
    context = browser.new_context(base_url=server)
    for cenv in (own, other):
        cookie = {"name": f"wce_{cenv.id[:8]}", "value": cenv.token, "domain": "127.0.0.1", "path": f"/{cenv.id}/"}
        context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Strict"}])
    yield Scene(own, other, elsewhere, context, started.storage)
    context.close()


@pytest.fixture
def page(scene: Scene) -> Iterator[Page]:
    page = scene.context.new_page()
    yield page
    page.close()


def signed_in(page: Page, cenv: Cenv) -> bool:
    """Whether the victim's browser still is, with the cookie that it had."""
    answer = page.goto(f"/{cenv.id}/me?format=json")
    return answer is not None and answer.status == 200


def test_the_victim_is_signed_in_to_both(scene: Scene, page: Page) -> None:
    assert signed_in(page, scene.own)
    assert signed_in(page, scene.other)


def test_whatever_a_hostile_page_tries_it_gets_nothing(scene: Scene, page: Page) -> None:
    before = [scene.own.state(), scene.other.state()]
    page.goto(f"/{scene.own.id}/me?format=json")
    page.goto(f"/{scene.own.id}/api/hostile")

    told = page.evaluate("everything()")

    assert told.pop("origin") == "null"
    assert told.pop("public") == "for all"
    assert {name: text for name, text in told.items() if text not in NOTHING} == {}
    assert len(told) > 60
    assert [scene.own.state(), scene.other.state()] == before
    assert signed_in(page, scene.own)
    assert signed_in(page, scene.other)


def test_a_window_that_it_opens_shows_it_nothing(scene: Scene, page: Page) -> None:
    page.goto(f"/{scene.own.id}/api/hostile")
    page.evaluate(
        "void (document.querySelector('a').onclick = event => { event.preventDefault(); window.opened = window.open(event.target.href); })"
    )

    with scene.context.expect_page() as opened:
        page.click("a")
    opened.value.wait_for_load_state()

    assert page.evaluate("(() => { try { return opened.document.title } catch (error) { return 'refused' } })()") == "refused"
    assert page.evaluate("(() => { try { return opened.localStorage.length } catch (error) { return 'refused' } })()") == "refused"
    opened.value.close()


def test_a_form_that_takes_the_whole_window_signs_nobody_out(scene: Scene, page: Page) -> None:
    page.goto(f"/{scene.own.id}/api/hostile")

    with page.expect_response("**/logout") as answer:
        page.evaluate("void post(OWN, '/logout', '_self')")

    assert "set-cookie" not in answer.value.all_headers()
    assert signed_in(page, scene.own)


def test_it_makes_no_cenvs_from_where_its_visitor_is(scene: Scene, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    before = sorted(scene.storage.glob("*.db"))
    page.goto(f"/{scene.own.id}/api/hostile")

    with page.expect_response("**/new") as answer:
        page.evaluate(MAKE, [*file.read_bytes()])

    assert answer.value.status == 403
    assert sorted(scene.storage.glob("*.db")) == before


def test_a_link_of_another_site_has_no_script_act_for_its_visitor(scene: Scene, page: Page) -> None:
    before = scene.own.state()
    endpoint(scene.own, "/forget", 'def handler(request):\n    db.execute("DELETE FROM notes")\n    return "done"\n', "user")
    link = f"{scene.own.server}/{scene.own.id}/login?next=/{scene.own.id}/api/forget"
    page.route("**/stranger", lambda route: route.fulfill(body=f"<!doctype html><a href='{link}'>look</a>", content_type="text/html"))
    page.goto(f"{scene.elsewhere}/stranger")

    page.click("a")

    page.wait_for_url(f"{scene.own.server}/{scene.own.id}/")  # which the login leads to for whoever is signed in
    assert scene.own.state() == before


def test_a_page_of_another_site_gets_no_more(scene: Scene, page: Page) -> None:
    before = [scene.own.state(), scene.other.state()]
    page.route("**/stranger", lambda route: route.fulfill(body="<!doctype html><body><iframe name=sink></iframe>"))
    page.goto(f"{scene.elsewhere}/stranger")

    told = page.evaluate(STRANGER, [scene.own.server, scene.own.id])

    assert told in (["refused", "opaque"], ["refused", "refused"]), "some Chromiums let nobody ask this machine at all"
    assert [scene.own.state(), scene.other.state()] == before
    assert signed_in(page, scene.own)
