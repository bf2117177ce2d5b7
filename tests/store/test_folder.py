from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from wce.errors import WceError
from wce.store.folder import Folder

NAME = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "deep" / "cenvs")
    made.make()
    return made


def publish(folder: Folder, cenv: str = NAME, content: bytes = b"content", *, durable: bool = False) -> None:
    folder.draft(cenv).write_bytes(content)
    folder.publish(cenv, durable=durable)


def test_the_folder_is_private(folder):
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_open_to_all_is_shut(tmp_path):
    tmp_path.chmod(0o755)

    Folder(tmp_path).make()

    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_relative_path_is_fixed_at_the_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Folder(Path("cenvs"))
    monkeypatch.chdir("/")

    assert folder.path == tmp_path / "cenvs"


@pytest.mark.parametrize("durable", [False, True])
def test_a_draft_becomes_a_cenv_when_published(folder, durable):
    publish(folder, durable=durable)

    assert folder.cenvs() == [NAME]
    assert folder.file(NAME).read_bytes() == b"content"
    assert folder.file(NAME).stat().st_mode & 0o777 == 0o600


def test_a_draft_is_private_whatever_the_umask(folder):
    before = os.umask(0)
    path = folder.draft(NAME)
    os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_draft_is_no_cenv(folder):
    folder.draft(NAME)

    assert folder.cenvs() == []
    with pytest.raises(WceError):
        folder.file(NAME)


def test_a_draft_is_never_built_twice(folder):
    folder.draft(NAME)

    with pytest.raises(FileExistsError):
        folder.draft(NAME)


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
def test_scrap_takes_all_of_a_draft(folder, ending):
    Path(f"{folder.draft(NAME)}{ending}").touch()

    folder.scrap(NAME)

    assert list(folder.path.iterdir()) == []


def test_delete_takes_the_companions_along(folder):
    publish(folder)
    Path(f"{folder.file(NAME)}-wal").touch()
    Path(f"{folder.file(NAME)}-shm").touch()

    folder.delete(NAME)

    assert list(folder.path.iterdir()) == []


@pytest.mark.parametrize(
    "name", [NAME.upper(), NAME[:-1], NAME + "0", NAME + "\n", "../" + NAME, "{" + NAME + "}", NAME.replace("-", ""), "", ".", "x" * 36]
)
def test_only_a_canonical_uuid_names_a_cenv(folder, name):
    publish(folder)

    with pytest.raises(WceError) as caught:
        folder.file(name)

    assert caught.value.code == "no_such_cenv"


def test_cenvs_lists_nothing_else(folder):
    publish(folder)
    for name in (".wce.lock", "notes.db", f"{NAME}.db-wal", f"{NAME.upper()}.db", f"{NAME}.sqlite"):
        (folder.path / name).touch()

    assert folder.cenvs() == [NAME]


def test_the_identity_tells_a_replaced_file(folder):
    publish(folder)
    before = folder.identity(NAME)
    publish(folder)

    assert before is not None
    assert folder.identity(NAME) != before


def test_the_signature_tells_a_repaired_file(folder):
    publish(folder)
    before = folder.signature(NAME)
    folder.file(NAME).write_bytes(b"repaired")

    assert folder.signature(NAME) != before


def test_what_is_not_there_has_no_identity(folder):
    assert folder.identity(NAME) is None
    assert folder.signature(NAME) == ()


def test_sweep_deletes_what_a_crash_left_and_nothing_else(folder):
    publish(folder)
    gone = str(uuid.uuid4())
    kept = {f"{NAME}.db", f"{NAME}.db-wal", ".wce.lock", "notes.db-wal", f"{gone}.sqlite", ".gitkeep"}
    for name in kept:
        (folder.path / name).touch()
    for name in (f"{gone}.db.new", f"{gone}.db.new-wal", f"{gone}.db.new-shm", f"{gone}.db-wal", f"{gone}.db-shm", f"{gone}.db-journal"):
        (folder.path / name).touch()

    folder.sweep()

    assert {path.name for path in folder.path.iterdir()} == kept


def test_what_a_command_left_that_was_killed_is_swept_when_it_is_old(folder):
    passing = [
        folder.path / name for name in (f"{NAME}.db.new", f"{NAME}.db.new-wal", f".wce.spool.{NAME}.0123", ".wce.spool.4567-journal")
    ]
    lasting = [folder.path / name for name in (f"{NAME}.db", f"{NAME}.db-wal", f"{NAME}.deleted", ".wce.lock")]
    for path in (*passing, *lasting):
        path.write_bytes(b"x")
        os.utime(path, (1000, 1000))

    folder.sweep_old(1000)
    assert all(path.exists() for path in passing)
    folder.sweep_old(1001)

    assert sorted(folder.path.iterdir()) == sorted(lasting)


def test_free_bytes_is_the_disks(folder):
    disk = os.statvfs(folder.path)

    assert folder.free_bytes() == pytest.approx(disk.f_bavail * disk.f_frsize, rel=0.2)


def contents(folder: Folder) -> dict[str, bytes]:
    return {path.name.partition(".")[2]: path.read_bytes() for path in folder.path.glob(f"{NAME}.*")}


def test_a_damaged_file_is_laid_aside_with_its_log_and_comes_back_with_it(folder: Folder) -> None:
    held = {"db": b"broken", "db-wal": b"its log", "db-shm": b"the index of that"}
    for ending, content in held.items():
        (folder.path / f"{NAME}.{ending}").write_bytes(content)

    folder.park_damaged(NAME, 1_000.0)
    assert (folder.cenvs(), folder.parked(), folder.parked_at(NAME)) == ([], [NAME], 1_000.0)
    folder.unpark(NAME)

    assert contents(folder) == held


def test_nothing_of_a_damaged_file_outlives_its_time(folder: Folder) -> None:
    for ending in ("db", "db-wal"):
        (folder.path / f"{NAME}.{ending}").write_bytes(b"x")
    folder.park_damaged(NAME, 1_000.0)

    folder.drop_parked(NAME)

    assert contents(folder) == {}


def test_a_log_whose_file_is_gone_is_swept_and_is_no_part_of_what_is_laid_aside_later(folder: Folder) -> None:
    for ending in ("deleted-wal", "copy"):
        (folder.path / f"{NAME}.{ending}").write_bytes(b"x")

    folder.park(NAME, folder.path / f"{NAME}.copy", 1_000.0)
    assert contents(folder) == {"deleted": b"x"}
    folder.drop_parked(NAME)
    (folder.path / f"{NAME}.deleted-wal").write_bytes(b"x")
    folder.sweep()

    assert contents(folder) == {}
