"""The WAL of a cenv is brought into its file beside those who write, and does not grow for as long as somebody reads.

SQLite does it at the end of the commit that makes the WAL long enough, which takes as long as the disk needs, while all writers of the
cenv wait for their turn. Nothing of it needs the turn. But beside writers it never reaches the end of the WAL, from which SQLite begins
it anew, so from MOST_FRAMES on it is done with the turn.

A statement that reads for minutes keeps SQLite from beginning the WAL anew, for all that is written meanwhile, and the bound on the
size of the file says nothing of the WAL.
"""

from __future__ import annotations

from typing import Final

from wce import lane
from wce.errors import WceError
from wce.log import LOGGER
from wce.store.folder import Folder
from wce.store.sqlite import quote, sqlite3
from wce.store.transaction import Handle

LONGEST_BYTES: Final = 256 * 1024 * 1024  # to which one more transaction may add as much as the file may have
_FRAMES: Final = 1_000  # as SQLite has it
_UNKNOWN: Final = (-1, -1)


def require_short(folder: Folder, handle: Handle) -> int:
    """Raise `busy` where the WAL is too long and readers keep it from being begun anew; whoever calls has the turn to write.

    Returns how many frames it has, -1 where that cannot be told. What is in the file is written over by the next transaction, which also
    cuts the WAL to LOG_KEPT_BYTES. Never RESTART or TRUNCATE: whoever copies the WAL elsewhere, page by page, would miss some.
    """
    frames, length = _UNKNOWN if handle.index is None else handle.index.log()
    if (length if length >= 0 else folder.log_bytes(handle.cenv)) > LONGEST_BYTES:
        all_of_them, done = _checkpoint(handle)
        if done < all_of_them:
            raise WceError("busy", "Long-running reads of this cenv keep its log from being emptied.", retry_after=1)
    return frames


def bring_in(handle: Handle, before: int) -> None:
    """Bring the WAL into the file where a transaction, which found so many frames, has filled another thousand; without the turn."""
    after, _ = _UNKNOWN if handle.index is None else handle.index.log()
    if not 0 <= before < after or before // _FRAMES == after // _FRAMES:
        return
    lane.waiting()
    try:
        _checkpoint(handle)
    except (WceError, sqlite3.Error) as error:  # the commit stands, and the next thousand frames bring the next try
        LOGGER.warning("log not brought into the file", extra={"cenv": handle.cenv, "reason": str(error)})


def _checkpoint(handle: Handle) -> tuple[int, int]:
    """Returns how many frames the WAL has and how many of them are in the file; those that somebody still reads past stay."""
    schema = next(name for _, name, path in handle.execute("PRAGMA database_list").fetchall() if path)
    _, frames, done = handle.execute(f"PRAGMA {quote(schema)}.wal_checkpoint(PASSIVE)").fetchone()
    return frames, done
