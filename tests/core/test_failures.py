"""How many failed logins a cenv's log takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wce.core import audit, failures
from wce.core.logins import log_in
from wce.core.settings import CenvSettings
from wce.errors import WceError

SMALL = CenvSettings(max_database_mb=1)
DAY = 86_400


def tried(world, config=SMALL, address="192.0.2.7", times=1, name="mallory"):
    """What the log has of failed logins, oldest first, when somebody has failed so often."""
    for _ in range(times):
        failures.record(world.session, config, replace(world.visitor, ip_address=address), name)
    return audit.find(world.session, audit.AuditFilters(action="login.failure"), limit=1000).entries[::-1]


def test_one_address_fills_no_log(world, caplog):
    noted = tried(world, times=30)

    assert len(noted) == 5
    assert [dict(entry.details) for entry in noted[-2:]] == [{}, {"further": "only in the server's log"}]
    assert caplog.text.count("login failure not recorded") == 25


def test_logins_that_fail_are_told_as_before(world):
    for _ in range(30):
        with pytest.raises(WceError) as caught:
            log_in(world.session, world.passwords, world.tokens, SMALL, world.visitor, "mallory", "wrong horse")
        assert caught.value.code == "bad_credentials"

    assert len(audit.find(world.session, audit.AuditFilters(action="login.failure")).entries) == 5


def test_nor_do_many(world):
    for number in range(30):
        tried(world, address=f"192.0.2.{number}")

    assert len(tried(world)) == 10


def test_what_one_address_does_hides_no_other(world):
    tried(world, times=30)

    assert [entry.ip_address for entry in tried(world, address="198.51.100.1")][-1] == "198.51.100.1"


def test_the_next_day_is_noted_again(world):
    tried(world, times=30)
    world.clock.now += DAY

    assert len(tried(world, times=30)) == 10


@pytest.mark.parametrize(("size", "most"), [(1, 5), (10, 5), (100, 50)])
def test_a_large_cenv_takes_more_of_them(world, size, most):
    assert len(tried(world, CenvSettings(max_database_mb=size), times=2 * most)) == most


def test_what_is_not_noted_empties_no_cache(world):
    tried(world, times=5)
    before = world.session.one("SELECT commits FROM _wce_state")

    tried(world)

    assert world.session.one("SELECT commits FROM _wce_state") == before
    assert audit.verify(world.session).ok
