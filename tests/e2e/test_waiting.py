"""What comes to pass by itself, looked at when everything else has been."""

from __future__ import annotations

import time

from tests.e2e.conftest import Ticking
from tests.e2e.owner import wait_for


def test_a_schedule_runs_once_at_each_of_its_times(ticking: Ticking) -> None:
    wait_for(lambda: ticking.owner.sql("SELECT * FROM tick")["rows"], 75)

    time.sleep(0.5)
    ticks = [row["at"] for row in ticking.owner.sql("SELECT at FROM tick")["rows"]]
    assert ticks == [ticking.due + 60 * number for number in range(len(ticks))]
