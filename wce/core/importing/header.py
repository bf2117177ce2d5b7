"""What the first hundred bytes of a file say, before SQLite gets to see it (sqlite.org/fileformat2.html, 1.3)."""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wce.errors import WceError
from wce.store.sqlite import APPLICATION_ID

MAGIC: Final = b"SQLite format 3\0"
_SIZE: Final = 100
_ENCODINGS: Final = frozenset({1, 2, 3})  # UTF-8, and UTF-16 in either order, which SQLite turns into UTF-8 when it is read
_NEWEST_FORMAT: Final = 4
# The codes of what ends an import, while anything else keeps back only what it is about.
FATAL: Final = frozenset({"bad_file", "query_timeout", "quota_exceeded", "disk_full", "busy", "cenv_damaged"})


@dataclass(frozen=True, slots=True)
class Header:
    """`schema` is the number of the last migration of a cenv. Sizes are in bytes."""

    size: int
    page_size: int
    is_cenv: bool
    schema: int


def read_header(path: Path, *, max_bytes: int, newest_schema: int) -> Header:
    """Raises WceError `bad_file`, `too_large` or `newer_schema`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)  # nobody may write to a pipe
    try:
        facts = os.fstat(descriptor)
        head = os.pread(descriptor, _SIZE, 0) if stat.S_ISREG(facts.st_mode) else b""
    finally:
        os.close(descriptor)
    if facts.st_size > max_bytes:
        raise WceError("too_large", f"The file has {facts.st_size} bytes; {max_bytes} are allowed.")
    if len(head) < _SIZE or not head.startswith(MAGIC):
        raise bad("It is not a SQLite database.")
    page_size, pages = _pages(head, facts.st_size)
    if head[18] not in (1, 2) or head[19] not in (1, 2) or head[21:24] != b"\x40\x20\x20" or page_size - head[20] < 480:
        raise bad("Its header is not one that SQLite writes.")
    format_, encoding = _number(head, 44), _number(head, 56)
    if format_ > _NEWEST_FORMAT or (encoding not in _ENCODINGS and pages > 1) or encoding > max(_ENCODINGS):
        raise bad("Its schema has a format or an encoding that SQLite does not know.")
    is_cenv = _number(head, 68) == APPLICATION_ID
    schema = _number(head, 60)
    if is_cenv and schema > newest_schema:
        raise WceError("newer_schema", f"The file has schema {schema}, this server knows {newest_schema}.")
    if is_cenv and schema < 1:
        raise bad("It says that it is a cenv, but has none of its tables.")
    return Header(facts.st_size, page_size, is_cenv, schema if is_cenv else 0)


def bad(detail: str) -> WceError:
    """The error of a file that cannot be imported."""
    return WceError("bad_file", detail)


def _pages(head: bytes, size: int) -> tuple[int, int]:
    """Page size, and how many there are."""
    (said,) = struct.unpack(">H", head[16:18])
    page_size = 65_536 if said == 1 else said
    if not 512 <= page_size <= 65_536 or page_size & (page_size - 1):
        raise bad("Its page size is not one that SQLite has.")
    pages = _number(head, 28)
    if pages * page_size > size:
        raise bad("It is shorter than its header says.")
    if size < page_size or size % page_size:
        raise bad("It ends in the middle of a page.")
    return page_size, size // page_size


def _number(head: bytes, at: int) -> int:
    found: int = struct.unpack(">I", head[at : at + 4])[0]
    return found
