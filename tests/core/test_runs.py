from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.core.conftest import away
from wce.core import overview, runs, scripts
from wce.core.runs import MAX_RUNS, Run, Runs
from wce.core.scripts import NewEndpoint
from wce.core.templates import NewTemplate, save_template


@pytest.fixture
def log(world):
    made = Runs(world.store, flush_seconds=60)
    yield made
    made.close()


@pytest.fixture
def endpoint(world) -> int:
    return scripts.save_endpoint(world.session, lambda _: None, world.owner, NewEndpoint("/a", "GET", ""))[0].id


def run(item_id: int, **fields) -> Run:
    return Run(**{"kind": "endpoint", "item_id": item_id, "started_at": 1, "duration_ms": 0.5, "status": 200} | fields)


def written(world) -> int:
    return world.session.one("SELECT count(*) FROM _wce_script_runs")[0]


def soon(check: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not check() and time.monotonic() < deadline:
        time.sleep(0.01)
    return check()


def test_a_run_is_kept_with_all_that_is_known_of_it(world, log, endpoint):
    prints = [{"level": "print", "text": "hello", "line": 2}]
    error = {"kind": "runtime", "message": "no", "line": 3}
    log.record(world.cenv, run(endpoint, status=502, error=error, prints=prints, user_id=4, request_id="r1"))

    (found,) = log.last(world.session, "endpoint", endpoint)

    assert (found.status, found.duration_ms, found.user_id, found.request_id) == (502, 0.5, 4, "r1")
    assert dict(found.error) == error
    assert list(found.prints) == prints


def test_the_newest_comes_first_and_only_its_own(world, log, endpoint):
    other = scripts.save_endpoint(world.session, lambda _: None, world.owner, NewEndpoint("/b", "GET", ""))[0].id
    for number in range(3):
        log.record(world.cenv, run(endpoint, started_at=number))
        log.record(world.cenv, run(other, started_at=10 + number))

    assert [item.started_at for item in log.last(world.session, "endpoint", endpoint)] == [2, 1, 0]
    assert [item.started_at for item in log.last(world.session, "endpoint", other, 2)] == [12, 11]


def test_recording_writes_nothing_and_waits_for_nobody(world, log, endpoint):
    with world.session.transaction(world.owner):
        log.record(world.cenv, run(endpoint))

        assert written(world) == 0


def test_a_failure_is_written_at_once(world, log, endpoint):
    log.record(world.cenv, run(endpoint, error={"message": "no"}))

    assert soon(lambda: written(world) == 1)


def test_the_others_are_written_together_after_a_while(world, endpoint):
    log = Runs(world.store, flush_seconds=0.05)
    before = world.session.one("SELECT commits FROM _wce_state")[0]
    for _ in range(50):
        log.record(world.cenv, run(endpoint))

    assert soon(lambda: written(world) == 50)
    log.close()

    assert world.session.one("SELECT commits FROM _wce_state")[0] - before <= 3


def test_what_waits_is_written_before_the_end(world, endpoint):
    log = Runs(world.store, flush_seconds=60)
    log.record(world.cenv, run(endpoint))

    log.close()
    log.close()

    assert written(world) == 1
    assert "wce-runs" not in {thread.name for thread in threading.enumerate()}


def test_a_log_that_nobody_wrote_to_has_no_thread(world):
    Runs(world.store).close()

    assert "wce-runs" not in {thread.name for thread in threading.enumerate()}


def test_the_oldest_go_when_there_are_many(world, log, endpoint):
    for number in range(MAX_RUNS + 50):
        log.record(world.cenv, run(endpoint, started_at=number))
        if number == 100:
            log.flush(world.cenv)

    found = log.last(world.session, "endpoint", endpoint)

    assert (len(found), found[0].started_at, found[-1].started_at) == (MAX_RUNS, MAX_RUNS + 49, 50)
    assert written(world) == MAX_RUNS


def test_what_was_printed_is_cut_and_says_so(world, log, endpoint):
    prints = [{"level": "print", "text": "x" * 5_000, "line": n} for n in (1, 2, 3)]
    log.record(world.cenv, run(endpoint, prints=prints))

    (found,) = log.last(world.session, "endpoint", endpoint)

    assert [item["line"] for item in found.prints] == [1, 2, 2]
    assert sum(len(item["text"]) for item in found.prints) < 8_300
    assert found.prints[-1]["level"] == "warning"


def test_many_empty_prints_are_cut_too(world, log, endpoint):
    log.record(world.cenv, run(endpoint, prints=[{"level": "print", "text": "", "line": 1}] * 20_000))

    (found,) = log.last(world.session, "endpoint", endpoint)

    assert len(found.prints) < 8_300


def test_runs_of_a_script_that_is_gone_are_not_kept(world, log, endpoint):
    log.record(world.cenv, run(endpoint))
    log.flush(world.cenv)
    log.record(world.cenv, run(endpoint))

    scripts.delete_endpoint(world.session, world.owner, endpoint)
    assert written(world) == 0

    log.flush(world.cenv)
    assert written(world) == 0


def test_a_cenv_that_is_gone_stops_nobody(world, log, endpoint, caplog):
    log.record("00000000-0000-4000-8000-000000000000", run(endpoint))
    log.record(world.cenv, run(endpoint))

    log.close()

    assert written(world) == 1
    assert [record.getMessage() for record in caplog.records] == ["script runs not written"]


def test_a_folder_that_is_away_for_a_moment_does_not_end_the_log(world, log, endpoint, caplog):
    log.record(world.cenv, run(endpoint))
    with away(world.store.folder.path):
        log.flush(world.cenv)
    log.record(world.cenv, run(endpoint))

    log.flush(world.cenv)

    assert written(world) == 1
    assert [record.getMessage() for record in caplog.records] == ["script runs not written"]


def test_there_is_an_end_to_what_waits(world, log, endpoint, monkeypatch):
    monkeypatch.setattr(runs, "_MAX_WAITING", 5)
    with world.session.transaction(world.owner):
        for _ in range(10):
            log.record(world.cenv, run(endpoint))

    assert len(log.last(world.session, "endpoint", endpoint)) >= 5


def test_the_slowest_are_called_by_their_names(world, log, endpoint):
    page = save_template(world.session, lambda content, _: content, world.owner, NewTemplate("blog/index", "html", "<p>"))[0].id
    log.record(world.cenv, run(endpoint, duration_ms=1))
    log.record(world.cenv, run(page, kind="template", duration_ms=2))
    log.flush(world.cenv)

    shown = [(slow.what, slow.source) for slow in overview.slowest(world.session)]

    assert shown == [("blog/index", "template"), ("GET /a", "endpoint")]
