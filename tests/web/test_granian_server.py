"""What a worker of granian puts around the application; granian itself runs in tests/e2e."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from wce.config import SettingError, Settings
from wce.web.granian_server import _port, believe

PROXY = "10.0.0.1"


def asked(**headers: str) -> dict[str, Any]:
    return {"REMOTE_ADDR": PROXY, "wsgi.url_scheme": "http", "HTTP_HOST": "wce.example.org"} | headers


def whence(environ: dict[str, Any]) -> tuple[str, str]:
    believe(environ, PROXY)
    return environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("127.0.0.1, 192.0.2.7", "192.0.2.7"),
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

    believe(environ, PROXY)

    assert environ == asked()


def test_a_port_that_is_taken_is_an_error_even_where_its_holder_would_share_it() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(port=taken.getsockname()[1])

        with pytest.raises(SettingError, match="cannot listen on "), _port(settings):
            pass


def test_port_0_takes_a_free_one_that_only_sharers_may_join() -> None:
    with _port(Settings(port=0)) as (address, port):
        with socket.socket() as worker_socket:
            worker_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker_socket.bind((address, port))
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((address, port))
