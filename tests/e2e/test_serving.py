"""The main job against a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.e2e.owner import CREDENTIALS, Owner


def test_the_start_says_where_it_listens_and_what_to_do_next(server: Any) -> None:
    told = server.output.read_text(encoding="utf-8")

    assert f"WCE is listening on {server.url}, cenvs in {server.storage}" in told
    assert f"curl {server.url}/new -H" in told
    assert f"Then open {server.url}/ in a browser" in told


def test_a_cenv_is_made_signed_in_to_and_asked(owner: Owner) -> None:
    owner.sql("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT, data BLOB)")
    written = owner.sql("INSERT INTO note (text, data) VALUES (?, ?)", ["grüße", {"$base64": "AP8="}])
    found = owner.sql("SELECT * FROM note")

    assert (written["changes"], written["last_row_id"]) == (1, 1)
    assert found["rows"] == [{"id": 1, "text": "grüße", "data": {"$base64": "AP8="}}]


def test_a_browser_works_with_its_cookie(server: Any, owner: Owner) -> None:
    with requests.Session() as browser:
        browser.post(f"{owner.address}/login", json=CREDENTIALS, timeout=30)
        browser.headers["Sec-Fetch-Site"] = "same-origin"
        me = browser.get(f"{owner.address}/me", timeout=30).json()
        refused = browser.post(f"{owner.address}/logout", timeout=30)
        ended = browser.post(f"{owner.address}/logout", headers={"X-CSRF-Token": me["csrf_token"]}, timeout=30)

        assert (me["username"], refused.status_code, ended.status_code) == ("owner", 403, 204)
        assert browser.get(f"{owner.address}/me", timeout=30).status_code == 401


def test_200_parallel_writers_all_succeed(roomy: Any, make_owner: Callable[[str], Owner]) -> None:
    owner = make_owner(roomy.url)
    owner.sql("CREATE TABLE hit (id INTEGER PRIMARY KEY, worker INTEGER NOT NULL)")

    def write(worker: int) -> int:
        body = {"sql": "INSERT INTO hit (worker) VALUES (?)", "params": [worker]}
        return requests.post(f"{owner.address}/query", json=body, headers=dict(owner.headers), timeout=60).status_code

    with ThreadPoolExecutor(200) as pool:
        statuses = list(pool.map(write, range(200)))

    assert statuses == [200] * 200
    (row,) = owner.sql("SELECT count(*) AS hits, count(DISTINCT worker) AS workers FROM hit")["rows"]
    assert row == {"hits": 200, "workers": 200}


def test_half_sent_requests_hinder_nobody(server: Any, owner: Owner, dial: Callable[[str], Any]) -> None:
    with dial(server.url) as one, dial(server.url) as other:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        other.sendall(b"POST /new HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        begun = time.monotonic()
        owner.sql("SELECT 1")

    assert time.monotonic() - begun < 5


def test_a_header_that_is_too_large_is_refused(server: Any, engine: str) -> None:
    answer = requests.get(f"{server.url}/health", headers={"X-Large": "x" * 100_000}, timeout=30)

    assert answer.status_code == 431
    # granian says no more than the status.
    assert answer.content == b"" if engine == "granian" else answer.json()["code"] == "too_large"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"POST /new HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /new HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n",
    ],
    ids=["found", "not found", "no header", "large header", "negative length", "unknown coding"],
)
def test_no_answer_names_the_server(server: Any, dial: Callable[[str], Any], sent: bytes) -> None:
    with dial(server.url) as connection:
        connection.sendall(sent)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.")
    head = answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert [line for line in head if line.startswith((b"server:", b"via:", b"x-powered-by:")) and line != b"server: "] == []


def test_a_body_that_is_too_large_is_refused_by_its_announced_length(server: Any, dial: Callable[[str], Any]) -> None:
    with dial(server.url) as connection:
        connection.sendall(b"POST /new HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n")

        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_body_in_chunks_has_the_same_limit(server: Any) -> None:
    whole = b'{"username": "owner", "password": "correct horse", "example": "' + b"x" * 5000 + b'"}'
    pieces = (whole[start : start + 100] for start in range(0, len(whole), 100))

    answer = requests.post(f"{server.url}/new", data=pieces, headers={"Content-Type": "application/json"}, timeout=30)

    assert answer.status_code == 413
    assert answer.json()["detail"] == "The body may have 4096 bytes."


def test_a_large_answer_to_a_slow_reader_hinders_nobody(server: Any, owner: Owner, dial: Callable[[str], Any]) -> None:
    body = json.dumps({"sql": "SELECT hex(zeroblob(200000)) AS x FROM (VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10))"}).encode()
    head = f"POST /{owner.cenv}/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head += f"Authorization: {owner.headers['Authorization']!s}\r\n\r\n"

    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(dial(server.url)).sendall(head.encode() + body)
        begun = time.monotonic()
        owner.sql("SELECT 1")

    assert time.monotonic() - begun < 10


def test_the_log_has_one_json_line_per_request_and_no_secrets(server: Any, owner: Owner) -> None:
    owner.get(f"{owner.address}/me", headers={"X-Request-ID": "look-for-me"}, timeout=30)

    text = server.output.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("request_id") == "look-for-me"]
    assert (line["event"], line["route"], line["status"], line["cenv"]) == ("request", "/<cenv:cenv_id>/me", 200, owner.cenv)
    assert CREDENTIALS["password"] not in text.replace("correct horse\"}'", "")
    assert str(owner.headers["Authorization"]).removeprefix("Bearer ") not in text
