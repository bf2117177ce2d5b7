from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from wce.core import jobs
from wce.core.hooks import NewHook, save_hook
from wce.core.runs import Runs
from wce.errors import WceError


def add(world, payload=None) -> bool:
    with world.session.transaction(world.owner) as transaction:
        return jobs.add(transaction, "hook", 7, payload or {})


def claim(world) -> jobs.Claim | None:
    return jobs.claim(world.session, world.clock.now)


def finish(world, held: jobs.Claim) -> None:
    with world.session.transaction(world.owner) as transaction:
        transaction.execute("INSERT INTO done VALUES (1)")
        jobs.finish(transaction, held)


@pytest.fixture(autouse=True)
def done(world):
    world.sql("CREATE TABLE done (x)")


def effects(world) -> int:
    return world.session.one("SELECT count(*) FROM done")[0]


def test_a_job_is_taken_once_and_in_the_order_of_queueing(world):
    add(world, {"n": 1})
    add(world, {"n": 2})

    first, second, third = claim(world), claim(world), claim(world)

    assert third is None
    assert (first.kind, first.item_id, dict(first.payload), first.attempt) == ("hook", 7, {"n": 1}, 1)
    assert dict(second.payload) == {"n": 2}


def test_what_was_queued_in_a_transaction_that_failed_is_not_there(world):
    def queue_and_fail() -> None:
        with world.session.transaction(world.owner) as transaction:
            jobs.add(transaction, "hook", 7, {})
            raise LookupError

    with pytest.raises(LookupError):
        queue_and_fail()

    assert claim(world) is None


def test_a_finished_job_is_gone(world):
    add(world)

    finish(world, claim(world))

    world.clock.now += jobs.LEASE_SECONDS
    assert claim(world) is None
    assert effects(world) == 1


def test_a_job_of_somebody_who_died_is_taken_by_the_next(world):
    add(world)
    claim(world)

    world.clock.now += jobs.LEASE_SECONDS - 1
    assert claim(world) is None
    world.clock.now += 1
    assert claim(world).attempt == 2


def test_who_was_taken_for_dead_has_no_effect(world):
    add(world)
    slow = claim(world)
    world.clock.now += jobs.LEASE_SECONDS
    second = claim(world)

    with pytest.raises(WceError) as caught:
        finish(world, slow)

    assert (caught.value.code, effects(world)) == ("busy", 0)
    jobs.drop(world.session, slow)
    assert jobs.fail(world.session, slow, world.clock.now) is not None
    finish(world, second)
    assert effects(world) == 1


def test_a_failed_job_is_put_off_longer_each_time_and_then_given_up(world):
    add(world)
    waits = []

    while (held := claim(world)) is not None:
        due_at = jobs.fail(world.session, held, world.clock.now)
        if due_at is None:
            break
        waits.append(due_at - world.clock.now)
        world.clock.now = due_at - 1
        assert claim(world) is None
        world.clock.now = due_at

    assert waits == [1, 5, 25, 125]
    assert world.session.one("SELECT count(*) FROM _wce_jobs") == (0,)


def test_a_job_that_ends_the_server_every_time_is_given_up_and_said_to_be(world, desk):
    hook, _ = save_hook(world.session, world.catalogue, lambda _: None, world.owner, NewHook("a", "*", ""))
    with world.session.transaction(world.owner) as transaction:
        jobs.add(transaction, "hook", hook.id, {})

    for attempt in range(1, jobs.MAX_ATTEMPTS + 1):
        assert claim(world).attempt == attempt
        world.clock.now += jobs.LEASE_SECONDS
    assert claim(world) is None

    runs = Runs(world.store)
    (run,) = runs.last(world.session, "hook", hook.id)
    runs.close()
    assert "stopped" in run.error["message"]


def test_beyond_so_many_jobs_more_are_dropped_and_it_is_said(world, desk, monkeypatch):
    hook, _ = save_hook(world.session, world.catalogue, lambda _: None, world.owner, NewHook("a", "*", ""))
    monkeypatch.setattr(jobs, "MAX_WAITING", 3)

    with world.session.transaction(world.owner) as transaction:
        kept = [jobs.add(transaction, "hook", hook.id, {}) for _ in range(5)]

    assert kept.count(True) in (3, 4)  # the ids tell nearly how many there are
    assert world.session.one("SELECT count(*) FROM _wce_script_runs WHERE error LIKE '%dropped%'") == (5 - kept.count(True),)


def test_one_old_job_does_not_make_many(world, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_WAITING", 3)
    add(world)

    for _ in range(20):
        assert add(world)
        world.sql("DELETE FROM _wce_jobs WHERE id > 1")


def test_nothing_due_costs_no_write(world):
    before = world.session.one("SELECT commits FROM _wce_state")

    assert claim(world) is None

    assert world.session.one("SELECT commits FROM _wce_state") == before


def test_the_next_time_is_that_of_the_first_job_or_schedule(world):
    assert jobs.next_due(world.session) is None

    add(world)
    assert jobs.next_due(world.session) == int(world.clock.now)

    world.sql("INSERT INTO _wce_schedules (name, cron, script, next_at, created_at, modified_at) VALUES ('a', '', '', 5, 1, 1)")
    assert jobs.next_due(world.session) == 5


def test_many_takers_never_share_a_job(world):
    for number in range(40):
        add(world, {"n": number})
    taken, lock = [], threading.Lock()

    def take() -> None:
        with world.store.session(world.cenv) as session:
            while (held := jobs.claim(session, world.clock.now)) is not None:
                with lock:
                    taken.append(held.payload["n"])

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(take) for _ in range(6)]:
            future.result()

    assert sorted(taken) == list(range(40))
