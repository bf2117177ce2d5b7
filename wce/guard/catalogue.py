"""What a cenv's file holds besides WCE's own tables: read once for each schema, shared by all who meet that schema."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from wce.guard import definitions
from wce.guard.classify import leakproof_body
from wce.guard.definitions import Module, ViewText, names_in, tables_in
from wce.guard.expansion import ctes_in
from wce.guard.references import ForeignKey, Reach, Reaches
from wce.guard.silent import copies, merges, merges_fully, opened, reached
from wce.guard.steps import by_key, joined
from wce.guard.weights import MAX_WEIGHT, tables_among, weigh_views
from wce.store.sqlite import fold, quote, sqlite3

OWN: Final = ("_wce_", "sqlite_")  # names that are never a user's table
MAX_DEFINITIONS: Final = 1_000_000  # characters of all definitions together, which take about 3 s to read
SCHEMA: Final = "sqlite_schema"  # stands among the tables of a commit that changed any definition
_STATEFUL: Final = re.compile(r"\b(?:changes|last_insert_rowid)\b")
# Runs trusted SQL to its end: (sql, params) → rows.
Ask = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Column:
    """`primary_key` is the place in the key, from 1, or 0. `generated` is "", "virtual" or "stored"."""

    name: str
    type: str
    not_null: bool
    primary_key: int
    default: str | None
    generated: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `rowid` is a name by which its rowid can be called; None where there is none.

    `module` and `sources` are those of a virtual table: it may answer from the tables among its sources. `sturdy` says that a write never
    fails for what a row is before triggers of the guard have looked at it. `collated`: the key may tell apart what = does not.
    """

    name: str
    columns: tuple[Column, ...]
    rowid: str | None
    without_rowid: bool
    rootpage: int
    module: str = ""
    sources: frozenset[str] = frozenset()
    sturdy: bool = False
    collated: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        keyed = sorted((column for column in self.columns if column.primary_key), key=lambda column: column.primary_key)
        return tuple(column.name for column in keyed)

    @property
    def identifiers(self) -> frozenset[str]:
        """The folded names by each of which one row is told from all others."""
        rowids = set() if self.without_rowid else {"rowid", "oid", "_rowid_"} - {fold(column.name) for column in self.columns}
        return frozenset(rowids | ({fold(name) for name in self.key} if len(self.key) == 1 and not self.collated else set()))

    @property
    def computes(self) -> bool:
        """Whether reading a column may evaluate an expression, which could fail on a row that a policy hides."""
        return any(column.generated == "virtual" for column in self.columns)


@dataclass(frozen=True, slots=True)
class View:
    """A view; `text` is None where its SQL is not surely understood. `columns` are unknown where it does not work.

    `names` are all in its text, `mentioned` those that may stand for a table.

    `silent`: it may read what SQLite does not ask about. `merges_fully`: it has a FULL JOIN … USING. `leaky`: its own text could tell about
    rows that a policy hides.
    """

    name: str
    text: ViewText | None
    names: frozenset[str]
    mentioned: frozenset[str]
    silent: bool
    leaky: bool
    merges_fully: bool = False
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Trigger:
    """`names` are those of its WHEN and body, None where they are not surely understood. `table` is folded.

    `joined` are the names that it writes to by UPDATE … FROM, `keyed` the tables of which it gets at no row that the net lets nobody write.
    """

    name: str
    table: str
    names: frozenset[str] | None
    silent: bool
    joined: frozenset[str]
    keyed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Mappings are keyed by folded name. `shadows` lead to the virtual table that they belong to.

    `weights` are the costs of mentioning a view, `trigger_weight` that of all triggers.
    `unreadable` are tables of which something is not surely understood; nobody but administrators gets at them.
    `fired_views` are the views that triggers may open as they stand in the file, `ctes` the names that WITH gives in views and triggers.
    `stateful` says that something in the schema asks for changes() or last_insert_rowid(). `words` are all names, of columns too.
    `length` counts the characters of all definitions.
    """

    tables: Mapping[str, Table]
    views: Mapping[str, View]
    triggers: Mapping[str, Trigger]
    shadows: Mapping[str, str]
    unreadable: frozenset[str]
    reaches: Reaches
    weights: Mapping[str, int]
    trigger_weight: int
    fired_views: frozenset[str]
    ctes: frozenset[str]
    stateful: bool
    words: frozenset[str]
    length: int

    def reached(self, target: str) -> tuple[set[str], set[str]]:
        """(tables and views, triggers) that a write to `target` may get to."""
        return reached(target, self.triggers, {*self.tables, *self.views}, self.reaches.written_with)

    def spread(self, target: str) -> Iterator[Reach]:
        """What foreign keys do by themselves when a table is written: its own, and those of tables that triggers write for it."""
        yield self.reaches[target]
        yield from (self.reaches[name] for name in self.reached(target)[0])

    def is_told(self, trigger: str) -> bool:
        """Whether only the trigger can be meant where SQLite tells its name: it tells those of views and of WITH, too."""
        return trigger not in self.fired_views and trigger not in self.ctes

    @property
    def too_heavy(self) -> str | None:
        """The name of a view that costs more than one statement may; None when all is well."""
        return next((self.views[name].name for name, weight in self.weights.items() if weight > MAX_WEIGHT), None)


@dataclass(slots=True)
class _Schema:
    """The rows of sqlite_master, sorted by what they define."""

    tables: list[tuple[str, int, str]] = field(default_factory=list)
    virtual: list[tuple[str, str]] = field(default_factory=list)
    views: list[tuple[str, str]] = field(default_factory=list)
    triggers: list[tuple[str, str, str]] = field(default_factory=list)
    text: str = ""


def digest(ask: Ask, schema: str) -> str:
    """Equal for equal schemas; a version number would not do, because restoring a file may bring an old number back."""
    rows = ask(f"SELECT type, name, tbl_name, rootpage, sql FROM {quote(schema)}.sqlite_master ORDER BY rowid")
    return hashlib.sha256(repr(rows).encode("utf-8", "surrogateescape")).hexdigest()


def load(ask: Ask, schema: str) -> Catalogue:
    """Read the catalogue of an attached file; `ask` runs trusted SQL."""
    found = _read(ask, schema)
    tables, shadows, unreadable = _tables(ask, schema, found)
    views = {fold(name): _view(name, sql) for name, sql in found.views}
    weights, trigger_weight = weigh_views(views, (sql for *_, sql in found.triggers))
    for name, item in views.items():
        if weights[name] <= MAX_WEIGHT:
            views[name] = replace(item, columns=_columns_of(ask, schema, item.name))
    lists = [*(table.columns for table in tables.values()), *(item.columns for item in views.values())]
    triggers = {fold(name): _trigger(name, tables, fold(table), sql) for name, table, sql in found.triggers}
    return Catalogue(
        tables=tables,
        views=views,
        triggers=triggers,
        shadows=shadows,
        unreadable=frozenset(unreadable),
        reaches=Reaches(tables, _foreign_keys(ask, schema, found)),
        weights=weights,
        trigger_weight=trigger_weight,
        fired_views=opened(views, triggers),
        ctes=ctes_in(sql for *_, sql in (*found.views, *found.triggers)),
        stateful=bool(_STATEFUL.search(found.text)),
        words=frozenset((*tables, *views, *(fold(column.name) for columns in lists for column in columns))),
        length=len(found.text),
    )


def _read(ask: Ask, schema: str) -> _Schema:
    found = _Schema()
    texts = []
    for kind, name, table, rootpage, sql in ask(f"SELECT type, name, tbl_name, rootpage, sql FROM {quote(schema)}.sqlite_master"):
        if fold(name).startswith(OWN) or sql is None:
            continue
        texts.append(fold(sql))
        if kind == "table" and texts[-1].startswith("create virtual"):
            found.virtual.append((name, sql))
        elif kind == "table":
            found.tables.append((name, rootpage, sql))
        elif kind == "view":
            found.views.append((name, sql))
        elif kind == "trigger":
            found.triggers.append((name, table, sql))
    found.text = "\n".join(texts)
    return found


def _tables(ask: Ask, schema: str, found: _Schema) -> tuple[dict[str, Table], dict[str, str], set[str]]:
    """PRAGMA table_list is not asked: it prepares a SELECT on every view, and a view may be built to make that endless."""
    modules = {fold(name): definitions.module(sql) for name, sql in found.virtual}
    shadows: dict[str, str] = {}
    for name, used in modules.items():
        behind = (
            definitions.shadow_names(name, used.name)
            if used
            else {fold(other) for other, *_ in found.tables if fold(other).startswith(name)}
        )
        shadows |= dict.fromkeys(behind, name)
    tables: dict[str, Table] = {}
    unreadable = set()
    for name, rootpage, sql in found.tables:
        if fold(name) not in shadows:
            options = definitions.options(sql)
            if options is None:
                unreadable.add(fold(name))
            tables[fold(name)] = _table(name, _columns_of(ask, schema, name), options or frozenset(), rootpage)
    for name, _ in found.virtual:
        used = modules[fold(name)] or Module("", frozenset())
        columns = _columns_of(ask, schema, name)
        if used.name not in ("fts5", "fts5vocab", "rtree", "rtree_i32") or not columns:
            unreadable.add(fold(name))
        tables[fold(name)] = Table(name, columns, "rowid", False, 0, used.name, used.sources)
    # A table with the name of a schema cannot be told from the schema where a dot follows.
    return tables, shadows, unreadable | ({"main", "temp"} & set(tables))


def _table(name: str, columns: tuple[Column, ...], options: frozenset[str], rootpage: int) -> Table:
    taken, without = {fold(column.name) for column in columns}, "WITHOUT" in options
    rowid = None if without else next((word for word in ("rowid", "oid", "_rowid_") if word not in taken), None)
    # SQLite looks at the types of STRICT, and computes generated columns, before a row meets the triggers.
    sturdy = "STRICT" not in options and not any(one.generated for one in columns)
    return Table(name, columns, rowid, without, rootpage, sturdy=sturdy, collated="COLLATE" in options)


def _columns_of(ask: Ask, schema: str, name: str) -> tuple[Column, ...]:
    """Columns without the hidden ones of virtual tables; none where SQLite cannot make sense of the table or view."""
    try:
        rows = ask('SELECT name, type, "notnull", pk, dflt_value, hidden FROM pragma_table_xinfo(?, ?)', (name, schema))
    except sqlite3.Error:
        return ()
    generated = {2: "virtual", 3: "stored"}
    return tuple(
        Column(column, type_, bool(not_null), key, default, generated.get(hidden, ""))
        for column, type_, not_null, key, default, hidden in rows
        if hidden != 1
    )


def _foreign_keys(ask: Ask, schema: str, found: _Schema) -> list[ForeignKey]:
    keys: dict[tuple[str, int], ForeignKey] = {}
    for name, *_ in found.tables:
        for number, parent, column, target, on_update, on_delete in ask(
            'SELECT id, "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list(?, ?) ORDER BY id, seq', (name, schema)
        ):
            key = keys.setdefault((name, number), ForeignKey(fold(name), fold(parent), [], [], on_update, on_delete))
            key.columns.append(fold(column))
            if target is not None:
                key.targets.append(fold(target))
    return list(keys.values())


def _view(name: str, sql: str) -> View:
    text, body = definitions.view(sql) or (None, [])
    silent, leaky = text is None or merges(body), not leakproof_body(body)
    return View(name, text, names_in(body), tables_among(body), silent=silent, leaky=leaky, merges_fully=merges_fully(body))


def _trigger(name: str, tables: Mapping[str, Table], table: str, sql: str) -> Trigger:
    time, body = definitions.trigger(sql) or (None, None)
    if body is None:
        return Trigger(name, table, None, silent=True, joined=frozenset(), keyed=frozenset())
    names = tables_in(body)
    keyed = {table} - names
    for other in ({table} | names) & tables.keys():
        # Only after the event the row that fired it surely has the key.
        if by_key(body, other, tables[other].identifiers, fired=other == table and time == "AFTER", sturdy=tables[other].sturdy):
            keyed.add(other)
    return Trigger(name, table, names, merges(body) or copies(body), joined(body), frozenset(keyed))
