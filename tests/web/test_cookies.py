"""When the session cookie counts."""

from __future__ import annotations

import pytest
from flask import Response
from werkzeug.datastructures import Headers

from wce.errors import WceError
from wce.web import cookies

OURS = "https://wce.example"
CENV = "3f2b8c1e-0000-4000-8000-000000000000"


def counts(method: str, *, site: str | None = None, origin: str | None = None) -> bool:
    sent = Headers({name: text for name, text in (("Sec-Fetch-Site", site), ("Origin", origin)) if text is not None})
    return cookies.counts(method, sent, OURS)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"])
def test_a_request_from_our_own_page_counts(method: str) -> None:
    assert counts(method, site="same-origin", origin=OURS)
    assert counts(method, site="same-origin")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "nonsense"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_from_another_site_does_not_count(method: str, site: str) -> None:
    assert not counts(method, site=site)
    assert not counts(method, site=site, origin=OURS)


def test_a_typed_address_counts_for_reading_only() -> None:
    assert counts("GET", site="none")
    assert counts("HEAD", site="none")
    assert not counts("POST", site="none")
    assert not counts("DELETE", site="none")


@pytest.mark.parametrize("site", [None, "same-origin", "none", "cross-site"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_sandboxed_page_never_counts(method: str, site: str | None) -> None:
    assert not counts(method, site=site, origin="null")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_fetch_metadata_the_origin_must_be_ours_where_it_is_sent(method: str) -> None:
    assert counts(method)
    assert counts(method, origin=OURS)
    assert not counts(method, origin="https://evil.example")
    assert not counts(method, origin="http://wce.example")
    assert not counts(method, origin=OURS + ":8443")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_an_unsafe_method_wants_the_sessions_own_token(method: str) -> None:
    cookies.require_csrf(method, Headers({"X-CSRF-Token": "right"}), "right")

    for sent in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": "rigHt"}, {"X-CSRF-Token": "ä"}):
        with pytest.raises(WceError) as caught:
            cookies.require_csrf(method, Headers(sent), "right")
        assert caught.value.code == "csrf"


@pytest.mark.parametrize("method", sorted(cookies.SAFE))
def test_a_safe_method_wants_no_token(method: str) -> None:
    cookies.require_csrf(method, Headers(), "right")


def test_the_cookie_is_for_this_cenv_and_for_no_script() -> None:
    response = Response()

    cookies.put(response, CENV, "secret", max_age_seconds=60, secure=True)

    sent = response.headers["Set-Cookie"]
    assert sent.startswith("wce_3f2b8c1e=secret; ")
    assert set(sent.split("; ")[1:]) >= {"Max-Age=60", "Secure", "HttpOnly", f"Path=/{CENV}/", "SameSite=Strict"}


def test_over_plain_http_the_cookie_is_not_secure() -> None:
    response = Response()

    cookies.put(response, CENV, "secret", max_age_seconds=60, secure=False)

    assert "Secure" not in response.headers["Set-Cookie"]


def test_a_dropped_cookie_has_the_same_path() -> None:
    response = Response()

    cookies.drop(response, CENV, secure=True)

    assert f"Path=/{CENV}/" in response.headers["Set-Cookie"]
    assert "Max-Age=0" in response.headers["Set-Cookie"]
