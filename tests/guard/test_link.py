"""What a connection does beside its statements."""

from __future__ import annotations

import pytest

from wce import lane

LONG = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT count(*) FROM c"


def test_a_statement_that_takes_long_lets_others_go_first(cenv, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[None] = []
    monkeypatch.setattr(lane, "give_way", lambda: passed.append(None))
    monkeypatch.setattr(lane, "TURN_SECONDS", 0.0)
    admin = cenv.admin()

    admin.run("SELECT count(*) FROM notes")
    assert passed == []
    admin.run(LONG)
    assert len(passed) > 10
