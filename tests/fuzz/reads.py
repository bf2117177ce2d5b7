"""Random queries: joins, sub-selects, CTEs, compounds, groups, windows, views."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from tests.fuzz.expressions import Scope, Writer
from tests.fuzz.spec import Column, Spec, Table, View
from wce.model import Params
from wce.store.sqlite import quote

JOINS: Final = (", ", " JOIN ", " LEFT JOIN ", " CROSS JOIN ", " RIGHT JOIN ", " FULL JOIN ", " NATURAL JOIN ", " INNER JOIN ")
COMPOUNDS: Final = (" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT ")


@dataclass(frozen=True, slots=True)
class Statement:
    """A text with its parameters; `comparable` says that any correct plan gives the same rows, but for their order."""

    sql: str
    params: Params
    kind: str
    comparable: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Something that can stand behind FROM, under its alias."""

    text: str
    scope: Scope


class Reader:
    """Writes queries. With `comparable` it keeps to what has one right answer."""

    def __init__(self, random: Random, spec: Spec, *, comparable: bool = False) -> None:
        self.random = random
        self.spec = spec
        self.comparable = comparable
        self.writer = Writer(random, spec, style=random.choice(("plain", "plain", "named", "numbered")), select=self.scalar)
        self.ctes: list[tuple[str, list[tuple[str, str]]]] = []
        self._aliases = 0

    def statement(self) -> Statement:
        """One whole query."""
        head = self.with_list() if self.writer.chance(0.25) else ""
        body = self.query(Scope(total=self.comparable), self.depth())
        if not self.comparable and self.writer.chance(0.15):
            body = f"{self.narrow(Scope(), 1, self.depth())}{self.random.choice(COMPOUNDS)}{self.narrow(Scope(), 1, 1)}"
        return Statement(*self.writer.finished(head + body), "SELECT", self.comparable)

    def probe(self) -> Statement:
        """A short query whose condition fails on some values: what would be evaluated on a hidden row tells at once."""
        source = self.sources(0)
        scope = source.scope
        terms = [self.writer.probe(scope) + self.random.choice((" IS NOT NULL", " > 0", " <> 'x'"))]
        if self.writer.chance(0.4):
            terms.insert(0, f"{self.writer.column(scope)} {self.random.choice(('>', '<>', '>='))} {self.writer.literal()}")
        listed = ", ".join(self.writer.column(scope) for _ in range(self.random.randint(1, 3)))
        order = f" ORDER BY {self.writer.column(scope)}" if self.writer.chance(0.2) else ""
        text = f"SELECT {listed} FROM {source.text} WHERE {' AND '.join(terms)}{order}"
        return Statement(*self.writer.finished(text), "SELECT")

    def depth(self) -> int:
        """How deep to nest: short statements say more a second, long ones find what they cannot."""
        return self.random.choice((1, 1, 1, 2, 2, 3))

    def alias(self) -> str:
        self._aliases += 1
        return self.random.choice(("x{}", "y{}", "n{}", '"a b{}"', "[t {}]", "Z{}")).format(self._aliases)

    def with_list(self) -> str:
        """`WITH …`, whose names later sources may use."""
        parts = []
        for _ in range(self.random.randint(1, 2)):
            name = self._cte_name()
            count = self.random.randint(1, 3)
            columns = [f"k{number}" for number in range(count)]
            hint = self.random.choice(("", "", "MATERIALIZED ", "NOT MATERIALIZED "))
            parts.append(f"{name}({', '.join(columns)}) AS {hint}({self.narrow(Scope(total=self.comparable), count, 1)})")
            self.ctes.append((name, [(column, "any") for column in columns]))
        return f"WITH {', '.join(parts)} "

    def _cte_name(self) -> str:
        """Sometimes the name of a table, which then means the CTE and nothing else."""
        if not self.comparable and self.writer.chance(0.12):
            return quote(self.random.choice(self.spec.tables).name)
        return f"w{len(self.ctes)}"

    def source(self, depth: int) -> Source:
        """A table, view, CTE or sub-select."""
        dice = self.random.random()
        alias = self.alias()
        if dice < 0.15 and self.ctes:
            name, columns = self.random.choice(self.ctes)
            return self._aliased(name, alias, columns)
        if dice < 0.3 and depth > 0:
            count = self.random.randint(1, 3)
            columns = [(f"k{number}", "any") for number in range(count)]
            inner = self.narrow(Scope(total=self.comparable), count, depth - 1, names=True)
            return Source(f"({inner}) AS {alias}", Scope([(f"{alias}.{name}", kind) for name, kind in columns], self.comparable))
        return self._relation(alias)

    def _relation(self, alias: str) -> Source:
        table = self.relation()
        columns = [(quote(column.name), column.kind) for column in table.columns]
        if isinstance(table, Table) and table.rowid and self.writer.chance(0.03):
            columns.append(("_rowid_", "int"))
        return self._aliased(self.spelled(table.name), alias, columns)

    def relation(self) -> Table | View:
        """Most often a table that may be read."""
        if self.comparable:
            return self.random.choice([table for table in self.spec.tables if is_plain(table)])
        readable = [table for table in self.spec.tables if table.readable]
        if self.writer.chance(0.03):
            return self.random.choice(self.spec.tables)
        if self.spec.views and self.writer.chance(0.12):
            return self.random.choice(self.spec.views)
        return self.random.choice(readable)

    def spelled(self, name: str) -> str:
        """The name in one of the ways to write it."""
        plain = quote(name)
        if name.isascii() and name.isalnum() and name not in ("group", "main"):
            plain = self.random.choice((name, name.upper(), f"[{name}]", f"`{name}`", quote(name)))
        return "main." + plain if self.writer.chance(0.15) else plain

    def _aliased(self, text: str, alias: str, columns: list[tuple[str, str]]) -> Source:
        return Source(f"{text} AS {alias}", Scope([(f"{alias}.{name}", kind) for name, kind in columns], self.comparable))

    def sources(self, depth: int) -> Source:
        """One to three of them, joined."""
        found = self.source(depth)
        for _ in range(self.random.choice((0, 0, 0, 1, 1, 2))):
            other = self.source(depth - 1)
            join = self.random.choice(JOINS[:4] if self.comparable else JOINS)
            found = self._joined(found, join, other)
        return found

    def _joined(self, left: Source, join: str, right: Source) -> Source:
        """A join with ON, USING or neither; names that both sides have in common can then stand alone."""
        scope = left.scope.joined(right.scope)
        common = sorted(bare(left.scope) & bare(right.scope))
        if self.comparable:  # plain tables have columns of these names without saying so
            common = [pair for pair in common if pair[0] not in ('"rowid"', '"oid"', '"_rowid_"')]
        on = ""
        if common and join.endswith("JOIN ") and "NATURAL" not in join and self.writer.chance(0.25):
            common = self.random.sample(common, self.random.randint(1, min(2, len(common))))
            on = f" USING ({', '.join(name for name, _ in common)})"
        elif "JOIN" in join and "CROSS" not in join and "NATURAL" not in join:
            on = f" ON {self.on(left.scope, right.scope)}"
        if on.startswith(" USING") or "NATURAL" in join:
            scope = Scope(scope.columns + common, scope.total)
        return Source(left.text + join + right.text + on, scope)

    def on(self, left: Scope, right: Scope) -> str:
        """A join condition."""
        if self.writer.chance(0.6):
            return f"{self.writer.column(left, 'ref', 'key', 'grp')} = {self.writer.column(right, 'key', 'grp', 'ref')}"
        return self.writer.condition(left.joined(right), 1)

    def query(self, outer: Scope, depth: int) -> str:
        """A SELECT with any number of columns."""
        return self._select(outer, self.random.randint(1, 4), depth, star=True)

    def scalar(self, outer: Scope, depth: int, single: bool) -> str:
        """A SELECT with one column, which may name what is outside."""
        if not single or not self.comparable:
            return self.narrow(outer, 1, depth)
        source = self.sources(depth)
        where = f" WHERE {self.writer.condition(source.scope.joined(outer), depth)}"
        return f"SELECT {self.writer.aggregate(source.scope)} FROM {source.text}{where}"

    def narrow(self, outer: Scope, count: int, depth: int, *, names: bool = False) -> str:
        """A SELECT with so many columns, named k0, k1 … if asked."""
        return self._select(outer, count, depth, names=names)

    def _select(self, outer: Scope, count: int, depth: int, *, star: bool = False, names: bool = False) -> str:
        source = self.sources(depth)
        scope = source.scope.joined(outer) if outer.columns else source.scope
        where = f" WHERE {self.writer.condition(scope, depth)}" if self.writer.chance(0.65) else ""
        form = self.random.random()
        if form < 0.2:
            return self._grouped(source, scope, where, count, names=names)
        if star and form < 0.3:
            return f"SELECT * FROM {source.text}{where}{self._tail(scope, count)}"
        listed = [self.writer.expression(scope, depth) for _ in range(count)]
        if form < 0.45:
            listed[-1] = self.writer.window(scope) if not self.comparable else self.writer.column(scope)
        distinct = "DISTINCT " if self.writer.chance(0.12) else ""
        return f"SELECT {distinct}{_listed(listed, names=names)} FROM {source.text}{where}{self._tail(scope, count)}"

    def _grouped(self, source: Source, scope: Scope, where: str, count: int, *, names: bool) -> str:
        """Aggregates over everything, or over groups whose expressions come first."""
        scope = source.scope if self.comparable else scope  # an aggregate of outer columns only would belong to the outer query
        if count == 1 or self.writer.chance(0.4):
            return f"SELECT {_listed([self.writer.aggregate(scope) for _ in range(count)], names=names)} FROM {source.text}{where}"
        key = self.writer.column(scope)
        listed = [key, *(self.writer.aggregate(scope) for _ in range(count - 1))]
        if not self.comparable and self.writer.chance(0.2):
            listed[-1] = self.writer.expression(scope, 1)
        having = f" HAVING {self.writer.aggregate(scope)} > 1" if self.writer.chance(0.3) else ""
        return f"SELECT {_listed(listed, names=names)} FROM {source.text}{where} GROUP BY {key}{having}"

    def _tail(self, scope: Scope, count: int) -> str:
        if self.comparable or not self.writer.chance(0.35):
            return ""
        key = self.random.choice((self.writer.expression(scope, 1), str(self.random.randint(1, count))))
        order = f" ORDER BY {key}{self.random.choice(('', ' DESC', ' NULLS LAST'))}"
        if self.writer.chance(0.5):
            return order
        return f"{order} LIMIT {self.random.choice(('1', '2', '5', '-1'))}{self.random.choice(('', ' OFFSET 1'))}"


def is_plain(table: Table) -> bool:
    """Whether it may be read and gives one right answer: under a collation, any one of equal texts may stand for all."""
    return table.readable and "COLLATE" not in table.definition


def bare(scope: Scope) -> set[tuple[str, str]]:
    """The columns without what they belong to."""
    return {(text[text.index(".") + 1 :], kind) for text, kind in scope.columns if "." in text}


def _listed(texts: list[str], *, names: bool) -> str:
    return ", ".join(f"{text} AS k{number}" if names else text for number, text in enumerate(texts))


def columns_of(table: Table, *kinds: str) -> list[Column]:
    """Columns that a statement can give a value, of some kinds or all."""
    return [column for column in table.columns if column.written and (not kinds or column.kind in kinds)]
