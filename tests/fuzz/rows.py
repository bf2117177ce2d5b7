"""Random rows, and their twisting: a second world whose rows differ only where the user cannot see them.

Some channels cannot be closed, as PostgreSQL documents for its own row security: that a key is taken shows by UNIQUE, PRIMARY KEY
and FOREIGN KEY errors and by what DO NOTHING and OR IGNORE skip, and the next rowid shows the largest one. This file is the one place
that keeps them out of the comparison. Rows that are hidden in one world only have keys from a range that no statement ever generates,
and the largest keys of every table belong to rows that are in both worlds; a row that another row refers to stays where it is.
Hidden children of visible parents stay too: that a cascade is refused tells that some child exists. How long a statement takes is
not compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.fuzz.spec import ME, Column, Spec, Table
from wce.store.sqlite import Connection, quote

KEYS: Final = tuple(range(1, 31))
HIDDEN_KEYS: Final = tuple(range(1000, 2000))
ANCHORS: Final = (5000, 5001, 5002)
LEAST: Final = -(2**63)
MOST: Final = 2**63 - 1
PLAIN: Final[dict[str, tuple[Any, ...]]] = {
    "int": (0, 1, 2, 3, 5, 8, 12, 20, -1, None, 99),
    "text": ("apple", "Bob", "bob", "", "a_b", "%", "12", "k", None, "zoë", "x y"),
    "json": ('{"k": 1}', "[1, 2, 3]", "null", '"s"', '{"k": {"a": [5]}}', "7", None),
    "real": (0.5, 1.5, -2.25, None, 3.0, 100.0),
    "blob": (b"", b"\x00", b"ab", None, b"\xff\xfe"),
    "any": (1, "apple", None, 2.5, b"x", "{}"),
}
# Values on which some function fails or overflows: whoever evaluates anything on a hidden row gives himself away.
POISON: Final[dict[str, tuple[Any, ...]]] = {
    "int": (LEAST, MOST, LEAST),
    "text": ("{bad", "ab", "TOP", "[" * 1500, "x" * 3000),
    "json": ("{bad", "[1,", "x"),
    "real": (1e308, -1e308, 9e18),
    "blob": (b"{bad", b"\xff" * 2000),
    "any": (LEAST, "{bad", MOST, "ab"),
}
Row = dict[str, Any]


def value(random: Random, kind: str, *, poison: float = 0.02) -> Any:
    """A payload value."""
    return random.choice(POISON[kind] if random.random() < poison else PLAIN[kind])


@dataclass(slots=True)
class Maker:
    """Fills one world; remembers which keys it has given away."""

    random: Random
    connection: Connection

    def fill(self, spec: Spec) -> None:
        """Rows for every table, those that refer to others later than those."""
        run = self.connection.execute
        for usr, grp in ((ME, 1), (ME, 2), (3, 8), (4, 9), (3, 1)):
            run("INSERT INTO members VALUES (?, ?, 'memo')", (usr, grp))
        run("INSERT INTO log VALUES (5000, 'top')")
        for table in spec.tables:
            for key in self.random.sample(KEYS, self.random.randint(2, 6)):
                self._insert(table, key, seen=table.readable)
            for key in self.random.sample(HIDDEN_KEYS, self.random.randint(3, 7)):
                self._insert(table, key, seen=False)
            for key in ANCHORS:
                self._insert(table, key, seen=True)

    def _insert(self, table: Table, key: int, *, seen: bool) -> None:
        row = {column.name: self._value(table, column, key, seen=seen) for column in table.columns if column.written}
        if table.rowid and not table.alias:
            row["_rowid_"] = key
        names = ", ".join(quote(name) for name in row)
        marks = ", ".join("?" * len(row))
        self.connection.execute(f"INSERT OR IGNORE INTO {quote(table.name)}({names}) VALUES ({marks})", list(row.values()))

    def _value(self, table: Table, column: Column, key: int, *, seen: bool) -> Any:  # noqa: PLR0911 - one line for each kind
        match column.kind:
            case "key":
                return key
            case "part":
                return self.random.choice(("p", "q"))
            case "owner":
                return ME if seen else self.random.choice((3, 4))
            case "flag":
                return self.random.choice((1, 1, 1, 2)) if seen else self.random.choice((0, 1))
            case "grp":
                return self.random.choice((1, 2)) if seen else self.random.choice((8, 9))
            case "unique":
                return f"{'u' if seen else 'hidden '}{key}"
            case "ref":
                return self._reference(table)
            case kind:
                return value(self.random, kind, poison=0.02 if seen else 0.4)

    def _reference(self, table: Table) -> Any:
        keys = self.connection.execute(f"SELECT id FROM {quote(table.ref or '')}").fetchall()
        return self.random.choice(keys)[0] if keys and self.random.random() < 0.9 else None


def hidden_condition(table: Table) -> str:
    """What holds for the rows that the user cannot see."""
    return f"NOT coalesce({table.condition('read')}, 0)" if table.readable else "1"


def twist(random: Random, connection: Connection, spec: Spec) -> int:
    """Change, remove and add hidden rows; returns how many. Run it without foreign keys and triggers."""
    count = connection.execute("UPDATE members SET memo = 'other' WHERE usr <> ?", (ME,)).rowcount
    if random.random() < 0.5:
        connection.execute("INSERT INTO members VALUES (5, 9, 'more')")
    for table in spec.tables:
        count += _change(random, connection, table)
        count += _remove(random, connection, spec, table)
        count += _add(random, connection, table)
    return count


def _hidden_keys(connection: Connection, table: Table) -> list[int]:
    low, high = HIDDEN_KEYS[0], HIDDEN_KEYS[-1]
    where = f"{hidden_condition(table)} AND id BETWEEN {low} AND {high}"
    return [key for (key,) in connection.execute(f"SELECT id FROM {quote(table.name)} WHERE {where} ORDER BY id", {"user_id": ME})]


def _change(random: Random, connection: Connection, table: Table) -> int:
    """Give hidden rows other values; anchors that cannot be seen are hidden rows too."""
    hidden = f"SELECT id FROM {quote(table.name)} WHERE {hidden_condition(table)} ORDER BY id"
    keys = connection.execute(hidden, {"user_id": ME}).fetchall()
    for (key,) in keys:
        for column in table.columns:
            if column.payload and random.random() < 0.7:
                change = f"UPDATE {quote(table.name)} SET {quote(column.name)} = ? WHERE id = ?"
                connection.execute(change, (value(random, column.kind, poison=0.05), key))
    return len(keys)


def _remove(random: Random, connection: Connection, spec: Spec, table: Table) -> int:
    """Take away hidden rows that nothing refers to and that refer to nothing."""
    count = 0
    children = [child.name for child in spec.tables if child.ref == table.name]
    for key in _hidden_keys(connection, table):
        used = any(connection.execute(f"SELECT 1 FROM {quote(child)} WHERE ref = ?", (key,)).fetchone() for child in children)
        if used or random.random() > 0.3:
            continue
        free = " AND ref IS NULL" if table.ref else ""
        count += connection.execute(f"DELETE FROM {quote(table.name)} WHERE id = ?{free}", (key,)).rowcount
    return count


def _add(random: Random, connection: Connection, table: Table) -> int:
    """Copy a hidden row under keys of the hidden range that are still free."""
    keys = _hidden_keys(connection, table)
    if not keys:
        return 0
    plain = [quote(column.name) for column in table.columns if column.written and column.kind not in ("key", "unique", "ref")]
    free = [key for key in HIDDEN_KEYS if key not in keys]
    chosen = random.sample(free, random.randint(0, 4))
    for key in chosen:
        own = ["id", "_rowid_"] if table.rowid and not table.alias else ["id"]
        names, values = ", ".join([*own, *plain]), ", ".join([str(key)] * len(own) + plain)
        copied = f"SELECT {values} FROM {quote(table.name)} WHERE id = {random.choice(keys)}"
        connection.execute(f"INSERT INTO {quote(table.name)}({names}) {copied}")
    return len(chosen)
