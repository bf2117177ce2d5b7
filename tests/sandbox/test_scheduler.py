"""Hooks and schedules in the background: soon, once, and again when they fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.core.conftest import away
from wce.core import hooks, schedules
from wce.core.hooks import HookQueue, NewHook
from wce.core.jobs import BACK_OFF_SECONDS, LEASE_SECONDS, MAX_ATTEMPTS, PATIENCE_SECONDS
from wce.core.schedules import NewSchedule
from wce.core.settings import Config
from wce.core.users import UserChanges, update_user
from wce.model import Role, Scope
from wce.sandbox.calls import Scripts
from wce.sandbox.jobs import Jobs
from wce.sandbox.pool import Pool
from wce.sandbox.scheduler import Scheduler
from wce.store.sqlite import fold


@pytest.fixture
def yard(stage: Any) -> Iterator[Any]:
    """A stage whose commits queue jobs, with a scheduler that nobody has told of them."""
    world = stage.world
    world.sql("CREATE TABLE item (x)")
    world.sql("CREATE TABLE seen (who TEXT, rows INTEGER)")
    stage.jobs = Jobs(world.store, Config({}), stage.scripts, world.clock)
    stage.scheduler = Scheduler(world.store, stage.jobs, world.clock, scan_seconds=0.1)
    world.store.hooks.before("hooks", HookQueue().queue)
    yield stage
    stage.scheduler.stop()
    stage.scheduler.join()


def add_hook(yard: Any, body: str, **values: Any) -> hooks.Hook:
    script = "def handler(event):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    new = NewHook(**{"name": "seen", "table_name": "item", "script": script} | values)
    return hooks.save_hook(yard.world.session, yard.world.catalogue, yard.scripts.check, yard.world.owner, new)[0]


def write(yard: Any, actor: Any = None) -> None:
    """A commit of somebody's to the table `item`."""
    with yard.world.session.transaction(actor or yard.world.owner) as transaction:
        transaction.execute("INSERT INTO item VALUES (1)")
        transaction.touch(fold("item"), 1)


def seen(yard: Any) -> list[tuple[Any, ...]]:
    return list(yard.world.session.all("SELECT * FROM seen"))


def waiting(yard: Any) -> int:
    return int(yard.world.session.one("SELECT count(*) FROM _wce_jobs")[0])


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


NOTE = "db.execute('INSERT INTO seen VALUES (?, ?)', [event['user']['username'], event['tables']['item']])"


# One job


def test_a_hook_is_told_who_wrote_what(yard: Any) -> None:
    hook = add_hook(yard, NOTE)
    write(yard)

    again = yard.jobs.run_one(yard.world.cenv)

    assert (seen(yard), waiting(yard), again) == ([("Olivia", 1)], 0, None)
    (run,) = yard.last("hook", hook.id)
    assert (run.error, run.user_id) == (None, yard.world.owner.user_id)


def test_an_event_has_the_fields_of_one_and_no_others(yard: Any) -> None:
    hook = add_hook(yard, "print(*sorted(event))")
    write(yard)

    yard.jobs.run_one(yard.world.cenv)

    (run,) = yard.last("hook", hook.id)
    assert run.prints[0]["text"] == "at attempt commit depth id kind name tables user user_id"


def test_a_hook_acts_with_the_rights_of_whoever_wrote(yard: Any) -> None:
    edna = yard.world.add("edna", Role.EDITOR)
    hook = add_hook(yard, NOTE)
    write(yard, edna)

    yard.jobs.run_one(yard.world.cenv)

    assert seen(yard) == []
    assert yard.last("hook", hook.id)[0].error["kind"] == "refused"


def test_a_definers_hook_acts_with_his(yard: Any) -> None:
    edna = yard.world.add("edna", Role.EDITOR)
    add_hook(yard, NOTE, run_as="definer")
    write(yard, edna)

    yard.jobs.run_one(yard.world.cenv)

    assert seen(yard) == [("edna", 1)]


def test_a_hook_does_no_more_for_an_api_key_than_the_key_could(yard: Any) -> None:
    hook = add_hook(yard, NOTE)
    write(yard, replace(yard.world.owner, role=Role.EDITOR, key_id=1, scope=Scope(tables=("item",))))

    yard.jobs.run_one(yard.world.cenv)

    assert seen(yard) == []
    assert yard.last("hook", hook.id)[0].error["kind"] == "refused"


def test_whatever_is_wrong_with_one_cenv_does_not_end_the_round(yard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yard.scheduler, "_work", None)

    yard.scheduler._scan(yard.world.cenv)


def test_on_its_rounds_the_scheduler_removes_sessions_that_have_ended(yard: Any) -> None:
    yard.world.sql("INSERT INTO _wce_revoked_tokens VALUES ('old', 1)")

    yard.scheduler.start()

    wait_for(lambda: yard.world.session.one("SELECT count(*) FROM _wce_revoked_tokens") == (0,))


def test_a_folder_that_is_away_for_a_moment_does_not_end_the_rounds(yard: Any, caplog: pytest.LogCaptureFixture) -> None:
    yard.world.sql("INSERT INTO _wce_revoked_tokens VALUES ('old', 1)")
    with away(yard.world.store.folder.path):
        yard.scheduler.start()
        wait_for(lambda: "cenvs not scanned" in caplog.text)

    wait_for(lambda: yard.world.session.one("SELECT count(*) FROM _wce_revoked_tokens") == (0,))


def test_what_fails_comes_again_later_and_later_and_then_no_more(yard: Any) -> None:
    hook = add_hook(yard, "fail('no')")
    write(yard)
    times = []

    for _ in range(MAX_ATTEMPTS):
        again = yard.jobs.run_one(yard.world.cenv)
        if again is not None:
            times.append(again - yard.world.clock.now)
            yard.world.clock.now = again

    assert times == list(BACK_OFF_SECONDS)
    assert (waiting(yard), len(yard.last("hook", hook.id))) == (0, MAX_ATTEMPTS)


def test_to_find_no_room_is_no_failed_attempt_for_an_hour(yard: Any) -> None:
    add_hook(yard, NOTE + "\nif event['attempt'] > 1:\n    fail('an attempt is lost')")
    write(yard)
    closed = Pool(1)
    closed.close()
    crowded = replace(yard.jobs, scripts=Scripts(closed, yard.cenv.desk, yard.runs, yard.metrics, yard.world.clock))

    for _ in range(MAX_ATTEMPTS + 1):
        again = crowded.run_one(yard.world.cenv)
        assert again == yard.world.clock.now + 1
        yard.world.clock.now = again
    yard.jobs.run_one(yard.world.cenv)
    assert (seen(yard), waiting(yard)) == ([("Olivia", 1)], 0)

    write(yard)
    crowded.run_one(yard.world.cenv)
    yard.world.clock.now += PATIENCE_SECONDS
    assert crowded.run_one(yard.world.cenv) == yard.world.clock.now + BACK_OFF_SECONDS[0]


def test_what_fails_once_takes_effect_once(yard: Any) -> None:
    add_hook(yard, NOTE + "\nif event['attempt'] == 1:\n    fail('not yet')")
    write(yard)

    yard.world.clock.now = yard.jobs.run_one(yard.world.cenv)
    yard.jobs.run_one(yard.world.cenv)

    assert (seen(yard), waiting(yard)) == ([("Olivia", 1)], 0)


def test_an_abort_ends_a_job_for_good(yard: Any) -> None:
    add_hook(yard, NOTE + "\nabort(400, 'never mind')")
    write(yard)

    assert yard.jobs.run_one(yard.world.cenv) is None
    assert (seen(yard), waiting(yard)) == ([], 0)


def test_a_job_whose_script_does_nothing_ends_too(yard: Any) -> None:
    add_hook(yard, "return None")
    write(yard)

    assert yard.jobs.run_one(yard.world.cenv) is None
    assert waiting(yard) == 0


def test_the_job_of_a_hook_that_is_switched_off_is_dropped(yard: Any) -> None:
    hook = add_hook(yard, NOTE)
    write(yard)
    changes = hooks.HookChanges(enabled=False)
    hooks.update_hook(yard.world.session, yard.world.catalogue, yard.scripts.check, yard.world.owner, hook.id, changes)

    yard.jobs.run_one(yard.world.cenv)

    assert (seen(yard), waiting(yard)) == ([], 0)


def test_a_job_for_somebody_who_is_gone_fails_and_says_so(yard: Any) -> None:
    edna = yard.world.add("edna", Role.EDITOR)
    hook = add_hook(yard, NOTE, run_as="definer")
    write(yard, edna)
    update_user(yard.world.session, yard.world.passwords, yard.world.owner, edna.user_id, UserChanges(enabled=False))

    yard.jobs.run_one(yard.world.cenv)

    assert seen(yard) == []
    assert [run.error["message"] for run in yard.last("hook", hook.id)] == [
        "The user that the script acts for is disabled or no longer has an account."
    ]


def test_a_schedule_runs_as_its_author_when_its_time_comes(yard: Any) -> None:
    script = "def handler(event):\n    db.execute('INSERT INTO seen VALUES (?, ?)', [event['user']['username'], event['due_at']])"
    new = NewSchedule("tick", "* * * * *", script)
    made = schedules.save_schedule(yard.world.session, yard.scripts.check, yard.world.owner, new)[0]
    assert yard.jobs.run_one(yard.world.cenv) == made.next_at
    assert seen(yard) == []

    yard.world.clock.now = made.next_at + 5
    yard.jobs.run_one(yard.world.cenv)

    assert seen(yard) == [("Olivia", made.next_at)]


def test_what_ran_while_the_clock_was_ahead_runs_again_when_it_is_due(yard: Any) -> None:
    script = "def handler(event):\n    db.execute('INSERT INTO seen VALUES (?, ?)', [event['user']['username'], event['due_at']])"
    for name, cron in (("minutes", "* * * * *"), ("days", "0 8 * * *")):
        schedules.save_schedule(yard.world.session, yard.scripts.check, yard.world.owner, NewSchedule(name, cron, script))
    right = {item.name: item.next_at for item in schedules.list_schedules(yard.world.session)}
    yard.world.clock.now += 400 * 86_400
    for _ in range(3):
        yard.jobs.run_one(yard.world.cenv)
    assert len(seen(yard)) == 2
    yard.world.clock.now -= 400 * 86_400

    assert yard.jobs.next_due(yard.world.cenv) == right["minutes"]

    assert {item.name: item.next_at for item in schedules.list_schedules(yard.world.session)} == right


def test_a_job_that_a_clock_ahead_has_put_off_waits_no_longer_than_one_may(yard: Any) -> None:
    add_hook(yard, NOTE)
    yard.world.clock.now += 86_400
    write(yard)
    yard.world.clock.now -= 86_400
    yard.jobs.next_due(yard.world.cenv)

    yard.world.clock.now += LEASE_SECONDS
    yard.jobs.run_one(yard.world.cenv)

    assert seen(yard) == [("Olivia", 1)]


# In the background


def test_a_commit_wakes_the_scheduler(yard: Any) -> None:
    yard.world.store.hooks.add("jobs", yard.scheduler.notice)
    add_hook(yard, NOTE)

    write(yard)

    wait_for(lambda: seen(yard) == [("Olivia", 1)])


def test_what_a_process_that_died_has_left_is_found(yard: Any) -> None:
    add_hook(yard, NOTE)
    write(yard)

    yard.scheduler.start()

    wait_for(lambda: seen(yard) == [("Olivia", 1)])


def test_two_schedulers_run_each_job_once(yard: Any) -> None:
    other = Scheduler(yard.world.store, yard.jobs, yard.world.clock, scan_seconds=0.05)
    add_hook(yard, NOTE)
    for _ in range(10):
        write(yard)

    yard.scheduler.start()
    other.start()
    wait_for(lambda: waiting(yard) == 0)
    other.stop()
    other.join()

    assert seen(yard) == [("Olivia", 1)] * 10


def test_a_cenv_that_cannot_be_read_does_not_stop_the_others(yard: Any) -> None:
    (yard.world.store.folder.path / "00000000-0000-4000-8000-000000000000.db").write_bytes(b"not a database" * 100)
    add_hook(yard, NOTE)
    write(yard)

    yard.scheduler.start()

    wait_for(lambda: seen(yard) == [("Olivia", 1)])


def test_an_end_takes_up_nothing_more(yard: Any) -> None:
    add_hook(yard, NOTE)
    yard.scheduler.stop()
    yard.world.store.hooks.add("jobs", yard.scheduler.notice)

    write(yard)
    yard.scheduler.join()

    assert (seen(yard), waiting(yard)) == ([], 1)
