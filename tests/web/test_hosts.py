"""What tenants wrote on a host of its own, and our own pages and values on the other one only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.callers import PASSWORD, Caller, Clock, sign_in
from wce.errors import WceError
from wce.web.access import access
from wce.web.context import actor
from wce.web.headers import ResponseClass

CONTENT = "content.example"
BROWSER = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FOREIGN = BROWSER | {"Sec-Fetch-Site": "cross-site"}


@dataclass(frozen=True)
class Place:
    """A server with a cenv, where one address answers with the name of whoever looks at it."""

    client: FlaskClient
    owner: Caller

    def get(self, path: str, host: str = "localhost", method: str = "GET", **headers: str) -> TestResponse:
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.client.open(path, method=method, headers=sent | {"Host": host})

    @property
    def looked_at(self) -> str:
        return f"/{self.owner.cenv}/looked-at"


@pytest.fixture
def make_place(make_app: Callable[..., Flask]) -> Callable[..., Place]:
    def make(**settings: Any) -> Place:
        app = make_app(**settings)

        @app.route("/<cenv:cenv_id>/looked-at", methods=["GET", "POST"])
        @access("anyone", ResponseClass.CONTENT, views=True)
        def look(cenv_id: str) -> Response:
            return Response(f"{actor().username} in {cenv_id}")

        @app.get("/<cenv:cenv_id>/private")
        @access("anyone", ResponseClass.CONTENT, views=True)
        def private(cenv_id: str) -> Response:
            raise WceError("not_signed_in")

        client = app.test_client(use_cookies=False)
        cenv = client.post("/new", json={"username": "owner", "password": PASSWORD}).json["cenv_id"]
        return Place(client, sign_in(client, cenv, "owner"))

    return make


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    return make_place(content_host=CONTENT)


def login_cookies(place: Place) -> dict[str, str]:
    answer = place.client.post(f"/{place.owner.cenv}/login", json={"username": "owner", "password": PASSWORD})
    return dict(text.split(";")[0].split("=", 1) for text in answer.headers.getlist("Set-Cookie"))


# Two hosts.


@pytest.mark.parametrize("path", ["/", "/new", "/health", "/{cenv}/me", "/{cenv}/query", "/{cenv}/login", "/{cenv}/admin/users"])
def test_nothing_of_ours_is_on_the_host_for_content(place: Place, path: str) -> None:
    for method in ("GET", "POST"):
        answer = place.get(path.format(cenv=place.owner.cenv), CONTENT, method)
        assert answer.status_code in (405, 421)
        assert "owner" not in answer.text
    assert "Set-Cookie" not in answer.headers


def test_content_is_sent_for_from_our_host_and_answered_on_the_other(place: Place) -> None:
    moved = place.get(place.looked_at + "?a=1&b=%2F")

    assert moved.status_code == 307
    assert moved.headers["Location"] == f"http://{CONTENT}{place.looked_at}?a=1&b=%2F"
    assert place.get(place.looked_at, CONTENT).text == f"public in {place.owner.cenv}"
    assert place.get(place.looked_at, method="POST").json["code"] == "wrong_host"


def test_endpoints_are_content(place: Place) -> None:
    path, token = f"/{place.owner.cenv}/api/none", f"Bearer {place.owner.token}"

    assert place.get(path, CONTENT, Authorization=token).status_code == 404
    assert place.get(path, Authorization=token).status_code == 307
    assert place.get(path, method="POST", Authorization=token).status_code == 421


def test_the_sandbox_stays_on_a_host_of_its_own(place: Place) -> None:
    assert place.get(place.looked_at, CONTENT).headers["Content-Security-Policy"].startswith("sandbox ")


def test_a_preview_stands_in_its_box_on_our_host_and_has_pictures_from_the_other(place: Place) -> None:
    answer = place.get(f"/{place.owner.cenv}/editor/templates/frame", Authorization=f"Bearer {place.owner.token}")

    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-scripts ")
    assert f"default-src 'self' {CONTENT} " in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("content", [CONTENT, "[2001:db8::a]"])
def test_other_hosts_are_refused_as_ever_and_a_port_makes_no_other_host(make_place: Callable[..., Place], content: str) -> None:
    place = make_place(content_host=f"{content}:8443", hosts=("localhost",))

    assert place.get(place.looked_at, "evil.example").status_code == 421
    assert place.get(place.looked_at, content.upper()).status_code == 200
    assert place.get(place.looked_at).headers["Location"].startswith(f"http://{content}:8443/")


def test_what_is_not_there_is_not_there_on_either(place: Place) -> None:
    assert place.get(f"/{place.owner.cenv}/nothing", CONTENT).status_code == 404
    assert place.get(f"/{place.owner.cenv}/nothing").status_code == 404


def test_a_kept_page_is_on_the_host_for_content_only(place: Place) -> None:
    page = {"name": "index", "syntax": "html", "content": "<p>hello</p>", "published": True, "access": "public"}
    assert place.owner.post("/admin/templates", page).status_code == 201
    path = f"/{place.owner.cenv}/pages/"

    for _ in range(3):
        assert place.get(path, CONTENT).status_code == 200
        assert place.get(path).status_code == 307
    assert place.owner.post("/admin/templates/preview", {"syntax": "html", "content": "<p>x</p>"}).status_code == 200


# Who looks.


@pytest.mark.parametrize("query", ["", "?a=1", "?view=month", "?view=month&a=1&view="])
def test_who_is_signed_in_is_known_on_the_other_host(place: Place, query: str) -> None:
    session = f"wce_{place.owner.cenv[:8]}={place.owner.token}"
    moved = place.get(place.looked_at + query, Cookie=session, **BROWSER)
    there = moved.headers["Location"].removeprefix(f"http://{CONTENT}")

    arrived = place.get(there, CONTENT, **FOREIGN)

    assert (arrived.status_code, arrived.headers["Location"]) == (307, place.looked_at + query)
    cookie = arrived.headers["Set-Cookie"]
    assert set(cookie.split("; ")[1:]) >= {"HttpOnly", "SameSite=Lax", f"Path=/{place.owner.cenv}/pages/"}
    assert place.get(place.looked_at, CONTENT, Cookie=cookie.split(";")[0], **FOREIGN).text.startswith("owner ")
    assert place.owner.token not in there + cookie


def test_a_ticket_is_good_for_a_minute_and_for_nothing_else(place: Place, clock: Clock) -> None:
    session = f"wce_{place.owner.cenv[:8]}={place.owner.token}"
    ticket = place.get(place.looked_at, Cookie=session, **BROWSER).headers["Location"].partition("view=")[2]

    assert replace(place.owner, token=ticket).get("/me").json["code"] == "bad_token"
    assert place.get(f"/{place.owner.cenv}/me", Cookie=f"wce_{place.owner.cenv[:8]}={ticket}", **BROWSER).status_code == 401
    clock.seconds += 60
    assert place.get(f"{place.looked_at}?view={ticket}", CONTENT, **BROWSER).text.startswith("public ")
    assert place.get(f"{place.looked_at}?view=nonsense", CONTENT, **BROWSER).text.startswith("public ")


@pytest.mark.parametrize("cookie", ["nonsense", "", None])
def test_nobody_gets_no_ticket(place: Place, cookie: str | None) -> None:
    sent = BROWSER if cookie is None else BROWSER | {"Cookie": f"wce_{place.owner.cenv[:8]}={cookie}"}

    assert "view=" not in place.get(place.looked_at, **sent).headers["Location"]
    stolen = FOREIGN | {"Cookie": f"wce_{place.owner.cenv[:8]}={place.owner.token}"}
    assert "view=" not in place.get(place.looked_at, **stolen).headers["Location"]


def test_on_one_host_a_link_in_a_sandbox_leads_to_private_pages(make_place: Callable[..., Place]) -> None:
    place = make_place()
    cookies = login_cookies(place)
    view = f"wce_view_{place.owner.cenv[:8]}={cookies[f'wce_view_{place.owner.cenv[:8]}']}"

    assert place.get(place.looked_at, Cookie=view, **FOREIGN).text.startswith("owner ")
    assert place.get(place.looked_at, Cookie=view).text.startswith("owner "), "an old browser does not say"
    for instead in ({"Sec-Fetch-Mode": "cors"}, {"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}):
        assert place.get(place.looked_at, Cookie=view, **FOREIGN | instead).text.startswith("public ")
    assert place.get(place.looked_at, method="POST", Cookie=view, **FOREIGN).text.startswith("public ")
    for path in ("/me", "/tables", "/sessions"):
        assert place.get(f"/{place.owner.cenv}{path}", Cookie=view, **BROWSER).status_code == 401


def test_looking_ends_with_the_session(make_place: Callable[..., Place]) -> None:
    place = make_place()
    cookies = login_cookies(place)
    view = f"wce_view_{place.owner.cenv[:8]}={cookies[f'wce_view_{place.owner.cenv[:8]}']}"

    place.owner.delete("/sessions")

    assert place.get(place.looked_at, Cookie=view, **FOREIGN).text.startswith("public ")


@pytest.mark.parametrize(("base_url", "leads"), [("https://wce.example", True), ("", False)])
def test_the_host_for_content_leads_to_the_login_on_the_other_one(make_place: Callable[..., Place], base_url: str, leads: bool) -> None:
    place = make_place(content_host=CONTENT, base_url=base_url)
    private = f"/{place.owner.cenv}/private"

    answer = place.get(private, CONTENT, Accept="text/html")

    login = f'href="https://wce.example/{place.owner.cenv}/login?next={private.replace("/", "%2F")}"'
    assert (answer.status_code, login in answer.text, "Sign in</a>" in answer.text) == (401, leads, leads)
