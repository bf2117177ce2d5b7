"""Whether the SQLite in use keeps what the guard relies on, tried at every start.

SQLite does not promise that a sub-select with LIMIT keeps outer conditions out, nor how far the names of a WITH reach. So two small
databases that differ only in what a principal may not see are asked the same; any difference in the answers is a leak.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from wce.errors import WceError
from wce.guard.catalogue import Catalogue
from wce.guard.kept import Memory
from wce.guard.link import Link, restrain
from wce.guard.plan import Plan
from wce.guard.principal import Secrets
from wce.guard.rules import PrincipalRules, Rules
from wce.guard.session import GuardedSession
from wce.guard.watchdog import Watchdog
from wce.model import Actor, Grants, Rights, Role, RowPolicy
from wce.store.sqlite import Connection, connect, prepare, quote, sqlite3, translate
from wce.store.transaction import Handle, Transaction

Outcome = list[tuple[object, ...]] | str
# Overflows on the hidden row of one of the two worlds only.
_LEAK: Final = "abs(CASE WHEN {0}.secret LIKE 'TOP%' THEN -9223372036854775808 ELSE 1 END)"
_T: Final = _LEAK.format("t")
# `t` stands for a table; each must answer the same in both worlds.
SHAPES: Final = (
    f"SELECT id FROM t WHERE {_T}",
    f"SELECT id FROM t WHERE title > '' AND {_T}",
    f"SELECT id FROM t WHERE id > 0 AND {_T}",
    f"SELECT id FROM t WHERE id IN (1, 2) OR {_T} = 5",
    f"SELECT id FROM t ORDER BY {_T}",
    f"SELECT count(*) FROM t WHERE {_T}",
    f"SELECT {_T} FROM t",
    f"SELECT max({_T}) FROM t GROUP BY title HAVING {_T}",
    f"SELECT sum({_T}) OVER (ORDER BY id) FROM t",
    f"SELECT u.id FROM t AS u JOIN t ON t.id = u.id AND {_T}",
    f"SELECT u.id FROM t AS u LEFT JOIN t ON {_T}",
    f"SELECT 1 WHERE 1 IN (SELECT {_T} FROM t)",
    f"SELECT id FROM t AS u WHERE EXISTS (SELECT 1 FROM t WHERE t.id = u.id AND {_T})",
    f"WITH c AS (SELECT * FROM t) SELECT id FROM c WHERE {_LEAK.format('c')}",
    f"SELECT id FROM (SELECT * FROM t) AS s WHERE {_LEAK.format('s')}",
    f"SELECT id FROM t WHERE {_T} UNION SELECT id FROM t WHERE {_T}",
    f"SELECT t.id FROM t, json_each('[1]') AS j WHERE {_T} = j.value",
    "SELECT t.id FROM t, json_each(CASE WHEN t.secret LIKE 'TOP%' THEN 'bad' ELSE '[1]' END)",
    f"UPDATE t SET title = 'x' WHERE {_T} RETURNING id",
    f"UPDATE t SET title = 'x' FROM json_each('[1]') AS j WHERE {_T} = j.value RETURNING id",
    f"DELETE FROM t WHERE {_T} RETURNING id",
    f"INSERT INTO t VALUES (2, 1, 'new', '') ON CONFLICT (id) DO UPDATE SET title = 'x' WHERE {_T}",
    "SELECT id FROM t WHERE secret LIKE 'TOP%'",
)
# A policy with a sub-select is checked after plain conditions; a plain one still after conditions on the column of an index.
INDEXED: Final = (*SHAPES[:3], *SHAPES[9:11], SHAPES[16])
# (statement, what it must answer): rows or the code of an error.
ANSWERS: Final[tuple[tuple[str, Outcome], ...]] = (
    ("SELECT count(*) FROM t", [(1,)]),
    ("SELECT count(*) FROM main.t", [(1,)]),
    ("SELECT id FROM t WHERE id IN (SELECT id FROM t)", [(1,)]),
    ("UPDATE t SET title = (SELECT group_concat(secret) FROM t) RETURNING (SELECT count(*) FROM t)", [(1,)]),
    ("INSERT INTO t VALUES (9, 1, (SELECT count(*) FROM t), '') RETURNING title", [("1",)]),
    ("INSERT INTO t VALUES (1, 1, 'a', '') ON CONFLICT (id) DO UPDATE SET title = (SELECT count(*) FROM t) RETURNING title", [("1",)]),
    ("WITH t AS (SELECT * FROM main.t) SELECT * FROM t", "sql_error"),
    ("WITH w AS (WITH n AS (SELECT 1) SELECT count(*) FROM hidden) SELECT * FROM w", "no_such_table"),
    ("SELECT count(*) FROM hidden", "no_such_table"),
    ("REPLACE INTO t VALUES (2, 1, 'mine now', '')", "row_policy"),
    ("INSERT INTO t VALUES (2, 1, 'x', '') ON CONFLICT (id) DO UPDATE SET title = 'x'", "row_policy"),
    ("UPDATE t SET owner_id = 2", "row_policy"),
    ("UPDATE t SET title = 'x' WHERE id = 2 RETURNING id", []),
    ("DELETE FROM hidden", "no_such_table"),
    ("INSERT INTO inbox VALUES (1)", "table_forbidden"),
    ("SELECT id FROM t FULL JOIN inbox USING (id)", [(1,)]),
    ("CREATE TABLE x (a)", "statement_forbidden"),
    ("SELECT load_extension('x')", "function_not_allowed"),
)
_TABLES: Final = {
    "docs": "owner_id = $user_id",
    "files": "EXISTS (SELECT 1 FROM members WHERE member = $user_id AND members.owner = owner_id)",
}
_ACTOR: Final = Actor(1, "tester", Role.EDITOR)


@functools.cache
def proven() -> tuple[str, ...]:
    """What does not hold in this process: it is the library that is asked, so once is enough for all applications."""
    return run()


def run() -> tuple[str, ...]:
    """What does not hold; nothing when all is well."""
    failures = []
    with ExitStack() as stack:
        watchdog = Watchdog()
        stack.callback(watchdog.close)
        hidden = Secrets.new()
        first = stack.enter_context(_world(watchdog, hidden, "TOP", PrincipalRules))
        second = stack.enter_context(_world(watchdog, hidden, "low", partial(_Echo, first)))
        for sql in (*(_about(shape, "files") for shape in SHAPES), *(_about(shape, "docs") for shape in INDEXED)):
            if _outcome(first, sql) != _outcome(second, sql):
                failures.append(f"tells about a hidden row: {sql}")
        for shape, expected in ANSWERS:
            sql = _about(shape, "docs")
            found = _outcome(first, sql)
            if found != expected:
                failures.append(f"answers {found}: {sql}")
    return tuple(failures)


class _Echo(PrincipalRules):
    """The rules of the second world: under the same names a text becomes what it has become in the first."""

    def __init__(self, first: GuardedSession, grants: Grants, link: Link, catalogue: Catalogue) -> None:
        super().__init__(grants, link, catalogue)
        self._first = first

    def plan(self, sql: str) -> Plan:
        return replace(self._first.plan(sql))


def _about(shape: str, table: str) -> str:
    """The shape with the table in place of `t`."""
    return re.sub(r"\bt\b", table, shape)


def _outcome(session: GuardedSession, sql: str) -> Outcome:
    try:
        plan = session.plan(sql)
        session.rules.ready(plan)  # outside the transaction, whose end would take the triggers along
        with session.transaction(_ACTOR, write=plan.writes):
            return list(session.run(sql).rows)
    except WceError as error:
        return error.code


@contextmanager
def _world(watchdog: Watchdog, hidden: Secrets, secret: str, rules: Callable[[Grants, Link, Catalogue], Rules]) -> Iterator[GuardedSession]:
    """A session on a database in memory, where row 2 of each table belongs to somebody else."""
    connection = connect("", mode="memory")
    try:
        connection.execute("ATTACH ':memory:' AS " + quote(hidden.schema))
        prepare(connection, schema=hidden.schema)
        restrain(connection, 1_000_000)
        _fill(connection, quote(hidden.schema), secret)
        policies = tuple(RowPolicy(1, table, None, kind, text) for table, text in _TABLES.items() for kind in ("read", "write", "delete"))
        rights = dict.fromkeys((*_TABLES, "inbox", "copies"), Rights(can_read=True, can_write=True, can_delete=True))
        grants = Grants(Role.EDITOR, rights, policies, {"user_id": 1})
        link = Link("", connection, hidden, _explain)
        build, watch = partial(rules, grants), watchdog.watch(connection)
        session = GuardedSession(link, watch, grants, build, _trial, lambda _, make: make(), Memory().part())
        session.grants_version = 0
        yield session
        session.watch.close()
    finally:
        connection.close()


def _fill(connection: Connection, schema: str, secret: str) -> None:
    for table in _TABLES:
        connection.execute(f"CREATE TABLE {schema}.{table} (id INTEGER PRIMARY KEY, owner_id INTEGER, title TEXT, secret TEXT)")
        connection.execute(f"CREATE INDEX {schema}.{table}_title ON {table} (title)")
        connection.execute(f"INSERT INTO {schema}.{table} VALUES (1, 1, 'one', 'mine'), (2, 2, 'two', ?)", (secret,))
    connection.execute(f"CREATE TABLE {schema}.members (owner INTEGER, member INTEGER)")
    connection.execute(f"INSERT INTO {schema}.members VALUES (1, 1)")
    connection.execute(f"CREATE TABLE {schema}.inbox (id)")
    connection.execute(f"CREATE TABLE {schema}.copies (n)")
    connection.execute(f"CREATE TRIGGER {schema}.copying AFTER INSERT ON inbox BEGIN INSERT INTO copies SELECT count(*) FROM hidden; END")
    connection.execute(f"CREATE TABLE {schema}.hidden (x)")
    connection.execute(f"INSERT INTO {schema}.hidden VALUES (?)", (secret,))
    connection.execute(f"CREATE TABLE {schema}._wce_state (grants INT, commits INT, endpoints INT, watched INT, audit_hash TEXT)")
    connection.execute(f"INSERT INTO {schema}._wce_state VALUES (0, 0, 0, 0, '')")
    connection.execute(f"CREATE TABLE {schema}._wce_audit_log (id INTEGER PRIMARY KEY)")
    connection.execute(f"CREATE TABLE {schema}._wce_audit_tombstones (last_id INTEGER PRIMARY KEY)")


@contextmanager
def _trial(handle: Handle, actor: Actor, wait_seconds: float) -> Iterator[Transaction]:
    """A write transaction that is always undone."""
    transaction = Transaction(handle, actor, 0, wait_seconds)
    try:
        yield transaction
    finally:
        transaction.rollback()


def _explain(_: Link, error: Exception) -> WceError | None:
    return translate(error) if isinstance(error, sqlite3.Error) else None
