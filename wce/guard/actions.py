"""The authorizer's codes (sqlite.org/c3ref/c_alter_table.html), which the module names only in part."""

from __future__ import annotations

from typing import Final

OK: Final = 0
DENY: Final = 1

CREATE_INDEX: Final = 1
CREATE_TABLE: Final = 2
CREATE_TRIGGER: Final = 7
CREATE_VIEW: Final = 8
DELETE: Final = 9
DROP_INDEX: Final = 10
DROP_TABLE: Final = 11
DROP_TRIGGER: Final = 16
DROP_VIEW: Final = 17
INSERT: Final = 18
PRAGMA: Final = 19
READ: Final = 20
SELECT: Final = 21
UPDATE: Final = 23
ALTER_TABLE: Final = 26
REINDEX: Final = 27
ANALYZE: Final = 28
CREATE_VTABLE: Final = 29
DROP_VTABLE: Final = 30
FUNCTION: Final = 31
RECURSIVE: Final = 33

WRITES: Final = frozenset({INSERT, UPDATE, DELETE})
