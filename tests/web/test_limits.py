"""Rate limits over HTTP: what is counted, against whom, and what the client is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from tests.web.callers import PASSWORD, Caller, Clock, founded
from wce.web.limits import network


def test_answers_say_what_is_left_of_the_tightest_window(owner: Caller) -> None:
    answer = owner.get("/me")

    assert answer.headers["RateLimit-Limit"] == "100"
    assert int(answer.headers["RateLimit-Remaining"]) < 100
    assert 0 < int(answer.headers["RateLimit-Reset"]) <= 60


def test_an_address_that_asks_too_often_waits_for_its_window(owner: Caller, clock: Clock) -> None:
    owner.put("/admin/config", {"rate_limit_ip": "5 per minute"})
    statuses = [owner.get("/me").status_code for _ in range(6)]
    refused = owner.get("/me")

    assert statuses[-1] == 429
    assert refused.json["code"] == "rate_limited"
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
    assert refused.headers["RateLimit-Remaining"] == "0"

    clock.seconds += int(refused.headers["Retry-After"])

    assert owner.get("/me").status_code == 200


def test_a_change_of_a_limit_acts_on_the_next_request(owner: Caller) -> None:
    for _ in range(3):
        owner.get("/me")

    owner.put("/admin/config", {"rate_limit_user": "1 per hour"})

    assert owner.get("/me").status_code == 429


@pytest.mark.parametrize("name", ["rate_limit_ip", "rate_limit_cenv", "rate_limit_user"])
def test_no_limit_keeps_administrators_from_raising_it_again(owner: Caller, invite: Callable[..., Caller], name: str) -> None:
    editor = invite("edith", "editor")
    owner.put("/admin/config", {name: "1 per day"})
    while owner.get("/me").status_code == editor.get("/me").status_code == 200:
        pass

    assert editor.get("/admin/config").status_code == 429
    assert owner.get("/admin/config").json["config"][name]["value"] == "1 per day"
    assert owner.put("/admin/config", {name: None}).status_code == 200
    assert owner.get("/me").status_code == 200


def test_users_of_one_address_have_limits_of_their_own(owner: Caller, invite: Callable[..., Caller]) -> None:
    viewer = invite("viewer", "viewer")
    owner.put("/admin/config", {"rate_limit_user": "3 per hour"})
    while owner.get("/me").status_code == 200:
        pass

    assert viewer.get("/me").status_code == 200


def test_a_cenv_has_a_limit_over_all_who_ask(make_cenv: Callable[[], Caller]) -> None:
    busy, quiet = make_cenv(), make_cenv()
    busy.put("/admin/config", {"rate_limit_cenv": "2 per hour"})

    assert {busy.get("/me").status_code for _ in range(3)} >= {429}
    assert quiet.get("/me").status_code == 200


def test_one_address_cannot_use_up_what_all_may_ask(owner: Caller) -> None:
    owner.put("/admin/config", {"rate_limit_ip": "2 per minute", "rate_limit_cenv": "6 per minute"})

    def ask(address: str) -> int:
        return owner.client.get(f"/{owner.cenv}/login", environ_overrides={"REMOTE_ADDR": address}).status_code

    assert [ask("192.0.2.1") for _ in range(9)] == [200] * 2 + [429] * 7
    assert [ask("192.0.2.2"), ask("192.0.2.3")] == [200, 200]


def test_wrong_tokens_are_counted_before_they_are_refused(owner: Caller) -> None:
    owner.put("/admin/config", {"rate_limit_ip": "10 per minute"})
    stranger = Caller(owner.client, owner.cenv, "not a token")

    statuses = [stranger.get("/me").status_code for _ in range(12)]

    assert set(statuses) == {401, 429}


@pytest.mark.parametrize("path", ["login", "register"])
def test_what_hashes_a_password_has_a_limit_per_address(make_app: Callable[..., Flask], path: str) -> None:
    app = make_app(rate_limit_login="3 per minute")
    client = app.test_client(use_cookies=False)
    cenv = client.post("/new", json={"username": "owner", "password": PASSWORD}).json["cenv_id"]
    body = {"username": "owner", "password": "a wrong password"}

    answers = [client.post(f"/{cenv}/{path}", json=body) for _ in range(5)]

    assert [answer.status_code == 429 for answer in answers] == [False, False, False, True, True]
    assert answers[-1].headers["Retry-After"] == "60"


@pytest.mark.parametrize(
    "path", ["password", "totp", "totp/recovery-codes", "keys", "admin/users/1/owner", "admin/delete", "admin/backups/x/restore"]
)
def test_whoever_has_a_session_cannot_guess_its_password(make_app: Callable[..., Flask], path: str) -> None:
    owner = founded(make_app(rate_limit_login="2 per minute").test_client(use_cookies=False))

    statuses = [owner.post(f"/{path}", {}).status_code for _ in range(3)]

    assert statuses == [422, 422, 429]


def test_new_cenvs_have_a_limit_per_address_and_a_bad_body_counts(make_app: Callable[..., Flask]) -> None:
    client = make_app(rate_limit_new="2 per hour").test_client(use_cookies=False)

    statuses = [client.post("/new", data="{", content_type="application/json").status_code for _ in range(3)]

    assert statuses == [400, 400, 429]
    assert client.get("/new").status_code == 200


def test_two_logins_from_two_addresses_do_not_share_a_window(make_app: Callable[..., Flask]) -> None:
    client = make_app(rate_limit_login="1 per minute").test_client(use_cookies=False)
    cenv = client.post("/new", json={"username": "owner", "password": PASSWORD}).json["cenv_id"]
    body = {"username": "owner", "password": PASSWORD}

    first, again, other = (
        client.post(f"/{cenv}/login", json=body, environ_base={"REMOTE_ADDR": address}).status_code
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2")
    )

    assert (first, again, other) == (200, 429, 200)


def test_static_files_and_probes_are_not_counted(owner: Caller) -> None:
    answer = owner.client.get("/health/live")

    assert "RateLimit-Limit" not in answer.headers


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_visitor_is_an_address_or_an_ipv6_line(address: str, expected: str) -> None:
    assert network(address) == expected


def test_signing_in_again_does_not_reset_a_users_window(owner: Caller) -> None:
    owner.put("/admin/config", {"rate_limit_user": "2 per hour"})
    while owner.get("/me").status_code == 200:
        pass

    again = owner.client.post(f"/{owner.cenv}/login", json={"username": "owner", "password": PASSWORD}).json["token"]

    assert replace(owner, token=again).get("/me").status_code == 429


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/{cenv}/login", "/{cenv}/register", "/new", "/undelete"])
def test_pages_of_others_use_up_nothing_of_what_their_visitor_may_do(make_app: Callable[..., Flask], path: str, site: str) -> None:
    client = make_app(rate_limit_login="10 per minute", rate_limit_new="10 per minute").test_client(use_cookies=False)
    owner = founded(client)

    for _ in range(12):
        answer = client.post(path.format(cenv=owner.cenv), data="{}", content_type="text/plain", headers={"Sec-Fetch-Site": site})
        assert (answer.status_code, answer.json["code"]) == (403, "forbidden")

    assert client.post(f"/{owner.cenv}/login", json={"username": "owner", "password": PASSWORD}).status_code == 200
    assert client.post("/new", json={"username": "owner", "password": PASSWORD}).status_code == 201


def test_a_page_whose_origin_the_cenv_names_may_sign_in(owner: Caller) -> None:
    owner.put("/admin/config", {"cors_origins": ["https://app.example"]})
    from_there = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}

    answer = owner.client.post(f"/{owner.cenv}/login", json={"username": "owner", "password": PASSWORD}, headers=from_there)

    assert answer.status_code == 200
