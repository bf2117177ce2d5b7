"""The main job against a real server."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.owner import CREDENTIALS, Owner, family, links, wait_for


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


def held(server: Any) -> int:
    """How many connections, and files without a name, a server has open."""
    names = links({server.process.pid} | family(server.process.pid))
    return sum(name.startswith("socket:") or name.endswith("(deleted)") for name in names)


def test_half_sent_requests_hinder_nobody_and_leave_nothing(server: Any, owner: Owner, dial: Callable[[str], Any]) -> None:
    before = held(server)
    small = b"POST /new HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    large = f"POST /{owner.cenv}/query HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n".encode() + b" " * 100_000
    chunks = b"POST /new HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"
    with ExitStack() as stack:
        for sent in [b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", *[small, large, chunks] * 20]:
            stack.enter_context(dial(server.url)).sendall(sent)
        begun = time.monotonic()
        for _ in range(10):
            owner.sql("SELECT 1")

        assert time.monotonic() - begun < 5

    wait_for(lambda: held(server) <= before + 2)  # the owner may have connected anew


def test_chunks_that_break_off_change_nothing(owner: Owner, server: Any, dial: Callable[[str], Any]) -> None:
    template = json.dumps({"name": "half", "syntax": "html", "content": "<p>", "published": True, "access": "public"}).encode()
    head = f"POST /{owner.cenv}/admin/templates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    head += f"Authorization: {owner.headers['Authorization']!s}\r\n\r\n{len(template):x}\r\n"
    for end in (b"\r\n", b"\r\n5\r\nab", b""):
        with dial(server.url) as connection:
            connection.sendall(head.encode() + template + end)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))

        assert not answer or answer.startswith(b"HTTP/1.1 400 ")

    assert requests.get(f"{owner.address}/pages/half", timeout=30).status_code == 404
    whole = head.encode() + template + b"\r\n0\r\n\r\n"
    with dial(server.url) as connection:
        connection.sendall(whole)
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")


def test_requests_in_one_piece_are_answered_in_their_order(server: Any, owner: Owner, dial: Callable[[str], Any]) -> None:
    found = b"GET /health HTTP/1.1\r\nHost: x\r\n"
    posted = f"POST /{owner.cenv}/login HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello".encode()
    missing = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    with dial(server.url) as connection:
        connection.sendall((found + b"\r\n" + posted + missing) * 5 + found + b"Connection: close\r\n\r\n")
        answers = b"".join(iter(lambda: connection.recv(65536), b""))

    assert re.findall(rb"HTTP/1\.1 (\d+) ", answers) == [b"200", b"415", b"404"] * 5 + [b"200"]


def test_only_what_the_proxy_says_counts(roomy: Any, make_owner: Callable[[str], Owner]) -> None:
    address = make_owner(roomy.url).address

    def seen(headers: dict[str, Any]) -> str:
        login = requests.post(f"{address}/login", json=CREDENTIALS, headers=headers, timeout=30)
        if login.status_code != 200:
            return str(login.json()["code"])
        bearer = {"Authorization": f"Bearer {login.json()['token']}"}
        sessions = requests.get(f"{address}/sessions", headers=bearer, timeout=30).json()["sessions"]
        return next(str(session["ip_address"]) for session in sessions if session["current"])

    assert seen({"X-Forwarded-For": "127.0.0.1, 192.0.2.7"}) == "192.0.2.7"
    assert seen({"X_Forwarded_For": "192.0.2.7", "X-Forwarded_For": "192.0.2.8"}) == "127.0.0.1"
    assert seen({"X-Forwarded-For": "ü, 192.0.2.7".encode()}) in ("192.0.2.7", "malformed")


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


def test_nothing_more_is_read_where_a_body_has_both_a_length_and_chunks(server: Any, dial: Callable[[str], Any]) -> None:
    twice = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    with dial(server.url) as connection:
        connection.sendall(b"POST /new HTTP/1.1\r\nHost: x\r\n" + twice + b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_body_that_is_too_large_is_refused_by_its_announced_length(server: Any, dial: Callable[[str], Any]) -> None:
    with dial(server.url) as connection:
        connection.sendall(b"POST /new HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n")

        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_body_in_chunks_has_the_same_limit(server: Any) -> None:
    whole = b'{"username": "owner", "password": "correct horse", "example": "' + b"x" * 5000 + b'"}'
    pieces = (whole[start : start + 100] for start in range(0, len(whole), 100))

    answer = requests.post(f"{server.url}/new", data=pieces, headers={"Content-Type": "application/json"}, timeout=30)

    assert answer.status_code == 413
    assert answer.json()["detail"] == "The body may have at most 4096 bytes."


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


def test_files_that_nobody_reads_hinder_nobody_and_are_whole(server: Any, owner: Owner, dial: Callable[[str], Any], tmp_path: Path) -> None:
    owner.sql("CREATE TABLE big (data BLOB)")
    owner.sql(
        "INSERT INTO big WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 16) SELECT randomblob(500000) FROM n"
    )
    head = f"GET /{owner.cenv}/admin/export HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Authorization: {owner.headers['Authorization']!s}\r\n\r\n"
    with ExitStack() as stack:
        readers = [stack.enter_context(dial(server.url)) for _ in range(20)]
        for reader in readers:
            reader.sendall(head.encode())
            assert reader.recv(13) == b"HTTP/1.1 200 "
        begun = time.monotonic()
        owner.sql("SELECT 1")
        assert time.monotonic() - begun < 5

        answer = b"".join(iter(lambda: readers[0].recv(65536), b""))

    told, _, content = answer.partition(b"\r\n\r\n")
    assert f"content-length: {len(content)}".encode() in told.lower()
    (tmp_path / "taken").write_bytes(content)
    with closing(sqlite3.connect(tmp_path / "taken")) as taken:
        assert taken.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert taken.execute("SELECT sum(length(data)) FROM big").fetchone() == (8_000_000,)


def test_the_log_has_one_json_line_per_request_and_no_secrets(server: Any, owner: Owner) -> None:
    owner.get(f"{owner.address}/me", headers={"X-Request-ID": "look-for-me"}, timeout=30)

    text = server.output.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("request_id") == "look-for-me"]
    assert (line["event"], line["route"], line["status"], line["cenv"]) == ("request", "/<cenv:cenv_id>/me", 200, owner.cenv)
    assert CREDENTIALS["password"] not in text.replace("correct horse\"}'", "")
    assert str(owner.headers["Authorization"]).removeprefix("Bearer ") not in text
