"""The first steps of a request: host, cookies, cross-site requests, service workers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.callers import Caller

OURS = "http://localhost"


def by_cookie(caller: Caller, method: str, path: str, *, token: str | None = None, **headers: str) -> TestResponse:
    """A browser's request: the cookie and what else is said, no Authorization."""
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    sent["Cookie"] = f"wce_{caller.cenv[:8]}={caller.token if token is None else token}"
    return caller.client.open(f"/{caller.cenv}{path}", method=method, headers=sent)


def csrf_token(caller: Caller) -> str:
    found = by_cookie(caller, "GET", "/me", Sec_Fetch_Site="same-origin").json["csrf_token"]
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize("path", ["", "/", "/query", "/api/notes", "/pages/a", "/static/nothing", "/nothing"])
@pytest.mark.parametrize("headers", [{}, {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}])
def test_a_cenv_that_is_not_there_says_so_under_every_method(owner: Caller, path: str, headers: dict[str, str]) -> None:
    absent = Caller(owner.client, "00000000-0000-4000-8000-000000000000")

    answers = [absent.send(method, path, headers=headers) for method in ("GET", "OPTIONS")]

    assert [(answer.status_code, answer.json["code"]) for answer in answers] == [(404, "no_such_cenv")] * 2


@pytest.mark.parametrize("path", ["/query", "/pages/a"])
def test_a_cenv_tells_the_methods_of_an_address(visitor: Caller, path: str) -> None:
    answer = visitor.send("OPTIONS", path)

    assert answer.status_code == 200
    assert "OPTIONS" in answer.allow


def test_a_cookie_speaks_for_the_user_on_our_own_pages(owner: Caller) -> None:
    answer = by_cookie(owner, "GET", "/me", Sec_Fetch_Site="same-origin")

    assert answer.status_code == 200
    assert answer.json["username"] == "owner"


@pytest.mark.parametrize(
    ("headers", "signed_in"),
    [
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "same-origin", "Origin": OURS}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        ({}, True),
        ({"Origin": OURS}, True),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Site": "same-origin", "Origin": "null"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "https://localhost"}, False),
    ],
)
def test_reading_by_cookie_wants_our_own_origin(owner: Caller, headers: dict[str, str], signed_in: bool) -> None:
    assert by_cookie(owner, "GET", "/me", **headers).status_code == (200 if signed_in else 401)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "same-origin"}, 204),
        ({"Sec_Fetch_Site": "same-origin", "Origin": OURS}, 204),
        ({}, 204),
        ({"Sec_Fetch_Site": "none"}, 401),
        ({"Sec_Fetch_Site": "same-site"}, 401),
        ({"Sec_Fetch_Site": "cross-site"}, 401),
        ({"Sec_Fetch_Site": "same-origin", "Origin": "null"}, 401),
        ({"Origin": "http://evil.example"}, 401),
    ],
)
def test_writing_by_cookie_wants_our_own_origin_and_the_token(owner: Caller, headers: dict[str, str], status: int) -> None:
    right = csrf_token(owner)

    assert by_cookie(owner, "DELETE", "/sessions", X_CSRF_Token="wrong", **headers).status_code == (403 if status == 204 else 401)
    assert by_cookie(owner, "DELETE", "/sessions", **headers).status_code == (403 if status == 204 else 401)
    assert by_cookie(owner, "DELETE", "/sessions", X_CSRF_Token=right, **headers).status_code == status


def test_the_token_of_one_session_proves_nothing_for_another(owner: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("editor", "editor")

    answer = by_cookie(owner, "DELETE", "/sessions", Sec_Fetch_Site="same-origin", X_CSRF_Token=csrf_token(editor))

    assert answer.status_code == 403
    assert answer.json["code"] == "csrf"


def test_a_bearer_token_wants_no_proof_and_gets_none(owner: Caller) -> None:
    assert "csrf_token" not in owner.get("/me").json
    assert owner.delete("/sessions", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 204


def test_with_authorization_the_cookie_counts_for_nothing(owner: Caller) -> None:
    answer = by_cookie(owner, "GET", "/me", Sec_Fetch_Site="same-origin", Authorization="Bearer nonsense")

    assert answer.status_code == 401
    assert answer.json["code"] == "bad_token"


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
def test_a_stale_cookie_is_nobody(owner: Caller, token: str) -> None:
    answer = by_cookie(owner, "GET", "/me", token=token, Sec_Fetch_Site="same-origin")

    assert answer.status_code == 401
    assert answer.json["code"] == "not_signed_in"


def test_the_cookie_of_one_cenv_says_nothing_to_another(owner: Caller, make_cenv: Callable[[], Caller]) -> None:
    other = make_cenv()

    assert by_cookie(other, "GET", "/me", token=owner.token, Sec_Fetch_Site="same-origin").status_code == 401


def test_our_origin_is_the_public_address(make_app: Callable[..., Flask]) -> None:
    client = make_app(base_url="https://wce.example").test_client(use_cookies=False)
    made = client.post("/new", json={"username": "owner", "password": "correct horse"}).json["cenv_id"]
    login = client.post(f"/{made}/login", json={"username": "owner", "password": "correct horse"})
    owner = Caller(client, made, login.json["token"])

    assert "; Secure" in login.headers["Set-Cookie"]
    assert by_cookie(owner, "GET", "/me", Origin="https://wce.example").status_code == 200
    assert by_cookie(owner, "GET", "/me", Origin=OURS).status_code == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("wce.example", 200),
        ("WCE.example:5309", 200),
        ("[::1]:80", 200),
        ("evil.example", 421),
        ("wce.example.evil.example", 421),
        ("", 421),
    ],
)
def test_a_server_answers_for_its_own_names_only(make_app: Callable[..., Flask], host: str, status: int) -> None:
    client = make_app(hosts=("wce.example", "[::1]")).test_client()

    answer = client.get("/health", headers={"Host": host})

    assert answer.status_code == status
    assert status == 200 or answer.json["code"] == "wrong_host"


@pytest.mark.parametrize("host", ["a b", "<x>", 'evil"x', "é", "[::1", "a:b", "a/b", "a@b", "x" * 64, "a." * 200 + "a", "a..b", ":x"])
@pytest.mark.parametrize("path", ["/", "/nothing"])
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_a_host_that_is_none_is_malformed_and_never_a_bug(client: FlaskClient, host: str, path: str, accept: str) -> None:
    overrides = {"HTTP_HOST": host.encode().decode("latin-1")}

    answer = client.get(path, headers={"Accept": accept}, environ_overrides=overrides)

    assert answer.status_code == 400
    assert "malformed" in answer.text


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1:5309", "[::1]:5309", "wce_app", "wce.example.org.", "xn--bcher-kva.example"])
def test_a_name_or_an_address_is_a_host(client: FlaskClient, host: str) -> None:
    assert client.get("/", environ_overrides={"HTTP_HOST": host}).status_code == 200


def test_a_strange_host_learns_nothing_of_the_routes(make_app: Callable[..., Flask]) -> None:
    client = make_app(hosts=("wce.example",)).test_client()

    assert client.get("/nothing", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/v-000000000000/css/app.css"])
def test_nothing_here_becomes_a_service_worker(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Service-Worker": "script"})

    assert answer.status_code == 403


def test_the_request_id_is_in_the_header_and_in_the_error(client: FlaskClient) -> None:
    answer = client.get("/nothing", headers={"X-Request-ID": "trace-7"})

    assert answer.headers["X-Request-ID"] == answer.json["request_id"] == "trace-7"
