"""The state that SQLite keeps on a connection from one statement to the next, made to be only the open transaction's own."""

from __future__ import annotations

from wce.guard.link import Link
from wce.store.sqlite import quote


class Carried:
    """last_insert_rowid() and changes() tell of the last write, which may be an audit row or an earlier request's.

    They cannot be set, but a write to a table of ours sets them. That is only done for statements that could tell the difference.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        # Where main is a database in memory the table goes there: the TEMP schema belongs to the trigger net alone.
        self._table = f"{'temp' if link.hidden.schema == 'main' else 'main'}.{quote(link.hidden.own + 'z')}"
        self._last_row_id = 0
        self._foreign = True

    def begin(self) -> None:
        """A transaction starts."""
        self._last_row_id = 0
        self._foreign = True

    def disturb(self) -> None:
        """Trusted SQL may have written."""
        self._foreign = True

    def remember(self, last_row_id: int) -> None:
        """A statement of the client's has written."""
        self._last_row_id = last_row_id
        self._foreign = False

    def restore(self) -> None:
        """Put back the last rowid of the client's own writes in this transaction, 0 when there was none, and no changes."""
        if not self._foreign:
            return
        execute = self._link.execute
        execute(f"CREATE TABLE IF NOT EXISTS {self._table} (x)")
        execute(f"DELETE FROM {self._table}")
        execute(f"INSERT INTO {self._table} (rowid) VALUES (?)", (self._last_row_id,))
        execute(f"DELETE FROM {self._table} WHERE 0")
        self._foreign = False
