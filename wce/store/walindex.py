"""Whether anything was committed to a file since the last look, for a fraction of what a read of it costs.

Every commit writes the end of the log into the first 96 bytes of the -shm file, before it returns: the same 48 bytes twice, with a
counter and checksums (sqlite.org/walformat.html, "The WAL-Index Header"). SQLite's own connections compare them to know whether the
pages that they hold are still right. Here they tell whether a row that was read is.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Final

_HEADER_BYTES: Final = 48
_INITIALISED: Final = 12  # the byte that says so
_LENGTH: Final = struct.Struct("=HI")  # szPage, where 1 stands for 65536, and mxFrame
_LENGTH_AT: Final = 14
_LOG_HEAD_BYTES: Final = 32
_FRAME_HEAD_BYTES: Final = 24
# A struct flock that asks for WAL_WRITE_LOCK, byte 120 of the file (sqlite.org/walformat.html, "WAL Locks"), and its first field.
_WRITER: Final = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 120, 1, 0)
_KIND: Final = struct.Struct("h")
_WORTH: Final = 200  # looks, before it pays to go through the process's descriptors
_DESCRIPTORS: Final = Path("/proc/self/fd")


class WalIndex:
    """Of a file that a connection of this process has open for as long as this is asked."""

    __slots__ = ("_asked", "_descriptor", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._asked = 0

    def mark(self) -> bytes:
        """What is different after each commit; empty where that cannot be told, as in the middle of one."""
        if self._descriptor < 0 and not self._find():
            return b""
        try:
            header = os.pread(self._descriptor, 2 * _HEADER_BYTES, 0)
        except OSError:
            return b""
        whole = header[:_HEADER_BYTES] == header[_HEADER_BYTES:] and len(header) == 2 * _HEADER_BYTES and header[_INITIALISED]
        return header if whole else b""

    def taken(self) -> bool | None:
        """Whether a connection of another process holds the lock of the writer, None where that cannot be told."""
        if self._descriptor < 0 and not self._find():
            return None
        try:
            found = fcntl.fcntl(self._descriptor, fcntl.F_GETLK, _WRITER)
        except OSError:
            return None
        return bool(_KIND.unpack_from(found)[0] != fcntl.F_UNLCK)

    def log(self) -> tuple[int, int]:
        """How many frames the log has that the next writer goes on with, and how many bytes; -1 where that cannot be told."""
        header = self.mark()
        if not header:
            return -1, -1
        size, frames = _LENGTH.unpack_from(header, _LENGTH_AT)
        page_bytes = 65_536 if size == 1 else size
        return frames, _LOG_HEAD_BYTES + frames * (page_bytes + _FRAME_HEAD_BYTES)

    def _find(self) -> bool:
        self._asked += 1
        if self._asked % _WORTH == 0:
            self._descriptor = _descriptor_of(f"{self._path}-shm")
        return self._descriptor >= 0


def _descriptor_of(path: str) -> int:
    """SQLite's own, -1 for none. One of ours would drop all its locks when it is closed (sqlite.org/howtocorrupt.html, 2.2)."""
    try:
        wanted = os.stat(path)
        numbers = [int(name) for name in os.listdir(_DESCRIPTORS)]
    except OSError:
        return -1
    for number in numbers:
        try:
            found = os.fstat(number)
        except OSError:
            continue  # closed since
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return number
    return -1
