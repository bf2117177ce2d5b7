"""Requests by quarters of an hour."""

from __future__ import annotations

import pytest

from wce.core import traffic
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
