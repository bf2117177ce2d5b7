"""A short run of the random calls; `make fuzz` has long ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.calls import application, fuzz


@pytest.mark.slow
def test_random_calls_of_every_operation_bring_no_error_of_ours(tmp_path: Path) -> None:
    app = application(tmp_path)
    try:
        found = fuzz(app, number=1, examples=1)
    finally:
        app.extensions["wce"].close()

    assert found.findings == []
    assert found.statuses.total() > 1000
    assert found.statuses[200] > 20
