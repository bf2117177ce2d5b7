"""Where backups are kept: what a keeper of files must be able to do, and a folder that does it."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from wce.config import Settings
from wce.errors import WceError


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
    """A folder for each cenv, readable by the server's user only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, cenv: str, name: str, source: Path) -> None:
        """Copied under another name, synced, renamed."""
        draft = self._draft(cenv)
        try:
            shutil.copyfile(source, draft)
            self._finish(draft, cenv, name)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def write(self, cenv: str, name: str, content: bytes) -> None:
        """The same for a few bytes."""
        draft = self._draft(cenv)
        try:
            draft.write_bytes(content)
            self._finish(draft, cenv, name)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def get(self, cenv: str, name: str, target: Path) -> None:
        """A copy, so that nobody opens what is kept."""
        try:
            shutil.copyfile(self._root / cenv / name, target)
        except FileNotFoundError as error:
            raise missing() from error

    def read(self, cenv: str, name: str) -> bytes:
        """A small file."""
        try:
            return (self._root / cenv / name).read_bytes()
        except FileNotFoundError as error:
            raise missing() from error

    def names(self, cenv: str) -> list[str]:
        """What is kept of a cenv."""
        try:
            return sorted(name for name in os.listdir(self._root / cenv) if not name.startswith("."))
        except FileNotFoundError:
            return []

    def delete(self, cenv: str, name: str) -> None:
        """Harmless when it is gone already."""
        (self._root / cenv / name).unlink(missing_ok=True)
        with suppress(OSError):  # others are still in it
            (self._root / cenv).rmdir()

    def _draft(self, cenv: str) -> Path:
        folder = self._root / cenv
        for path in (self._root, folder):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f".{secrets.token_hex(8)}.tmp"
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return draft

    def _finish(self, draft: Path, cenv: str, name: str) -> None:
        for path in (draft, draft.parent):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        os.rename(draft, self._root / cenv / name)


def missing() -> WceError:
    """There is no such backup."""
    return WceError("not_found", "No such backup.")
