"""Backups by the clock."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.core.conftest import World
from wce.core.backups import Backups
from wce.core.keeper import LOCK, Keeper
from wce.core.settings import Config
from wce.core.vault import FolderVault
from wce.errors import WceError
from wce.store.sqlite import connect

HOUR = 3600


@pytest.fixture
def backups(world: World, tmp_path: Path) -> Backups:
    return Backups(world.store, FolderVault(tmp_path / "kept"))


@pytest.fixture
def keeper(world: World, backups: Backups) -> Iterator[Keeper]:
    made = Keeper(world.store, backups, Config({}), round_seconds=0.01)
    yield made
    made.close()


def ask_for(world: World, hours: int, keep: int = 2) -> None:
    Config({}).update(world.session, world.owner, {"backup_interval_hours": hours, "backup_keep": keep})


def kinds(world: World, backups: Backups) -> list[str]:
    return [item.kind for item in backups.list(world.cenv)]


def test_none_is_made_where_nobody_asked(world: World, backups: Backups, keeper: Keeper) -> None:
    assert keeper.round()

    assert backups.list(world.cenv) == []


def test_whatever_is_wrong_with_one_cenv_keeps_no_other_from_its_backup(
    world: World, backups: Backups, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for(world, 1)
    broken = "00000000-0000-4000-8000-000000000000"
    monkeypatch.setattr(world.store, "cenvs", lambda: [broken, world.cenv])
    look = keeper._back_up
    monkeypatch.setattr(keeper, "_back_up", lambda cenv: look({}[cenv] if cenv == broken else cenv))

    assert keeper.round()

    assert kinds(world, backups) == ["schedule"]


def test_one_is_made_when_it_is_due_and_the_oldest_goes(world: World, backups: Backups, keeper: Keeper) -> None:
    backups.create(world.session, world.owner)
    ask_for(world, 6)

    found = []
    for hours in (0, 5, 1, 6, 6):
        world.clock.now += hours * HOUR
        keeper.round()
        found.append(kinds(world, backups).count("schedule"))

    assert found == [1, 1, 2, 2, 2]
    assert kinds(world, backups).count("manual") == 1
    assert "backup.create" in world.actions()


def test_a_round_looks_into_none_of_those_that_are_kept(
    world: World, backups: Backups, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for(world, 1)
    keeper.round()
    looked: list[str] = []
    read = FolderVault.read
    monkeypatch.setattr(FolderVault, "read", lambda self, cenv, name: looked.append(name) or read(self, cenv, name))

    for _ in range(4):
        world.clock.now += HOUR / 2
        keeper.round()

    assert looked == []
    assert kinds(world, backups) == ["schedule"] * 2


def test_of_several_processes_one_does_it(world: World, backups: Backups, keeper: Keeper) -> None:
    ask_for(world, 1)
    with (world.store.folder.path / LOCK).open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not keeper.round()

    assert backups.list(world.cenv) == []


def test_a_damaged_cenv_keeps_nobody_else_from_a_backup(world: World, backups: Backups, keeper: Keeper) -> None:
    ask_for(world, 1)
    (world.store.folder.path / "00000000-0000-4000-8000-000000000000.db").write_bytes(b"x" * 5000)

    keeper.round()

    assert kinds(world, backups) == ["schedule"]


def test_what_an_interruption_left_is_no_backup_and_goes_in_time(world: World, backups: Backups, tmp_path: Path) -> None:
    made = backups.create(world.session, world.owner)
    folder = tmp_path / "kept" / world.cenv
    (folder / f"{made.id}.json").unlink()

    assert backups.list(world.cenv) == []
    backups.prune(world.cenv, 1)
    assert list(folder.iterdir()) != []
    world.clock.now += 2 * HOUR
    backups.prune(world.cenv, 1)

    assert not folder.exists()


def test_what_an_interruption_left_goes_with_the_next_backup_where_none_is_made_by_the_clock(
    world: World, backups: Backups, tmp_path: Path
) -> None:
    (tmp_path / "kept" / world.cenv / f"{backups.create(world.session, world.owner).id}.json").unlink()
    world.clock.now += 2 * HOUR

    made = backups.create(world.session, world.owner)

    assert sorted(path.name for path in (tmp_path / "kept" / world.cenv).iterdir()) == [f"{made.id}.json", f"{made.id}.sqlite3"]


def test_what_somebody_has_put_beside_the_backups_stays(world: World, backups: Backups, keeper: Keeper, tmp_path: Path) -> None:
    ask_for(world, 1, keep=1)
    keeper.round()
    beside = tmp_path / "kept" / world.cenv / "2001-before-the-move.sqlite3"
    beside.write_bytes(b"x")

    for _ in range(3):
        world.clock.now += 2 * HOUR
        keeper.round()

    assert beside.exists()
    assert kinds(world, backups) == ["schedule"]


@pytest.mark.parametrize("text", ["", "<html>", "[]", "null", "{}", "[" * 100_000, '{"id": "another"}'])
def test_a_backup_whose_facts_are_damaged_hides_no_other(world: World, backups: Backups, keeper: Keeper, tmp_path: Path, text: str) -> None:
    ask_for(world, 1)
    made = [backups.create(world.session, world.owner).id for _ in range(2)]
    (tmp_path / "kept" / world.cenv / f"{made[0]}.json").write_text(text)

    keeper.round()

    assert sorted(item.kind for item in backups.list(world.cenv)) == ["manual", "schedule"]
    with pytest.raises(WceError, match="its description cannot be read") as caught:
        backups.restore(world.session, world.owner, made[0])
    assert caught.value.code == "bad_file"


def test_facts_that_a_later_version_added_are_passed_over(world: World, backups: Backups, tmp_path: Path) -> None:
    made = backups.create(world.session, world.owner)
    facts = tmp_path / "kept" / world.cenv / f"{made.id}.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "colour": "blue"}))

    assert backups.list(world.cenv) == [made]


@pytest.mark.parametrize("kept", [b"", b"<html>not what was sent</html>"])
def test_a_store_that_keeps_something_else_has_no_backup(
    world: World, backups: Backups, tmp_path: Path, kept: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FolderVault, "put", lambda self, cenv, name, _: self.write(cenv, name, kept))

    with pytest.raises(WceError, match="does not keep what is written to it") as caught:
        backups.create(world.session, world.owner)

    assert caught.value.code == "busy"
    assert not (tmp_path / "kept" / world.cenv).exists()


def test_a_backup_whose_facts_could_not_be_kept_for_sure_is_none(
    world: World, backups: Backups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = FolderVault.write

    def unsure(self: FolderVault, cenv: str, name: str, content: bytes) -> None:
        write(self, cenv, name, content)
        raise WceError("busy", "The answer was lost.")

    monkeypatch.setattr(FolderVault, "write", unsure)

    with pytest.raises(WceError, match="The answer was lost"):
        backups.create(world.session, world.owner)

    assert not (tmp_path / "kept" / world.cenv).exists()


def test_a_clock_that_was_ahead_for_a_while_keeps_no_later_backup_away(world: World, backups: Backups, keeper: Keeper) -> None:
    ask_for(world, 1, keep=1)
    world.clock.now += 100_000 * HOUR
    keeper.round()
    world.clock.now -= 99_999 * HOUR

    keeper.round()
    keeper.round()

    assert [item.created_at for item in backups.list(world.cenv)] == [int(world.clock.now)]
    assert world.actions().count("backup.create") == 2


def watch(monkeypatch: pytest.MonkeyPatch, name: str, look: Callable[[], None]) -> None:
    """Call back whenever a folder for backups is asked for this."""
    real = getattr(FolderVault, name)

    def watched(*arguments: Any) -> None:
        look()
        real(*arguments)

    monkeypatch.setattr(FolderVault, name, watched)


def test_writers_do_not_wait_for_a_slow_store_when_a_backup_is_brought_back(
    world: World, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backups.create(world.session, world.owner)
    seen: list[int] = []
    world.clock.now += 1
    for name in ("get", "put", "write"):
        watch(monkeypatch, name, lambda: seen.append(len(world.store.writers)))

    backups.restore(world.session, world.owner, made.id)

    assert set(seen) == {0}
    assert kinds(world, backups) == ["restore", "manual"]


def test_what_is_written_while_a_slow_store_takes_its_copy_is_in_the_copy_that_stays(
    world: World, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backups.create(world.session, world.owner)
    world.clock.now += 1
    late = ["INSERT INTO _wce_users (username, role, created_at) VALUES ('late', 'viewer', 1)"]

    def write() -> None:  # by another process, and counted nowhere
        while late:
            with closing(connect(world.store.path(world.cenv))) as connection:
                connection.execute(late.pop())

    watch(monkeypatch, "put", write)

    backups.restore(world.session, world.owner, made.id)

    kept, _ = backups.list(world.cenv)
    assert world.session.all("SELECT 1 FROM _wce_users WHERE username = 'late'") == []
    with backups.fetched(world.cenv, kept.id) as path, closing(connect(path)) as connection:
        assert connection.execute("SELECT role FROM _wce_users WHERE username = 'late'").fetchall() == [("viewer",)]


def test_rounds_go_on_until_the_end(world: World, backups: Backups, keeper: Keeper) -> None:
    ask_for(world, 1)
    keeper.start()
    waited = threading.Event()
    for _ in range(500):
        if backups.list(world.cenv):
            break
        waited.wait(0.01)

    keeper.close()

    assert kinds(world, backups) == ["schedule"]


def test_an_end_does_not_wait_for_a_store_that_does_not_answer(world: World, backups: Backups, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper(world.store, backups, Config({}), grace_seconds=0.1)
    asked, answered = threading.Event(), threading.Event()

    def look() -> None:
        asked.set()
        answered.wait(20)
        answered.set()

    watch(monkeypatch, "put", look)
    ask_for(world, 1)
    keeper.start()
    assert asked.wait(20)

    keeper.close()

    assert not answered.is_set()
    answered.set()
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "wce-keeper")
    thread.join()
    assert kinds(world, backups) == ["schedule"]


def test_a_key_that_was_taken_back_stays_so(world: World, backups: Backups) -> None:
    world.sql("INSERT INTO _wce_api_keys (user_id, name, key_hash, created_at) VALUES (1, 'old', 'a', 1), (1, 'kept', 'b', 1)")
    made = backups.create(world.session, world.owner)
    world.sql("DELETE FROM _wce_api_keys WHERE name = 'old'")

    backups.restore(world.session, world.owner, made.id)

    assert world.session.all("SELECT name FROM _wce_api_keys") == [("kept",)]


def test_a_round_sweeps_what_a_killed_command_left_a_day_ago(world: World, keeper: Keeper) -> None:
    left = world.store.folder.path / ".wce.spool.0123"
    left.touch()
    os.utime(left, (world.store.now() - 25 * HOUR,) * 2)

    keeper.round()

    assert not left.exists()
