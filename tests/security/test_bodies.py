"""Large bodies of strangers: refused at the headers, before a byte of them is on the disk."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from wce.config import Settings
from wce.core.tokens import Tokens
from wce.counters import Counters
from wce.errors import WceError
from wce.peers import peers
from wce.web.admission import Admission, Admitted, Head, is_small
from wce.web.factory import create_app
from wce.web.server import Server

ACCOUNT = {"username": "owner", "password": "correct horse"}
LARGE = 50_000_000


@dataclass(frozen=True)
class Running:
    """An application behind waitress, as `app.py` serves it."""

    app: Flask
    url: str

    def head(self, path: str, *headers: str, length: int | str = LARGE) -> tuple[int, dict[str, Any], str]:
        """Send the headers of a large body and none of it; (status, problem, headers) of what is answered at once."""
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *headers]
        with socket.create_connection(("127.0.0.1", int(self.url.rsplit(":", 1)[1])), timeout=5) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            answer = b""
            try:
                while piece := connection.recv(65_536):
                    answer += piece
            except TimeoutError:
                raise AssertionError(f"the server waits for the body: {answer!r}") from None
        told, _, body = answer.decode().partition("\r\n\r\n")
        return int(told.split()[1]), json.loads(body), told


FORM = "Content-Type: multipart/form-data; boundary=b"


@contextmanager
def serving(folder: Path, **changes: Any) -> Iterator[Running]:
    given = Settings(storage_dir=folder / "cenvs", jwt_secret="k" * 32, min_free_mb=0, port=0, threads=2)
    app = create_app(replace(given, **changes), bcrypt_rounds=4)
    services = app.extensions["wce"]
    server = Server(app, services.settings, admit=services.admission.admit)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Running(app, server.addresses[0])
    finally:
        server.stop()
        thread.join(10)
        services.close()


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., Any]:
    return lambda **changes: serving(tmp_path, **changes)


@pytest.mark.parametrize("more", [(), ("Expect: 100-continue",)])
def test_a_file_for_a_new_cenv_is_paid_for_before_it_is_sent(serve: Callable[..., Any], more: tuple[str, ...]) -> None:
    with serve(rate_limit_new="2 per hour") as running:
        sent = [requests.post(f"{running.url}/new", files={"file": b"no database"}, timeout=5).status_code for _ in range(2)]

        status, problem, told = running.head("/new", FORM, *more)

        assert (sent, status, problem["code"]) == ([422, 422], 429, "rate_limited")
        assert "Retry-After: 3600" in told or "Retry-After: 3599" in told
        assert "100 Continue" not in told
        assert requests.post(f"{running.url}/new", json=ACCOUNT, timeout=5).status_code == 429  # one window for both ways


def test_a_file_that_is_never_sent_has_been_paid_for(serve: Callable[..., Any]) -> None:
    with serve(rate_limit_new="1 per hour") as running:
        port = int(running.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(
                f"POST /new HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n{FORM}\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            assert b"100 Continue" in connection.recv(1000)

        assert running.head("/new", FORM)[0] == 429


def test_behind_a_proxy_the_visitor_pays_and_not_the_proxy(serve: Callable[..., Any]) -> None:
    with serve(rate_limit_new="1 per hour", trusted_proxies=peers("127.0.0.1")) as running:
        statuses = [
            requests.post(f"{running.url}/new", files={"file": b"x"}, headers={"X-Forwarded-For": address}, timeout=5).status_code
            for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.9, 192.0.2.2", '"')
        ]

    assert statuses[:4] == [422, 429, 422, 429]
    assert statuses[4] < 500


@pytest.mark.parametrize("path", ["/new", "/undelete", "/{cenv}/login", "/{cenv}/register"])
def test_names_and_passwords_are_short(serve: Callable[..., Any], path: str) -> None:
    with serve() as running:
        cenv = requests.post(f"{running.url}/new", json=ACCOUNT, timeout=5).json()["cenv_id"]

        status, problem, _ = running.head(path.format(cenv=cenv), "Content-Type: application/json", length=100_000)

    assert (status, problem["code"]) == (413, "too_large")


def test_an_address_that_a_cenv_has_refused_sends_no_more_large_bodies(serve: Callable[..., Any]) -> None:
    with serve(cenv_overrides={"rate_limit_ip": "3 per hour"}) as running:
        cenv = requests.post(f"{running.url}/new", json=ACCOUNT, timeout=5).json()["cenv_id"]
        while requests.get(f"{running.url}/{cenv}/me", timeout=5).status_code != 429:
            pass

        status, problem, _ = running.head(f"/{cenv}/api/anything", length=900_000)

        assert (status, problem["code"]) == (429, "rate_limited")
        assert requests.post(f"{running.url}/{cenv}/query", json={"sql": "SELECT 1"}, timeout=5).status_code == 429


def test_only_a_token_of_ours_makes_room_for_a_file(serve: Callable[..., Any]) -> None:
    with serve() as running:
        admission = running.app.extensions["wce"].admission
        cenv = requests.post(f"{running.url}/new", json=ACCOUNT, timeout=5).json()["cenv_id"]
        token = requests.post(f"{running.url}/{cenv}/login", json=ACCOUNT, timeout=5).json()["token"]

        def room(path: str, **headers: str) -> int:
            return int(admission.admit(1000, Head("POST", path, {"CONTENT_TYPE": "multipart/form-data"} | headers, "192.0.2.1")).most_bytes)

        own, elsewhere = f"/{cenv}/admin/import", "/00000000-0000-4000-8000-000000000000/admin/import"
        assert room(own, AUTHORIZATION=f"Bearer {token}") == room(own, COOKIE=f"wce_{cenv[:8]}={token}") > 100_000_000
        assert 10_000_000 < room(f"/{cenv}/admin/assets/a.png", AUTHORIZATION=f"Bearer {token}") < 11_000_000
        assert room("/new") > 100_000_000
        for path, headers in (
            (own, {}),
            (own, {"AUTHORIZATION": "Bearer forged"}),
            (own, {"COOKIE": "\x00=;;"}),
            (elsewhere, {"AUTHORIZATION": f"Bearer {token}"}),
            (f"/{cenv}/query", {"AUTHORIZATION": f"Bearer {token}"}),
        ):
            assert room(path, **headers) == 1000


def test_a_header_of_blanks_is_refused_before_it_is_taken_apart(serve: Callable[..., Any]) -> None:
    with serve() as running:
        status, problem, _ = running.head("/new", "X:" + " \t" * 50 + "x", "Connection: close")

    assert (status, problem["code"]) == (400, "malformed")


def test_a_length_of_many_digits_is_refused(serve: Callable[..., Any]) -> None:
    with serve() as running:
        status, problem, _ = running.head("/new", "Connection: close", length="9" * 5_000)

    assert (status, problem["code"]) == (400, "malformed")


def test_few_files_of_one_sender_come_in_at_once() -> None:
    admission = Admission(Settings(min_free_mb=0, rate_limit_new="1000 per hour"), Tokens("k" * 32), Counters())

    def send(address: str, length: str = "50000000") -> Admitted:
        return admission.admit(1000, Head("POST", "/new", {"CONTENT_TYPE": "multipart/form-data", "CONTENT_LENGTH": length}, address))

    held = [send("192.0.2.1") for _ in range(8)]
    with pytest.raises(WceError, match="are already being uploaded from here"):
        send("192.0.2.1")
    assert send("192.0.2.1", "900").paid  # not one that matters
    assert send("192.0.2.2").paid

    del held[0]
    assert send("192.0.2.1").paid


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_somebody_else_has_no_browser_send_a_file_for_a_new_cenv(site: str) -> None:
    counters = Counters()
    admission = Admission(Settings(min_free_mb=0, rate_limit_new="1 per hour"), Tokens("k" * 32), counters)

    def send(**headers: str) -> Admitted:
        names = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": "50000000"} | headers
        return admission.admit(1000, Head("POST", "/new", names, "192.0.2.1"))

    with pytest.raises(WceError, match="Pages of other sites"):
        send(SEC_FETCH_SITE=site)

    assert send(SEC_FETCH_SITE="same-origin").paid, "and it was not counted either"


CENV = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("path", ["/x", "/undelete", *(f"/{CENV}/{end}" for end in ("login", "query", "admin/import", "admin/assets/a"))])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_what_is_let_in_at_a_glance_would_be_let_in_after_all_looks(path: str, kind: str) -> None:
    admission = Admission(Settings(min_free_mb=0), Tokens("k" * 32), Counters())
    small = next(length for length in range(1 << 20, -1, -1) if is_small(path, length))

    admitted = admission.admit(small, Head("POST", path, {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(small)}, "192.0.2.1"))

    assert (admitted.most_bytes >= small, admitted.paid) == (True, False)
    assert small > 1_000


def test_a_file_for_a_new_cenv_and_a_body_without_a_length_are_looked_at() -> None:
    assert not is_small("/new", 1)
    assert not is_small("/x", None)
