"""A page has no origin of its own; for ten minutes a token lets it call endpoints as whoever looks at it, and do nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.web.callers import Caller, Clock
from wce.core.scripts import NewEndpoint, save_endpoint
from wce.model import Actor, Role

PAGE = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}


def as_page(user: Caller, page: str = "/notes") -> Caller:
    made = user.post("/pages/token", {"page": page})
    assert made.status_code == 201, made.text
    return replace(user, token=made.json["token"])


def allowed(answer: TestResponse) -> list[str]:
    return answer.headers.getlist("Access-Control-Allow-Origin")


@pytest.fixture
def site(app: Flask, owner: Caller) -> Caller:
    """The owner of a cenv with an endpoint of each kind; nobody has to start a worker to look at the script."""
    script = "def handler(request):\n    return request.user.username\n"
    with app.extensions["wce"].store.session(owner.cenv) as session:
        for access in ("public", "user", "admin"):
            new = NewEndpoint(f"/{access}", "*", script, access=access)
            save_endpoint(session, lambda _: None, Actor(owner.user_id, "owner", Role.OWNER), new)
    return owner


def test_a_page_calls_private_endpoints_as_its_visitor(site: Caller, clock: Clock) -> None:
    made = site.post("/pages/token", {"page": "/notes"})
    assert made.json["expires_at"] == clock() + 600
    page = replace(site, token=made.json["token"])

    answer = page.get("/api/user", headers=PAGE)

    assert (answer.status_code, answer.text) == (200, "owner")
    assert allowed(answer) == ["*"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_browsers_may_ask_beforehand_from_no_origin_only(site: Caller) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    nobody = replace(site, token="")

    told = nobody.send("OPTIONS", "/api/user", headers=PAGE | asked)

    assert (allowed(told), told.headers["Access-Control-Allow-Headers"]) == (["*"], "Authorization, Content-Type")
    assert allowed(nobody.send("OPTIONS", "/api/user", headers=asked | {"Origin": "https://evil.example"})) == []
    assert allowed(nobody.get("/api/user", headers=PAGE)) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me"),
        ("POST", "/query"),
        ("GET", "/tables"),
        ("GET", "/sessions"),
        ("POST", "/logout"),
        ("GET", "/keys"),
        ("POST", "/pages/token"),
        ("GET", "/admin/users"),
        ("GET", "/admin/permissions"),
        ("GET", "/api/admin"),
    ],
)
def test_it_opens_nothing_else(site: Caller, method: str, path: str) -> None:
    assert as_page(site).send(method, path, {} if method == "POST" else None).status_code == 403
    assert site.get("/me").status_code == 200


def test_it_ends_with_its_time_and_with_the_session(site: Caller, clock: Clock) -> None:
    page = as_page(site)
    clock.seconds += 599
    assert page.get("/api/none").status_code == 404
    clock.seconds += 1
    assert page.get("/api/user").json["code"] == "bad_token"

    another = as_page(site)
    site.delete("/sessions")
    assert another.get("/api/user").json["code"] == "bad_token"


def test_it_is_of_one_cenv_and_comes_in_no_cookie(site: Caller, make_cenv: Callable[[], Caller]) -> None:
    page, other = as_page(site), make_cenv()

    assert replace(other, token=page.token).get("/api/user").json["code"] == "bad_token"
    cookie = {"Cookie": f"wce_{site.cenv[:8]}={page.token}"}
    assert replace(site, token="").get("/api/user", headers=cookie).status_code == 401
    assert replace(site, token=page.token.removeprefix("wcep_")).get("/me").json["code"] == "bad_token"


def test_only_a_session_lends_itself(site: Caller) -> None:
    key = replace(site, token=site.post("/keys", {"name": "x"}).json["key"])

    assert key.post("/pages/token", {"page": "/notes"}).status_code == 403
    assert replace(site, token="").post("/pages/token", {"page": "/notes"}).status_code == 401


@pytest.mark.parametrize("page", ["", "x" * 513])
def test_a_page_has_a_name(site: Caller, page: str) -> None:
    assert site.post("/pages/token", {"page": page}).json["errors"][0]["field"] == "page"
