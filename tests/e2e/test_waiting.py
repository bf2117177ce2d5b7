"""What comes to pass by itself, looked at when everything else has been."""

from __future__ import annotations

import time

from tests.e2e.conftest import Ticking
from tests.e2e.owner import wait_for


def test_a_schedule_runs_once_at_each_of_its_times(ticking: Ticking) -> None:
    def ticks() -> list[int]:
        return [row["at"] for row in ticking.owner.sql("SELECT at FROM tick")["rows"]]

    wait_for(lambda: ticking.due in ticks(), 75)

    time.sleep(0.5)
    found = ticks()
    assert len(set(found)) == len(found)
    assert min(found) == ticking.due
    assert {at % 60 for at in found} == {0}
