"""Copies of a whole cenv by SQLite's own means, while others read and write it; the live file itself is never opened or copied."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from wce import lane
from wce.errors import WceError
from wce.store.session import Session
from wce.store.sqlite import Connection, connect, told, vacuum_into
from wce.store.store import Store

# What only has a meaning on the server where it was written, or would let somebody in who was locked out since.
TRANSIENT: Final = ("_wce_sessions", "_wce_revoked_tokens", "_wce_idempotency")


@contextmanager
def clean_copy(store: Store, cenv: str) -> Iterator[Path]:
    """`with` the path of a copy of one moment: one file in rollback mode, without sessions and without traces of what was deleted."""
    lane.waiting()
    with store.folder.spool(cenv) as clean:
        with store.folder.spool(cenv) as raw:
            with store.session(cenv) as session:
                store.require_space(2 * _size(session))
                _copy(session, raw)
            with told(), closing(connect(raw)) as connection:
                connection.execute("PRAGMA journal_mode=OFF")
                connection.execute("PRAGMA synchronous=OFF")
                _empty(connection)
                # A new file, so that no free page or slack keeps what was deleted; INTO, since only that keeps every rowid.
                os.unlink(clean)
                vacuum_into(connection, clean)
        os.chmod(clean, 0o600)
        yield clean


def overwrite(session: Session, holder: Session, source: Path, prepare: Callable[[Connection], None] = lambda _: None) -> None:
    """Put the content of another file in the place of the session's, as one commit that every process sees as any other.

    `holder` is that of `Store.exclusive`. It lets go here, as the lock is one connection's; whoever gets in before the session has it
    is noticed then. `prepare` may make ready what is copied. Raises WceError, and nothing has changed then.
    """

    def look(_status: int, remaining: int, _total: int) -> None:
        if remaining and holder.one("PRAGMA data_version") != seen:
            raise WceError("busy", "Somebody wrote to the cenv at the last moment.", retry_after=1)

    with told(), closing(connect(source)) as connection:
        prepare(connection)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        seen = holder.one("PRAGMA data_version")
        if holder.connection.in_transaction:
            holder.execute("ROLLBACK")
        # The first page takes the lock, so one look in the middle is enough; the last step commits.
        connection.backup(session.connection, pages=max(1, pages // 2), progress=look)


def _size(session: Session) -> int:
    (pages,), (page_bytes,) = (session.connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages * page_bytes)


def _copy(session: Session, target: Path) -> None:
    """All pages in one step, which sees one snapshot and keeps no writer waiting."""
    with told(), closing(connect(target)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        session.connection.backup(connection)


def _empty(connection: Connection) -> None:
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for table in TRANSIENT:
        if table in there:
            connection.execute(f"DELETE FROM {table}")
