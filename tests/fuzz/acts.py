"""Random writes to a forest, and the triggers that these fire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from tests.fuzz.forest import Forest, Table
from tests.fuzz.spec import ME

EVENTS: Final = ("AFTER INSERT", "AFTER UPDATE", "AFTER UPDATE OF p", "AFTER DELETE", "BEFORE INSERT", "BEFORE UPDATE", "BEFORE DELETE")
KEYS: Final[tuple[str, ...]] = (*"1111222234", "'a'", "'b'")  # those of many rows that have others below them
CONFLICTS: Final = ("OR REPLACE", "OR IGNORE", "OR FAIL", "OR ABORT")


@dataclass(frozen=True, slots=True)
class Act:
    """One statement. `where` finds the rows that it changes by itself; "" where it adds one; None where neither is to be told."""

    sql: str
    table: str
    kind: str
    where: str | None = None


class Actor:
    """Writes statements and triggers for one forest."""

    def __init__(self, random: Random, forest: Forest) -> None:
        self.random = random
        self.forest = forest

    def batch(self) -> list[Act]:
        """What one transaction does."""
        return [self.act() for _ in range(self.random.randint(1, 6))]

    def act(self) -> Act:
        parents = {link.parent for table in self.forest.tables for link in table.links}
        above = [table for table in self.forest.tables if table.name in parents]
        table = self.random.choice(above if above and self.random.random() < 0.6 else self.forest.tables)
        dice = self.random.random()
        if dice < 0.4:
            return self._delete(table)
        return self._insert(table) if dice < 0.6 else self._update(table)

    def key(self) -> str:
        return self.random.choice(KEYS)

    def _where(self) -> str:
        return f"k = {self.key()}" + self.random.choice(("", "", f" AND h = {self.random.choice('12')}"))

    def _returning(self, table: Table) -> str:
        other = self.random.choice(self.forest.tables).name
        listed = self.random.choice(("k", "k, p", "*", f"a, (SELECT count(*) FROM {other})", f"(SELECT max(x.p) FROM {other} AS x)"))
        return f" RETURNING {listed}" if table.rights.can_read and self.random.random() < 0.2 else ""

    def _delete(self, table: Table) -> Act:
        where = self._where()
        if self.random.random() < 0.75:
            return Act(f"DELETE FROM {table.name} WHERE {where}{self._returning(table)}", table.name, "DELETE", where)
        where = self.random.choice(
            ("1", f"o = {ME}", "l = 0", "a IS NULL", f"k IN (SELECT a FROM {self.random.choice(self.forest.tables).name})")
        )
        return Act(
            f"DELETE FROM {table.name} WHERE {where}{self._returning(table)}", table.name, "DELETE", None if "IN" in where else where
        )

    def _insert(self, table: Table) -> Act:
        listed = ("h", "k", "i", "o", "l", "p", "a", "b")
        values = [self.random.choice("1112"), self.key(), str(self.random.randint(1000, 999999)), str(self.random.choice((ME, ME, ME, 2)))]
        values += [self.random.choice("0001"), str(self.random.randint(1, 9)), *(self.random.choice((self.key(), "NULL")) for _ in "ab")]
        used = len(listed) - self.random.choice((0, 0, 1, 2))
        lead = self.random.choice(("INSERT", "INSERT", "REPLACE", f"INSERT {self.random.choice(CONFLICTS)}"))
        text = f"{lead} INTO {table.name} ({', '.join(listed[:used])}) VALUES ({', '.join(values[:used])})"
        where: str | None = ""
        if lead == "INSERT" and self.random.random() < 0.4:
            target = self.random.choice(("", "(h, k) " if table.wide else "(k) "))
            done = self.random.choice(("p = excluded.p", "l = 1", "a = excluded.a, b = NULL", "k = 4", "p = p + 1"))
            text += f" ON CONFLICT {target}DO " + self.random.choice(("NOTHING", f"UPDATE SET {done}", f"UPDATE SET {done} WHERE l = 0"))
        elif self.random.random() < 0.1:
            other = self.random.choice(self.forest.tables).name
            text, where = f"{lead} INTO {table.name} (h, k, o, p, a) SELECT h, k + 1, {ME}, p, a FROM {other}", None
        return Act(text + self._returning(table), table.name, "INSERT", where)

    def _update(self, table: Table) -> Act:
        where = self._where() if self.random.random() < 0.7 else self.random.choice(("1", f"o = {ME}", "l = 0"))
        set_ = self.random.choice(
            (f"k = {self.random.choice('45678')}", f"k = {self.key()}", f"h = {self.random.choice('12')}", f"a = {self.key()}")
        )
        keys = [f"k = {self.random.choice('45678')}", f"k = {self.key()}", f"h = {self.random.choice('12')}", f"h = 2, k = {self.key()}"]
        others = [f"a = {self.key()}", f"b = {self.key()}", "a = NULL", "p = p + 1", "l = 1 - l"]
        set_ = self.random.choice(self.random.choice((keys, others)))
        lead = f"UPDATE {self.random.choice(('', '', '', *CONFLICTS))} {table.name}".replace("  ", " ")
        other = self.random.choice(self.forest.tables).name
        dice = self.random.random()
        if dice < 0.08:
            text = f"{lead} SET p = x.p, l = x.l FROM {other} AS x WHERE x.k = {table.name}.a"
            return Act(text + self._returning(table), table.name, "UPDATE")
        if dice < 0.16:
            set_ = f"p = (SELECT max(x.p) FROM {other} AS x WHERE x.k = {table.name}.{self.random.choice('kab')})"
            return Act(f"{lead} SET {set_} WHERE {where}{self._returning(table)}", table.name, "UPDATE")
        return Act(f"{lead} SET {set_} WHERE {where}{self._returning(table)}", table.name, "UPDATE", where)

    # ------------------------------------------------------------------ triggers

    def arm(self) -> Forest:
        """The same forest with one to three triggers, and a view through which these may write."""
        under = self.random.choice(self.forest.tables).name
        made = [f"CREATE VIEW v AS SELECT k, p, a FROM {under}", *(self._trigger(number) for number in range(self.random.randint(1, 3)))]
        body = self.random.choice((f"UPDATE {under} SET p = NEW.p WHERE k = OLD.k", "INSERT INTO log VALUES (OLD.k, NEW.p)"))
        made.append(f"CREATE TRIGGER gv INSTEAD OF UPDATE ON v BEGIN {body}; END")
        if self.random.random() < 0.15:  # what such a one does is its definer's business, so it shall tell nothing
            table, target = self.random.choice(self.forest.tables).name, self.random.choice(self.forest.tables).name
            step = self.random.choice(
                (f"UPDATE {target} SET l = 1 WHERE k = NEW.k", "INSERT INTO log VALUES (NULL, 7)", f"DELETE FROM {target} WHERE k = NEW.a")
            )
            made.append(f"CREATE TRIGGER gd AFTER INSERT ON {table} BEGIN {step}; END")
            return replace(self.forest, triggers=tuple(made), definers=("gd",), written=frozenset({target, "log"}))
        return replace(self.forest, triggers=tuple(made))

    def _trigger(self, number: int) -> str:
        event = self.random.choice(EVENTS)
        row = "OLD" if "DELETE" in event else "NEW" if "INSERT" in event else self.random.choice(("NEW", "OLD"))
        when = self.random.choice(("", "", f"WHEN {row}.l = 1 ", f"WHEN {row}.p > 4 "))
        table = self.random.choice(self.forest.tables).name
        steps = "; ".join(self._step(table, row) for _ in range(self.random.choice((1, 1, 2))))
        return f"CREATE TRIGGER g{number} {event} ON {table} {when}BEGIN {steps}; END"

    def _step(self, table: str, row: str) -> str:
        other, c = self.random.choice(self.forest.tables).name, f"{row}.{self.random.choice('kab')}"
        return self.random.choice(self._writing(other, row, c) if self.random.random() < 0.6 else self._reading(table, other, row, c))

    def _writing(self, other: str, row: str, c: str) -> Sequence[str]:
        return (
            f"INSERT INTO log VALUES ({c}, 1)",
            f"INSERT OR IGNORE INTO log VALUES ({c}, abs({row}.p))",
            f"REPLACE INTO log VALUES ({c}, {row}.p)",
            f"DELETE FROM {other} WHERE k = {c}",
            f"DELETE FROM {other} WHERE a = {row}.k",
            f"UPDATE {other} SET p = p + {row}.o WHERE k = {c}",
            f"UPDATE OR REPLACE {other} SET p = p + {row}.p WHERE k = {c}",
            f"UPDATE {other} SET l = 1 WHERE k = {c}",
            f"UPDATE {other} SET p = abs(p) WHERE k = {c}",
            f"UPDATE {other} SET a = {c} WHERE k = {row}.{self.random.choice('kab')}",
            f"UPDATE {other} SET k = {c} WHERE k = {row}.{self.random.choice('kab')}",
            f"INSERT OR REPLACE INTO {other} (k, o, l, p, a) VALUES ({c}, {ME}, 0, {row}.p, {row}.a)",
            f"INSERT INTO {other} (k, o, p) VALUES ({c}, {ME}, 3) ON CONFLICT DO UPDATE SET p = p + 1",
            f"UPDATE v SET p = {row}.p WHERE k = {c}",
        )  # fmt: skip

    def _reading(self, table: str, other: str, row: str, c: str) -> Sequence[str]:
        return (
            f"UPDATE {table} SET p = (SELECT max(x.p) FROM {other} AS x) WHERE k = {row}.k",
            f"UPDATE {table} SET p = (SELECT abs(x.p) FROM {other} AS x WHERE x.k = {table}.a) WHERE k = {row}.k",
            f"UPDATE {table} SET p = (SELECT count(*) FROM log) WHERE k = {row}.k",
            f"UPDATE {other} SET p = x.p FROM {table} AS x WHERE x.k = {c} AND {other}.k = {row}.k",
            f"INSERT INTO log SELECT k, p FROM {other}",
            f"INSERT INTO log SELECT NULL, p FROM v WHERE k = {c}",
            f"SELECT RAISE(ABORT, 'no') WHERE (SELECT count(*) FROM {other}) > 3",
            f"SELECT RAISE(ABORT, 'no') WHERE (SELECT x.p FROM {other} AS x WHERE x.k = {c}) > 5",
            f"SELECT RAISE(IGNORE) WHERE {row}.l = 1",
            "SELECT RAISE(IGNORE)",
            "SELECT RAISE(FAIL, 'no')",
            f"SELECT RAISE(ABORT, 'no') WHERE {row}.p > 5",
        )  # fmt: skip
