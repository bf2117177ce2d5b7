"""The state that SQLite keeps on a connection from one statement to the next, made to be only the open transaction's own."""

from __future__ import annotations

from wce.guard.link import Link
from wce.store.sqlite import quote


class Carried:
    """last_insert_rowid() and changes() tell of the last write, which may be an audit row or an earlier request's.

    They cannot be set, but a write to a table of ours sets them. That is only done for statements that could tell the difference.
    Whoever runs trusted SQL says that it may have written: `foreign`.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        # Where main is a database in memory the table goes there: the TEMP schema belongs to the trigger net alone.
        self._table = f"{'temp' if link.hidden.schema == 'main' else 'main'}.{quote(link.hidden.own + 'z')}"
        self._last_row_id = 0
        self._changes = 0
        self.foreign = True

    def begin(self) -> None:
        """A transaction starts."""
        self._last_row_id = 0
        self._changes = 0
        self.foreign = True

    def remember(self, changes: int, inserted: int | None) -> None:
        """A statement of the client's has written; `inserted` is the last rowid that it gave, None where it gave none."""
        self._changes = changes
        if inserted is not None:
            self._last_row_id = inserted
            self.foreign = False

    def restore(self) -> None:
        """Put back what the client's own writes in this transaction have made of the last rowid and the changes, 0 when there were none."""
        if not self.foreign:
            return
        execute = self._link.execute
        execute(f"CREATE TABLE IF NOT EXISTS {self._table} (x)")
        execute(f"DELETE FROM {self._table}")
        execute(f"INSERT INTO {self._table} (rowid) VALUES (?)", (self._last_row_id,))
        # As many changes as the last write had, all to that one row, which leave the last rowid as it is.
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 WHERE ?1 > 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
        again = f"INSERT INTO {self._table} (rowid) SELECT ?2 FROM n WHERE true ON CONFLICT DO UPDATE SET x = 1"
        execute(f"{numbers} {again}", (self._changes, self._last_row_id))
        self.foreign = False
