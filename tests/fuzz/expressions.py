"""Random expressions over whatever columns are in scope."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.fuzz.rows import LEAST, MOST, PLAIN
from tests.fuzz.spec import Spec
from tests.fuzz.words import AGGREGATES, BINARY, COMPARE, FRAMES, ORDERLESS, PARTIAL, PROBES, TOTAL, WINDOWS
from wce.model import Params, Value

_MARK: Final = re.compile("\x01([0-9]+)\x02")


@dataclass(slots=True)
class Scope:
    """What an expression may name: column texts with their kinds, and everything outside. `total` forbids what may fail."""

    columns: list[tuple[str, str]] = field(default_factory=list)
    total: bool = False

    def joined(self, other: Scope) -> Scope:
        return Scope(self.columns + other.columns, self.total)


@dataclass(slots=True)
class Writer:
    """Writes expressions; `select` makes a sub-select with one column, set by the writer of reads."""

    random: Random
    spec: Spec
    params: list[Value] = field(default_factory=list)
    style: str = "plain"
    select: Callable[[Scope, int, bool], str] | None = None

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def literal(self, kind: str = "") -> str:
        """A value from the range of a kind, written out or as a parameter."""
        found = self.random.choice(PLAIN.get(kind) or self.random.choice(list(PLAIN.values())))
        if self.chance(0.04):
            found = self.random.choice((LEAST, MOST, "{bad", 1003, 1500))
        return self.parameter(found) if self.chance(0.25) else text_of(found)

    def parameter(self, found: Value) -> str:
        """A mark that `finished` turns into a parameter; one that ends up nowhere costs nothing."""
        self.params.append(found)
        return f"\x01{len(self.params)}\x02"

    def finished(self, text: str) -> tuple[str, Params]:
        """The text with real parameters, in one of three styles, and their values."""
        used = [int(number) for number in _MARK.findall(text)]
        if self.style == "named":
            return _MARK.sub(r":p\1", text), {f"p{number}": self.params[number - 1] for number in used}
        if self.style == "numbered":
            return _MARK.sub(lambda found: f"?{used.index(int(found[1])) + 1}", text), tuple(self.params[number - 1] for number in used)
        return _MARK.sub("?", text), tuple(self.params[number - 1] for number in used)

    def column(self, scope: Scope, *kinds: str) -> str:
        """A column in scope, of one of the kinds if there is one."""
        fitting = [text for text, kind in scope.columns if kind in kinds] or [text for text, _ in scope.columns]
        return self.random.choice(fitting) if fitting else "1"

    def expression(self, scope: Scope, depth: int = 2) -> str:
        """Anything with a value."""
        dice = self.random.random()
        if depth <= 0 or dice < 0.3:
            return self.column(scope) if self.chance(0.75) else self.literal()
        if dice < 0.5:
            return f"{self.expression(scope, depth - 1)} {self.random.choice(BINARY)} {self.expression(scope, depth - 1)}"
        if dice < 0.62:
            name, count = self.random.choice(TOTAL)
            return f"{name}({', '.join(self.expression(scope, depth - 1) for _ in range(count))})"
        if dice < 0.8 and not scope.total:
            return self.partial(scope)
        return self._compound(scope, depth - 1)

    def partial(self, scope: Scope) -> str:
        """Something that fails on some values, on columns that hold such values."""
        form = self.random.choice(PARTIAL)
        kinds = ("text", "json", "any") if "json" in form or "LIKE" in form else ("int", "any", "real", "text")
        return form.format(a=self.column(scope, *kinds), b=self.column(scope, "text", "int"))

    def probe(self, scope: Scope) -> str:
        """Something that fails on poison only, if there is a column that can hold any."""
        kinds = [kind for kind in PROBES if any(kind == other for _, other in scope.columns)]
        if not kinds:
            return self.partial(scope)
        kind = self.random.choice(kinds)
        return self.random.choice(PROBES[kind]).format(a=self.column(scope, kind))

    def _compound(self, scope: Scope, depth: int) -> str:  # noqa: PLR0911 - one line for each form
        one = self.expression(scope, depth)
        match self.random.randrange(9):
            case 0:
                return f"CASE WHEN {self.condition(scope, depth)} THEN {one} ELSE {self.expression(scope, depth)} END"
            case 1:
                return f"CAST({one} AS {self.random.choice(('INTEGER', 'TEXT', 'REAL', 'BLOB', 'NUMERIC'))})"
            case 2 if not scope.total:
                return f"({one} COLLATE {self.random.choice(('NOCASE', 'BINARY', 'RTRIM'))})"
            case 3:
                return f"{self.random.choice(('-', '+', '~', 'NOT '))}({one})"
            case 4 | 5:
                return f"({self.query(scope, depth, single=True)})"
            case 6:
                return f"({one} {self.random.choice(('IS NULL', 'NOTNULL', 'ISNULL'))})"
            case 7:
                return f"CASE {one} WHEN {self.literal()} THEN {self.expression(scope, depth)} END"
            case _:
                return f"({self.condition(scope, depth)})"

    def query(self, scope: Scope, depth: int, *, single: bool = False) -> str:
        """A sub-select with one column; which row a scalar one gives is only defined for a `single` row."""
        return self.select(scope, depth, single) if self.select is not None and depth >= 0 else "SELECT 1"

    def condition(self, scope: Scope, depth: int = 2) -> str:  # noqa: PLR0911 - one line for each form
        """Something to stand behind WHERE."""
        dice = self.random.random()
        if depth <= 0 or dice < 0.3:
            text, kind = self.random.choice(scope.columns) if scope.columns else ("1", "int")
            return f"{text} {self.random.choice(COMPARE)} {self.literal(kind)}"
        if dice < 0.45:
            return f"{self.condition(scope, depth - 1)} {self.random.choice(('AND', 'AND', 'OR'))} {self.condition(scope, depth - 1)}"
        if dice < 0.6 and not scope.total:
            failing = self.probe(scope) if self.chance(0.5) else self.partial(scope)
            return f"{failing} {self.random.choice(('IS NOT NULL', '> 0', '<> 1', 'IS NULL', ''))}"
        column = self.column(scope)
        match self.random.randrange(8):
            case 0:
                return f"{column} BETWEEN {self.literal()} AND {self.literal()}"
            case 1:
                return f"{column} IN ({', '.join(self.literal() for _ in range(self.random.randint(0, 3)))})"
            case 2:
                return f"{column} {self.random.choice(('IN', 'NOT IN'))} ({self.query(scope, depth - 1)})"
            case 3:
                return f"{self.random.choice(('EXISTS', 'NOT EXISTS'))} ({self.query(scope, depth - 1)})"
            case 4:
                return f"NOT ({self.condition(scope, depth - 1)})"
            case 5:
                return f"{column} LIKE {self.random.choice(('?', text_of('a%'), text_of('%b%')))}".replace("?", self.parameter("%p%"))
            case 6:
                order = self.random.choice(("=", "<", ">"))
                return f"({column}, {self.column(scope)}) {order} ({self.literal()}, {self.expression(scope, 0)})"
            case _:
                return f"{self.expression(scope, depth - 1)} {self.random.choice(COMPARE)} {self.expression(scope, depth - 1)}"

    def aggregate(self, scope: Scope) -> str:
        """One aggregate function."""
        forms = AGGREGATES[:ORDERLESS] if scope.total else AGGREGATES
        return self._filled(self.random.choice(forms), scope)

    def _filled(self, form: str, scope: Scope) -> str:
        return form.format(a=self.expression(scope, 1), b=self.column(scope))

    def window(self, scope: Scope) -> str:
        """One window function with its window."""
        call = self._filled(self.random.choice(WINDOWS), scope)
        split = f"PARTITION BY {self.column(scope)} " if self.chance(0.4) else ""
        return f"{call} OVER ({split}ORDER BY {self.expression(scope, 1)}, {self.column(scope)}{self.random.choice(FRAMES)})"


def text_of(found: Any) -> str:
    """A value as an SQL literal."""
    if found is None:
        return "NULL"
    if isinstance(found, bytes):
        return f"x'{found.hex()}'"
    if isinstance(found, str):
        return "'" + found.replace("'", "''") + "'"
    return "(-9223372036854775807 - 1)" if found == LEAST else str(found)
