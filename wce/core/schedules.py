"""Schedules: scripts that run by the clock, once for each due time, however many processes the server has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from wce.core import jobs
from wce.core.authoring import Check, Shelf, check_name, check_script, check_words, given_only
from wce.core.roles import require_administrator
from wce.errors import WceError, invalid
from wce.model import HOUSEKEEPER, Actor
from wce.store.session import Session

_MAX_SCHEDULES: Final = 100
_MAX_CRON: Final = 100
_UNSET: Final = "Factory"  # the zone of a computer that has not been told where it stands; it is none
_STEPS: Final = (60, 24, 31, 12, 7)  # how many values each field has: the step to beyond the last one is never taken
_ZONE: Final = re.compile(r"[A-Z][A-Za-z0-9_+-]{1,30}(/[A-Z][A-Za-z0-9_+-]{1,30}){0,2}")


@dataclass(frozen=True, slots=True)
class Schedule:
    """One script and its times; it runs with the rights of its author, `modified_by`. `next_at` is None while it is disabled."""

    id: int
    name: str
    cron: str
    timezone: str
    script: str
    description: str
    enabled: bool
    next_at: int | None
    created_at: int
    modified_at: int
    created_by: int | None
    modified_by: int | None


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A schedule as its author has it in mind."""

    name: str
    cron: str
    script: str
    timezone: str = "UTC"
    description: str = ""
    enabled: bool = True
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleChanges:
    """What to change; None leaves as it is."""

    name: str | None = None
    cron: str | None = None
    timezone: str | None = None
    script: str | None = None
    description: str | None = None
    enabled: bool | None = None
    instead_of: str | None = None


SHELF: Final = Shelf("schedule", "_wce_schedules", Schedule, "name", _MAX_SCHEDULES)


def list_schedules(session: Session) -> list[Schedule]:
    """All by name."""
    return SHELF.list(session)


def find_schedule(session: Session, schedule_id: int) -> Schedule:
    """One schedule; raises `not_found`."""
    return SHELF.find(session, schedule_id)


def save_schedule(session: Session, check: Check, actor: Actor, new: NewSchedule) -> tuple[Schedule, bool]:
    """Make a schedule, or put it in the place of the one of the same name; the second value tells whether it is new."""
    given = asdict(new)
    _require_good(given)
    check_script(actor, new.script, check)
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        held = SHELF.find_by(transaction, name=new.name)
        if held is not None:
            return SHELF.change(transaction, held, given | _moved(held, given, transaction.at)), False
        first = next_time(new.cron, new.timezone, transaction.at) if new.enabled else None
        return SHELF.add(transaction, given | {"next_at": first}), True


def update_schedule(session: Session, check: Check, actor: Actor, schedule_id: int, changes: ScheduleChanges) -> Schedule:
    """Change some of it; other times count from now on."""
    given = given_only(changes)
    _require_good(given)
    if changes.script is not None:
        check_script(actor, changes.script, check)
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        held = SHELF.find(transaction, schedule_id)
        SHELF.require_free_name(transaction, held, changes.name)
        return SHELF.change(transaction, held, given | _moved(held, given, transaction.at))


def delete_schedule(session: Session, actor: Actor, schedule_id: int) -> None:
    """Remove a schedule, with the jobs that it still has."""
    SHELF.delete(session, actor, schedule_id)


def queue_due(session: Session, now: float) -> int:
    """Queue a job for each schedule whose time has come; returns how many. Costs one read where none has.

    The next time moves in the same transaction, so that of several processes one queues it. Times that passed while no server
    ran are made up for by a single run. The payload: `due_at`, and `at` of the queueing.
    """
    if session.one("SELECT 1 FROM _wce_schedules WHERE next_at <= ?", (int(now),)) is None:
        return 0
    with session.transaction(HOUSEKEEPER) as transaction:
        due = transaction.execute(
            "SELECT id, cron, timezone, next_at FROM _wce_schedules WHERE next_at <= ? ORDER BY next_at, id", (int(now),)
        ).fetchall()
        for schedule_id, cron, zone, due_at in due:
            jobs.add(transaction, "schedule", schedule_id, {"due_at": due_at, "at": transaction.at})
            try:
                following = next_time(cron, zone, int(now))
            except WceError as error:  # the file comes from a server that knew more
                jobs.refuse(transaction, "schedule", schedule_id, f"This was the last run: {error.detail}")
                following = None
            transaction.execute("UPDATE _wce_schedules SET next_at = ? WHERE id = ?", (following, schedule_id))
        return len(due)


def bring_forward(session: Session, now: float) -> None:
    """Have run when they are due what a clock that was ahead has put off until it would be right. Costs one read where there is nothing.

    The next time of a schedule is the first one after some moment that has been, so by a right clock it never lies beyond the next one.
    """
    late = []
    for schedule_id, cron, zone, next_at in session.all("SELECT id, cron, timezone, next_at FROM _wce_schedules WHERE next_at > ?", (now,)):
        with suppress(WceError):  # the file comes from a server that knew more
            if (following := next_time(cron, zone, int(now))) < next_at:
                late.append((following, schedule_id, next_at))
    jobs.bring_forward(session, now)
    if late:
        with session.transaction(HOUSEKEEPER) as transaction:
            for values in late:
                transaction.execute("UPDATE _wce_schedules SET next_at = ? WHERE id = ? AND next_at = ?", values)


def next_time(cron: str, zone: str, after: int) -> int:
    """The first time after `after` (Unix seconds) that fits; raises `validation` for a broken `cron` or `timezone`."""
    if len(cron) > _MAX_CRON or len(cron.split()) != 5:
        raise invalid("cron", "must have five fields: minute, hour, day of the month, month, day of the week")
    try:
        # Within the hour that a clock shows twice CronSim may find the first of both.
        times = (int(found.timestamp()) for found in CronSim(cron, datetime.fromtimestamp(after, _zone(zone))))
        return next(at for at in times if at > after)
    except CronSimError as error:
        raise invalid("cron", str(error)) from error
    except StopIteration as error:
        raise invalid("cron", "never matches a time") from error


def _moved(held: Schedule, given: Mapping[str, Any], at: int) -> dict[str, int | None]:
    """The new `next_at`, where the change concerns it; a time that has come and waits for its run is not lost by others."""
    timing = {name: given.get(name, getattr(held, name)) for name in ("cron", "timezone", "enabled")}
    if timing == {name: getattr(held, name) for name in timing}:
        return {}
    return {"next_at": next_time(timing["cron"], timing["timezone"], at) if timing["enabled"] else None}


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    if not _ZONE.fullmatch(name):
        raise invalid("timezone", "must be a name such as UTC or Europe/Berlin")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise invalid("timezone", "is not known on this server") from error


def _require_good(given: Mapping[str, Any]) -> None:
    check_words(given, {})
    if "name" in given:
        check_name(given["name"])
    if "cron" in given:
        _require_steps(given["cron"])
    if given.get("timezone") == _UNSET:
        raise invalid("timezone", "is not a place: use one such as UTC or Europe/Berlin")
    if "cron" in given or "timezone" in given:
        next_time(given.get("cron", "* * * * *"), given.get("timezone", "UTC"), int(datetime.now(UTC).timestamp()))


def _require_steps(cron: str) -> None:
    """`*/90` for minutes would mean each full hour, which nobody who writes it wants."""
    for field, most in zip(cron.split(), _STEPS, strict=False):
        for step in re.findall(r"/([0-9]+)", field):
            if len(step) > len(str(most)) or int(step) > most:
                raise invalid("cron", f"in {field[:20]} the step may be at most {most}, because the field goes no further")
