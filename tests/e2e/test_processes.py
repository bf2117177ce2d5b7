"""What several worker processes must do as if they were one."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.owner import CREDENTIALS, Owner, links, running, wait_for

pytestmark = pytest.mark.parametrize("engine", ["granian"], indirect=True)
ROUNDS = 50


def workers(server: Any) -> list[int]:
    """The process ids of the workers."""
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def answered(server: Any, after: int = 0) -> set[int]:
    """The workers that the log names, behind so many characters of it."""
    lines = [json.loads(line) for line in server.output.read_text(encoding="utf-8")[after:].splitlines() if line.startswith("{")]
    return {line["pid"] for line in lines if line["event"] == "request"}


def everywhere(ask: Callable[[], requests.Response]) -> set[int]:
    """The statuses of many requests, each on a connection of its own, so that the kernel spreads them over the workers."""
    return {ask().status_code for _ in range(ROUNDS)}


def anew(owner: Owner, method: str, path: str, **more: Any) -> requests.Response:
    """The owner's request on a new connection."""
    headers = dict(owner.headers) | more.pop("headers", {})
    return requests.request(method, f"{owner.address}{path}", headers=headers, timeout=30, **more)


def befriend(owner: Owner) -> tuple[int, dict[str, Any]]:
    """A new editor's id, and what makes a request his."""
    friend = {"username": "friend", "password": "battery staple"}
    made = owner.post(f"{owner.address}/admin/users", json=friend | {"role": "editor"}, timeout=30)
    assert made.status_code == 201, made.text
    token = requests.post(f"{owner.address}/login", json=friend, timeout=30).json()["token"]
    return made.json()["user_id"], {"headers": {"Authorization": f"Bearer {token}"}}


def figure(server: Any, name: str) -> float:
    text = requests.get(f"{server.url}/metrics", timeout=30).text
    return sum(float(value) for value in re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE))


def opened(server: Any, owner: Owner) -> int:
    """How often the workers have a cenv's file open."""
    return sum(owner.cenv in link and not link.endswith(("-wal", "-shm")) for link in links(workers(server)))


def test_both_processes_answer(roomy: Any, make_owner: Callable[[str], Owner]) -> None:
    owner = make_owner(roomy.url)
    before = len(roomy.output.read_text(encoding="utf-8"))  # other tests end workers of this server

    assert everywhere(lambda: anew(owner, "GET", "/me")) == {200}
    assert answered(roomy, before) == set(workers(roomy))
    assert len(workers(roomy)) == 2


def test_a_change_acts_on_the_next_request_in_every_process(roomy: Any, make_owner: Callable[[str], Owner]) -> None:
    owner = make_owner(roomy.url)
    owner.sql("CREATE TABLE note (id INTEGER PRIMARY KEY)")
    user, bearer = befriend(owner)

    def read() -> requests.Response:
        return anew(owner, "POST", "/query", json={"sql": "SELECT id FROM note"}, **bearer)

    assert everywhere(read) == {404}
    grant = {"user_id": user, "table_name": "note", "can_read": True}
    permission = owner.post(f"{owner.address}/admin/permissions", json=grant, timeout=30).json()["id"]
    assert everywhere(read) == {200}
    owner.delete(f"{owner.address}/admin/permissions/{permission}", timeout=30)
    assert everywhere(read) == {404}
    sessions = requests.get(f"{owner.address}/sessions", timeout=30, **bearer).json()["sessions"]
    requests.delete(f"{owner.address}/sessions/{sessions[0]['session_id']}", timeout=30, **bearer)
    assert everywhere(read) == {401}


def test_the_former_owner_is_an_administrator_in_every_process(roomy: Any, make_owner: Callable[[str], Owner]) -> None:
    owner = make_owner(roomy.url)
    heir, bearer = befriend(owner)
    assert everywhere(lambda: anew(owner, "GET", "/admin/export")) == {200}

    handed = owner.post(f"{owner.address}/admin/users/{heir}/owner", json={"password": CREDENTIALS["password"]}, timeout=30)

    assert handed.status_code == 200, handed.text
    assert everywhere(lambda: anew(owner, "GET", "/admin/export")) == {403}
    assert everywhere(lambda: anew(owner, "GET", "/admin/users")) == {200}
    assert everywhere(lambda: anew(owner, "GET", "/admin/export", **bearer)) == {200}


def test_what_processes_remember_between_two_commits_is_gone_with_the_second(roomy: Any, make_owner: Callable[[str], Owner]) -> None:
    owner = make_owner(roomy.url)
    owner.sql("CREATE TABLE note (id INTEGER PRIMARY KEY)")
    user, bearer = befriend(owner)
    grant = {"user_id": user, "table_name": "note", "can_read": True}
    permission = owner.post(f"{owner.address}/admin/permissions", json=grant, timeout=30).json()["id"]
    visitors = [requests.Session() for _ in range(8)]  # each stays with one process

    def ask() -> list[tuple[int, Any]]:
        asked = {"sql": "SELECT count(*) AS n FROM note"}
        answers = [visitor.post(f"{owner.address}/query", json=asked, timeout=30, **bearer) for visitor in visitors]
        return [(answer.status_code, answer.json().get("rows")) for answer in answers]

    for _ in range(100):  # so often that nobody asks SQLite any more where nothing was committed
        assert ask() == [(200, [{"n": 0}])] * 8
    for number in range(1, 31):
        owner.sql("INSERT INTO note DEFAULT VALUES")
        assert ask() == [(200, [{"n": number}])] * 8
        assert ask() == [(200, [{"n": number}])] * 8
    owner.delete(f"{owner.address}/admin/permissions/{permission}", timeout=30)
    assert {status for status, _ in ask()} == {404}
    owner.put(f"{owner.address}/admin/users/{user}", json={"enabled": False}, timeout=30)
    assert {status for status, _ in ask()} == {401}


def test_a_policy_and_a_setting_act_on_the_next_request_in_every_process(roomy: Any, make_owner: Callable[[str], Owner]) -> None:
    owner = make_owner(roomy.url)
    owner.sql("CREATE TABLE note (id INTEGER PRIMARY KEY)")
    owner.sql("INSERT INTO note VALUES (1), (2)")
    user, bearer = befriend(owner)
    owner.post(f"{owner.address}/admin/permissions", json={"user_id": user, "table_name": "note", "can_read": True}, timeout=30)

    def seen() -> set[int]:
        ask = {"sql": "SELECT id FROM note"}
        return {len(anew(owner, "POST", "/query", json=ask, **bearer).json()["rows"]) for _ in range(ROUNDS)}

    assert seen() == {2}
    policy = {"user_id": user, "table_name": "note", "policy_type": "read", "sql_condition": "id = 1"}
    made = owner.post(f"{owner.address}/admin/policies", json=policy, timeout=30)
    assert made.status_code == 201, made.text
    assert seen() == {1}
    owner.delete(f"{owner.address}/admin/policies/{made.json()['id']}", timeout=30)
    assert seen() == {2}
    changed = owner.put(f"{owner.address}/admin/config", json={"query_max_rows": 1}, timeout=30)
    assert changed.status_code == 200, changed.text
    assert seen() == {1}


def test_rate_limits_count_all_processes_together(start_server: Callable[..., Any], make_owner: Callable[[str], Owner]) -> None:
    server = start_server(WCE_CENV_RATE_LIMIT_IP="60 per hour", WCE_RATE_LIMIT_LOGIN="5 per hour")
    owner = make_owner(server.url)

    asked = [anew(owner, "GET", "/me").status_code for _ in range(70)]
    tried = [requests.post(f"{owner.address}/login", json=CREDENTIALS, timeout=30).status_code for _ in range(1)]

    assert asked.count(200) == 59, "one was the login"
    assert set(asked[59:]) == {429}
    assert tried == [429]


def test_figures_are_the_sum_over_all_processes(start_server: Callable[..., Any]) -> None:
    server = start_server()
    before = figure(server, "wce_requests_total")

    for _ in range(ROUNDS):
        requests.get(f"{server.url}/health", timeout=30)

    assert {figure(server, "wce_open_connections") for _ in range(10)} == {0.0}
    asked, deadline = ROUNDS + 1 + 10, time.monotonic() + 20
    while figure(server, "wce_requests_total") - before != asked:  # what the other process has counted comes within a second
        asked += 1
        time.sleep(0.1)
        assert time.monotonic() < deadline


def test_a_worker_that_dies_is_replaced_and_nothing_is_counted_twice(
    start_server: Callable[..., Any], make_owner: Callable[[str], Owner]
) -> None:
    server = start_server(WCE_CENV_RATE_LIMIT_IP="100000 per minute", WCE_CENV_RATE_LIMIT_USER="100000 per minute")
    owner = make_owner(server.url)
    everywhere(lambda: anew(owner, "GET", "/me"))
    victim, survivor = workers(server)

    os.kill(victim, signal.SIGKILL)
    time.sleep(0.2)
    assert everywhere(lambda: anew(owner, "GET", "/me")) == {200}
    deadline = time.monotonic() + 20
    while len(answered(server)) < 3 and time.monotonic() < deadline:
        assert everywhere(lambda: anew(owner, "GET", "/me")) == {200}

    assert len(answered(server)) == 3
    assert survivor in workers(server)
    assert victim not in workers(server)
    assert 1 <= figure(server, "wce_open_connections") <= opened(server, owner)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(40) == 0


def test_workers_end_with_their_parent(start_server: Callable[..., Any]) -> None:
    server = start_server()
    orphans = set(workers(server))
    assert orphans

    server.process.kill()

    wait_for(lambda: not orphans & running().keys(), 40)  # one that has just started has to load first, and a busy machine is slow


def test_the_figures_leave_nothing_behind(start_server: Callable[..., Any], tmp_path: Path) -> None:
    server = start_server(TMPDIR=str(tmp_path))
    assert [path.name[:12] for path in tmp_path.iterdir()] == ["wce-metrics-"]

    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(40) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_figures_outlive_a_cleaning_of_temporary_files(start_server: Callable[..., Any], tmp_path: Path) -> None:
    start_server(TMPDIR=str(tmp_path))
    (folder,) = tmp_path.iterdir()

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):  # what systemd-tmpfiles tries before it looks into a folder
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_a_stop_while_workers_start_is_heard(start_server: Callable[..., Any]) -> None:
    server = start_server(WCE_PROCESSES="4")  # there when the first of them is

    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(20) == 0
