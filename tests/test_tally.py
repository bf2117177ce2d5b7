"""Figures that are summed up before they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values

from wce.metrics import FOLDER_VARIABLE, Metrics
from wce.tally import Tally

BOUNDS = (0.001, 0.01, 0.1)


def told(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@given(st.lists(st.floats(0, 0.2) | st.sampled_from(BOUNDS), max_size=30))
def test_it_tells_what_the_library_would_have_counted(durations: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = Tally(BOUNDS, shared=False)
    for registry in (ours, theirs):
        Counter("hits", "Hits.", registry=registry)
    summed = Histogram("seconds", "Seconds.", ["kind"], buckets=BOUNDS, registry=ours).labels("a")
    single = Histogram("seconds", "Seconds.", ["kind"], buckets=BOUNDS, registry=theirs).labels("a")

    for seconds in durations:
        tally.observe(summed, seconds)
        single.observe(seconds)
    tally.pour()

    assert [line for line in told(ours) if "_sum" not in line] == [line for line in told(theirs) if "_sum" not in line]
    sums = [[float(line.split()[1]) for line in told(registry) if "_sum" in line] for registry in (ours, theirs)]
    assert sums[0] == pytest.approx(sums[1])


def test_nothing_is_told_twice() -> None:
    registry = CollectorRegistry()
    hits, tally = Counter("hits", "Hits.", registry=registry), Tally(BOUNDS, shared=False)

    for _ in range(3):
        tally.count(hits)
    tally.pour()
    tally.pour()

    assert "hits_total 3.0" in told(registry)


def test_other_processes_see_it_without_being_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)  # which the first line below changes for all that comes after it
    one, other = Metrics(str(tmp_path)), Metrics(str(tmp_path))  # each reads the files of both

    one.answered("/health", "GET", 200, 0.002)
    while b'wce_requests_total{method="GET",route="/health",status="200"} 1.0' not in other.text():
        one.tally._closed.wait(0.01)

    for metrics in (one, other):
        metrics.close()


def test_what_is_left_is_told_at_the_end() -> None:
    registry = CollectorRegistry()
    hits, tally = Counter("hits", "Hits.", registry=registry), Tally(BOUNDS, shared=True)

    tally.count(hits)
    tally.close()
    tally.close()

    assert "hits_total 1.0" in told(registry)
    tally.count(hits)  # as a thread that ends late does
    tally.close()
    assert "hits_total 2.0" in told(registry)
