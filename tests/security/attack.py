"""One entry of the catalogue: a statement, who sends it, and what must come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wce.model import Params, Value

Rows = Sequence[tuple[Value, ...]]
# Whatever it answers, it answers it in both worlds, and changes nothing that it may not change.
ANY: Final = "any"
OK: Final = "ok"


@dataclass(frozen=True, slots=True)
class Attack:
    """`expect` is a result code, several of them, ANY, OK or the exact rows.

    `twin` is a like statement that must work, for each refusal. `after` is trusted SQL that reads what the statement
    left behind, `left` what it must find. `writes` names tables that a definer's trigger may change unseen.
    """

    name: str
    sql: str
    expect: str | tuple[str, ...] | list[tuple[Value, ...]]
    params: Params = ()
    who: str = "alice"
    twin: str = ""
    twin_params: Params = ()
    after: str = ""
    left: Rows | None = None
    changes: int | None = None
    writes: frozenset[str] = frozenset()
    timeout: float = 5.0
    max_rows: int = 10_000
    max_bytes: int = 4_000_000

    @property
    def refused(self) -> bool:
        """Whether the entry expects an error, and so must have a twin."""
        return not isinstance(self.expect, list) and self.expect not in (ANY, OK)


def rows(name: str, sql: str, expect: Rows, **more: object) -> Attack:
    """It works, and answers exactly these rows."""
    return Attack(name, sql, list(expect), **more)  # type: ignore[arg-type]


def works(name: str, sql: str, **more: object) -> Attack:
    """It works; what it answers does not matter here."""
    return Attack(name, sql, OK, **more)  # type: ignore[arg-type]


def changes(name: str, sql: str, count: int, after: str = "", left: Rows | None = None, **more: object) -> Attack:
    """It works, changes so many rows and leaves `left` behind."""
    return Attack(name, sql, OK, changes=count, after=after, left=left, **more)  # type: ignore[arg-type]


def same(name: str, sql: str, **more: object) -> Attack:
    """Whether it works does not matter; what counts is that nobody can tell the worlds apart by it."""
    return Attack(name, sql, ANY, **more)  # type: ignore[arg-type]


def refused(name: str, sql: str, codes: str, twin: str, **more: object) -> Attack:
    """It is refused with one of the codes (words of `codes`), while `twin` works."""
    return Attack(name, sql, tuple(codes.split()), twin=twin, **more)  # type: ignore[arg-type]
