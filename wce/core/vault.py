"""Where backups are kept: what a keeper of files must be able to do, and a folder that does it."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from wce.config import Settings
from wce.errors import WceError
from wce.store.folder import sync

_OLD_SECONDS: Final = 3600  # nobody writes one file for so long


def vault_path(settings: Settings) -> Path:
    """The folder for backups."""
    return Path(settings.backup_dir) if settings.backup_dir else settings.storage_dir / "backups"


class Vault(Protocol):
    """Files by cenv and name. `get` and `read` raise `not_found`; `put` is whole or not at all."""

    def put(self, cenv: str, name: str, source: Path) -> None: ...

    def write(self, cenv: str, name: str, content: bytes) -> None: ...

    def get(self, cenv: str, name: str, target: Path) -> None: ...

    def read(self, cenv: str, name: str) -> bytes: ...

    def names(self, cenv: str) -> list[str]: ...

    def delete(self, cenv: str, name: str) -> None: ...


class FolderVault:
    """A folder for each cenv, readable by the server's user only. WceError `busy` where that is no folder, or none to write to."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, cenv: str, name: str, source: Path) -> None:
        """Copied under another name, synced, renamed, and the new name synced."""
        with _told(), self._draft(cenv) as draft:
            shutil.copyfile(source, draft)
            self._finish(draft, cenv, name)

    def write(self, cenv: str, name: str, content: bytes) -> None:
        """The same for a few bytes."""
        with _told(), self._draft(cenv) as draft:
            draft.write_bytes(content)
            self._finish(draft, cenv, name)

    def get(self, cenv: str, name: str, target: Path) -> None:
        """A copy, so that nobody opens what is kept."""
        with _told():
            try:
                shutil.copyfile(self._root / cenv / name, target)
            except FileNotFoundError as error:
                raise missing() from error

    def read(self, cenv: str, name: str) -> bytes:
        """A small file."""
        with _told():
            try:
                return (self._root / cenv / name).read_bytes()
            except FileNotFoundError as error:
                raise missing() from error

    def names(self, cenv: str) -> list[str]:
        """What is kept of a cenv."""
        with _told():
            try:
                return sorted(name for name in os.listdir(self._root / cenv) if not name.startswith("."))
            except FileNotFoundError:
                return []

    def delete(self, cenv: str, name: str) -> None:
        """Harmless when it is gone already."""
        with _told():
            (self._root / cenv / name).unlink(missing_ok=True)
        with suppress(OSError):  # others are still in it
            (self._root / cenv).rmdir()

    @contextmanager
    def _draft(self, cenv: str) -> Iterator[Path]:
        folder = self._root / cenv
        for path in (self._root, folder):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
        draft = folder / f".{secrets.token_hex(8)}.tmp"
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _finish(self, draft: Path, cenv: str, name: str) -> None:
        sync(draft)
        os.rename(draft, self._root / cenv / name)
        sync(draft.parent)  # a name is on the disk with its folder


def _sweep(folder: Path) -> None:
    """Remove drafts that a crash left."""
    for draft in folder.glob(".*.tmp"):
        with suppress(FileNotFoundError):  # another process has finished it, or swept here, too
            if draft.stat().st_mtime < time.time() - _OLD_SECONDS:
                draft.unlink()


@contextmanager
def _told() -> Iterator[None]:
    """A disk that is full, away or not ours is no mistake of the server."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, "The folder for backups cannot be used") from error


def disk_error(error: OSError, detail: str) -> WceError:
    """What to tell of it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WceError("disk_full", evidence=str(error))
    return WceError("busy", f"{detail}: {error.strerror}.", retry_after=60, evidence=str(error))


def missing() -> WceError:
    """There is no such backup."""
    return WceError("not_found", "No such backup.")
