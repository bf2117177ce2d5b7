"""What the guard has made of one statement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from wce.guard.params import Layout

NO_PARAMETERS: Final = Layout()
MAX_SQL: Final = 100_000  # characters; a statement of that size takes about 70 ms to read


@dataclass(slots=True)
class Plan:
    """Kept by a connection for each text that it has run.

    `kind` is SELECT, VALUES, INSERT, UPDATE, DELETE, or of administrators also EXPLAIN, PRAGMA, ANALYZE, REINDEX, CREATE, DROP, ALTER.
    `sql` is what SQLite gets; it begins with a number of its own, so that no other plan shares the prepared statement and every
    preparation is authorized for this plan. `target` is the written table as the schema spells it. `written` collects the tables
    that the authorizer saw written, those of triggers and cascades too.
    """

    text: str
    kind: str
    sql: str = ""
    writes: bool = False
    ddl: bool = False
    target: str | None = None
    layout: Layout = NO_PARAMETERS
    # What the authorizer asks: folded names of the target, of every name in the text, of every CTE in it.
    target_name: str | None = None
    names: frozenset[str] = frozenset()
    ctes: frozenset[str] = frozenset()
    # Names that a WITH of the client or of a view in use could give to something of its own.
    inner_names: frozenset[str] = frozenset()
    returning: bool = False
    has_rowid: bool = True
    upserts: bool = False
    # The barrier is in place: nothing that the client wrote is evaluated on a hidden row.
    strict: bool = False
    length_sensitive: bool = False
    # The statement asks for changes() or last_insert_rowid(), or leaves the latter as it was.
    stateful: bool = False
    # Names of missing tables in `sql` → the name that the client wrote.
    missing: dict[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    # Folded names of what the authorizer was asked to read, and of the functions called.
    read: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    strict_twin: Plan | None = None
    # Seconds that it took when it ran last, and whether that was long, as the time before.
    took: float = 0.0
    slow: bool = False
    # ALTER TABLE a RENAME TO b, folded.
    renamed: tuple[str, str] | None = None

    def inserted(self, changes: int, last_row_id: int | None) -> int | None:
        """The rowid of the last row that it has inserted; where it may have updated one instead, 0 tells of none."""
        if self.kind != "INSERT" or not changes or not self.has_rowid:
            return None
        return None if self.upserts and not last_row_id else last_row_id
