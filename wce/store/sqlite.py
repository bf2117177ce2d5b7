"""The only place that opens a SQLite database, and that chooses which SQLite."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote as percent

from wce.errors import WceError

if TYPE_CHECKING:
    import sqlite3
else:
    import sqlite3 as _builtin

    def _choose() -> ModuleType:
        """`pysqlite3` where it is newer, can bound what a statement may use and give away a database as bytes, else the standard library's.

        Never both: two SQLite libraries in one process drop each other's POSIX locks (sqlite.org/howtocorrupt.html, 2.2.1).
        """
        if importlib.util.find_spec("pysqlite3") is None:
            return _builtin
        other = importlib.import_module("pysqlite3.dbapi2")
        newer = other.sqlite_version_info > _builtin.sqlite_version_info
        able = hasattr(other.Connection, "setlimit") and hasattr(other.Connection, "serialize")
        return other if newer and able else _builtin

    sqlite3 = _choose()

__all__ = ["Connection", "Cursor", "sqlite3"]  # and all that is defined here
Connection = sqlite3.Connection
Cursor = sqlite3.Cursor
VERSION: Final[str] = sqlite3.sqlite_version
APPLICATION_ID: Final = 0x57434531  # "WCE1", at byte 68 of every cenv's file


BUSY_TIMEOUT_MS: Final = 5000
LOG_KEPT_BYTES: Final = 64 * 1024 * 1024  # of a WAL, once what was longer is in the file
# In a WAL, from which the writer who has the turn brings them into the file; `wce.store.emptying` does so earlier, without the turn.
MOST_FRAMES: Final = 8_000
PER_CHARACTER: Final = 80  # bytes of memory for a definition, at most

_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FOLD: Final = str.maketrans(_UPPER, _UPPER.lower())
# Result codes (sqlite.org/rescode.html); the low byte of an extended code is the primary one.
FULL: Final = 13
_NOMEM: Final = 7
_BUSY: Final = ("busy", "")
_DAMAGED: Final = ("cenv_damaged", "")
_UNREADABLE: Final = ("internal", "The file of this cenv could not be read or written.")
_UNWRITTEN: Final = ("disk_full", "The file of this cenv could not be written.")
_MEMORY: Final = ("too_large", "The statement needs more memory than allowed.")
_MEANINGS: Final[dict[int, tuple[str, str] | None]] = {
    5: _BUSY,
    6: _BUSY,  # LOCKED
    _NOMEM: _MEMORY,
    3082: _MEMORY,  # IOERR_NOMEM
    8: ("storage_read_only", ""),  # READONLY: of a folder that may only be read, for nothing of ours is meant to be
    1032: _UNREADABLE,  # READONLY_DBMOVED
    10: _UNREADABLE,  # IOERR, all but these, which a full disk causes:
    778: _UNWRITTEN,  # WRITE
    1034: _UNWRITTEN,  # FSYNC
    1290: _UNWRITTEN,  # DIR_FSYNC
    1546: _UNWRITTEN,  # TRUNCATE
    4874: _UNWRITTEN,  # SHMSIZE
    6410: _UNWRITTEN,  # GETTEMPPATH
    522: _DAMAGED,  # IOERR_SHORT_READ
    8458: _DAMAGED,  # IOERR_CORRUPTFS
    11: _DAMAGED,  # CORRUPT, all but these:
    267: None,  # CORRUPT_VTAB: an FTS5 index out of step with its table, which any writer of the table can bring about
    779: None,  # CORRUPT_INDEX: REINDEX mends it, and the file must stay open for that
    26: _DAMAGED,  # NOTADB
    FULL: ("full", ""),
    14: ("busy", "The file of this cenv could not be opened."),  # CANTOPEN: most often no descriptor left
}
_UNLIMITED_PAGES: Final = 0x3FFFFFFE  # the least default of max_page_count over all versions


def connect(
    path: Path | str,
    *,
    mode: Literal["rw", "rwc", "ro", "memory"] = "rw",
    cached_statements: int = 128,
    deadline_ms: int = BUSY_TIMEOUT_MS,
    immutable: bool = False,
) -> Connection:
    """Open a database in autocommit mode; any thread may use it, one at a time.

    `deadline_ms` is how long a statement waits for another process's lock. With mode "memory" the path is ignored. `immutable`: nobody
    changes the file, so SQLite takes no lock and looks for no journal beside it.
    """
    target = ":memory:" if mode == "memory" else _uri(path, mode) + ("&immutable=1" if immutable else "")
    return sqlite3.connect(
        target,
        timeout=deadline_ms / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=cached_statements,
        uri=True,
    )


def attach(connection: Connection, path: Path | str, schema: str) -> None:
    """Add an existing file to a connection under the name `schema`."""
    connection.execute("ATTACH DATABASE ? AS ?", (_uri(path, "rw"), schema))


def vacuum_into(connection: Connection, path: Path | str) -> None:
    """Write the database, laid out anew, to a file that is not there yet."""
    connection.execute("VACUUM INTO ?", (_uri(path, "rwc"),))


def _uri(path: Path | str, mode: str) -> str:
    return f"file:{percent(os.fsencode(os.path.abspath(path)))}?mode={mode}"  # the very bytes, which need not be UTF-8


def prepare(
    connection: Connection,
    *,
    schema: str = "main",
    durability: str = "normal",
    max_database_bytes: int | None = None,
) -> None:
    """Set what every connection to a cenv needs; nothing of it is stored in the file."""
    name = quote(schema)
    synchronous = "FULL" if durability == "full" else "NORMAL"
    pragmas = (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "recursive_triggers=ON",
        "foreign_keys=ON",
        "trusted_schema=ON",  # without it SQLite before 3.41 refuses the triggers that keep an FTS5 index in step
        "cell_size_check=ON",
        "temp_store=FILE",
        f"{name}.mmap_size=0",
        f"{name}.cache_size=-512",
        f"{name}.synchronous={synchronous}",
        f"{name}.journal_size_limit={LOG_KEPT_BYTES}",
        f"wal_autocheckpoint={MOST_FRAMES}",
    )
    # As a script, which nobody keeps: a prepared statement takes 2 KiB, and each connection keeps a hundred.
    connection.executescript("".join(f"PRAGMA {pragma};" for pragma in pragmas))
    if max_database_bytes is not None:
        page = connection.execute(f"PRAGMA {name}.page_size").fetchone()[0]
        connection.execute(f"PRAGMA {name}.max_page_count={max(1, max_database_bytes // page)}")


def weight(connection: Connection) -> int:
    """Bytes that a connection takes for the schema of its file: definitions become trees, which every connection has for itself."""
    (length,) = connection.execute("SELECT coalesce(sum(length(sql)), 0) FROM sqlite_master WHERE substr(name, 1, 5) <> '_wce_'").fetchone()
    return PER_CHARACTER * int(length)


def full_reason(run: Callable[[str], Cursor], folder: Path) -> str:
    """Why SQLite said FULL: `quota_exceeded` when a page limit is set and the disk still has room, else `disk_full`."""
    schemas = [row[1] for row in run("PRAGMA database_list").fetchall()]
    limits = [run(f"PRAGMA {quote(schema)}.max_page_count").fetchone()[0] for schema in schemas]
    disk = os.statvfs(folder)
    roomy = disk.f_bavail * disk.f_frsize > 1024 * 1024
    return "quota_exceeded" if roomy and min(limits) < _UNLIMITED_PAGES else "disk_full"


def primary(error: BaseException) -> int:
    """The primary result code of an error, 0 where it has none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def busy(error: BaseException) -> bool:
    """Whether another connection was in the way."""
    return _MEANINGS.get(primary(error)) is _BUSY


def translate(error: Exception, *, full: str = "disk_full") -> WceError | None:
    """What the state of the file, the disk or the memory means to a client; None for an error of the SQL itself.

    `full` is the code for SQLITE_FULL, see `full_reason`. The module reports SQLITE_NOMEM as MemoryError.
    """
    code = _NOMEM if isinstance(error, MemoryError) else getattr(error, "sqlite_errorcode", 0)
    meaning = _MEANINGS[code] if code in _MEANINGS else _MEANINGS.get(code & 0xFF)
    if meaning is None:
        return None
    name, detail = meaning
    evidence = f"{getattr(error, 'sqlite_errorname', '')} {error}".strip()
    return WceError(full if name == "full" else name, detail, retry_after=1 if name == "busy" else None, evidence=evidence)


@contextmanager
def told() -> Iterator[None]:
    """`with` errors of SQLite raised as what they mean, where they do not say that the SQL is wrong."""
    try:
        yield
    except (sqlite3.Error, MemoryError) as error:
        meaning = translate(error)
        if meaning is None:
            raise
        raise meaning from error


def damaged(error: Exception) -> bool:
    """Whether an error says that the file itself is broken, so that trying again cannot help."""
    meaning = translate(error)
    return meaning is not None and meaning.code == "cenv_damaged"


def known_holes() -> tuple[str, ...]:
    """Weaknesses of the SQLite in use that a newer one has not, for `/health/ready` and the doctor."""
    connection = connect("", mode="memory")
    try:
        options = {option for (option,) in connection.execute("PRAGMA compile_options")}
    finally:
        connection.close()
    version = sqlite3.sqlite_version_info
    holes = []
    if (
        version < (3, 51, 3)
        and not (version[:2] == (3, 50) and version >= (3, 50, 7))
        and not (version[:2] == (3, 44) and version >= (3, 44, 6))
    ):
        holes.append(f"SQLite {VERSION} has the WAL-reset bug (fixed in 3.51.3, 3.50.7 and 3.44.6).")
    if version < (3, 41):
        holes.append(f"SQLite {VERSION} needs trusted_schema=ON for FTS5 triggers.")
    if "ENABLE_FTS3_TOKENIZER" in options:
        holes.append("This build has the two-argument fts3_tokenizer; the function allow-list keeps it shut.")
    if not hasattr(Connection, "setlimit"):
        holes.append("This sqlite3 module has no setlimit, so statements are bounded by time and size of result only.")
    if not hasattr(Connection, "setconfig"):
        holes.append("This sqlite3 module has no setconfig, so SQLite's defensive mode is off; the authorizer stands in for it.")
    return tuple(holes)


def fold(name: str) -> str:
    """A name as SQLite compares it: A to Z without case, every other letter as it is."""
    return name.lower() if name.isascii() else name.translate(_FOLD)  # nine in ten are, and `lower` takes a fifth of the time


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
