"""What is kept is answered by the thread that reads from the connections, also while every other one is busy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from flask import Flask
from werkzeug.test import EnvironBuilder

from tests.web.callers import PASSWORD, Caller, Clock, sign_in
from tests.web.granians import Exchange, Pool
from wce.config import Settings
from wce.peers import peers
from wce.web import quick
from wce.web.factory import IN_PLACE
from wce.web.server import Server
from wce.web.turns import Turns

SECONDS = 20.0
PAGE = "<!doctype html><title>kept</title>" + "<p>long enough to be zipped</p>" * 40


@dataclass
class House:
    """A cenv with a page and an endpoint that were asked for before, on a server with one thread."""

    app: Flask
    owner: Caller
    url: str
    entered: threading.Event
    leave: threading.Event

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(f"{self.url}/{self.owner.cenv}{path}", headers=headers, timeout=SECONDS)

    def occupy(self) -> threading.Thread:
        """Keep the one thread until `leave` is set."""
        thread = threading.Thread(target=requests.get, args=(f"{self.url}/block",), kwargs={"timeout": SECONDS})
        thread.start()
        assert self.entered.wait(SECONDS)
        return thread


@pytest.fixture
def settings_of_server() -> dict[str, Any]:
    return {}


@pytest.fixture
def house(make_app: Callable[..., Flask], settings_of_server: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(quick, "_SLOW_SECONDS", SECONDS)  # a machine with much to do is no slow file
    app = make_app(sandbox_workers=1)
    client = app.test_client(use_cookies=False)
    owner = sign_in(client, client.post("/new", json={"username": "owner", "password": PASSWORD}).json["cenv_id"], "owner")
    owner.post("/admin/templates", {"name": "index", "syntax": "html", "content": PAGE, "published": True, "access": "public"})
    script = "def handler(request):\n    return request.params\n"
    owner.post("/admin/endpoints", {"method": "GET", "path": "/echo/{x}", "access": "public", "script": script})
    entered, leave = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/block":
            entered.set()
            assert leave.wait(SECONDS)
        return app(environ, start)

    services = app.extensions["wce"]
    chosen = Settings(port=0, threads=1, **settings_of_server)
    server = Server(application, chosen, admit=services.admission.admit, in_place=app.extensions[IN_PLACE])
    thread = threading.Thread(target=server.run)
    thread.start()
    made = House(app, owner, server.addresses[0], entered, leave)
    try:
        for path in ("/pages/", "/api/echo/1"):
            assert made.get(path).status_code == 200
        yield made
    finally:
        leave.set()
        server.stop()
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_what_is_kept_is_answered_while_every_thread_is_busy(house: House) -> None:
    busy = house.occupy()

    page, head = house.get("/pages/"), requests.head(f"{house.url}/{house.owner.cenv}/pages/", timeout=SECONDS)
    again = house.get("/pages/", **{"If-None-Match": page.headers["ETag"]})
    answer = house.get("/api/echo/1")

    assert (page.status_code, page.text, page.headers["X-Cache"], page.headers["Content-Encoding"]) == (200, PAGE, "hit", "gzip")
    assert page.headers["Content-Security-Policy"].startswith("sandbox ")
    assert (head.status_code, head.text, head.headers["ETag"]) == (200, "", page.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert (answer.status_code, answer.json()) == (200, {"x": "1"})
    assert busy.is_alive()


def test_what_is_not_at_hand_waits_for_a_thread_and_is_right(house: House) -> None:
    house.occupy()
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(house.get("/api/echo/2").status_code))
    asking.start()
    assert house.get("/pages/").status_code == 200

    assert found == []
    house.leave.set()
    asking.join(SECONDS)

    assert found == [200]


def test_requests_that_come_in_one_piece_are_answered_in_their_order(house: House) -> None:
    host, port = house.url.removeprefix("http://").split(":")
    one = f"GET /{house.owner.cenv}/pages/ HTTP/1.1\r\nHost: {host}\r\n\r\n"
    other = f"GET /{house.owner.cenv}/api/echo/7 HTTP/1.1\r\nHost: {host}\r\n"
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(f"{one}{other}\r\n{one}{other}Connection: close\r\n\r\n".encode())
        answers = b""
        while piece := connection.recv(65_536):
            answers += piece

    assert [PAGE.encode() in part for part in answers.split(b"HTTP/1.1 200 OK")[1:]] == [True, False, True, False]


def test_a_commit_is_in_the_next_answer_here_too(house: House) -> None:
    house.owner.post("/admin/templates", {"name": "index", "syntax": "html", "content": "<p>new", "published": True, "access": "public"})

    assert [house.get("/pages/").text for _ in range(3)] == ["<p>new"] * 3


class TestBehindAProxy:
    @pytest.fixture
    def settings_of_server(self) -> dict[str, Any]:
        return {"trusted_proxies": peers("127.0.0.1")}

    def test_everybody_is_told_apart_as_the_proxy_says(self, house: House, clock: Clock) -> None:
        house.owner.put("/admin/config", {"rate_limit_ip": "3 per minute"})
        clock.seconds += 120
        for path in ("/pages/", "/pages/"):
            assert house.get(path, **{"X-Forwarded-For": "192.0.2.9"}).status_code == 200

        left = [house.get("/pages/", **{"X-Forwarded-For": f"192.0.2.{n}"}).headers["RateLimit-Remaining"] for n in (1, 1, 2)]

        assert left == ["2", "1", "2"]


def test_a_thread_that_must_not_wait_asks_no_other_machine_for_its_counts(house: House) -> None:
    house.app.extensions["wce"].counters.waits = True  # as where they are in Redis
    house.occupy()
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(house.get("/pages/").status_code))
    asking.start()
    asking.join(0.2)

    assert found == []
    house.leave.set()
    asking.join(SECONDS)

    assert found == [200]


def test_granian_gives_what_is_kept_while_every_thread_is_busy_too(house: House) -> None:
    def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if "work" not in environ:
            return house.app(environ, start)
        environ["work"]()
        start("200 OK", [])
        return []

    pool = Pool(Turns(application, 1, in_place=house.app.extensions[IN_PLACE]), 2)

    def ask(path: str) -> Exchange:
        exchange = Exchange()
        pool.hand_over(exchange, EnvironBuilder(f"/{house.owner.cenv}{path}").get_environ())
        return exchange

    busy, go = pool.hold()
    other, page = ask("/api/echo/99"), ask("/pages/").wait()
    assert not other.answered.is_set()
    go.set()
    answer = other.wait()
    pool.close()

    assert (page[0], page[2], dict(page[1])["X-Cache"], dict(page[1])["Server"]) == (200, PAGE.encode(), "hit", "")
    assert (answer[0], answer[2]) == (200, b'{"x":"99"}')
    assert busy.thread == other.thread
