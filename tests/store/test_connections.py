from __future__ import annotations

import _thread
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from wce.metrics import Metrics
from wce.store.connections import Connections


class Thing:
    """What a connection is to the cache: something that is closed once, and not while it is used."""

    def __init__(self) -> None:
        self.closed = 0
        self.users = 0

    def close(self) -> None:
        assert not self.users, "closed while in use"
        self.closed += 1


@pytest.fixture
def connections() -> Connections:
    return Connections(8)


@pytest.fixture
def elsewhere():
    """Another thread that lives as long as the test."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda call: pool.submit(call).result()


def take(connections: Connections, cenv: str, key: object = "k") -> Thing:
    with connections.use(cenv, key, Thing) as thing:
        return thing


def test_a_thread_gets_its_own_again(connections):
    assert take(connections, "a") is take(connections, "a")


def test_another_key_is_another_one(connections):
    assert take(connections, "a", 1) is not take(connections, "a", 2)


def test_another_thread_gets_another_one(connections, elsewhere):
    assert take(connections, "a") is not elsewhere(lambda: take(connections, "a"))


def test_a_nested_use_gets_the_same(connections):
    with connections.use("a", "k", Thing) as outer, connections.use("a", "k", Thing) as inner:
        assert inner is outer

    assert not outer.closed


def test_what_fails_to_open_is_not_kept(connections):
    def broken() -> Thing:
        raise LookupError("no such thing")

    with pytest.raises(LookupError), connections.use("a", "k", broken):
        pass

    assert len(connections) == 0
    assert not take(connections, "a").closed


def test_the_least_recently_used_goes_first(connections):
    things = [take(connections, str(number)) for number in range(8)]
    take(connections, "0")

    take(connections, "new")

    assert [thing.closed for thing in things] == [0, 1, 0, 0, 0, 0, 0, 0]
    assert len(connections) == 8


def test_the_bound_is_over_all_threads(connections, elsewhere):
    theirs = elsewhere(lambda: take(connections, "a"))

    for number in range(8):
        take(connections, str(number))

    assert theirs.closed == 1
    assert elsewhere(lambda: take(connections, "a")) is not theirs


def test_what_is_in_use_is_never_closed(connections):
    with connections.use("a", "k", Thing) as held:
        for number in range(20):
            take(connections, str(number))

        assert not held.closed
        assert take(connections, "a") is held


def test_all_in_use_at_once_may_pass_the_bound_and_shrinks_back(connections):
    uses = [connections.use(str(number), "k", Thing) for number in range(12)]
    things = [use.__enter__() for use in uses]
    assert len(connections) == 12

    for use in uses:
        use.__exit__(None, None, None)

    assert len(connections) == 8
    assert sum(thing.closed for thing in things) == 4


def test_what_takes_most_for_its_schema_goes_first_and_light_ones_stay(connections):
    connections = Connections(8, most_bytes=100)
    light, heavy = take(connections, "a"), [take(connections, "b", key) for key in range(3)]
    connections.weigh("a", 10)

    connections.weigh("b", 40)

    assert [thing.closed for thing in heavy] == [1, 0, 0]
    take(connections, "b", "more")
    assert [thing.closed for thing in (light, *heavy)] == [0, 1, 1, 0]


def test_where_none_takes_much_the_one_that_has_rested_longest_goes_and_not_the_busiest(connections):
    connections = Connections(50, most_bytes=100)
    busy, others = [take(connections, "busy", key) for key in range(2)], [take(connections, f"{number}") for number in range(9)]
    for key in range(2):
        take(connections, "busy", key)
    connections.weigh("busy", 10)

    for number in range(9):
        connections.weigh(f"{number}", 10)

    assert [thing.closed for thing in busy] == [0, 0]
    assert [thing.closed for thing in others] == [1, *[0] * 8]


def test_a_heavy_one_in_use_goes_when_it_is_given_back(connections):
    connections = Connections(8, most_bytes=100)
    with connections.use("a", "k", Thing) as held:
        connections.weigh("a", 1_000)
        assert not held.closed
        take(connections, "b")

    assert held.closed
    assert len(connections) == 1


def test_a_schema_that_became_light_again_makes_room(connections):
    connections = Connections(8, most_bytes=100)
    first = take(connections, "a", 1)
    connections.weigh("a", 90)
    connections.weigh("a", 10)

    second = take(connections, "a", 2)

    assert (first.closed, second.closed) == (0, 0)
    connections.weigh("none", 1_000)


def test_discard_closes_this_threads_one_only(connections, elsewhere):
    mine, theirs = take(connections, "a"), elsewhere(lambda: take(connections, "a"))

    connections.discard("a", "k")

    assert (mine.closed, theirs.closed) == (1, 0)
    assert take(connections, "a") is not mine


def test_discard_in_use_waits_for_the_end_and_the_next_one_is_new(connections):
    with connections.use("a", "k", Thing) as held:
        connections.discard("a", "k")
        assert not held.closed
        with connections.use("a", "k", Thing) as fresh:
            assert fresh is not held

    assert (held.closed, fresh.closed) == (1, 0)


def test_discard_of_what_is_not_there_is_nothing(connections):
    connections.discard("a", "k")


def test_close_cenv_closes_the_idle_of_all_threads_and_no_other_cenv(connections, elsewhere):
    mine, theirs, other = take(connections, "a"), elsewhere(lambda: take(connections, "a")), take(connections, "b")

    connections.close_cenv("a")

    assert (mine.closed, theirs.closed, other.closed) == (1, 1, 0)
    assert take(connections, "a") is not mine


def test_close_cenv_waits_for_those_in_use(connections):
    with connections.use("a", "k", Thing) as held:
        connections.close_cenv("a")
        assert not held.closed

    assert held.closed == 1
    assert take(connections, "a") is not held


def test_close_closes_everything(connections, elsewhere):
    things = [take(connections, "a"), take(connections, "b", 2), elsewhere(lambda: take(connections, "a"))]

    connections.close()

    assert [thing.closed for thing in things] == [1, 1, 1]
    assert len(connections) == 0


def test_a_thread_that_ends_closes_what_it_had(connections):
    made: list[Thing] = []
    thread = threading.Thread(target=lambda: made.extend((take(connections, "a"), take(connections, "b"))))

    thread.start()
    thread.join()

    assert [thing.closed for thing in made] == [1, 1]
    assert len(connections) == 0


def test_a_thread_of_a_servers_own_leaves_them_open_for_who_closes_all(connections):
    made: list[tuple[Thing, int]] = []
    _thread.start_new_thread(lambda: made.append((take(connections, "a"), threading.get_native_id())), ())
    deadline = time.monotonic() + 30
    while not made or os.path.exists(f"/proc/self/task/{made[0][1]}"):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    thing = made[0][0]

    assert (thing.closed, len(connections)) == (0, 1)
    connections.close()
    assert thing.closed == 1


def test_a_file_that_changed_its_identity_is_opened_anew(monkeypatch):
    monkeypatch.setattr("wce.store.connections._CHECK_SECONDS", 0.0)
    identity = {"a": 1}
    connections = Connections(8, identity=identity.get)
    old = take(connections, "a")
    again = take(connections, "a")

    identity["a"] = 2

    assert again is old
    assert take(connections, "a") is not old
    assert old.closed == 1


def test_a_thread_that_opens_the_new_file_lets_go_of_the_old_one_for_all(elsewhere):
    identity = {"a": 1}
    connections = Connections(8, identity=identity.get)
    theirs = elsewhere(lambda: take(connections, "a"))
    identity["a"] = 2

    mine = take(connections, "a")

    assert (theirs.closed, mine.closed) == (1, 0)


def test_a_held_connection_knows_that_its_file_moved():
    identity = {"a": 1}
    connections = Connections(8, identity=identity.get)

    with connections.use("a", "k", Thing):
        before = connections.moved("a")
        identity["a"] = 2
        after = connections.moved("a")

    assert (before, after) == (False, True)


def test_the_gauges_follow():
    metrics = Metrics()
    connections = Connections(8, metrics)

    take(connections, "a", 1)
    take(connections, "a", 2)
    opened = metrics.registry.get_sample_value("wce_open_connections"), metrics.registry.get_sample_value("wce_open_cenvs")
    connections.close()
    closed = metrics.registry.get_sample_value("wce_open_connections"), metrics.registry.get_sample_value("wce_open_cenvs")

    assert (opened, closed) == ((2, 1), (0, 0))


def test_few_descriptors_lower_the_bound(monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda kind: (1024, 1024))

    assert Connections(512).limit == (1024 - 200) // 3


def test_very_few_descriptors_still_leave_eight(monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda kind: (64, 64))

    assert Connections(512).limit == 8


def test_descriptors_kept_back_by_sqlite_count(monkeypatch):
    """8 threads' connections to one file take 17 descriptors, and 8 of them stay until the last one goes."""
    monkeypatch.setattr("resource.getrlimit", lambda kind: (200 + 60, 260))
    connections = Connections(512)
    connections.limit = 1000  # so that only the descriptors count

    for cenv in range(30):
        for key in range(8):
            take(connections, str(cenv), key)
        assert connections._descriptors <= 60


def test_no_memory_stays_behind(connections):
    for number in range(1000):
        take(connections, str(number))

    assert len(connections._files) == 8
    assert len(connections._home.entries) == 8


@pytest.mark.parametrize("seed", range(3))
def test_many_threads_at_random_never_close_what_is_used_and_close_all_once(seed):
    connections = Connections(10)
    made: list[Thing] = []

    def open_() -> Thing:
        thing = Thing()
        made.append(thing)  # the last one may be another thread's by now
        return thing

    def work(own: random.Random) -> None:
        for _ in range(400):
            step = own.random()
            cenv, key = str(own.randrange(12)), own.randrange(3)
            if step < 0.05:
                connections.close_cenv(cenv)
            elif step < 0.1:
                connections.discard(cenv, key)
            else:
                with connections.use(cenv, key, open_) as thing:
                    thing.users += 1
                    assert thing.users == 1
                    if step > 0.9:
                        nest(own, cenv)
                    thing.users -= 1

    def nest(own: random.Random, cenv: str) -> None:
        with connections.use(cenv, "nested", open_) as thing:
            thing.users += 1
            connections.close_cenv(str(own.randrange(12)))
            thing.users -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: work(random.Random(seed * 100 + number)), range(6)))
    connections.close()

    assert {thing.closed for thing in made} == {1}
    assert connections._descriptors == 0
