"""Answers that sessions give again without asking SQLite: of the same statement, while nobody has committed anything.

Each belongs to one session, and so to one file, one principal and one version of his rights, and to the mark of the moment at which it
was right (`wce.store.walindex`). All sessions of a process share one bound; what was asked for longest ago goes first.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from wce.cache import Cache
from wce.guard.fleeting import may_change
from wce.guard.params import total_size
from wce.guard.plan import Plan
from wce.model import Limits, Params, Result, Value

MEMORY: Final = 16 * 1024 * 1024  # bytes, in each process
_MOST_ROWS: Final = 200
_MOST_BYTES: Final = 32_768  # as a result's size counts them
_LONGEST: Final = 1_000  # characters of a statement and its parameters, and as many of the names of columns
# Bytes that Python takes at most: for a byte of a result's size, a character of the rest, a row, column or parameter, and for one answer.
_PER_BYTE: Final = 8
_PER_CHARACTER: Final = 4
_PER_ITEM: Final = 64
_EACH: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Kept:
    mark: bytes
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    truncated: bool
    size: int
    cost: int


class Memory:
    """What the sessions of one process keep, `size` bytes together at most."""

    def __init__(self, size: int = MEMORY) -> None:
        self._kept: Cache[Hashable, _Kept] = Cache(size, lambda kept: kept.cost)
        self._numbers = itertools.count()

    def part(self) -> Part:
        """That of one session."""
        return Part(self._kept, next(self._numbers))

    def __len__(self) -> int:
        return len(self._kept)


class Part:
    """What one session keeps. `mark` tells the moment and is not empty."""

    __slots__ = ("_kept", "_number")

    def __init__(self, kept: Cache[Hashable, _Kept], number: int) -> None:
        self._kept = kept
        self._number = number

    def find(self, mark: bytes, sql: str, params: Params, limits: Limits) -> Result | None:
        """The answer as it was at that moment, to be changed as its owner likes; None where it has to be asked for."""
        started = time.perf_counter()
        key = self._key(sql, params, limits)
        kept = None if key is None else self._kept.get(key)
        if kept is None or kept.mark != mark:
            return None
        return Result(kept.columns, list(kept.rows), 0, None, kept.truncated, (time.perf_counter() - started) * 1000, kept.size)

    def keep(self, mark: bytes, plan: Plan, params: Params, limits: Limits, result: Result) -> None:
        """Remember what a statement has just answered, where that is small and rests on nothing but the file."""
        if len(result.rows) > _MOST_ROWS or result.size > _MOST_BYTES or may_change(plan):
            return
        names = sum(map(len, result.columns))
        key = None if names > _LONGEST else self._key(plan.text, params, limits)
        if key is None:
            return
        cost = _EACH + _PER_CHARACTER * (len(plan.text) + total_size(params) + names) + _PER_BYTE * result.size
        cost += _PER_ITEM * (len(result.rows) + len(result.columns) + len(params))
        self._kept.put(key, _Kept(mark, result.columns, tuple(result.rows), result.truncated, result.size, cost))

    def _key(self, sql: str, params: Params, limits: Limits) -> Hashable | None:
        """None where no key tells this question from every other one, or only a long one."""
        room = _LONGEST - len(sql)
        for value in params.values() if isinstance(params, dict) else params:
            if isinstance(value, str | bytes):
                room -= len(value)
            elif value is not None and type(value) is not int:  # 1.0 and True would be the same key as 1
                return None
        if room < 0:
            return None
        given = tuple(params.items()) if isinstance(params, dict) else params
        return self._number, limits.max_rows, limits.max_bytes, sql, given
