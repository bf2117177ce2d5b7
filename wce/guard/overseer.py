"""What SQLite may compile for administrators: all data and the schema, but nothing of WCE's own and no way out of the file."""

from __future__ import annotations

import time
from typing import Final

from wce.errors import WceError
from wce.guard import actions
from wce.guard.actions import OK
from wce.guard.catalogue import SCHEMA, Catalogue
from wce.guard.doorkeeper import DECLARED, Doorkeeper
from wce.guard.functions import ALLOWED, EPONYMOUS, OF_DDL, TABLE_FUNCTIONS
from wce.guard.weights import too_complex
from wce.store.sqlite import fold

OWN_TABLES: Final = "_wce_"
# Pragmas that only read, and of them those that take an argument. Not table_list: it prepares every view. Not database_list: it
# shows where the server keeps the file.
READING: Final = frozenset(
    {
        "collation_list",
        "compile_options",
        "data_version",
        "encoding",
        "freelist_count",
        "function_list",
        "journal_mode",
        "max_page_count",
        "page_count",
        "page_size",
        "schema_version",
        "user_version",
    }
)
READING_OF: Final = frozenset(
    {
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_xinfo",
    }
)
MODULES: Final = frozenset({"fts5", "fts5vocab", "rtree"})
# Secrets, and answers that were meant for somebody else.
UNREADABLE: Final = frozenset(
    {
        ("_wce_users", "password_hash"),
        ("_wce_sessions", "token_hash"),
        ("_wce_revoked_tokens", "token_hash"),
        ("_wce_api_keys", "key_hash"),
        ("_wce_recovery_codes", "code_hash"),
        ("_wce_second_factors", "pending_secret"),
        ("_wce_second_factors", "totp_secret"),
        ("_wce_idempotency", "body"),
        ("_wce_idempotency", "request_hash"),
    }
)
WITH_SECRETS: Final = frozenset(table for table, _ in UNREADABLE)
SECRETS: Final = frozenset(column for _, column in UNREADABLE)
_CATALOGUES: Final = frozenset({"sqlite_master", "sqlite_schema"})
_TEMP_CATALOGUES: Final = frozenset({"sqlite_temp_master", "sqlite_temp_schema"})
# Tables of SQLite's own that may be read; sqlite_stat4 would show samples of every indexed column.
_STATISTICS: Final = frozenset({"sqlite_sequence", "sqlite_stat1"})
_SCHEMA_ACTIONS: Final = frozenset(
    {
        actions.CREATE_INDEX,
        actions.CREATE_TABLE,
        actions.CREATE_TRIGGER,
        actions.CREATE_VIEW,
        actions.DROP_INDEX,
        actions.DROP_TABLE,
        actions.DROP_TRIGGER,
        actions.DROP_VIEW,
        actions.ALTER_TABLE,
        actions.REINDEX,
        actions.ANALYZE,
        actions.CREATE_VTABLE,
        actions.DROP_VTABLE,
    }
)
_MAX_CALLS: Final = 100_000


class Overseer(Doorkeeper):
    """That of administrators, who are all the same."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self._catalogue = catalogue

    def __call__(self, action: int, first: str | None, second: str | None, database: str | None, context: str | None) -> int:
        self._calls += 1
        if self._calls > _MAX_CALLS or (not self._calls & 255 and time.monotonic() > self._deadline):
            return self._deny(too_complex())
        if action in (actions.SELECT, actions.RECURSIVE):
            return OK
        name, other = fold(first or ""), fold(second or "")
        if action == actions.READ:
            self.plan.read.add(name)
            reason = self._read(name, other, database, fold(context or ""))
        elif action in actions.WRITES:
            reason = self._write(action, name, other, database, context)
        elif action == actions.FUNCTION:
            self.plan.called.add(other)
            reason = self._function(other)
        elif action == actions.PRAGMA:
            reason = self._pragma(name, second)
        elif action in _SCHEMA_ACTIONS:
            reason = self._schema(action, name, other, first)
        else:
            reason = WceError("statement_not_allowed")
        return OK if reason is None else self._deny(reason)

    def _read(self, name: str, column: str, database: str | None, inside: str) -> WceError | None:
        if (name, column) in UNREADABLE:
            return WceError("table_forbidden", f"the column {column} of {name} cannot be read: name the columns that you need")
        if name.startswith(OWN_TABLES):
            return self._own_table(name, inside)
        if database == "temp" or name in _TEMP_CATALOGUES:
            return None if self.plan.ddl else _forbidden(name)
        if name.startswith("pragma_"):
            return None if name.removeprefix("pragma_") in READING | READING_OF else _forbidden(name)
        if name.startswith("sqlite_"):
            return None if self.plan.ddl or name in _CATALOGUES | _STATISTICS else _forbidden(name)
        catalogue = self._catalogue
        known = name in catalogue.tables or name in catalogue.views or name in catalogue.shadows or name in TABLE_FUNCTIONS
        # Where no column is used, a CTE looks like a table. A statement that makes a table also reads it.
        inner = name in self.plan.ctes or (name in catalogue.ctes and not is_closed(name))
        # Of FULL JOIN … USING SQLite from 3.51 on asks for the columns of sub-selects, too, as if the file had them.
        made = name.startswith("(") or (inner and not is_closed(name))
        return None if known or self.plan.ddl or made or (database is None and inner) else _forbidden(name)

    def _own_table(self, name: str, inside: str) -> WceError | None:
        """WCE's tables may be looked at, but not by views and triggers, which run for whoever comes next."""
        foreign = inside in self._catalogue.triggers or inside in self._catalogue.views
        return _forbidden(name) if foreign or self.plan.ddl else None

    def _write(self, action: int, name: str, column: str, database: str | None, context: str | None) -> WceError | None:
        if name.startswith(OWN_TABLES):
            return _forbidden(name)
        if name in _CATALOGUES | _TEMP_CATALOGUES or database == "temp":
            declares = action == actions.UPDATE and context is None and column in DECLARED and database != "temp"
            return None if self.plan.ddl or declares else _forbidden(name)
        if name.startswith("sqlite_"):
            return None if self.plan.ddl else _forbidden(name)  # DROP TABLE forgets the table's AUTOINCREMENT
        if name in self._catalogue.shadows and context is not None:
            return _forbidden(name)
        table = self._catalogue.tables.get(name)
        if table is not None:
            self.plan.written.add(table.name)
        return None

    def _function(self, name: str) -> WceError | None:
        if name in ALLOWED or (self.plan.ddl and (name in OF_DDL or name.startswith("sqlite_rename_"))):
            return None
        return WceError("function_not_allowed", f"the function {name} is not allowed")

    def _pragma(self, name: str, argument: str | None) -> WceError | None:
        if name in READING_OF or (name in READING and argument is None):
            return None
        return WceError("statement_not_allowed", f"PRAGMA {name} {'cannot be set' if name in READING else 'is not allowed'}")

    def _schema(self, action: int, name: str, other: str, first: str | None) -> WceError | None:
        if not self.plan.ddl:
            return WceError("statement_not_allowed")
        if action in (actions.CREATE_VTABLE, actions.DROP_VTABLE) and other not in MODULES:
            return WceError("statement_not_allowed", f"virtual tables of {other} are not allowed")
        if action in (actions.ANALYZE, actions.REINDEX):
            return None  # of any table: no row changes
        if name.startswith(OWN_TABLES) or other.startswith(OWN_TABLES):
            return _forbidden(name)
        self.plan.written.add(SCHEMA)
        changed = other if action == actions.ALTER_TABLE else name
        table = self._catalogue.tables.get(changed)
        self.plan.written.add(table.name if table is not None else first or changed)
        return None


def is_closed(name: str) -> bool:
    """Whether a name is that of a table, not among the users', of which not everything may be read."""
    if name in WITH_SECRETS or name in EPONYMOUS or name in _TEMP_CATALOGUES:
        return True
    if name.startswith("pragma_"):
        return name.removeprefix("pragma_") not in READING | READING_OF
    return name.startswith("sqlite_") and name not in _CATALOGUES | _STATISTICS


def _forbidden(name: str) -> WceError:
    return WceError("table_forbidden", f"permission denied: {name}")
