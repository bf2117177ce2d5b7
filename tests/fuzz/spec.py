"""Random schemas: tables of many kinds, their indexes, keys, generated columns, policies and rights."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from wce.model import Grants, Rights, Role, RowPolicy
from wce.store.sqlite import fold, quote

ME: Final = 7
TABLE_NAMES: Final = ("notes", "Orders", "t2", "sel ect", "Ärger", "a.b", "items", "group", 'qu"ote', "z]")
# The guard closes some of these, as it cannot tell what they mean; so they are rare.
ODD_NAMES: Final = ("main", "--x", "/*y", "rowid")
PAYLOAD: Final = ("int", "int", "text", "text", "json", "real", "blob", "any")
TYPES: Final = {"int": "INTEGER", "text": "TEXT", "json": "TEXT", "real": "REAL", "blob": "BLOB", "any": "", "unique": "TEXT"}
# The last ones write to children, as whoever may write to them may; what cannot be read shall stay as it is here.
ACTIONS: Final = (
    "",
    " ON DELETE CASCADE",
    " ON DELETE RESTRICT",
    " ON DELETE SET NULL",
    " ON UPDATE CASCADE",
    " ON DELETE CASCADE ON UPDATE CASCADE",
)
COMPUTED: Final = (("typeof({})", "TEXT"), ("length({})", "INTEGER"), ("({} IS NULL) + flag", "INTEGER"), ("hex({})", "TEXT"))
PAYLOAD_NAMES: Final = ("a", "b", "Title", "x y", "data", "value", "select", "rowid", "oid", "", "c.1")


@dataclass(frozen=True, slots=True)
class Column:
    """`kind` says what it holds: key, part, owner, flag, grp, ref, unique, computed, or one of the payload kinds."""

    name: str
    kind: str
    definition: str

    @property
    def payload(self) -> bool:
        """Whether hidden rows of the two worlds may differ in it: it is no key, and no policy looks at it."""
        return self.kind in ("int", "text", "json", "real", "blob", "any")

    @property
    def written(self) -> bool:
        """Whether a statement can give it a value."""
        return self.kind != "computed"


@dataclass(frozen=True, slots=True)
class Table:
    """`ref` is the table that the column of kind ref points to; `rights` are letters of r, w, d."""

    name: str
    columns: tuple[Column, ...]
    definition: str
    indexes: tuple[str, ...]
    rowid: bool
    ref: str | None
    rights: str
    policies: tuple[tuple[str, str], ...]

    @property
    def alias(self) -> bool:
        """Whether the key is the rowid by another name."""
        return self.columns[0].definition.startswith("INTEGER PRIMARY KEY")

    @property
    def readable(self) -> bool:
        return "r" in self.rights

    def of_kind(self, *kinds: str) -> list[Column]:
        """Its columns of some kinds."""
        return [column for column in self.columns if column.kind in kinds]

    def condition(self, kind: str) -> str:
        """All policies of one kind as one condition on a row."""
        mine = [f"({text})" for policy, text in self.policies if policy == kind]
        return " AND ".join(mine) or "1"


@dataclass(frozen=True, slots=True)
class View:
    """A view that is granted; `columns` are its names with their kinds."""

    name: str
    columns: tuple[Column, ...]
    definition: str


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole schema. `members` and `log` are always there: the first feeds policies, the second a trigger."""

    tables: tuple[Table, ...]
    views: tuple[View, ...] = ()
    triggers: tuple[str, ...] = field(default=())

    def grants(self) -> Grants:
        """What the one user who sends all statements may do."""
        rights = {fold(table.name): Rights("r" in table.rights, "w" in table.rights, "d" in table.rights) for table in self.tables}
        rights |= {fold(view.name): Rights(can_read=True) for view in self.views} | {"log": Rights(can_write=True)}
        pairs = [(table.name, kind, text) for table in self.tables for kind, text in table.policies]
        policies = tuple(RowPolicy(number, name, None, kind, text) for number, (name, kind, text) in enumerate(pairs, 1))
        return Grants(Role.EDITOR, rights, policies, {"user_id": ME}, fingerprint=f"fuzz{id(self)}")


FIXED: Final = (
    "CREATE TABLE members(usr INTEGER, grp INTEGER, memo TEXT, PRIMARY KEY(usr, grp))",
    "CREATE TABLE log(id INTEGER PRIMARY KEY, what TEXT)",
)


def make_spec(random: Random) -> Spec:
    """A schema of 2 to 4 tables. At least one has a read policy, so that there is something to hide."""
    names = random.sample(TABLE_NAMES, random.randint(2, 4))
    if random.random() < 0.12:
        names[random.randrange(len(names))] = random.choice(ODD_NAMES)
    tables: list[Table] = []
    for number, name in enumerate(names):
        parent = random.choice(tables) if tables and random.random() < 0.5 else None
        tables.append(_table(random, name, parent, main=number == 0))
    readable = [table for table in tables if table.readable]
    views = tuple(_view(random, f"v{number}", random.choice(readable), tables) for number in range(random.randint(0, 2)))
    return Spec(tuple(tables), views, _triggers(random, tables))


def _table(random: Random, name: str, parent: Table | None, *, main: bool) -> Table:
    strict = random.random() < 0.25
    readable = main or random.random() < 0.75
    keys, constraint, rowid, tail = _keys(random)
    columns = [*keys, Column("owner", "owner", "INTEGER"), Column("flag", "flag", "INTEGER DEFAULT 1"), Column("grp", "grp", "INTEGER")]
    for label in random.sample(PAYLOAD_NAMES, random.randint(2, 4)):
        columns.append(_payload(random, label, strict=strict))
    if random.random() < 0.4:
        rule = random.choice(("", "", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE"))
        columns.append(Column("u", "unique", "TEXT UNIQUE" + rule))
    if parent is not None and (target := _target(parent)):
        actions = ACTIONS if readable else ACTIONS[:3]
        columns.append(Column("ref", "ref", f"INTEGER REFERENCES {quote(parent.name)}({quote(target.name)}){random.choice(actions)}"))
    columns += _computed(random, columns)
    body = ", ".join([*(f"{quote(column.name)} {column.definition}" for column in columns), *constraint])
    options = ", ".join([*tail, *(["STRICT"] if strict else [])])
    # REPLACE needs no right to read, so where there is one to delete only, rows go that cannot be seen; that is as granted.
    rights = "r" * readable + "w" * (random.random() < 0.8) + "d" * (readable and random.random() < 0.7)
    has_ref = any(column.kind == "ref" for column in columns)
    return Table(
        name,
        tuple(columns),
        f"CREATE TABLE {quote(name)}({body}) {options}",
        _indexes(random, name, columns),
        rowid,
        parent.name if parent is not None and has_ref else None,
        rights,
        _policies(random, name, columns, parent if has_ref else None, main=main),
    )


def _keys(random: Random) -> tuple[list[Column], list[str], bool, list[str]]:
    """Key columns, table constraints, whether the table has a rowid, and table options."""
    kind = random.randrange(7)
    if kind <= 2:
        return [Column("id", "key", "INTEGER PRIMARY KEY" + (" AUTOINCREMENT" if kind == 2 else ""))], [], True, []
    if kind == 3:
        return [Column("id", "key", "INTEGER PRIMARY KEY NOT NULL")], [], False, ["WITHOUT ROWID"]
    if kind == 4:
        parts = [Column("part", "part", "TEXT NOT NULL"), Column("id", "key", "INTEGER NOT NULL")]
        return parts, ["PRIMARY KEY(part, id)"], False, ["WITHOUT ROWID"]
    if kind == 5:
        return [Column("part", "part", "TEXT"), Column("id", "key", "INTEGER")], ["UNIQUE(id)", "PRIMARY KEY(part, id DESC)"], True, []
    return [Column("id", "key", "INTEGER UNIQUE")], [], True, []


def _payload(random: Random, label: str, *, strict: bool) -> Column:
    kind = random.choice(PAYLOAD)
    definition = TYPES[kind] or ("ANY" if strict else "")
    if kind in ("text", "any") and random.random() < 0.12:
        definition += random.choice((" COLLATE NOCASE", " COLLATE RTRIM"))
    if random.random() < 0.15:
        definition += {"int": " DEFAULT 3", "text": " DEFAULT 'dflt'", "json": " DEFAULT '{}'"}.get(kind, "")
    return Column(label, kind, definition)


def _target(parent: Table) -> Column | None:
    """The column that a foreign key may point to: a key by itself."""
    return next((column for column in parent.columns if column.kind == "key" and not parent.of_kind("part")), None)


def _computed(random: Random, columns: list[Column]) -> list[Column]:
    """Generated columns; they never fail, so that hidden rows can hold anything."""
    if random.random() > 0.4:
        return []
    base = quote(random.choice([column for column in columns if column.payload]).name)
    text, kind = random.choice(COMPUTED)
    return [Column("gen", "computed", f"{kind} AS ({text.format(base)}) {random.choice(('VIRTUAL', 'STORED'))}")]


def _indexes(random: Random, name: str, columns: list[Column]) -> tuple[str, ...]:
    found = []
    for number in range(random.randint(0, 3)):
        chosen = [quote(column.name) for column in random.sample(columns, min(len(columns), random.randint(1, 2)))]
        if random.random() < 0.2:
            chosen[0] = random.choice(("length({})", "lower({})", "typeof({})", "coalesce({}, 0)")).format(chosen[0])
        if random.random() < 0.2:
            chosen[-1] += random.choice((" DESC", " COLLATE NOCASE"))
        where = random.choice((" WHERE flag = 0", " WHERE owner <> 7", " WHERE grp > 5")) if random.random() < 0.2 else ""
        found.append(f"CREATE INDEX {quote(f'{name} i{number}')} ON {quote(name)}({', '.join(chosen)}){where}")
    return tuple(found)


def _policies(random: Random, name: str, columns: list[Column], parent: Table | None, *, main: bool) -> tuple[tuple[str, str], ...]:
    """Conditions look only at owner, flag, grp and ref, which hidden rows have in common in both worlds."""
    table = quote(name)
    choices = [
        "owner = $user_id",
        "owner = $user_id AND EXISTS (SELECT 1 FROM members WHERE members.usr = $user_id)",
        "owner IN (SELECT m.usr FROM members AS m WHERE m.usr = $user_id)",
        "owner = $user_id OR flag = 2",
        f"EXISTS (SELECT 1 FROM members WHERE members.grp = {table}.grp AND members.usr = $user_id)",
        "grp IN (SELECT m.grp FROM members AS m WHERE m.usr = $user_id)",
        "owner IN ($user_id, 70)",
        "NOT (owner <> $user_id)",
        "coalesce(owner, 0) = $user_id",
        "owner = $user_id AND grp < 5",
        f"(SELECT count(*) FROM members WHERE usr = $user_id AND members.grp = {table}.grp) > 0",
        "CASE WHEN flag THEN owner = $user_id ELSE 0 END",
        "owner = $user_id AND abs(grp) < 1000",
    ]
    if parent is not None and (key := _target(parent)):
        choices.append(f"EXISTS (SELECT 1 FROM {quote(parent.name)} AS p WHERE p.{quote(key.name)} = {table}.ref AND p.owner = $user_id)")
    found = []
    if main or random.random() < 0.75:
        found += [("read", random.choice(choices)) for _ in range(random.choice((1, 1, 1, 2)))]
    for kind in ("write", "delete"):
        if random.random() < 0.6:
            found.append((kind, found[0][1] if found and random.random() < 0.5 else random.choice(choices)))
    return tuple(found)


def _view(random: Random, name: str, table: Table, tables: list[Table]) -> View:
    """Over a table that may be read, alone or joined with any other one: then the view is refused, or shows what both may show."""
    if random.random() < 0.35:
        return _joined_view(random, name, table, random.choice(tables))
    columns = tuple(random.sample(table.columns, random.randint(1, len(table.columns))))
    listed = ", ".join(quote(column.name) for column in columns)
    where = random.choice(("", " WHERE flag = 1", " WHERE owner IS NOT NULL"))
    tail = random.choice(("", "", "", " LIMIT 50"))
    if random.random() < 0.2:
        return View(name, (Column("n", "int", ""),), f"CREATE VIEW {name} AS SELECT count(*) AS n FROM {quote(table.name)}{where}")
    return View(name, columns, f"CREATE VIEW {name} AS SELECT {listed} FROM {quote(table.name)}{where}{tail}")


def _joined_view(random: Random, name: str, table: Table, other: Table) -> View:
    kinds = {column.name: column.kind for column in table.columns}
    common = [column for column in other.columns if column.name in kinds]
    chosen = random.choice(common)
    join = random.choice(("FULL JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN"))
    how = random.choice((f"a {join} {quote(other.name)} b USING ({quote(chosen.name)})", f"a NATURAL {join} {quote(other.name)} b"))
    body = f"SELECT {quote(chosen.name)} AS k FROM {quote(table.name)} {how}"
    return View(name, (Column("k", chosen.kind, ""),), f"CREATE VIEW {name} AS {body}")


def _triggers(random: Random, tables: list[Table]) -> tuple[str, ...]:
    if random.random() > 0.35:
        return ()
    if random.random() < 0.4:
        return (_touch(random, *random.choices(tables, k=2)),)
    table = quote(random.choice(tables).name)
    event, row = random.choice((("INSERT", "new"), ("UPDATE", "old"), ("UPDATE", "new"), ("DELETE", "old")))
    when = random.choice(("", " WHEN new.flag = 1", " WHEN new.flag = 0")).replace("new", row)
    wanted = f"({row}.owner)"
    body = f"VALUES {wanted}"
    if random.random() < 0.4:  # it may then fire only if whoever fires it may read all of that table
        other = random.choice(tables)
        chosen = quote(random.choice(other.columns).name)
        source = random.choice((quote(other.name), f"(SELECT NULL AS {chosen} WHERE 0) FULL JOIN {quote(other.name)} USING ({chosen})"))
        body = f"SELECT {chosen} FROM {source}"
    return (f"CREATE TRIGGER tr {random.choice(('AFTER', 'BEFORE'))} {event} ON {table}{when} BEGIN INSERT INTO log(what) {body}; END",)


def _touch(random: Random, table: Table, other: Table) -> str:
    """A trigger that writes to the row that fired it, or to one whose key that holds, in ways that may fail on some values."""
    name, payload = quote(other.name), quote(random.choice([column for column in other.columns if column.payload]).name)
    key = random.choice(("id", "id", "rowid", "oid", "part", "grp"))
    event, row = random.choice((("INSERT", "new"), ("UPDATE", "new"), ("UPDATE", "old"), ("DELETE", "old")))
    value = f"{row}.{random.choice((key, key, 'id', 'grp', 'owner', 'ref' if table.of_kind('ref') else 'id'))}"
    made = random.choice(("{}", "{} + 1", "abs({})", "json({})", "typeof({})", "-{}", "zeroblob(length({}))")).format(payload)
    where = random.choice((f"{key} = {value}", f"{name}.{key} == {value}", f"{key} = {value} AND 1", f"{key} IS {value}"))
    time = random.choice(("AFTER", "AFTER", "BEFORE"))
    body = f"UPDATE {name} SET flag = 2, {payload} = {made} WHERE {where}"
    return f"CREATE TRIGGER tr {time} {event} ON {quote(table.name)} WHEN {row}.flag = 1 BEGIN {body}; END"
