from __future__ import annotations

from wce.core import audit
from wce.core.logins import log_in
from wce.core.upkeep import sweep
from wce.model import HOUSEKEEPER

HOUR = 3600


def sign_in(world):
    return log_in(world.session, world.passwords, world.tokens, world.config, world.visitor, "Olivia", world.password)


def left(world) -> tuple[int, int]:
    return tuple(world.session.one(f"SELECT count(*) FROM _wce_{table}")[0] for table in ("sessions", "revoked_tokens"))


def revoke(world, count: int) -> None:
    world.sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO _wce_revoked_tokens SELECT 'hash ' || i, ? FROM n",
        count,
        int(world.clock.now),
    )


def test_what_has_not_ended_stays_and_nothing_is_written(world) -> None:
    sign_in(world)
    commits = world.session.one("SELECT commits FROM _wce_state")

    assert sweep(world.session, HOUSEKEEPER, world.config, world.clock.now) is False
    assert (left(world), world.session.one("SELECT commits FROM _wce_state")) == ((1, 0), commits)


def test_it_goes_an_hour_after_it_has_ended(world) -> None:
    ends_at = sign_in(world).expires_at
    world.clock.now = ends_at + HOUR - 1
    assert sweep(world.session, HOUSEKEEPER, world.config, world.clock.now) is False

    world.clock.now += 1

    assert sweep(world.session, HOUSEKEEPER, world.config, world.clock.now) is True
    assert left(world) == (0, 0)
    assert sweep(world.session, HOUSEKEEPER, world.config, world.clock.now) is False


def test_what_ended_just_now_goes_along_so_that_the_next_hour_is_quiet(world) -> None:
    revoke(world, 3)
    world.clock.now += HOUR
    world.sql("INSERT INTO _wce_revoked_tokens VALUES ('young', ?)", int(world.clock.now) - 1)

    sweep(world.session, HOUSEKEEPER, world.config, world.clock.now)

    assert left(world) == (0, 0)


def test_a_sweep_removes_a_part_of_very_many(world) -> None:
    revoke(world, 1500)
    world.clock.now += HOUR

    assert [(sweep(world.session, HOUSEKEEPER, world.config, world.clock.now), left(world)[1]) for _ in range(3)] == [
        (True, 500),
        (True, 0),
        (False, 0),
    ]


def test_the_log_keeps_its_retention_where_only_programs_work(world) -> None:
    sign_in(world)
    world.sql("DELETE FROM _wce_sessions")
    world.clock.now += world.config.audit_retention_days * 24 * HOUR
    world.sql("INSERT INTO _wce_revoked_tokens VALUES ('young', ?)", int(world.clock.now) + 2 * 24 * HOUR)
    assert sweep(world.session, HOUSEKEEPER, world.config, world.clock.now + 23 * HOUR) is False

    world.clock.now += 24 * HOUR + 1

    assert sweep(world.session, HOUSEKEEPER, world.config, world.clock.now) is True
    assert world.actions() == ["audit.trim"]
    assert audit.verify(world.session).ok
    assert sweep(world.session, HOUSEKEEPER, world.config, world.clock.now) is False
