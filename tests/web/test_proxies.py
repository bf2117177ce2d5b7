"""Who asks behind a proxy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wce.peers import peers
from wce.web.headers import PASSED_ON_KEY
from wce.web.proxies import behind, behind_in_place, believe

PROXY = "10.0.0.1"
TRUSTED = peers("192.168.7.0/24, 10.0.0.1")


def asked(**headers: str) -> dict[str, Any]:
    return {"REMOTE_ADDR": PROXY, "wsgi.url_scheme": "http", "HTTP_HOST": "wce.example.org"} | headers


def whence(environ: dict[str, Any]) -> tuple[str, str]:
    believe(environ, TRUSTED)
    return environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("127.0.0.1, 192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7,", PROXY),
        ("unknown", PROXY),
        ("", PROXY),
    ],
)
def test_the_last_address_is_what_the_proxy_saw(forwarded: str, address: str) -> None:
    assert whence(asked(HTTP_X_FORWARDED_FOR=forwarded)) == (address, "http")


@pytest.mark.parametrize(("proto", "scheme"), [("https", "https"), ("http, HTTPS", "https"), ("gopher", "http"), ("", "http")])
def test_the_scheme_is_one_of_two(proto: str, scheme: str) -> None:
    assert whence(asked(HTTP_X_FORWARDED_PROTO=proto)) == (PROXY, scheme)


def test_nobody_else_is_believed() -> None:
    environ = asked(HTTP_X_FORWARDED_FOR="127.0.0.1", HTTP_X_FORWARDED_PROTO="https") | {"REMOTE_ADDR": "192.0.2.7"}

    assert whence(environ) == ("192.0.2.7", "http")
    assert [name for name in environ if "FORWARDED" in name] == []


def test_the_host_is_never_taken_from_the_proxy() -> None:
    environ = asked(HTTP_X_FORWARDED_HOST="evil.example", HTTP_FORWARDED="host=evil.example", HTTP_X_FORWARDED_PORT="1")

    believe(environ, TRUSTED)

    assert environ == asked() | {PASSED_ON_KEY: True}


def test_whom_a_proxy_names_unreadably_does_not_pass_for_the_proxy() -> None:
    assert not believe(asked(HTTP_X_FORWARDED_FOR=""), TRUSTED)
    assert believe(asked(), TRUSTED)
    assert believe(asked(HTTP_X_FORWARDED_FOR="") | {"REMOTE_ADDR": "192.0.2.7"}, TRUSTED)


@pytest.mark.parametrize("proxy", ["10.0.0.1", "192.168.7.1", "192.168.7.255", "::ffff:192.168.7.9"])
def test_each_of_them_is_believed(proxy: str) -> None:
    assert whence(asked(HTTP_X_FORWARDED_FOR="192.0.2.7") | {"REMOTE_ADDR": proxy}) == ("192.0.2.7", "http")


@pytest.mark.parametrize("peer", ["10.0.0.2", "192.168.8.1", "::1", "", "unix:", "::ffff:10.0.0.2"])
def test_whoever_is_beside_them_is_not(peer: str) -> None:
    assert whence(asked(HTTP_X_FORWARDED_FOR="192.0.2.7") | {"REMOTE_ADDR": peer}) == (peer, "http")


def test_what_a_visitor_says_stays_unread_also_where_it_looks_like_another_proxy() -> None:
    assert whence(asked(HTTP_X_FORWARDED_FOR="127.0.0.1, 192.168.7.9"))[0] == "192.168.7.9"


class TestAnApplication:
    def test_is_told_who_asks_and_not_asked_for_whom_nobody_can_read(self) -> None:
        told: list[Any] = []
        served = behind(lambda environ, start: [environ["REMOTE_ADDR"].encode()], TRUSTED)

        assert list(served(asked(HTTP_X_FORWARDED_FOR="192.0.2.7"), lambda *_: print)) == [b"192.0.2.7"]
        (body,) = served(asked(HTTP_X_FORWARDED_FOR=""), lambda *given: told.append(given) or print)  # type: ignore[func-returns-value]

        assert (told[0][0], json.loads(body)["code"]) == ("400 Bad Request", "malformed")

    def test_that_leaves_requests_to_others_leaves_those(self) -> None:
        served = behind_in_place(lambda environ, _: [environ["REMOTE_ADDR"].encode()], TRUSTED)

        assert served(asked(HTTP_X_FORWARDED_FOR="192.0.2.7"), print) == [b"192.0.2.7"]  # type: ignore[arg-type]
        assert served(asked(HTTP_X_FORWARDED_FOR=""), print) is None  # type: ignore[arg-type]
