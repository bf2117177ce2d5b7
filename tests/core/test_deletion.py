"""Cenvs that were deleted, while several look at them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.core.conftest import World
from wce.core import deletion
from wce.errors import WceError


def test_one_that_goes_while_it_is_looked_at_hides_no_other(world: World) -> None:
    deletion.delete(world.store, world.session, world.owner)
    gone = world.store.folder.path / "00000000-0000-4000-8000-000000000000.deleted"
    gone.symlink_to("nowhere")  # listed, and not there any more when it is asked about

    assert [found.cenv_id for found in deletion.list_deleted(world.store)] == [world.cenv]


def test_what_a_killed_deletion_left_of_the_log_is_not_read_into_the_file_that_comes_back(world: World) -> None:
    log = world.store.folder.path / f"{world.cenv}.db-wal"
    world.sql("CREATE TABLE notes (text TEXT)")
    world.sql("INSERT INTO notes VALUES (?)", "kept")
    left = log.read_bytes()
    deletion.delete(world.store, world.session, world.owner)
    log.write_bytes(left)  # it was killed when the file was gone and the log was not

    deletion.bring_back(world.store, world.cenv, world.owner)

    with world.store.session(world.cenv) as session:
        assert session.all("SELECT text FROM notes") == [("kept",)]
        assert session.all("PRAGMA integrity_check") == [("ok",)]


def test_of_two_who_bring_a_cenv_back_at_once_the_later_one_is_told_that_it_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deletion.delete(world.store, world.session, world.owner)
    rename = os.rename

    def overtaken(source: Path, target: Path) -> None:
        rename(source, target)
        rename(source, target)

    monkeypatch.setattr(os, "rename", overtaken)

    with pytest.raises(WceError) as caught:
        deletion.bring_back(world.store, world.cenv, world.owner)

    assert caught.value.code == "no_such_cenv"
    assert world.store.cenvs() == [world.cenv]
