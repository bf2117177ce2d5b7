"""The WAL of a cenv does not grow for as long as somebody reads.

A statement that reads for minutes keeps SQLite from beginning the WAL anew, for all that is written meanwhile, and the bound on the
size of the file says nothing of the WAL.
"""

from __future__ import annotations

from typing import Final

from wce.errors import WceError
from wce.store.folder import Folder
from wce.store.sqlite import quote
from wce.store.transaction import Handle

LONGEST_BYTES: Final = 256 * 1024 * 1024  # to which one more transaction may add as much as the file may have


def require_short(folder: Folder, handle: Handle) -> None:
    """Raise `busy` where the WAL is too long and readers keep it from being begun anew; whoever calls has the turn to write.

    What is in the file is written over by the next transaction, which also cuts the WAL to LOG_KEPT_BYTES. Never RESTART or TRUNCATE:
    whoever copies the WAL elsewhere, page by page, would miss some.
    """
    length = -1 if handle.index is None else handle.index.log_bytes()
    if (length if length >= 0 else folder.log_bytes(handle.cenv)) <= LONGEST_BYTES:
        return
    schema = next(name for _, name, path in handle.execute("PRAGMA database_list").fetchall() if path)
    _, frames, done = handle.execute(f"PRAGMA {quote(schema)}.wal_checkpoint(PASSIVE)").fetchone()
    if done < frames:
        raise WceError("busy", "Long-running reads of this cenv keep its log from being emptied.", retry_after=1)
