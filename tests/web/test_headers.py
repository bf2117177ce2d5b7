"""The security headers, by class of response."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from wce.web.headers import CLASS_KEY, POLICIES, ResponseClass, SecurityHeaders, new_id, secure


def sent(headers: list[tuple[str, str]], kind: ResponseClass, *, https: bool = False) -> dict[str, str]:
    out = secure(headers, kind, https=https)
    names = [name.lower() for name, _ in out]
    assert len(set(names)) == len(names), "no header goes out twice"
    return {name.lower(): text for name, text in out}


@pytest.mark.parametrize("kind", list(ResponseClass))
def test_every_class_has_its_policy_and_what_all_have(kind: ResponseClass) -> None:
    found = sent([], kind)

    assert found["content-security-policy"] == POLICIES[kind]
    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] == "same-origin"
    assert found["permissions-policy"] == "camera=(), microphone=(), geolocation=()"
    assert found["cache-control"] == "no-store"


def test_our_own_pages_stand_in_no_frame_and_share_no_window() -> None:
    found = sent([], ResponseClass.UI)

    assert found["x-frame-options"] == "DENY"
    assert found["cross-origin-opener-policy"] == "same-origin"


def test_no_policy_gives_a_tenant_our_origin() -> None:
    assert "allow-same-origin" not in POLICIES[ResponseClass.CONTENT]
    assert POLICIES[ResponseClass.CONTENT].startswith("sandbox ")
    assert POLICIES[ResponseClass.API].startswith("sandbox;")


def test_our_own_pages_run_nothing_inline() -> None:
    assert "unsafe" not in POLICIES[ResponseClass.UI]
    assert POLICIES[ResponseClass.UI].startswith("default-src 'none'; ")


def test_ours_replace_what_the_application_said() -> None:
    found = sent([("content-security-policy", "default-src *"), ("X-FRAME-OPTIONS", "ALLOWALL")], ResponseClass.UI)

    assert found["content-security-policy"] == POLICIES[ResponseClass.UI]
    assert found["x-frame-options"] == "DENY"


def test_only_public_answers_may_be_kept() -> None:
    assert sent([("Cache-Control", "public, max-age=60")], ResponseClass.UI)["cache-control"] == "public, max-age=60"
    assert sent([("Cache-Control", "max-age=60")], ResponseClass.UI)["cache-control"] == "no-store"


def test_https_is_remembered_where_it_is_used() -> None:
    assert sent([], ResponseClass.API, https=True)["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in sent([], ResponseClass.API)


@pytest.mark.parametrize(
    "name",
    [
        "Set-Cookie",
        "Clear-Site-Data",
        "Strict-Transport-Security",
        "Access-Control-Allow-Origin",
        "Service-Worker-Allowed",
        "Refresh",
        "Link",
    ],
)
def test_a_tenant_does_not_speak_in_our_name(name: str) -> None:
    assert name.lower() not in sent([(name, "x")], ResponseClass.CONTENT)
    assert name.lower() in sent([(name, "x")], ResponseClass.API)


def client(application: Any, *, https: bool = False) -> Client:
    return Client(SecurityHeaders(application, https=https), Response)


def test_an_application_that_says_nothing_is_a_tenants() -> None:
    def silent(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return [b""]

    answer = client(silent).get("/")

    assert answer.headers["Content-Security-Policy"] == POLICIES[ResponseClass.CONTENT]


def test_the_class_counts_that_is_said_last_before_the_answer() -> None:
    def speaking(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        environ[CLASS_KEY] = ResponseClass.API
        start("200 OK", [])
        return [b""]

    assert client(speaking).get("/").headers["Content-Security-Policy"] == POLICIES[ResponseClass.API]


def test_what_fails_below_everything_is_answered_and_boxed() -> None:
    def failing(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        raise RuntimeError("secret of the inside")

    answer = client(failing).get("/", headers={"X-Request-ID": "abc-1"})

    assert answer.status_code == 500
    assert answer.headers["Content-Security-Policy"] == POLICIES[ResponseClass.CONTENT]
    assert json.loads(answer.text)["request_id"] == "abc-1"
    assert "secret" not in answer.text


@pytest.mark.parametrize("given", ["abc", "A.b_c-9", "x" * 64])
def test_a_well_formed_request_id_is_kept(given: str) -> None:
    assert echoed(given) == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "ä", "a\tb"])
def test_any_other_request_id_is_replaced(given: str) -> None:
    found = echoed(given)

    assert found != given
    assert len(found) == 16


def test_processes_that_come_from_one_make_different_ids() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        assert answer.read() != new_id()


def echoed(given: str) -> str:
    def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return [b""]

    return client(application).get("/", environ_overrides={"HTTP_X_REQUEST_ID": given}).headers["X-Request-ID"]


def test_https_is_seen_from_the_request_too() -> None:
    def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return [b""]

    assert "Strict-Transport-Security" in client(application).get("/", base_url="https://wce.example").headers
    assert "Strict-Transport-Security" in client(application, https=True).get("/").headers
    assert "Strict-Transport-Security" not in client(application).get("/").headers
