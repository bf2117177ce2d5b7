"""The folder in which SQLite puts what sorts, groups and temporary tables do not fit into memory, and how much room it has."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, NamedTuple

from wce.config import SettingError
from wce.store.sqlite import connect

_USUAL: Final = ("/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108  # where SQLite looks, in its order


class Room(NamedTuple):
    """Bytes that may still be spilled, and that cenvs may still grow by; below 0 where the floor is reached."""

    spill: int
    cenvs: int


class Spill:
    """`folder` None: where SQLite goes by itself as a rule. `floor_bytes` are to stay free there, and in the folder of the cenvs."""

    def __init__(self, folder: Path | None, cenvs: Path, floor_bytes: int) -> None:
        self.folder = _usual() if folder is None else folder
        self._cenvs = cenvs
        self._floor_bytes = floor_bytes

    def room(self) -> Room:
        """What there is at this moment."""
        return Room(self._left(self.folder), self._left(self._cenvs))

    def _left(self, folder: Path) -> int:
        try:
            disk = os.statvfs(folder)
        except OSError:  # it is away, and SQLite goes where it goes by itself
            disk = os.statvfs(_usual())
        return disk.f_bavail * disk.f_frsize - self._floor_bytes


def require_folder(folder: Path) -> None:
    """SettingError where no file can be made there."""
    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SettingError(f"WCE_TEMP_DIR {folder}: {error.strerror}") from error


def spill_to(folder: Path) -> None:
    """Have SQLite use this folder; SettingError where no file can be made there.

    Of the whole process, and before others open connections: SQLite does not look after those that read it meanwhile. The variable
    SQLITE_TMPDIR would have to be there before Python starts.
    """
    require_folder(folder)
    wanted = str(folder.absolute())
    with closing(connect("", mode="memory")) as connection:
        if connection.execute("PRAGMA temp_store_directory").fetchone() != (wanted,):
            escaped = wanted.replace("'", "''")
            connection.execute(f"PRAGMA temp_store_directory = '{escaped}'")


def _usual() -> Path:
    return Path(next(filter(_takes_files, _USUAL), "."))


def _takes_files(name: str) -> bool:
    return os.path.isdir(name) and os.access(name, os.W_OK | os.X_OK)
