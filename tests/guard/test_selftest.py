"""The self-test finds nothing here, and would find something where SQLite did otherwise."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.guard import selftest
from wce.guard.rewrite import Rewriter


def test_the_sqlite_in_use_keeps_what_the_guard_relies_on() -> None:
    assert selftest.run() == ()


def test_a_planner_that_moves_conditions_inwards_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the barrier the statements are what such a planner would make of them."""
    plan = Rewriter.plan

    def without_barrier(self, sql, *, strict=False):
        made = plan(self, sql, strict=strict)
        made.sql = made.sql.replace(" LIMIT -1", "")
        return made

    monkeypatch.setattr(Rewriter, "plan", without_barrier)

    assert any("tells about a hidden row" in failure for failure in selftest.run())


def test_after_a_failure_only_administrators_run_sql(cenv, ann) -> None:
    cenv.guard.failures = ("tells about a hidden row",)

    with pytest.raises(WceError) as caught:
        ann.run("SELECT 1")

    assert caught.value.code == "guard_disabled"
    assert cenv.admin().rows("SELECT 1") == [(1,)]
