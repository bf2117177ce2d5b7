"""The folder for temporary files, in which large bodies and answers wait, and how many of the answers may."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from typing import Final

from wce.log import LOGGER

NO_ROOM: Final = "The server's disk has no room for this answer."


def folder() -> str:
    """Where it is now: another one where that of the start is gone, as it is where something removes what seems old to it.

    FileNotFoundError where no file can be made anywhere.
    """
    found = tempfile.gettempdir()
    if os.path.isdir(found):
        return found
    tempfile.tempdir = None  # Python then looks for one again, for itself and for every library
    found = tempfile.gettempdir()
    LOGGER.warning("folder for temporary files is gone", extra={"now": found})
    return found


def require_room(size: int, waiting: int, floor_bytes: int) -> None:
    """OSError unless an answer of that size may wait there beside those of the same cenv, which are `waiting` bytes.

    They take at most as much as they leave: the first cenv half of the room, the next one half of the rest, and so on. Twice
    `floor_bytes` stay free, as writing ends where they are reached and the folder may be on the disk of the cenvs.
    """
    disk = shutil.disk_usage(folder())
    left = disk.free - min(2 * floor_bytes, disk.total // 4) - size
    if waiting + size > left:
        raise OSError(errno.ENOSPC, "answers that wait for their clients leave no room for it")
