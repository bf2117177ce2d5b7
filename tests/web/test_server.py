"""Serving through waitress, with an application of a few lines."""

from __future__ import annotations

import json
import re
import shutil
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from wce.config import Settings
from wce.peers import peers
from wce.web.admission import Admitted
from wce.web.bounds import BODY_BYTES, HEADER_BYTES, USUAL, Patience
from wce.web.headers import POLICIES, ResponseClass
from wce.web.server import Server, options, welcome

MIB = 1024 * 1024
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def echo(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    seen = {name: str(environ[name]) for name in ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST") if name in environ}
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]


@contextmanager
def serving(application: Application, settings: Settings, patience: Patience) -> Iterator[Server]:
    server = Server(application, settings, patience, admit=lambda usual, _: Admitted(usual))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Call it with an application for a server on a free port, and with settings that differ."""
    with ExitStack() as stack:

        def start(application: Application = echo, patience: Patience = USUAL, **settings: Any) -> Server:
            return stack.enter_context(serving(application, Settings(port=0, threads=4, **settings), patience))

        yield start


@contextmanager
def dial(server: Server) -> Iterator[socket.socket]:
    port = int(server.addresses[0].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


def problem_of(answer: bytes) -> dict[str, Any]:
    """The body of an error, which must have the headers of every other one."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert "Content-Type: application/problem+json" in lines
    assert f"Content-Security-Policy: {POLICIES[ResponseClass.API]}" in lines
    assert "X-Content-Type-Options: nosniff" in lines
    assert not [line for line in lines if line.startswith("Server:")]
    value = json.loads(body)
    assert value.keys() == {"type", "title", "status", "code", "detail", "request_id"}
    assert value["status"] == int(lines[0].split()[1])
    assert isinstance(value, dict)
    return value


def test_port_0_takes_a_free_one_and_tells_which(serve: Callable[..., Server]) -> None:
    (address,) = serve().addresses

    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]*", address)
    assert requests.get(address, timeout=10).status_code == 200


def test_a_server_does_not_say_what_it_is(serve: Callable[..., Server]) -> None:
    assert "Server" not in requests.get(serve().addresses[0], timeout=10).headers


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * HEADER_BYTES + b"\r\n\r\n", 431, "too_large"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + str(BODY_BYTES + 1).encode() + b"\r\n\r\n", 413, "too_large"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "malformed"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "malformed"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n", 501, "malformed"),
    ],
)
def test_what_no_application_sees_is_refused_like_everything_else(
    serve: Callable[..., Server], sent: bytes, status: int, code: str
) -> None:
    with dial(serve()) as connection:
        connection.sendall(sent)
        problem = problem_of(read_all(connection))

    assert (problem["status"], problem["code"]) == (status, code)


def test_an_application_that_breaks_its_word_tells_nothing(serve: Callable[..., Server]) -> None:
    def failing(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        raise RuntimeError("secret of the inside")

    with dial(serve(failing)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = read_all(connection)

    assert problem_of(answer)["code"] == "internal"
    assert b"secret" not in answer


def test_a_header_that_does_not_end_ends_the_connection(serve: Callable[..., Server]) -> None:
    server = serve(patience=Patience(header_seconds=0.3))

    with dial(server) as connection:
        begun = time.monotonic()
        connection.sendall(b"GET / HTTP/1.1\r\n")
        while time.monotonic() - begun < 10:
            try:
                connection.sendall(b"X-Slow: x\r\n")
                time.sleep(0.05)
            except OSError:
                break

    assert time.monotonic() - begun < 5


def test_a_body_that_does_not_end_ends_the_connection(serve: Callable[..., Server]) -> None:
    server = serve(patience=Patience(request_seconds=0.3))

    with dial(server) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        assert read_all(connection) == b""


def test_a_reader_that_stops_reading_is_let_go(serve: Callable[..., Server]) -> None:
    finished = threading.Event()

    def large(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", str(64 << 20))])
        finished.set()
        return [b"x" * (64 << 20)]

    server = serve(large, patience=Patience(idle_seconds=0.5))

    with dial(server) as connection:
        # A second request behind the first: waitress alone would keep this connection for ever.
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        assert finished.wait(10)
        time.sleep(2)
        with pytest.raises(ConnectionError):  # noqa: PT012 - one of the first sends finds the connection gone
            for _ in range(100):
                connection.sendall(b"x")
                time.sleep(0.02)


def test_half_a_hundred_slow_clients_hinder_nobody(serve: Callable[..., Server]) -> None:
    server = serve()

    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(dial(server)).sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhal")
        begun = time.monotonic()
        assert requests.get(server.addresses[0], timeout=10).status_code == 200

    assert time.monotonic() - begun < 2


def test_clients_that_hang_up_at_any_moment_hinder_nobody(serve: Callable[..., Server]) -> None:
    server = serve()
    reset = struct.pack("ii", 1, 0)  # closing sends RST instead of FIN

    for number in range(300):
        with dial(server) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + (b"Connection: close\r\n\r\n" if number % 3 else b""))
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            if number % 15 == 1:
                connection.recv(1024)

    assert requests.get(server.addresses[0], timeout=10).status_code == 200


def test_without_a_trusted_proxy_nobody_speaks_for_others(serve: Callable[..., Server]) -> None:
    headers = {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}

    seen = requests.get(serve().addresses[0], headers=headers, timeout=10).json()

    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("127.0.0.1", "http")


def test_a_trusted_proxy_names_the_visitor_and_the_scheme_but_not_the_host(serve: Callable[..., Server]) -> None:
    address = serve(trusted_proxies=peers("192.0.2.0/24, 127.0.0.1")).addresses[0]
    headers = {"X-Forwarded-For": "192.0.2.1, 192.0.2.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}

    seen = requests.get(address, headers=headers, timeout=10).json()

    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("192.0.2.9", "https")
    assert seen["HTTP_HOST"] == address.removeprefix("http://")


def test_a_stop_answers_what_runs_and_ends(serve: Callable[..., Server]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        begun.set()
        go_on.wait(10)
        start("200 OK", [("Content-Length", "4")])
        return [b"done"]

    server = serve(slow)
    answers: list[requests.Response] = []
    client = threading.Thread(target=lambda: answers.append(requests.get(server.addresses[0], timeout=20)))
    client.start()
    assert begun.wait(10)

    server.stop()
    time.sleep(0.5)
    with pytest.raises(requests.ConnectionError):
        requests.get(server.addresses[0], timeout=5)
    go_on.set()
    client.join(10)

    assert answers[0].text == "done"
    assert answers[0].headers["Connection"] == "close"


def test_a_second_stop_does_not_wait(serve: Callable[..., Server]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def stuck(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        begun.set()
        go_on.wait(20)
        start("200 OK", [])
        return []

    server = Server(stuck, Settings(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    with dial(server) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert begun.wait(10)
        server.stop()
        time.sleep(0.5)
        assert thread.is_alive()
        server.stop()
        thread.join(5)

    assert not thread.is_alive()
    go_on.set()


def test_a_stop_waits_only_so_long(serve: Callable[..., Server]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def stuck(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        begun.set()
        go_on.wait(20)
        start("200 OK", [])
        return []

    with serving(stuck, Settings(port=0), Patience(stop_seconds=0.5)) as server, dial(server) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert begun.wait(10)
        server.stop()
        assert read_all(connection) == b""
    go_on.set()


def test_an_idle_connection_does_not_delay_the_stop(serve: Callable[..., Server]) -> None:
    server = Server(echo, Settings(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    with requests.Session() as session:
        session.get(server.addresses[0], timeout=10)
        begun = time.monotonic()
        server.stop()
        thread.join(10)

    assert time.monotonic() - begun < 2


def test_waitress_is_told_what_it_would_not_do_by_itself() -> None:
    chosen = options(Settings(), USUAL)

    assert chosen["asyncore_use_poll"] is True
    assert chosen["ident"] is None
    assert chosen["max_request_header_size"] == 32 * 1024
    assert 50 <= chosen["connection_limit"] <= 1000
    assert "trusted_proxy" not in chosen


def test_the_welcome_says_where_and_what_to_do_next() -> None:
    text = welcome(["http://127.0.0.1:5309"], Settings())

    assert "listening on http://127.0.0.1:5309" in text
    assert "curl http://127.0.0.1:5309/new -H 'Content-Type: application/json'" in text
    assert "open http://127.0.0.1:5309/ in a browser" in text


def test_the_welcome_offers_nothing_that_is_switched_off() -> None:
    assert "curl" not in welcome(["http://127.0.0.1:5309"], Settings(allow_new_cenvs=False))


def test_what_waits_for_the_clients_of_one_cenv_leaves_room_for_those_of_others(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    def much(_: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(40 * MIB))])
        return [b"x" * 40 * MIB]

    def ask(cenv: int) -> bytes:
        connection = stack.enter_context(dial(server))
        connection.sendall(f"GET /00000000-0000-4000-8000-00000000000{cenv}/query HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        begin = connection.recv(100)
        return begin if begin[9:12] == b"200" else begin + read_all(connection)

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1 << 40, used=0, free=100 * MIB))
    server = serve(much, min_free_mb=0)
    with ExitStack() as stack:
        answers = [ask(1) for _ in range(3)]
        assert [answer[9:12] for answer in answers] == [b"200", b"507", b"507"]
        assert problem_of(answers[-1])["code"] == "disk_full"
        assert ask(2)[9:12] == b"200"
