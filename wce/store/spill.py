"""The folder in which SQLite puts what sorts, groups and temporary tables do not fit into memory, and how much room it has."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from wce.config import SettingError
from wce.store.sqlite import connect

_USUAL: Final = ("/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108  # where SQLite looks, in its order


class Spill:
    """`folder` None: where SQLite goes by itself as a rule. `floor_bytes` are to stay free there."""

    def __init__(self, folder: Path | None, floor_bytes: int) -> None:
        self.folder = Path(next(filter(_takes_files, _USUAL), ".")) if folder is None else folder
        self._floor_bytes = floor_bytes

    def room(self) -> int:
        """Bytes that may still be written; below 0 where the floor is reached."""
        disk = os.statvfs(self.folder)
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
    connection = connect("", mode="memory")
    try:
        if connection.execute("PRAGMA temp_store_directory").fetchone() != (wanted,):
            connection.execute(f"PRAGMA temp_store_directory = '{wanted.replace(chr(39), chr(39) * 2)}'")
    finally:
        connection.close()


def _takes_files(name: str) -> bool:
    return os.path.isdir(name) and os.access(name, os.W_OK | os.X_OK)
