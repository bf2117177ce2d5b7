"""The folder for temporary files, which may be gone or full while the server runs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from tests.web.callers import Caller
from wce.web import scratch
from wce.web.admission import Head
from wce.web.sheets import XLSX
from wce.web.uploads import MULTIPART


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where Python looks next, after the folder of the start was removed."""
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "removed"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "other"))
    return str(tmp_path / "other")


def test_one_that_is_gone_is_replaced_for_everybody_and_told_once(elsewhere: str, caplog: pytest.LogCaptureFixture) -> None:
    assert scratch.folder() == scratch.folder() == tempfile.gettempdir() == elsewhere
    assert caplog.text.count("folder for temporary files is gone") == 1


def test_one_that_is_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert scratch.folder() == str(tmp_path)


def test_a_workbook_is_made_there(owner: Caller, elsewhere: str) -> None:
    answer = owner.post("/query", {"sql": "SELECT 1 AS a"}, headers={"Accept": XLSX})

    assert answer.status_code == 200, answer.text
    assert tempfile.gettempdir() == elsewhere


@pytest.mark.parametrize(("path", "kind"), [("/new", MULTIPART), ("/00000000-0000-4000-8000-000000000000/query", "application/json")])
def test_a_large_body_finds_it(app: Flask, elsewhere: str, path: str, kind: str) -> None:
    app.extensions["wce"].admission.admit(1, Head("POST", path, {"CONTENT_TYPE": kind, "CONTENT_LENGTH": "1000000"}, "192.0.2.1"))

    assert tempfile.gettempdir() == elsewhere


@pytest.mark.parametrize(
    ("size", "waiting", "floor", "fits"),
    [
        (40, 0, 10, True),  # of 100 bytes 20 stay free, and half of the others
        (41, 0, 10, False),
        (20, 40, 10, True),
        (21, 40, 10, False),
        (1, 79, 10, False),
        (25, 0, 1_000, True),  # never more than a quarter of the disk
        (26, 0, 1_000, False),
    ],
)
def test_the_answers_of_a_cenv_take_at_most_what_they_leave(
    monkeypatch: pytest.MonkeyPatch, size: int, waiting: int, floor: int, *, fits: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=200, used=100, free=100))

    if fits:
        scratch.require_room(size, waiting, floor)
    else:
        with pytest.raises(OSError, match="leave no room"):
            scratch.require_room(size, waiting, floor)
