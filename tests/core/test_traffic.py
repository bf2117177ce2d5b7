"""Requests by quarters of an hour."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.core.conftest import PASSWORD, away
from wce.core import traffic
from wce.core.cenvs import create_cenv
from wce.core.traffic import BUCKET_SECONDS, KEPT_SECONDS, Traffic, quantile


@pytest.fixture
def counted(world):
    made = Traffic(world.store, world.clock)
    yield made
    made.close()


def test_requests_are_counted_by_how_they_end_and_how_long_they_take(world, counted) -> None:
    for status, milliseconds in ((200, 0.4), (200, 3.0), (404, 3.0), (500, 60_000.0)):
        counted.count(world.cenv, status, milliseconds)

    (bucket,) = counted.read(world.session)

    assert bucket.started_at % BUCKET_SECONDS == 0
    assert (bucket.requests, bucket.refused, bucket.failed) == (4, 1, 1)
    assert bucket.durations == (1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)


def test_what_several_processes_count_adds_up(world, counted) -> None:
    other = Traffic(world.store, world.clock)
    counted.count(world.cenv, 200, 1)
    counted.read(world.session)
    other.count(world.cenv, 200, 1)
    other.close()
    counted.count(world.cenv, 200, 1)

    (bucket,) = counted.read(world.session)

    assert bucket.requests == 3
    assert bucket.durations[0] == 3


def test_who_reads_waits_for_no_disk_and_the_use_of_a_session_is_written_with_the_figures(world, counted) -> None:
    world.session.execute(
        "INSERT INTO _wce_sessions (session_id, user_id, token_hash, created_at, expires_at, last_used) VALUES ('a', 1, 'h', 0, 9, 0)"
    )
    world.session.execute("INSERT INTO _wce_api_keys (user_id, name, key_hash, scope, created_at) VALUES (1, 'k', 'h', '{}', 0)")
    last = "SELECT (SELECT last_used FROM _wce_sessions), (SELECT last_used FROM _wce_api_keys)"
    at = int(world.clock())
    for use in ("a", 1):
        counted.note(world.cenv, use)

    assert world.session.one(last) == (0, None)
    assert counted.noted(world.cenv) == {"a": at, 1: at}
    counted.read(world.session)
    assert world.session.one(last) == (at, at)
    assert counted.noted(world.cenv) == {}


def test_a_use_is_noted_at_most_once_a_minute(world, counted) -> None:
    at = int(world.clock())
    seen = []
    for seconds in (0, 59, 1):
        world.clock.now += seconds
        counted.note(world.cenv, "a")
        seen.append(counted.noted(world.cenv)["a"])

    assert seen == [at, at, at + 60]


def test_the_memory_for_uses_is_bounded_and_free_again_when_they_are_written(world, counted, monkeypatch) -> None:
    monkeypatch.setattr(traffic, "_MAX_WAITING", 2)
    for use in ("a", "b", "c"):
        counted.note(world.cenv, use)
    assert counted.noted(world.cenv).keys() == {"a", "b"}

    counted.read(world.session)
    counted.note(world.cenv, "c")

    assert counted.noted(world.cenv).keys() == {"c"}


def test_old_figures_are_forgotten(world, counted) -> None:
    world.session.execute("INSERT INTO _wce_traffic VALUES (0, 5, 0, 0, '[5,0,0,0,0,0,0,0,0,0,0,0,0,0]')")
    world.session.execute(
        "INSERT INTO _wce_traffic VALUES (?, 5, 0, 0, '[5,0,0,0,0,0,0,0,0,0,0,0,0,0]')", (int(world.clock()) - KEPT_SECONDS + 1,)
    )
    counted.count(world.cenv, 200, 1)

    assert len(counted.read(world.session)) == 2


def test_the_thread_writes_by_itself(world) -> None:
    counted = Traffic(world.store, world.clock, flush_seconds=0.01)
    counted.count(world.cenv, 200, 1)

    while world.session.one("SELECT 1 FROM _wce_traffic") is None:
        assert counted._thread is not None

    counted.close()
    counted.count(world.cenv, 200, 1)
    counted.close()
    assert world.session.one("SELECT requests FROM _wce_traffic") == (1,)


def test_writing_figures_leaves_no_connection_open(world, counted) -> None:
    before = len(world.store.connections)
    counted.count(world.cenv, 200, 1)

    with ThreadPoolExecutor(1) as other:
        other.submit(counted.close).result()

        assert len(world.store.connections) == before
        assert world.session.one("SELECT requests FROM _wce_traffic") == (1,)


def test_a_stop_writes_for_all_cenvs_however_many_one_round_takes(world, counted, monkeypatch) -> None:
    monkeypatch.setattr(traffic, "_MAX_AT_ONCE", 1)
    cenvs = [world.cenv, *(create_cenv(world.store, world.passwords, "owner", PASSWORD) for _ in range(2))]
    for cenv in cenvs:
        counted.count(cenv, 200, 1)

    counted.close()

    for cenv in cenvs:
        with world.store.session(cenv) as session:
            assert session.one("SELECT requests FROM _wce_traffic") == (1,)


def test_a_stop_that_has_no_more_time_says_for_how_many_cenvs_nothing_was_written(world, caplog) -> None:
    counted = Traffic(world.store, world.clock, stop_seconds=0)
    counted.count(world.cenv, 200, 1)

    counted.close()
    counted.close()

    assert [record.cenvs for record in caplog.records if record.message == "traffic not written"] == [1]
    assert world.session.one("SELECT 1 FROM _wce_traffic") is None


def test_a_cenv_that_is_gone_stops_nobody(world, counted, caplog) -> None:
    counted.count("00000000-0000-4000-8000-000000000000", 200, 1)
    counted.count(world.cenv, 200, 1)

    counted.close()

    assert world.session.one("SELECT requests FROM _wce_traffic") == (1,)
    assert "traffic not written" in caplog.text


def test_memory_is_bounded(world, counted, monkeypatch) -> None:
    monkeypatch.setattr(traffic, "_MAX_WAITING", 1)
    counted.count(world.cenv, 200, 1)
    counted.count("00000000-0000-4000-8000-000000000000", 200, 1)

    assert len(counted._waiting) == 1


@pytest.mark.parametrize(
    ("durations", "share", "expected"),
    [
        ((0,) * 14, 0.5, None),
        ((10,) + (0,) * 13, 0.5, 0.5),
        ((0, 0, 0, 0, 0, 10) + (0,) * 8, 0.5, 35.0),
        ((9,) + (0,) * 12 + (1,), 0.95, 15_000.0),
        ((1, 1) + (0,) * 12, 1.0, 2.0),
    ],
)
def test_a_quantile_lies_within_its_bound(durations, share, expected) -> None:
    assert quantile(durations, share) == expected


def test_a_folder_that_is_away_for_a_moment_does_not_end_the_counting(world, counted, caplog) -> None:
    counted.count(world.cenv, 200, 1)
    with away(world.store.folder.path):
        counted._round()
    counted.count(world.cenv, 200, 1)

    (bucket,) = counted.read(world.session)

    assert bucket.requests == 1
    assert [record.getMessage() for record in caplog.records] == ["traffic not written"]
