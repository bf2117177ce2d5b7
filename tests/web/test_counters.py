"""Counters of rate limits: one table, shared by processes, bounded."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from wce.counters import Counters
from wce.web.counter_storage import CounterStorage


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters(clock: Clock) -> Iterator[Counters]:
    table = Counters(slots=64, now=clock)
    yield table
    table.close()


def test_several_keys_are_counted_in_one_step(counters: Counters) -> None:
    counters.hit([("a", 60)])

    assert counters.hit([("a", 60), ("b", 10)]) == [(2, 1060.0), (1, 1010.0)]


def test_a_window_that_has_ended_starts_again_at_one(counters: Counters, clock: Clock) -> None:
    counters.hit([("a", 60)])

    clock.time += 60

    assert counters.hit([("a", 60)]) == [(1, 1120.0)]


def test_a_clock_that_is_set_back_does_not_stretch_the_window(counters: Counters, clock: Clock) -> None:
    counters.hit([("a", 60)])

    clock.time -= 500

    assert counters.hit([("a", 60)]) == [(2, 560.0)]


def test_a_forgotten_key_is_free(counters: Counters, clock: Clock) -> None:
    counters.hit([("a", 60)])

    counters.forget("a")

    assert counters.read("a") == (0, clock.time)


def test_reset_frees_every_key(counters: Counters) -> None:
    counters.hit([("a", 60), ("b", 60)])

    counters.reset()

    assert counters.read("a")[0] == counters.read("b")[0] == 0


def test_a_flood_of_addresses_never_frees_a_heavy_user(counters: Counters) -> None:
    for _ in range(50):
        counters.hit([("heavy", 60)])

    for number in range(10_000):
        counters.hit([(f"address {number}", 60)])

    assert counters.read("heavy")[0] == 50


@given(st.lists(st.sampled_from("abcd"), max_size=60))
def test_hits_of_few_keys_are_counted_exactly(keys: list[str]) -> None:
    table = Counters(slots=64, now=lambda: 0.0)

    for key in keys:
        table.hit([(key, 60)])

    assert [table.read(key)[0] for key in "abcd"] == [keys.count(key) for key in "abcd"]
    table.close()


def test_processes_share_one_file(tmp_path) -> None:
    path = tmp_path / "limits"
    program = f"""
from pathlib import Path
from wce.counters import Counters
table = Counters(Path({str(path)!r}))
for _ in range(500):
    table.hit([("shared", 3600)])
"""
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]

    table = Counters(path)

    assert table.read("shared")[0] == 1500
    assert path.stat().st_mode & 0o777 == 0o600
    table.close()


def test_no_page_of_the_shared_file_waits_for_room_on_the_disk(tmp_path) -> None:
    table = Counters(tmp_path / "limits")

    facts = (tmp_path / "limits").stat()

    assert facts.st_blocks * 512 >= facts.st_size
    table.close()


def test_without_room_on_the_disk_each_process_counts_for_itself(tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    table = Counters(tmp_path / "limits")

    assert [table.hit([("a", 60)])[0][0] for _ in range(2)] == [1, 2]
    assert (tmp_path / "limits").stat().st_blocks == 0
    table.close()


def test_the_limits_library_counts_in_them(counters: Counters) -> None:
    limiter = FixedWindowRateLimiter(storage_from_string("wce://", counters=counters))
    twice = RateLimitItemPerMinute(2)

    assert [limiter.hit(twice, "me") for _ in range(3)] == [True, True, False]
    assert limiter.get_window_stats(twice, "me").remaining == 0
    assert isinstance(limiter.storage, CounterStorage)
    limiter.clear(twice, "me")
    assert limiter.hit(twice, "me")


def test_a_table_of_another_size_starts_afresh(tmp_path) -> None:
    old = Counters(tmp_path / "limits", slots=64)
    old.hit([("a", 60)])
    old.close()

    new = Counters(tmp_path / "limits", slots=128)

    assert new.read("a")[0] == 0
    new.close()


def test_a_second_end_closes_no_descriptor_of_somebody_else(tmp_path) -> None:
    table = Counters(tmp_path / "counters", slots=64)
    table.close()
    with (tmp_path / "another").open("w") as another:
        table.close()

        another.write("still open")
    assert (tmp_path / "another").read_text() == "still open"


def test_the_number_of_slots_must_fill_whole_buckets() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        Counters(slots=7)
