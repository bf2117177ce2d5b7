"""The WAL of a cenv does not grow for as long as somebody reads.

A statement that reads for minutes keeps SQLite from beginning the WAL anew, for all that is written meanwhile, and the bound on the
size of the file says nothing of the WAL.
"""

from __future__ import annotations

from typing import Final

from wce.errors import WceError
from wce.store.folder import Folder
from wce.store.sqlite import BUSY_TIMEOUT_MS
from wce.store.transaction import Handle

LONGEST_BYTES: Final = 256 * 1024 * 1024  # to which one more transaction may add as much as the file may have


def require_short(folder: Folder, handle: Handle) -> None:
    """Raise `busy` where the WAL is too long and cannot be emptied now; whoever calls has the turn to write and no transaction open."""
    if folder.log_bytes(handle.cenv) <= LONGEST_BYTES:
        return
    handle.execute("PRAGMA busy_timeout=0")  # or it would wait for the readers
    try:
        handle.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        handle.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    if folder.log_bytes(handle.cenv) > LONGEST_BYTES:
        raise WceError("busy", "Statements that read this cenv for long keep its log from being emptied.", retry_after=1)
