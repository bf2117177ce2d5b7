"""What a statement may do to the rows of a forest, told by plain SQLite from the policies, and what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.fuzz.acts import Act
from tests.fuzz.forest import COLUMNS, Forest
from tests.security.worlds import Outcome

Ask = Callable[..., list[tuple[Any, ...]]]  # of a query and values for its variables
Row = tuple[Any, ...]
May = Mapping[tuple[str, str], set[int]]
BROKEN: Final = ("sql_error", "internal", "constraint", "no_such_table", "table_forbidden")


@dataclass(frozen=True, slots=True)
class State:
    """All rows of all tables."""

    rows: Mapping[str, Counter[Row]]

    @classmethod
    def of(cls, ask: Ask, forest: Forest) -> State:
        found = {table.name: ask(f"SELECT {', '.join(COLUMNS)} FROM {table.name}") for table in forest.tables}
        return cls({name: Counter(rows) for name, rows in (found | {"log": ask("SELECT k, p FROM log")}).items()})

    def known(self, table: str) -> dict[int, Row]:
        """The rows that can be told from each other, by i."""
        return {row[2]: row for row in self.rows[table] if row[2] is not None}

    def is_one_write_from(self, before: State) -> bool:
        """Whether one row was written and none has gone after that, by which its policy may have held when it was looked at."""
        written = sum((rows - before.rows[name]).total() for name, rows in self.rows.items())
        gone = sum((rows - self.rows[name]).total() for name, rows in before.rows.items())
        return written == 1 and gone <= 1

    def without(self, secret: Mapping[str, set[int]]) -> dict[str, Counter[Row]]:
        """All but some rows of each table."""
        kept = {name: {row: n for row, n in self.rows[name].items() if row[2] not in numbers} for name, numbers in secret.items()}
        return {name: Counter(kept.get(name, rows)) for name, rows in self.rows.items()}


def may(ask: Ask, forest: Forest, *, fixed: bool) -> May:
    """The rows that the policies let one change (u), remove (d) and leave behind (w); with `fixed` those that some day they might."""
    found = {}
    for table in forest.tables:
        for letter, kinds in (("u", ("read", "write")), ("d", ("read", "delete")), ("w", ("write",))):
            condition = table.condition(*kinds, fixed=fixed)
            found[table.name, letter] = {number for (number,) in ask(f"SELECT i FROM {table.name} WHERE {condition}")}
    return found


def breaches(forest: Forest, before: State, after: State, could: May, can: May) -> Iterator[str]:
    """What has happened past the rights and policies; `could` is what held before, `can` what holds now."""
    for table in forest.tables:
        old, new = before.known(table.name), after.known(table.name)
        given = table.name in forest.written
        for number, row in old.items():
            if number not in new and not (number in could[table.name, "d"] and (table.rights.can_delete or given)):
                yield f"{table.name}: {row} is gone"
            elif number in new and new[number] != row and not (number in could[table.name, "u"] and (table.rights.can_write or given)):
                yield f"{table.name}: {row} is now {new[number]}"
        for number, row in new.items():
            if old.get(number) != row and not (number in can[table.name, "w"] and (table.rights.can_write or given)):
                yield f"{table.name}: {row} was left behind"


def vouching(ask: Ask, forest: Forest, before: State, after: State) -> Iterator[str]:
    """The row that was written, where it is the only one and meets its write policy by itself alone."""
    written = [(table, row) for table in forest.tables for row in after.rows[table.name] - before.rows[table.name]]
    if len(written) != 1 or written[0][1][2] is None:
        return
    table, row = written[0]
    listed, old = ", ".join(COLUMNS), before.known(table.name).get(row[2])
    rows = f"SELECT {listed} FROM main.{table.name} WHERE i IS NOT :new"
    if old is not None:
        rows += f" UNION ALL SELECT {', '.join(f':{name}' for name in COLUMNS)}"
    condition = f"i = :new AND {table.condition('write')}"
    values = dict(zip(COLUMNS, old or (), strict=False)) | {"new": row[2]}
    if not ask(f"WITH {table.name} AS ({rows}) SELECT 1 FROM main.{table.name} AS {table.name} WHERE {condition}", **values):
        yield f"past the policies: {table.name}: {row} vouches for itself"


@dataclass(frozen=True, slots=True)
class Case:
    """One statement: how the guard answered, the states before and after it, and those that plain SQLite gives without any policy.

    `could` and `can` are what the policies allowed before and after, `plain_can` after the plain one, which answers `plain_told`: rows and
    changes. `targets` are the rows that it finds by itself, None where that is not to be told. `exact`: it changes one row by itself and
    fires no triggers, so no policy can be asked about a state between those.
    """

    forest: Forest
    act: Act
    outcome: Outcome
    before: State
    after: State
    could: May
    can: May
    plain: State
    plain_can: May
    plain_error: str | None
    plain_told: tuple[list[Row], int]
    targets: list[int] | None
    exact: bool

    def faults(self) -> Iterator[str]:
        """What must not be."""
        for breach in breaches(self.forest, self.before, self.after, self.could, self.can):
            yield f"past the policies: {breach}"
        code = self.outcome.code
        if code == "row_policy" and self.after != self.before:
            yield "a refused statement has changed something"
        if self._comparable():
            yield from self._differences(code)

    def _differences(self, code: str) -> Iterator[str]:
        """What is not as on plain SQLite, but for rows that the policies keep."""
        if code == "ok" and self.after not in (self.before, self.plain):
            yield f"not what plain SQLite makes of it: {apart(self.after, self.plain)}"
        if code == "ok" and self.after == self.plain != self.before and (list(self.outcome.rows), self.outcome.changes) != self._told():
            yield f"plain SQLite answers {self.plain_told}"
        if code == "ok" and self.plain_error and self.after != self.before:
            yield f"plain SQLite refuses: {self.plain_error}"
        if code == "ok" and self.after == self.before != self.plain and self._allowed():
            yield "a row that may be changed was passed over"
        if code in BROKEN and self.plain_error is None and (self.exact or code in ("sql_error", "internal")) and self._full():
            yield f"refused with {code}: {self.outcome.detail}"

    def doubts(self) -> Iterator[str]:
        """What may be a refusal that should not be; where plain SQLite changes nothing it is a conflict with a hidden row."""
        refused = self.exact and self.outcome.code == "row_policy" and self.plain_error is None and self.plain != self.before
        if refused and not self.forest.stirred and not any(breaches(self.forest, self.before, self.plain, self.could, self.plain_can)):
            yield f"refused although all that it does is allowed: {apart(self.before, self.plain)}"

    def _comparable(self) -> bool:
        """Whether it changes one row by itself, and plain SQLite can be trusted with it."""
        if self.targets is None or len(self.targets) > 1:
            return False
        texts = (self.act.sql, *self.forest.triggers, *(table.definition for table in self.forest.tables))
        return not (self.forest.forgetful and any("REPLACE" in text for text in texts))

    def _told(self) -> tuple[list[Row], int]:
        """What the answer should be; a sub-select in it sees other rows."""
        rows, changes = self.plain_told
        return (list(self.outcome.rows) if "(SELECT" in self.act.sql else rows), changes

    def _allowed(self) -> bool:
        """Whether all rows that it finds may be changed."""
        letter = {"DELETE": "d", "UPDATE": "u"}.get(self.act.kind)
        return self.exact and (letter is None or self.could[self.act.table, letter].issuperset(self.targets or []))

    def _full(self) -> bool:
        """Whether there is no right that is missing."""
        return all(table.rights.can_read and table.rights.can_write and table.rights.can_delete for table in self.forest.tables)


def apart(left: State, right: State) -> dict[str, tuple[list[Row], list[Row]]]:
    """What only one of the two holds."""
    return {
        name: (list(rows - right.rows[name]), list(right.rows[name] - rows)) for name, rows in left.rows.items() if rows != right.rows[name]
    }
