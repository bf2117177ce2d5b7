"""granian's requests as WSGI has them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from tests.web.granians import Names, Scope
from wce.web import exchange
from wce.web.exchange import AtOnce, Loop, environ_of


def headed(*pairs: tuple[str, str]) -> dict[str, Any]:
    """What becomes of headers, without that of the host."""
    found = environ_of(Scope(headers=Names(*pairs)))
    return {name: text for name, text in found.items() if name.startswith(("HTTP_", "CONTENT_")) and name != "HTTP_HOST"}


def test_a_request_has_all_that_wsgi_asks_for() -> None:
    environ = environ_of(Scope("/a b", Names(("host", "wce.example.org")), "c=%20d"))

    told = {name: text for name, text in environ.items() if not name.startswith("wsgi.")}
    assert told == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "c=%20d",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "5309",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_HOST": "wce.example.org",
    }
    assert (environ["wsgi.url_scheme"], environ["wsgi.input"].read(), environ["wsgi.version"]) == ("http", b"", (1, 0))


@given(st.text(st.sampled_from("ab/%;+&~ .\x00\x7fß€😀"), max_size=30))
def test_a_path_is_what_werkzeug_makes_of_it(text: str) -> None:
    assert environ_of(Scope(f"/x{text}"))["PATH_INFO"] == EnvironBuilder(quote(f"/x{text}")).get_environ()["PATH_INFO"]


def test_a_path_beyond_ascii_is_latin_1_of_its_utf_8() -> None:
    assert environ_of(Scope("/grüße"))["PATH_INFO"].encode("latin-1").decode() == "/grüße"


def test_a_query_beyond_ascii_is_latin_1_of_its_utf_8() -> None:
    environ = environ_of(Scope("/", query_string="q=grüße€"))

    assert Request(environ).args["q"] == "grüße€"


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ([("accept", "a"), ("accept", "b"), ("accept", "c")], {"HTTP_ACCEPT": "a,b,c"}),
        ([("cookie", "a=1"), ("x-y", "z"), ("cookie", "b=2")], {"HTTP_COOKIE": "a=1; b=2", "HTTP_X_Y": "z"}),
        ([("content-type", "text/plain"), ("content-length", "5")], {"CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "5"}),
        ([("content-length", "5"), ("content-length", "5")], {"CONTENT_LENGTH": "5,5"}),
        ([("x_forwarded_for", "127.0.0.1"), ("x-forwarded_for", "127.0.0.1"), ("content_length", "9")], {}),
        ([("x-empty", "")], {"HTTP_X_EMPTY": ""}),
    ],
    ids=["repeated", "cookies", "content", "two lengths", "underscores", "empty"],
)
def test_headers_have_the_names_of_cgi(sent: list[tuple[str, str]], found: dict[str, str]) -> None:
    assert headed(*sent) == found


def test_long_names_of_headers_are_read_and_not_remembered() -> None:
    before = exchange._key.cache_info().currsize

    assert headed((f"x-{'a' * 30_000}", "1")) == {f"HTTP_X_{'A' * 30_000}": "1"}
    assert exchange._key.cache_info().currsize == before


def test_a_header_that_granian_does_not_tell_is_there_and_empty() -> None:
    assert headed(("x-forwarded-for", "ü, 192.0.2.7"), ("accept", "a"), ("x_y", "ü")) == {"HTTP_X_FORWARDED_FOR": "", "HTTP_ACCEPT": "a"}
    assert headed(("via", "ü"), ("via", "a")) == {"HTTP_VIA": "a"}


@pytest.mark.parametrize(("authority", "host"), [("wce.example.org:80", "wce.example.org:80"), (None, "")])
def test_without_a_host_the_address_says_it(authority: str | None, host: str) -> None:
    assert environ_of(Scope(authority=authority))["HTTP_HOST"] == host


def test_an_ipv6_address_stands_without_its_brackets() -> None:
    environ = environ_of(Scope(client="[2001:db8::1]:4711", server="[::1]:80"))

    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("2001:db8::1", "::1", "80")


@pytest.fixture
def alone() -> Iterator[None]:
    """No loop runs in this thread, as one of a browser's may."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)


class Done(AtOnce):
    def __init__(self, do: Callable[[Any], object]) -> None:
        self.do = do  # type: ignore[assignment]


@pytest.mark.usefixtures("alone")
class TestTheLoop:
    def test_what_shall_be_done_at_once_is_done_in_the_same_thread(self) -> None:
        seen: list[Any] = []
        loop = Loop()

        loop.call_soon_threadsafe(Done(lambda done: seen.append((done, threading.get_ident()))), "one", context=None)
        loop.call_soon(Done(lambda done: seen.append((done, threading.get_ident()))), "other", context=None)
        loop.close()

        assert seen == [("one", threading.get_ident()), ("other", threading.get_ident())]

    def test_everything_else_waits_for_the_loop(self) -> None:
        seen: list[str] = []
        loop = Loop()
        loop.call_soon(seen.append, "soon")
        loop.call_soon_threadsafe(seen.append, "from elsewhere")
        loop.call_soon_threadsafe(loop.stop)
        assert seen == []

        loop.run_forever()
        loop.close()

        assert seen == ["soon", "from elsewhere"]

    @pytest.mark.parametrize("listening", [False, True])
    def test_who_wants_to_know_hears_of_the_stop_first(self, listening: bool) -> None:
        seen: list[str] = []
        loop = Loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda text: (seen.append(text), loop.stop()), "granian")
        if listening:
            loop.on_stop = lambda: seen.append("we")
        loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)

        loop.run_forever()
        loop.close()

        assert seen == ["we", "granian"][not listening :]

    def test_what_fails_there_is_told_and_hurts_nobody(self, caplog: pytest.LogCaptureFixture) -> None:
        Done(lambda _: 1 / 0)(None)  # type: ignore[arg-type]

        assert "request failed between its pieces" in caplog.text
