"""What a real server does when it is told to stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.owner import Owner

# Counts far enough to run for about a second.
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT count(*) AS n FROM n"
ROUNDS = 1_500_000


@pytest.mark.parametrize(("number", "running"), [(signal.SIGTERM, 4), (signal.SIGINT, 1), (signal.SIGHUP, 1)])
def test_a_signal_lets_what_runs_finish_and_ends_with_0(
    start_server: Callable[..., Any], make_owner: Callable[[str], Owner], number: signal.Signals, running: int
) -> None:
    server = start_server()
    owner = make_owner(server.url)
    answers: list[requests.Response] = []

    def ask() -> None:
        body = {"sql": SLOW, "params": [ROUNDS]}
        answers.append(requests.post(f"{owner.address}/query", json=body, headers=dict(owner.headers), timeout=60))

    clients = [threading.Thread(target=ask) for _ in range(running)]
    for client in clients:
        client.start()
    time.sleep(0.4)
    server.process.send_signal(number)
    for client in clients:
        client.join(60)

    assert [answer.status_code for answer in answers] == [200] * running
    assert {answer.json()["rows"][0]["n"] for answer in answers} == {ROUNDS}
    assert server.process.wait(40) == 0
    assert "Traceback" not in server.output.read_text(encoding="utf-8")


def test_every_acknowledged_write_is_there_after_a_stop_under_load(
    start_server: Callable[..., Any], make_owner: Callable[[str], Owner]
) -> None:
    same = {"WCE_JWT_SECRET": "k" * 32, "WCE_CENV_RATE_LIMIT_IP": "1000000 per minute", "WCE_CENV_RATE_LIMIT_USER": "1000000 per minute"}
    server = start_server(**same)
    owner = make_owner(server.url)
    owner.sql("CREATE TABLE hit (id INTEGER PRIMARY KEY)")
    acknowledged, strange = [], []

    def write() -> None:
        with requests.Session() as session:
            session.headers.update(owner.headers)
            while True:
                try:
                    answer = session.post(f"{owner.address}/query", json={"sql": "INSERT INTO hit DEFAULT VALUES"}, timeout=60)
                except requests.ConnectionError:
                    return
                if answer.status_code == 200:
                    acknowledged.append(answer.json()["last_row_id"])
                else:
                    strange.append(answer.text)

    clients = [threading.Thread(target=write) for _ in range(8)]
    for client in clients:
        client.start()
    time.sleep(1.0)
    server.process.send_signal(signal.SIGTERM)
    for client in clients:
        client.join(60)

    assert server.process.wait(40) == 0
    again = start_server(**same, WCE_STORAGE_DIR=str(server.storage))
    found = owner.post(f"{again.url}/{owner.cenv}/query", json={"sql": "SELECT id FROM hit", "format": "arrays"}, timeout=60).json()["rows"]
    assert strange == []
    assert len(acknowledged) > 10
    assert set(acknowledged) <= {row[0] for row in found}


def test_idle_connections_and_half_sent_bodies_do_not_delay_the_stop(
    start_server: Callable[..., Any], engine: str, dial: Callable[[str], Any]
) -> None:
    server = start_server()

    with dial(server.url) as connection, dial(server.url) as sending:
        sending.sendall(b"POST /new HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        if engine == "granian":  # waits for a header that has begun until its 20 s are over
            connection.sendall(b"\r\n")
            connection.recv(65536)
        server.process.send_signal(signal.SIGTERM)

        assert sending.recv(65536)[:13] == (b"HTTP/1.1 503 " if engine == "granian" else b"")
        # granian gives a connection that it takes for busy the whole 30 s.
        assert server.process.wait(10 if engine == "waitress" else 45) == 0


def test_the_folder_is_free_after_the_stop(start_server: Callable[..., Any]) -> None:
    server = start_server()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(40) == 0

    again = start_server(WCE_STORAGE_DIR=str(server.storage))

    assert requests.get(f"{again.url}/health/ready", timeout=30).status_code == 200


def test_a_kill_at_any_moment_loses_no_acknowledged_write(start_server: Callable[..., Any], make_owner: Callable[[str], Owner]) -> None:
    rate = "1000000 per minute"
    same = {"WCE_JWT_SECRET": "k" * 32, "WCE_CENV_RATE_LIMIT_IP": rate, "WCE_CENV_RATE_LIMIT_USER": rate}
    server = start_server(**same)
    owner = make_owner(server.url)
    owner.sql("CREATE TABLE hit (id INTEGER PRIMARY KEY)")
    acknowledged: set[int] = set()
    storage = str(server.storage)

    for pause in (0.2, 0.4):
        address = f"{server.url}/{owner.cenv}/query"
        clients = [threading.Thread(target=_insert_until_gone, args=(address, dict(owner.headers), acknowledged)) for _ in range(4)]
        for client in clients:
            client.start()
        time.sleep(pause)
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        for pid in [server.process.pid, *map(int, children)]:
            with suppress(ProcessLookupError):  # a child ends by itself when its parent has gone
                os.kill(pid, signal.SIGKILL)
        for client in clients:
            client.join(60)
        server.process.wait(10)
        server = start_server(**same, WCE_STORAGE_DIR=storage)

    body = {"sql": "SELECT id FROM hit", "format": "arrays"}
    found = requests.post(f"{server.url}/{owner.cenv}/query", json=body, headers=dict(owner.headers), timeout=60).json()["rows"]
    assert len(acknowledged) > 10
    assert acknowledged <= {row[0] for row in found}


def _insert_until_gone(address: str, headers: dict[str, str], acknowledged: set[int]) -> None:
    with requests.Session() as session:
        session.headers.update(headers)
        while True:
            try:
                answer = session.post(address, json={"sql": "INSERT INTO hit DEFAULT VALUES"}, timeout=60)
            except requests.RequestException:
                return
            if answer.status_code == 200:
                acknowledged.add(answer.json()["last_row_id"])


def test_asked_twice_it_does_not_wait(start_server: Callable[..., Any], make_owner: Callable[[str], Owner]) -> None:
    server = start_server()
    owner = make_owner(server.url)

    def ask() -> None:
        with suppress(requests.RequestException):
            requests.post(f"{owner.address}/query", json={"sql": SLOW, "params": [10**9]}, headers=dict(owner.headers), timeout=60)

    client = threading.Thread(target=ask)
    client.start()
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)

    server.process.wait(10)
    client.join(60)
