"""Random INSERT, UPDATE and DELETE with their clauses.

Keys, unique values and foreign keys are given values from ranges in which no row is hidden in one world only; `rows` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from tests.fuzz.expressions import Scope, text_of
from tests.fuzz.reads import Reader, Statement, columns_of
from tests.fuzz.rows import ANCHORS, KEYS
from tests.fuzz.spec import ME, Column, Spec, Table
from wce.store.sqlite import quote

CONFLICTS: Final = ("", "", "", "", " OR IGNORE", " OR REPLACE", " OR FAIL", " OR ABORT", " OR ROLLBACK")


@dataclass(slots=True)
class Editor:
    """Writes one statement that writes."""

    random: Random
    spec: Spec
    reader: Reader

    @classmethod
    def of(cls, random: Random, spec: Spec) -> Editor:
        return cls(random, spec, Reader(random, spec))

    def statement(self) -> Statement:
        """One whole write."""
        kind = self.random.choice(("INSERT", "INSERT", "UPDATE", "UPDATE", "DELETE"))
        needed = {"INSERT": "w", "UPDATE": "rw", "DELETE": "rd"}[kind]
        allowed = [table for table in self.spec.tables if all(letter in table.rights for letter in needed)]
        table = self.random.choice(allowed if allowed and self.random.random() < 0.95 else self.spec.tables)
        head = self.reader.with_list() if self.random.random() < 0.15 else ""
        write = {"INSERT": self.insert, "UPDATE": self.update, "DELETE": self.delete}[kind]
        return Statement(*self.reader.writer.finished(head + write(table)), kind)

    def target(self, table: Table) -> tuple[str, str, Scope]:
        """The target with an alias or without, what to call it, and its columns."""
        name = self.reader.spelled(table.name)
        alias = f"tg{self.random.randint(1, 3)}" if self.random.random() < 0.3 else ""
        call = alias or quote(table.name)
        prefix = f"{call}." if alias or self.random.random() < 0.3 else ""
        scope = Scope([(prefix + quote(column.name), column.kind) for column in table.columns])
        return name + (f" AS {alias}" if alias else ""), call, scope

    def new_value(self, column: Column, scope: Scope, *, depth: int = 1) -> str:  # noqa: PLR0911 - one line for each kind
        """A value for a column; see above for the kinds that must stay in their range."""
        writer = self.reader.writer
        match column.kind:
            case "key":
                return writer.parameter(self._key()) if writer.chance(0.3) else str(self._key())
            case "part":
                return self.random.choice(("'p'", "'q'"))
            case "unique":
                return text_of(f"u{self._key()}") if writer.chance(0.8) else "NULL"
            case "ref":
                return self.random.choice((str(self._key()), str(self._key()), "NULL"))
            case "owner":
                return str(ME) if writer.chance(0.85) else self.random.choice(("3", "NULL", writer.expression(scope, depth)))
            case "grp":
                return self.random.choice(("1", "2", "1", "2", "8", "NULL"))
            case "flag":
                return self.random.choice(("1", "1", "2", "0"))
            case kind:
                return writer.literal(kind) if writer.chance(0.5) else writer.expression(scope, depth)

    def _key(self) -> int:
        return self.random.choice((*KEYS, *KEYS, *ANCHORS, 5003, 31, 40))

    def insert(self, table: Table) -> str:
        target, call, scope = self.target(table)
        columns = self._some(table)
        names = ", ".join(quote(column.name) for column in columns)
        verb = "REPLACE" if self.random.random() < 0.08 else f"INSERT{self.random.choice(CONFLICTS)}"
        start = f"{verb} INTO {target}({names}) {self._values(table, columns)}"
        if self.random.random() < 0.03:
            start = f"{verb} INTO {target} DEFAULT VALUES"
        elif self.random.random() < 0.35:
            start += self._upserts(table, call, scope)
        return start + self._returning(scope)

    def _some(self, table: Table) -> list[Column]:
        """The columns that get a value: most often all that a policy may ask for."""
        asked = columns_of(table, "owner", "grp", "flag", "part", "ref")
        if self.random.random() < 0.1:
            asked = asked[: self.random.randint(0, len(asked))]
        keys = columns_of(table, "key") if not table.rowid or self.random.random() < 0.6 else []
        rest = [column for column in table.columns if column.payload or column.kind == "unique"]
        return [*keys, *asked, *self.random.sample(rest, self.random.randint(0, len(rest)))] or columns_of(table)[:1]

    def _values(self, table: Table, columns: list[Column]) -> str:
        if self.random.random() < 0.6:
            rows = [", ".join(self.new_value(column, Scope()) for column in columns) for _ in range(self.random.choice((1, 1, 1, 2, 3)))]
            return "VALUES " + ", ".join(f"({row})" for row in rows)
        source = self.reader.sources(1)
        listed = ", ".join(self.new_value(column, source.scope) for column in columns)
        where = self.reader.writer.condition(source.scope, 1) if self.random.random() < 0.7 else "1"
        return f"SELECT {listed} FROM {source.text} WHERE {where}"

    def _upserts(self, table: Table, call: str, scope: Scope) -> str:
        """One or two ON CONFLICT clauses; the new row is called excluded."""
        inner = Scope([(f"{owner}.{quote(column.name)}", column.kind) for owner in (call, "excluded") for column in table.columns])
        keys = columns_of(table, "key", "part") if table.of_kind("part") and not table.rowid else columns_of(table, "key")
        own = ", ".join(quote(column.name) for column in reversed(keys))
        wholes = [f"({own})", *(f"({quote(column.name)})" for column in table.of_kind("unique")), ""]
        clauses = []
        for where in self.random.sample(wholes, self.random.randint(1, min(2, len(wholes)))):
            clauses.append(f" ON CONFLICT{where} {self._resolution(table, inner)}")
        return "".join(sorted(clauses, key=len, reverse=True))

    def _resolution(self, table: Table, scope: Scope) -> str:
        if self.random.random() < 0.25:
            return "DO NOTHING"
        free = [column for column in columns_of(table) if column.kind not in ("key", "part", "unique")]
        chosen = self.random.sample(free, self.random.randint(1, min(3, len(free))))
        sets = ", ".join(f"{quote(column.name)} = {self.new_value(column, scope)}" for column in chosen)
        where = f" WHERE {self.reader.writer.condition(scope, 2)}" if self.random.random() < 0.5 else ""
        return f"DO UPDATE SET {sets}{where}"

    def update(self, table: Table) -> str:
        target, _, scope = self.target(table)
        source = self.reader.sources(1) if self.random.random() < 0.2 else None
        inner = scope.joined(source.scope) if source is not None else scope
        verb = f"UPDATE{self.random.choice(CONFLICTS)}"
        came = f" FROM {source.text}" if source is not None else ""
        start = f"{verb} {target} SET {self._sets(table, inner)}{came}"
        return f"{start}{self._where(inner)}{self._returning(scope)}{self._order(scope, source is None)}"

    def _sets(self, table: Table, scope: Scope) -> str:
        risky = 0.15  # of touching keys, which most often ends in a constraint
        plain_kinds = ("flag", "grp", "owner", "ref")
        free = [one for one in columns_of(table) if one.payload or one.kind in plain_kinds or self.random.random() < risky]
        chosen = self.random.sample(free, self.random.randint(1, min(3, len(free))))
        plain = [column for column in chosen if column.payload]
        if len(plain) > 1 and self.random.random() < 0.25:
            names = ", ".join(quote(column.name) for column in plain)
            return f"({names}) = ({self.reader.narrow(scope, len(plain), 1)})"
        return ", ".join(f"{quote(column.name)} = {self.new_value(column, scope)}" for column in chosen)

    def delete(self, table: Table) -> str:
        target, _, scope = self.target(table)
        return f"DELETE FROM {target}{self._where(scope)}{self._returning(scope)}{self._order(scope, True)}"

    def _where(self, scope: Scope) -> str:
        return f" WHERE {self.reader.writer.condition(scope, self.reader.depth())}" if self.random.random() < 0.85 else ""

    def _order(self, scope: Scope, allowed: bool) -> str:
        if not allowed or self.random.random() > 0.12:
            return ""
        return f" ORDER BY {self.reader.writer.expression(scope, 1)} LIMIT {self.random.randint(1, 4)}"

    def _returning(self, scope: Scope) -> str:
        if self.random.random() > 0.3:
            return ""
        plain = Scope([(text.rsplit(".", 1)[-1] if self.random.random() < 0.5 else text, kind) for text, kind in scope.columns])
        return " RETURNING " + self.random.choice(("*", self.reader.writer.expression(plain, 1), self.reader.writer.expression(plain, 2)))
