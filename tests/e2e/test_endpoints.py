"""Scripts on real servers: answers, hooks and schedules over several processes, and an end that leaves nobody behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.e2e.conftest import Ticking
from tests.e2e.owner import Owner, family, running, wait_for


def publish(owner: Owner, body: str, **values: Any) -> str:
    """The address of an endpoint that anybody may call."""
    script = "def handler(request):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    given = {"method": "*", "path": "/x", "access": "public", "script": script} | values
    made = owner.post(f"{owner.address}/admin/endpoints", json=given, timeout=60)
    assert made.status_code in (200, 201), made.text
    return f"{owner.address}/api{given['path']}"


def test_a_schedule_says_when_it_runs_next(ticking: Ticking) -> None:
    assert ticking.due % 60 == 0  # tests/e2e/test_waiting.py sees whether it does


def test_an_endpoint_answers_whoever_may_call_it(owner: Owner) -> None:
    address = publish(owner, "return {'hello': request.query.get('name', 'world')}")

    answer = requests.get(f"{address}?name=ada", timeout=30)

    assert (answer.status_code, answer.json()) == (200, {"hello": "ada"})
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_change_acts_at_once_in_every_process(owner: Owner) -> None:
    for version in range(10):
        address = publish(owner, f"return '{version}'")
        assert {requests.get(address, timeout=30).text for _ in range(4)} == {str(version)}


def test_calls_at_once_all_count(roomy: Any, make_owner: Callable[[str], Owner]) -> None:
    owner = make_owner(roomy.url)
    owner.sql("CREATE TABLE counter (n INTEGER)")
    owner.sql("INSERT INTO counter VALUES (0)")
    body = "n = db.query_one('SELECT n FROM counter').n\ndb.execute('UPDATE counter SET n = ?', [n + 1])\nreturn n"
    address = publish(owner, body, run_as="definer")

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: requests.post(address, timeout=60).status_code, range(80)))

    done = statuses.count(200)
    assert set(statuses) <= {200, 503}
    assert done > 0
    assert owner.sql("SELECT n FROM counter")["rows"] == [{"n": done}]


def test_a_hook_takes_effect_once_for_each_commit(roomy: Any, make_owner: Callable[[str], Owner]) -> None:
    owner = make_owner(roomy.url)
    owner.sql("CREATE TABLE item (x INTEGER)")
    owner.sql("CREATE TABLE seen (rows INTEGER)")
    script = "def handler(event):\n    db.execute('INSERT INTO seen VALUES (?)', [event.tables['item']])"
    made = owner.post(f"{owner.address}/admin/hooks", json={"name": "seen", "table_name": "item", "script": script}, timeout=60)
    assert made.status_code == 201, made.text

    for count in range(1, 21):
        owner.sql("INSERT INTO item VALUES " + ",".join(["(1)"] * count))

    wait_for(lambda: len(owner.sql("SELECT * FROM seen")["rows"]) >= 20)
    time.sleep(0.5)
    assert sorted(row["rows"] for row in owner.sql("SELECT rows FROM seen")["rows"]) == list(range(1, 21))


def test_a_script_that_runs_out_of_time_thrice_rests_in_every_process(owner: Owner) -> None:
    owner.put(f"{owner.address}/admin/config", json={"script_timeout_seconds": 1}, timeout=60)
    address = publish(owner, "for i in range(1000000000):\n    pass")

    late = [requests.get(address, timeout=30).status_code for _ in range(3)]
    rests = {requests.get(address, timeout=30).status_code for _ in range(12)}

    assert (late, rests) == ([504] * 3, {503})


def test_readiness_tells_of_the_sandbox(server: Any) -> None:
    def ready() -> Any:
        return requests.get(f"{server.url}/health/ready", timeout=30).json()

    wait_for(lambda: ready()["sandbox"]["idle"] >= 1)  # workers are warmed without a call

    answer = ready()
    assert answer["status"] == "ok"
    assert answer["sandbox"]["seccomp"] == "on" or answer["sandbox"]["seccomp"].startswith("degraded")


def test_a_stop_leaves_no_worker_behind(start_server: Callable[..., Any], make_owner: Callable[[str], Owner]) -> None:
    server = start_server(WCE_RATE_LIMIT_NEW="1000 per minute")
    owner = make_owner(server.url)
    assert requests.get(publish(owner, "return 1"), timeout=30).status_code == 200
    others = family(server.process.pid)
    assert len(others) >= 2

    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(30) == 0
    wait_for(lambda: not others & running().keys(), 5)


def test_a_killed_server_takes_its_workers_along(start_server: Callable[..., Any], make_owner: Callable[[str], Owner]) -> None:
    server = start_server(WCE_RATE_LIMIT_NEW="1000 per minute")
    owner = make_owner(server.url)
    assert requests.get(publish(owner, "return 1"), timeout=30).status_code == 200
    others = family(server.process.pid)

    server.process.kill()

    wait_for(lambda: not others & running().keys(), 20)
