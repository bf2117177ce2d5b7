"""SQL laid out for people. What this makes of a text is shown and never run or decided by."""

from __future__ import annotations

from typing import Final

import sqlparse
from sqlparse.exceptions import SQLParseError

MAX_SQL: Final = 4_000  # characters; the parser takes about 5 µs for each, and longer texts are not written by hand


def lay_out(sql: str) -> str:
    """The statement with a line for each clause and keywords in capitals; as it is where it is too long or too odd."""
    if len(sql) > MAX_SQL:
        return sql
    try:
        return str(sqlparse.format(sql, reindent=True, keyword_case="upper", strip_whitespace=True)).strip()
    except (SQLParseError, RecursionError):
        return sql
