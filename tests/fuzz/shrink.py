"""Makes a statement as short as it can be while it still shows what it showed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.fuzz.reads import Statement

_PIECE: Final = re.compile(r"\s+|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[\w.:]+|.", re.S)
_MOST_TRIES: Final = 3_000


def shrink(statement: Statement, shows: Callable[[Statement], bool]) -> Statement:
    """Take out runs of pieces, long ones first, as long as `shows` holds. Positional parameters stay as they are needed."""
    pieces = _PIECE.findall(statement.sql)
    tries = 0
    size = len(pieces) // 2
    while size:
        start = 0
        while start < len(pieces) and tries < _MOST_TRIES:
            shorter = pieces[:start] + pieces[start + size :]
            candidate = _with(statement, pieces, start, size, "".join(shorter))
            tries += 1
            if shows(candidate):
                pieces, statement = shorter, candidate
            else:
                start += size
        size //= 2
    return statement


def _with(statement: Statement, pieces: list[str], start: int, size: int, sql: str) -> Statement:
    """The same statement with another text, without the values of the marks that were taken out."""
    params = statement.params
    if isinstance(params, tuple):
        first = sum(piece == "?" for piece in pieces[:start])
        gone = sum(piece == "?" for piece in pieces[start : start + size])
        params = params[:first] + params[first + gone :]
    else:
        params = {name: found for name, found in params.items() if f":{name}" in sql}
    return replace(statement, sql=sql, params=params)
