"""Backups in a bucket, against a server that speaks S3."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError
from moto.server import ThreadedMotoServer

from tests.core.conftest import World
from wce.config import Settings
from wce.core.backups import Backups
from wce.core.bucket import BucketVault, open_vault
from wce.core.keeper import Keeper
from wce.core.settings import Config
from wce.core.vault import FolderVault
from wce.errors import WceError


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client: Any = boto3.client(
        "s3", endpoint_url=f"http://{host}:{port}", aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
    )
    client.create_bucket(Bucket="kept")
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def settings(url: str) -> Settings:
    return Settings(backup_s3_url=f"{url}/kept/some/where", backup_s3_key="k", backup_s3_secret="s")


def test_a_backup_goes_to_the_bucket_and_comes_back(world: World, settings: Settings) -> None:
    backups = Backups(world.store, open_vault(settings))
    world.sql("CREATE TABLE notes (text)")
    world.sql("INSERT INTO notes VALUES ('kept')")
    made = backups.create(world.session, world.owner)
    world.sql("DELETE FROM notes")

    backups.restore(world.session, world.owner, made.id)

    assert world.session.all("SELECT text FROM notes") == [("kept",)]
    assert [item.kind for item in backups.list(world.cenv)][-1] == "manual" or len(backups.list(world.cenv)) == 2
    backups.delete(world.session, world.owner, made.id)
    assert [item.kind for item in backups.list(world.cenv)] == ["restore"]
    with pytest.raises(WceError) as caught:
        backups.find(world.cenv, made.id)
    assert caught.value.code == "not_found"


def test_a_bucket_that_is_not_there_is_told(world: World, settings: Settings, url: str) -> None:
    backups = Backups(world.store, BucketVault(replace(settings, backup_s3_url=f"{url}/gone")))

    with pytest.raises(WceError) as caught:
        backups.create(world.session, world.owner)

    assert caught.value.code == "busy"


def test_what_the_store_said_stands_in_the_log(world: World, settings: Settings, url: str, caplog: pytest.LogCaptureFixture) -> None:
    backups = Backups(world.store, BucketVault(replace(settings, backup_s3_url=f"{url}/gone")))

    Keeper(world.store, backups, Config({"backup_interval_hours": "1"})).round()

    (line,) = (line for line in caplog.records if line.msg == "backup failed")
    assert "NoSuchBucket" in line.evidence  # type: ignore[attr-defined]


def test_nothing_is_left_to_threads_that_would_hold_up_the_end_of_the_server(settings: Settings, tmp_path: Path) -> None:
    vault, file, threads = BucketVault(settings), tmp_path / "file", set()
    file.write_bytes(b"x" * 9_000_000)  # sent in parts
    vault._client.meta.events.register("before-send.s3", lambda **_: threads.add(threading.current_thread()))

    vault.put("cenv", "name", file)
    vault.get("cenv", "name", file)

    assert threads == {threading.current_thread()}
    assert file.read_bytes() == b"x" * 9_000_000


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (ConnectionClosedError(endpoint_url="http://store"), "busy"),
        (RecursionError("a redirect that leads back to itself"), "busy"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (PermissionError(errno.EACCES, "Permission denied"), "busy"),
    ],
)
def test_whatever_goes_wrong_on_the_way_is_told(
    settings: Settings, tmp_path: Path, trouble: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = BucketVault(settings)

    def fail(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr(vault._client, "get_object", fail)
    monkeypatch.setattr(vault._client, "download_file", fail)

    for act in (lambda: vault.read("cenv", "name"), lambda: vault.get("cenv", "name", tmp_path / "file")):
        with pytest.raises(WceError) as caught:
            act()
        assert caught.value.code == code


def test_without_a_bucket_it_is_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_vault(Settings(storage_dir=tmp_path)), FolderVault)


def test_a_folder_that_cannot_be_used_is_told(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    backups = Backups(world.store, FolderVault(tmp_path / "file"))

    for act in (lambda: backups.create(world.session, world.owner), lambda: backups.list(world.cenv)):
        with pytest.raises(WceError, match="The folder for backups cannot be used: ") as caught:
            act()
        assert caught.value.code == "busy"


def test_no_room_for_what_is_fetched_is_told(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    vault.write("cenv", "name", b"x" * 100_000)

    with pytest.raises(WceError) as caught:
        vault.get("cenv", "name", Path("/dev/full"))

    assert caught.value.code == "disk_full"
    assert [path.name for path in (tmp_path / "cenv").iterdir()] == ["name"]


def test_a_name_is_on_the_disk_when_its_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[bool, list[str]]] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        is_folder = os.path.isdir(f"/proc/self/fd/{descriptor}")
        synced.append((is_folder, [path.name for path in (tmp_path / "cenv").iterdir() if path.suffix != ".tmp"]))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)

    FolderVault(tmp_path).write("cenv", "name", b"x")

    assert synced == [(False, []), (True, ["name"])]


def test_what_a_crash_left_half_written_goes_when_the_next_one_is_written(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    vault.write("cenv", "name", b"x")
    for name, at in ((".old.tmp", 0), (".new.tmp", None)):
        (tmp_path / "cenv" / name).write_bytes(b"half")
        if at is not None:
            os.utime(tmp_path / "cenv" / name, (at, at))

    vault.write("cenv", "other", b"y")

    assert sorted(path.name for path in (tmp_path / "cenv").iterdir()) == [".new.tmp", "name", "other"]
