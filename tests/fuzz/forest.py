"""Random tables whose rows depend on rows of others: by foreign keys, and by policies that look those up.

The columns h and k are the key, a and b refer to rows, policies look at o and l, in p hidden rows differ between two worlds. Nothing
changes o and i, by which a row is known again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from tests.fuzz.spec import ME
from wce.model import Grants, Rights, Role, RowPolicy
from wce.store.sqlite import Connection, sqlite3

ALL: Final = Rights(can_read=True, can_write=True, can_delete=True)
COLUMNS: Final = ("h", "k", "i", "o", "l", "p", "a", "b")
MINE: Final = ("{q}.o = $user_id", "{q}.o IN ($user_id, 70)", "{q}.o <> '2'")  # what always holds for a row, or never
HIDDEN_VALUES: Final = ("-9223372036854775807 - 1", "77", "'x'", "NULL")  # abs() fails on the first
# (column k, constraint, options); with h in the constraint the key has two columns.
KEYS: Final = (
    ("k INTEGER PRIMARY KEY", "", ""),
    ("k TEXT COLLATE NOCASE PRIMARY KEY", "", ""),
    ("k PRIMARY KEY", "", ""),
    ("k INTEGER UNIQUE", "", ""),
    ("k PRIMARY KEY", "", "WITHOUT ROWID"),
    ("k TEXT COLLATE NOCASE NOT NULL PRIMARY KEY", "", "WITHOUT ROWID"),
    ("k", "PRIMARY KEY (h, k)", ""),
    ("k INTEGER NOT NULL", "PRIMARY KEY (h, k)", "WITHOUT ROWID"),
    ("k TEXT COLLATE NOCASE", "PRIMARY KEY (k, h DESC)", ""),
)
# The actions are those after which a policy may find other rows than before; the rest is rare.
ON_DELETE: Final = tuple(f"ON DELETE {action}" for action in (*["CASCADE"] * 6, *["SET NULL"] * 4, *["SET DEFAULT"] * 3, "RESTRICT"))
ON_UPDATE: Final = ("", *(f"ON UPDATE {action}" for action in ("CASCADE", "CASCADE", "CASCADE", "SET NULL", "SET DEFAULT")))
COMPUTED: Final = ("typeof(p)", "l + 1", "k || '/' || h", "CASE WHEN a IS NULL THEN abs(p) END")


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key of a table: from `column`, with h where that of the parent has two columns."""

    column: str
    parent: str
    wide: bool
    rule: str

    def joins(self, child: str, parent: str) -> str:
        """Whether a row refers to another."""
        return f"{parent}.k = {child}.{self.column}" + (f" AND {parent}.h = {child}.h" if self.wide else "")


@dataclass(frozen=True, slots=True)
class Policy:
    """`fixed`: it looks at nothing that can change."""

    kind: str
    text: str
    fixed: bool


@dataclass(frozen=True, slots=True)
class Table:
    """`wide`: its key has two columns."""

    name: str
    wide: bool
    definition: str
    links: tuple[Link, ...]
    rights: Rights = ALL
    policies: tuple[Policy, ...] = ()

    def condition(self, *kinds: str, fixed: bool = False) -> str:
        """All policies of some kinds as one condition; of those that are `fixed` only, or of all."""
        return " AND ".join(f"({one.text})" for one in self.policies if one.kind in kinds and (one.fixed or not fixed)) or "1"

    @property
    def secret(self) -> str:
        """Which rows stay hidden whatever happens."""
        return f"NOT ({self.condition('read', fixed=True)})" if self.rights.can_read else "1"


@dataclass(frozen=True, slots=True)
class Forest:
    """`log` is always there, too. `definers` are those of the triggers that run with their definer's rights."""

    tables: tuple[Table, ...]
    log: str
    log_rights: Rights
    triggers: tuple[str, ...] = ()
    definers: tuple[str, ...] = ()
    written: frozenset[str] = field(default=frozenset())  # by those, whatever the sender's rights

    @property
    def stirred(self) -> bool:
        """Whether rows change with others while their policy looks elsewhere: what it then finds, docs/sql.md says, may keep them."""
        return any(
            table.condition("read", "write") != table.condition("read", "write", fixed=True)
            and any("SET" in link.rule or "UPDATE CASCADE" in link.rule for link in table.links)
            for table in self.tables
        )

    @property
    def forgetful(self) -> bool:
        """Whether SQLite forgets to look for a parent of a row that takes the place of another.

        So does 3.40 where a table refers to itself by SET NULL, unless there is a trigger for its updates, as one of the guard's.
        """
        return any(link.parent == table.name and "SET NULL" in link.rule for table in self.tables for link in table.links)

    def grants(self, fingerprint: str) -> Grants:
        """What the one user who sends all statements may do."""
        rights = {table.name: table.rights for table in self.tables if table.rights} | {"log": self.log_rights, "v": Rights(can_read=True)}
        pairs = [(table.name, one.kind, one.text) for table in self.tables for one in table.policies]
        policies = tuple(RowPolicy(number, name, None, kind, text) for number, (name, kind, text) in enumerate(pairs, 1))
        return Grants(Role.EDITOR, rights, policies, {"user_id": ME}, frozenset(self.definers), fingerprint)

    def __str__(self) -> str:
        policies = [f"{table.name} {one.kind}: {one.text}" for table in self.tables for one in table.policies]
        rights = [f"{table.name}: {_letters(table.rights)}" for table in self.tables]
        definitions = [table.definition for table in self.tables]
        return "\n  ".join([*definitions, self.log, *self.triggers, f"definers {self.definers}", ", ".join(rights), *policies])


def _letters(rights: Rights) -> str:
    return "r" * rights.can_read + "w" * rights.can_write + "d" * rights.can_delete


def grow(random: Random, *, hides: bool) -> Forest:
    """Two to four tables, most of which refer to the one before; with `hides` there is most often something to hide."""
    tables: list[Table] = []
    for number in range(random.choice((2, 2, 2, 3, 3, 4))):
        tables.append(_table(random, number, tables))
    # Where every table has policies most writes are refused by one that is of no interest: half of all forests have one alone, or few.
    common, linked = 0.4 if hides else random.choice((0.4, 0.08)), [table for table in tables if table.links]
    alone = random.choice(linked) if linked and common < 0.1 else None
    planted = tuple(
        replace(table, rights=_rights(random), policies=tuple(_policies(random, table, tables, common, alone))) for table in tables
    )
    parent = random.choice(planted)
    reference = "" if parent.wide else f"REFERENCES {parent.name} (k) {random.choice(ON_DELETE)} {random.choice(ON_UPDATE)}"
    return Forest(planted, f"CREATE TABLE log (k {reference}, p)", random.choice((ALL, Rights(can_write=True))))


def _table(random: Random, number: int, before: Sequence[Table]) -> Table:
    name = f"t{number}"
    column, constraint, options = random.choice(KEYS)
    wide = bool(constraint)
    links, parts = [], [constraint] if constraint else []
    for own in "ab":
        if random.random() < (0.9 if own == "a" else 0.45):
            # The one before, most often, and sometimes itself.
            parent = before[-1] if before and own == "a" and random.random() < 0.7 else random.choice([*before, None])
            target, over = (parent.name, parent.wide) if parent else (name, wide)
            late = random.choice(("", "", "", " DEFERRABLE INITIALLY DEFERRED"))
            rule = f"{random.choice(ON_DELETE)} {random.choice(ON_UPDATE)}{late}"
            links.append(Link(own, target, over, rule))
            parts.append(f"FOREIGN KEY ({'h, ' * over}{own}) REFERENCES {target} ({'h, ' * over}k) {rule}")
    if random.random() < 0.2:
        parts.append(random.choice(("UNIQUE (a, b)", "UNIQUE (l, a) ON CONFLICT REPLACE", "UNIQUE (h, a) ON CONFLICT IGNORE")))
    columns = ["h DEFAULT 1", column, "i", "o INTEGER", "l DEFAULT 0", "p", "a DEFAULT 1", "b"]
    if random.random() < 0.25:
        columns.append(f"g AS ({random.choice(COMPUTED)}) VIRTUAL")
    return Table(name, wide, f"CREATE TABLE {name} ({', '.join([*columns, *parts])}) {options}", tuple(links))


def _rights(random: Random) -> Rights:
    if random.random() < 0.9:
        return ALL
    return Rights(can_read=random.random() < 0.8, can_write=random.random() < 0.6, can_delete=random.random() < 0.6)


def _policies(random: Random, table: Table, tables: Sequence[Table], common: float, alone: Table | None) -> Iterator[Policy]:
    for kind in ("read", "write", "delete"):
        if random.random() < common * (1 if kind == "read" else 0.4):
            yield Policy(kind, random.choice(MINE).format(q=table.name), fixed=True)
        if random.random() < common:
            yield Policy(kind, condition(random, table, tables, table.name), fixed=False)
    if table is alone:
        yield Policy(random.choice(("read", "write", "delete")), related(random, table, tables, table.name, 0), fixed=False)


def condition(random: Random, table: Table, tables: Sequence[Table], q: str, deep: int = 0) -> str:
    """Of a row that is called `q`."""
    plain = random.choice((*MINE, "{q}.l = 0", "({q}.o = $user_id OR {q}.l = 0)")).format(q=q)
    dice = random.random()
    if dice < 0.1 or deep > 2:
        return plain
    if table.links and dice < 0.8:
        return related(random, table, tables, q, deep)
    z, negated = f"z{deep}", random.choice(("NOT ", ""))
    other = random.choice(tables)
    source = f"{other.name} AS {z}"
    return random.choice((
        f"{negated}EXISTS (SELECT 1 FROM {source} WHERE {z}.a = {q}.a AND {z}.o = {random.choice((ME, 2))})",
        f"{q}.{random.choice('akh')} IN (SELECT {z}.{random.choice('kah')} FROM {source} WHERE {z}.o = $user_id)",
        f"{q}.k NOT IN (SELECT {z}.a FROM {source} WHERE {z}.a IS NOT NULL AND {z}.l = 1)",
        f"coalesce((SELECT max({z}.l) FROM {source} WHERE {z}.k = {q}.a), 0) = 0",
        f"(SELECT total({z}.l) FROM {source} WHERE {z}.h = {q}.h) < 3",
        f"{plain} AND {q}.h IN (SELECT {z}.h FROM {source} WHERE {z}.o = $user_id)",
    ))  # fmt: skip


def related(random: Random, table: Table, tables: Sequence[Table], q: str, deep: int) -> str:
    """One that looks up what the row refers to, or what refers to it."""
    z = f"z{deep}"
    above = [(link.joins(q, z), one) for link in table.links for one in tables if one.name == link.parent]
    below = [(link.joins(z, q), one) for one in tables for link in one.links if link.parent == table.name]
    joined, other = random.choice(above if random.random() < 0.7 or not below else below)
    negated = random.random() < 0.5
    inner = f"{z}.l = 1" if negated else condition(random, other, tables, z, deep + 1)
    found = f"FROM {other.name} AS {z} WHERE {joined} AND {inner}"
    if random.random() < 0.5:
        return f"{'NOT ' * negated}EXISTS (SELECT 1 {found})"
    return f"(SELECT count(*) {found}) {'= 0' if negated else '> 0'}"


def fill(random: Random, connection: Connection, forest: Forest) -> None:
    """Two to five rows a table; one that a constraint keeps out stays out."""
    number = 0
    keys: dict[str, list[tuple[str, str]]] = {table.name: [] for table in forest.tables}
    for table in forest.tables:
        for place in range(random.randint(2, 5)):
            number += 1
            h = random.choice("1112")
            k = str(place + 1) if random.random() < 0.8 else random.choice(("'A'", "'b'", f"'{place + 1}'"))
            refers = dict.fromkeys("ab", random.choice(("NULL", "1", "2")))
            for link in table.links:
                known = [key for tenant, key in keys[link.parent] if not link.wide or tenant == h]
                refers[link.column] = random.choice(known[:3]) if known and random.random() < 0.9 else "NULL"
            values = [
                h,
                k,
                str(number),
                str(random.choice((ME, ME, ME, 2))),
                random.choice("001"),
                str(random.randint(1, 9)),
                *refers.values(),
            ]
            with suppress(sqlite3.Error):
                connection.execute(f"INSERT OR ABORT INTO {table.name} ({', '.join(COLUMNS)}) VALUES ({', '.join(values)})")
                keys[table.name].append((h, k))


def twist(random: Random, connection: Connection, forest: Forest) -> None:
    """Give rows that stay hidden another p, where their constraints let them have it."""
    for table in forest.tables:
        for (number,) in connection.execute(f"SELECT i FROM {table.name} WHERE {table.secret}", {"user_id": ME}).fetchall():
            with suppress(sqlite3.Error):
                connection.execute(f"UPDATE {table.name} SET p = {random.choice(HIDDEN_VALUES)} WHERE i = {number}")
