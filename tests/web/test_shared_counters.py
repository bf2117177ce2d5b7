"""Counters in a real Redis: together with others while it is there, alone while it is not."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis
from flask import Flask

from tests.web.callers import PASSWORD
from wce.web import shared_counters
from wce.web.shared_counters import SharedCounters

SECRET = "k" * 32


@dataclass
class Redis:
    """A Redis on a socket of its own, which may be stopped and started again."""

    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/socket"

    def start(self) -> None:
        path = shutil.which("redis-server")
        assert path, "no redis-server: apt-get install redis-server"
        options = ["--port", "0", "--unixsocket", f"{self.folder}/socket", "--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self.process = subprocess.Popen([path, *options], stdout=subprocess.DEVNULL)
        client = redis.Redis.from_url(self.url)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                client.ping()
                break
            except redis.RedisError:
                time.sleep(0.01)
        else:
            raise AssertionError("redis-server did not start")
        client.close()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def running() -> Iterator[Redis]:
    with TemporaryDirectory(prefix="wce") as folder:  # the path of a socket must be short
        server = Redis(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def lasting(running: Redis) -> Redis:
    """The running Redis, empty; started again where a test has stopped it."""
    if running.process is None or running.process.poll() is not None:
        running.start()
    with redis.Redis.from_url(running.url) as client:
        client.flushall()
    return running


@pytest.fixture
def machine(lasting: Redis) -> Iterator[Callable[..., SharedCounters]]:
    """Call it for the counters of one more machine."""
    made: list[SharedCounters] = []

    def make(secret: str = SECRET) -> SharedCounters:
        made.append(SharedCounters(lasting.url, secret))
        return made[-1]

    yield make
    for counters in made:
        counters.close()


def test_two_machines_count_together(machine: Callable[..., SharedCounters]) -> None:
    one, other = machine(), machine()

    one.hit([("a", 60)])
    ((first, ends), (second, _)) = other.hit([("a", 60), ("b", 10)])

    assert (first, second) == (2, 1)
    assert 0 < ends - time.time() <= 60
    assert one.read("a")[0] == 2


def test_nothing_is_counted_behind_a_window_that_is_over_its_limit(machine: Callable[..., SharedCounters]) -> None:
    counters = machine()
    asked = counters.prepare("who", lambda: [("a", 1, 60), ("b", 9, 60)])

    hits = [[count for count, _ in counters.count(asked.windows, asked.places, limits=asked.limits)] for _ in range(3)]

    assert hits == [[1, 1], [2], [3]]


def test_machines_with_other_keys_count_apart(machine: Callable[..., SharedCounters]) -> None:
    machine().hit([("a", 60)])

    assert machine("x" * 32).hit([("a", 60)])[0][0] == 1


def test_a_forgotten_key_is_free(machine: Callable[..., SharedCounters]) -> None:
    counters = machine()
    counters.hit([("a", 60)])

    counters.forget("a")
    counters.reset()

    assert counters.read("a")[0] == 0
    assert counters.hit([("a", 60)])[0][0] == 1


def test_a_window_is_cut_when_its_rate_is_changed(machine: Callable[..., SharedCounters]) -> None:
    counters = machine()
    counters.hit([("a", 3600)])

    ((hits, ends),) = counters.hit([("a", 60)])

    assert hits == 2
    assert ends - time.time() <= 60


def test_every_window_ends_by_itself(machine: Callable[..., SharedCounters], lasting: Redis) -> None:
    machine().hit([("a", 60), ("b", 86_400)])

    with redis.Redis.from_url(lasting.url) as client:
        left = [client.ttl(key) for key in client.keys(f"{shared_counters.PREFIX}*")]

    assert len(left) == 2
    assert all(seconds > 0 for seconds in left)


def test_without_redis_each_counts_for_itself_until_it_is_back(
    machine: Callable[..., SharedCounters], lasting: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared_counters, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(logging.getLogger("wce"), "propagate", True)
    counters = machine()
    counters.hit([("a", 60)])

    lasting.stop()
    alone = [counters.hit([("a", 60)])[0][0] for _ in range(3)]
    assert alone == [1, 2, 3]
    assert counters.read("a")[0] == 3
    counters.forget("a")

    lasting.start()
    assert counters.hit([("a", 60)])[0][0] == 1
    assert [record.message for record in caplog.records] == ["redis lost", "redis found again"]


def test_a_lost_redis_is_not_asked_with_every_request(machine: Callable[..., SharedCounters], lasting: Redis) -> None:
    counters = machine()
    lasting.stop()
    counters.hit([("a", 60)])

    lasting.start()

    assert counters.hit([("a", 60)])[0][0] == 2, "for some seconds it goes on alone"


def test_two_servers_share_the_limit_of_logins_and_outlive_redis(make_app: Callable[..., Flask], lasting: Redis, tmp_path: Path) -> None:
    apps = [make_app(redis_url=lasting.url, rate_limit_login="3 per hour", storage_dir=tmp_path / name) for name in ("one", "two")]
    clients = [app.test_client(use_cookies=False) for app in apps]
    body = {"username": "owner", "password": PASSWORD}
    cenvs = [client.post("/new", json=body).json["cenv_id"] for client in clients]

    statuses = [clients[turn % 2].post(f"/{cenvs[turn % 2]}/login", json=body).status_code for turn in range(4)]
    assert statuses == [200, 200, 200, 429]

    lasting.stop()
    answer = clients[0].post(f"/{cenvs[0]}/login", json=body)

    assert answer.status_code == 200
    assert clients[0].get(f"/{cenvs[0]}/me", headers={"Authorization": f"Bearer {answer.json['token']}"}).status_code == 200
