from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wce.core import audit, jobs, schedules
from wce.core.schedules import NewSchedule, ScheduleChanges
from wce.errors import WceError
from wce.model import Role

ROOT = Path(__file__).resolve().parent.parent.parent
NOW = 1_700_000_000  # 2023-11-14 22:13:20 UTC
NEXT_MINUTE = 1_700_000_040


def accept(source: str) -> None:
    """Every text is a script."""


def save(world, actor=None, **fields):
    new = NewSchedule(**{"name": "tidy", "cron": "* * * * *", "script": "x = 1"} | fields)
    return schedules.save_schedule(world.session, accept, actor or world.owner, new)


def change(world, schedule, actor=None, **fields):
    return schedules.update_schedule(world.session, accept, actor or world.owner, schedule.id, ScheduleChanges(**fields))


def refused(call, *args, **kwargs) -> WceError:
    with pytest.raises(WceError) as caught:
        call(*args, **kwargs)
    return caught.value


def at(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("cron", "zone", "expected"),
    [
        ("* * * * *", "UTC", (2023, 11, 14, 22, 14)),
        ("*/15 * * * *", "UTC", (2023, 11, 14, 22, 15)),
        ("*/60 */24 * * *", "UTC", (2023, 11, 15, 0, 0)),
        ("0 8 * * *", "UTC", (2023, 11, 15, 8, 0)),
        ("0 8 * * *", "Europe/Berlin", (2023, 11, 15, 7, 0)),
        ("0 8 1 6 *", "Europe/Berlin", (2024, 6, 1, 6, 0)),
        ("30 6 * * MON", "UTC", (2023, 11, 20, 6, 30)),
        ("0 0 L * *", "UTC", (2023, 11, 30, 0, 0)),
        ("0 0 29 2 *", "UTC", (2024, 2, 29, 0, 0)),
    ],
)
def test_the_next_time(cron, zone, expected):
    assert schedules.next_time(cron, zone, NOW) == at(*expected)


@pytest.mark.parametrize("cron", ["30 2 * * *", "30 1-3 * * *", "15,45 2 * * *", "* * * * *"])
def test_the_next_time_is_still_to_come_in_an_hour_that_the_clock_shows_twice(cron):
    again = at(2026, 10, 25, 1, 10)  # 2:10 in Berlin, an hour after the first 2:10

    assert schedules.next_time(cron, "Europe/Berlin", again) > again


@pytest.mark.parametrize(
    ("cron", "zone", "field"),
    [
        ("", "UTC", "cron"),
        ("* * * *", "UTC", "cron"),
        ("* * * * * *", "UTC", "cron"),
        ("@daily", "UTC", "cron"),
        ("61 * * * *", "UTC", "cron"),
        ("0 0 30 2 *", "UTC", "cron"),
        ("* * * * FOO", "UTC", "cron"),
        ("\0 * * * *", "UTC", "cron"),
        ("1," * 60 + "1 * * * *", "UTC", "cron"),
        ("*/90 * * * *", "UTC", "cron"),
        ("*/99999999999999999999 * * * *", "UTC", "cron"),
        ("0 */25 * * *", "UTC", "cron"),
        ("0 8 * * 1,*/8", "UTC", "cron"),
        ("* * * * *", "Factory", "timezone"),
        ("* * * * *", "", "timezone"),
        ("* * * * *", "Mars/Olympus", "timezone"),
        ("* * * * *", "America", "timezone"),
        ("* * * * *", "../../etc/passwd", "timezone"),
        ("* * * * *", "/etc/localtime", "timezone"),
    ],
)
def test_what_is_no_time_is_refused(world, cron, zone, field):
    error = refused(save, world, cron=cron, timezone=zone)

    assert (error.code, error.errors[0].field) == ("validation", field)
    assert schedules.list_schedules(world.session) == []


@given(st.text(alphabet="0123456789*/-,#LWMONSUJAF ", max_size=24))
@example("0 0 31 2,4 MON#5")
@example("0 0 LW/2 * 5L")
def test_any_text_is_a_time_to_come_or_is_refused(text):
    try:
        found = schedules.next_time(text, "UTC", NOW)
    except WceError as error:
        found = error.errors[0].field

    assert found == "cron" or found > NOW


def test_a_schedule_is_kept_with_its_next_time(world):
    made, fresh = save(world, description="why", timezone="Europe/Berlin")

    assert fresh
    assert schedules.list_schedules(world.session) == [made] == [schedules.find_schedule(world.session, made.id)]
    assert (made.name, made.next_at, made.timezone, made.modified_by) == ("tidy", NEXT_MINUTE, "Europe/Berlin", 1)


def test_a_disabled_one_has_no_next_time(world):
    made, _ = save(world, enabled=False)
    assert made.next_at is None

    made = change(world, made, enabled=True)
    assert made.next_at == NEXT_MINUTE

    assert change(world, made, enabled=False).next_at is None


def test_other_times_count_from_now(world):
    made, _ = save(world)
    world.clock.now = NEXT_MINUTE + 1

    assert change(world, made, cron="0 8 * * *").next_at == at(2023, 11, 15, 8)
    assert save(world, cron="0 9 * * *")[0].next_at == at(2023, 11, 15, 9)


def test_other_changes_lose_no_time_that_has_come(world):
    made, _ = save(world)
    world.clock.now = NEXT_MINUTE + 100

    assert change(world, made, script="other", description="x").next_at == NEXT_MINUTE
    assert save(world, script="again")[0].next_at == NEXT_MINUTE


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_only_administrators_write_schedules(world, role):
    user, (made, _) = world.add("someone", role), save(world)

    for call in (
        lambda: save(world, user),
        lambda: change(world, made, user, enabled=False),
        lambda: schedules.delete_schedule(world.session, user, made.id),
    ):
        assert refused(call).code == "forbidden"


def test_a_name_that_another_one_has_is_refused(world):
    save(world)
    other, _ = save(world, name="other")

    assert refused(change, world, other, name="tidy").code == "name_taken"
    assert change(world, other, name="other").name == "other"


def test_changes_are_audited(world):
    made, _ = save(world)
    change(world, made, cron="0 8 * * *")
    schedules.delete_schedule(world.session, world.owner, made.id)

    entries = audit.find(world.session, audit.AuditFilters(resource="schedule")).entries
    assert [entry.action for entry in entries] == ["schedule.delete", "schedule.update", "schedule.create"]
    assert dict(entries[1].details) == {"cron": "0 8 * * *"}


def test_a_time_that_has_come_queues_one_job_and_moves_on(world):
    made, _ = save(world)
    assert schedules.queue_due(world.session, world.clock.now) == 0

    world.clock.now = NEXT_MINUTE
    assert [schedules.queue_due(world.session, world.clock.now) for _ in range(3)] == [1, 0, 0]

    held = jobs.claim(world.session, world.clock.now)
    assert (held.kind, held.item_id, dict(held.payload)) == ("schedule", made.id, {"due_at": NEXT_MINUTE, "at": NEXT_MINUTE})
    assert schedules.find_schedule(world.session, made.id).next_at == NEXT_MINUTE + 60


def test_times_that_passed_meanwhile_are_made_up_for_once(world):
    save(world)
    world.clock.now = NEXT_MINUTE + 3_600

    assert schedules.queue_due(world.session, world.clock.now) == 1
    assert schedules.queue_due(world.session, world.clock.now) == 0


def test_a_file_that_knows_more_than_this_server_stops_only_its_own_schedule(world):
    made, _ = save(world)
    world.sql("UPDATE _wce_schedules SET timezone = 'Mars/Olympus'")
    save(world, name="other")
    world.clock.now = NEXT_MINUTE

    assert schedules.queue_due(world.session, world.clock.now) == 2

    assert schedules.find_schedule(world.session, made.id).next_at is None
    assert world.session.one("SELECT item_id FROM _wce_script_runs WHERE error LIKE '%last run%'") == (made.id,)


IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from wce.config import Settings
from wce.core import schedules
from wce.metrics import Metrics
from wce.store.store import Store

folder, cenv, first = sys.argv[1:]
clock = [int(first)]
store = Store(Settings(storage_dir=Path(folder), min_free_mb=0), Metrics(), lambda: clock[0])
print("ready", flush=True)
sys.stdin.readline()
for now in range(int(first), int(first) + 1_200, 60):
    clock[0] = now
    with store.session(cenv) as session:
        schedules.queue_due(session, now)
store.close()
"""


def test_each_time_comes_once_over_all_processes(world):
    save(world)
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(world.store.folder.path), world.cenv, str(NEXT_MINUTE)]
    with ExitStack() as stack:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes = [stack.enter_context(subprocess.Popen(command, cwd=ROOT, **pipes)) for _ in range(3)]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            process.communicate(timeout=60)

    assert [process.returncode for process in processes] == [0, 0, 0]
    times = [at for (at,) in world.session.all("SELECT payload ->> '$.due_at' FROM _wce_jobs ORDER BY id")]
    assert times == [NEXT_MINUTE + 60 * minute for minute in range(20)]
