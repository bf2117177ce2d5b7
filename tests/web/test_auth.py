"""Signing in and out, and one's own account."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.web.callers import PASSWORD, Caller, Clock, sign_in

DAY = 86_400


def test_a_login_answers_with_a_token_and_a_cookie(visitor: Caller, clock: Clock) -> None:
    answer = visitor.post("/login", {"username": "owner", "password": PASSWORD})

    assert answer.status_code == 200
    assert answer.json.keys() == {"token", "expires_at"}
    assert answer.json["expires_at"] == clock() + DAY
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"wce_{visitor.cenv[:8]}={answer.json['token']}; ")
    assert set(cookie.split("; ")) >= {f"Max-Age={DAY}", "HttpOnly", f"Path=/{visitor.cenv}/", "SameSite=Strict"}


@pytest.mark.parametrize(
    ("username", "password"), [("owner", "wrong horse"), ("nobody", PASSWORD), ("public", PASSWORD), ("owner", "x" * 100), ("", "")]
)
def test_every_failed_login_answers_alike(visitor: Caller, username: str, password: str) -> None:
    answer = visitor.post("/login", {"username": username, "password": password})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "Set-Cookie" not in answer.headers
    assert answer.json | {"request_id": ""} == {
        "type": "/docs/errors#bad_credentials",
        "title": "Wrong user name or password",
        "status": 401,
        "code": "bad_credentials",
        "detail": "Wrong user name or password",
        "request_id": "",
    }


def test_the_name_is_the_same_in_any_case(visitor: Caller) -> None:
    assert visitor.post("/login", {"username": "OWNER", "password": PASSWORD}).status_code == 200


def test_me_says_who_and_what(owner: Caller) -> None:
    answer = owner.get("/me")

    assert answer.json == {"user_id": 1, "username": "owner", "role": "owner", "cenv_id": owner.cenv, "permissions": {}}


def test_no_one_is_nobody(visitor: Caller) -> None:
    answer = visitor.get("/me")

    assert answer.status_code == 401
    assert answer.json["code"] == "not_signed_in"


def test_a_logout_ends_the_token_at_once(owner: Caller) -> None:
    answer = owner.post("/logout")

    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert owner.get("/me").json["code"] == "bad_token"


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {"Origin": "https://evil.example"}])
def test_a_page_of_somebody_else_signs_nobody_out(owner: Caller, headers: dict[str, str]) -> None:
    cookie = {"Cookie": f"wce_{owner.cenv[:8]}={owner.token}"}

    answer = Caller(owner.client, owner.cenv).post("/logout", headers=headers | cookie)

    assert "Set-Cookie" not in answer.headers
    assert owner.get("/me").status_code == 200


def test_who_is_not_signed_in_may_sign_out(visitor: Caller) -> None:
    assert visitor.post("/logout").status_code == 204


def test_a_token_ends_with_its_time(owner: Caller, clock: Clock) -> None:
    clock.seconds += DAY - 1
    assert owner.get("/me").status_code == 200

    clock.seconds += 1
    assert owner.get("/me").json["code"] == "bad_token"


def test_a_token_of_one_cenv_says_nothing_to_another(owner: Caller, make_cenv: Callable[[], Caller]) -> None:
    other = make_cenv()

    answer = Caller(owner.client, other.cenv, owner.token).get("/me")

    assert answer.status_code == 401
    assert answer.json["code"] == "bad_token"


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic b3duZXI6eA==", "", "Bearer ä", "Bearer " + "x" * 5000]
)
def test_a_broken_authorization_is_an_error_and_never_a_visitor(visitor: Caller, header: str) -> None:
    answer = visitor.get("/me", headers={"Authorization": header.encode().decode("latin-1")})

    assert answer.status_code == 401
    assert answer.json["code"] == "bad_token"


def test_the_scheme_is_the_same_in_any_case(owner: Caller, visitor: Caller) -> None:
    assert visitor.get("/me", headers={"Authorization": f"bEARER {owner.token}"}).status_code == 200


def test_sessions_are_listed(owner: Caller, clock: Clock) -> None:
    sign_in(owner.client, owner.cenv, "owner")

    found = owner.get("/sessions").json["sessions"]

    assert [item["current"] for item in found].count(True) == 1
    assert len(found) == 2
    assert found[0].keys() == {"session_id", "created_at", "last_used", "expires_at", "ip_address", "user_agent", "current"}
    assert (found[0]["created_at"], found[0]["ip_address"]) == (clock(), "127.0.0.1")


def test_one_session_is_ended(owner: Caller) -> None:
    other = sign_in(owner.client, owner.cenv, "owner")
    (session_id,) = [item["session_id"] for item in owner.get("/sessions").json["sessions"] if not item["current"]]

    assert owner.delete(f"/sessions/{session_id}").status_code == 204

    assert other.get("/me").status_code == 401
    assert owner.get("/me").status_code == 200
    assert owner.delete(f"/sessions/{session_id}").status_code == 404


def test_all_sessions_are_ended(owner: Caller) -> None:
    other = sign_in(owner.client, owner.cenv, "owner")

    assert owner.delete("/sessions").status_code == 204

    assert (owner.get("/me").status_code, other.get("/me").status_code) == (401, 401)


def test_nobody_ends_the_session_of_another(owner: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("editor", "editor")
    (session_id,) = [item["session_id"] for item in owner.get("/sessions").json["sessions"]]

    assert editor.delete(f"/sessions/{session_id}").status_code == 404
    assert owner.get("/me").status_code == 200


def test_a_new_password_ends_every_session_and_begins_one(owner: Caller, visitor: Caller) -> None:
    answer = owner.post("/password", {"current_password": PASSWORD, "new_password": "battery staple"})

    assert answer.status_code == 200
    assert answer.json.keys() == {"token", "expires_at"}
    assert owner.get("/me").status_code == 401
    assert visitor.get("/me", headers={"Authorization": f"Bearer {answer.json['token']}"}).status_code == 200
    assert visitor.post("/login", {"username": "owner", "password": PASSWORD}).status_code == 401
    assert visitor.post("/login", {"username": "owner", "password": "battery staple"}).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "status"), [("wrong horse", "battery staple", 401), (PASSWORD, "short", 422), (PASSWORD, "x" * 73, 422)]
)
def test_a_password_that_may_not_be_changes_nothing(owner: Caller, current: str, new: str, status: int) -> None:
    assert owner.post("/password", {"current_password": current, "new_password": new}).status_code == status

    assert owner.get("/me").status_code == 200


def test_visitors_register_where_the_cenv_lets_them(owner: Caller, visitor: Caller) -> None:
    body = {"username": "newcomer", "password": PASSWORD}
    assert visitor.post("/register", body).status_code == 403

    owner.put("/admin/config", {"allow_registration": True})
    answer = visitor.post("/register", body)

    assert answer.status_code == 200
    assert answer.json.keys() == {"token", "expires_at"}
    found = visitor.get("/me", headers={"Authorization": f"Bearer {answer.json['token']}"}).json
    assert (found["username"], found["role"]) == ("newcomer", "viewer")
    assert visitor.post("/register", body).status_code == 409


@pytest.mark.parametrize(
    "cenv", ["00000000-0000-4000-8000-000000000000", "FFFFFFFF-0000-4000-8000-000000000000", "nothing", "..", "%2e%2e"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_no_cenv_is_not_found(visitor: Caller, cenv: str, method: str) -> None:
    assert Caller(visitor.client, cenv).send(method, "/login", {"username": "owner", "password": PASSWORD}).status_code in (404, 405)
    assert Caller(visitor.client, cenv).get("/me").status_code == 404


def test_a_cenv_has_one_spelling(owner: Caller) -> None:
    for spelling in (owner.cenv.upper(), "{" + owner.cenv + "}", owner.cenv.replace("-", ""), owner.cenv + "/", " " + owner.cenv):
        assert Caller(owner.client, spelling, owner.token).get("/me").status_code == 404
