"""Two cenvs that differ only in what their user may not see, and the copy in which that is missing altogether."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random
from typing import Any, Final
from unittest.mock import patch

from tests.fuzz.reads import Statement
from tests.fuzz.rows import Maker, hidden_condition, twist
from tests.fuzz.spec import FIXED, ME, Spec, make_spec
from tests.security.worlds import CREATOR, Outcome
from wce.errors import WceError
from wce.guard.guard import Guard
from wce.guard.principal import Secrets
from wce.guard.session import GuardedSession
from wce.model import Actor, Limits, Role
from wce.store.sqlite import Connection, connect, quote, sqlite3
from wce.store.store import Store
from wce.store.transaction import Transaction

LIMITS: Final = Limits(timeout_seconds=1.0, max_rows=2_000, max_bytes=4_000_000)
USED: Final = 0.75  # of all pairs, whose connections have written before
USER: Final = Actor(ME, "fuzz", Role.EDITOR)
Dump = dict[str, Counter[tuple[Any, ...]]]


class Undo(Exception):  # noqa: N818 - no failure
    """Ends a write transaction without a commit."""


class Leak(AssertionError):  # noqa: N818 - what it is
    """The two worlds could be told apart, or something hidden was changed."""


@dataclass(slots=True)
class Twins:
    """`hidden` is what the user cannot see in each world; `copy` holds the rest of the first."""

    spec: Spec
    sessions: tuple[GuardedSession, GuardedSession]
    hidden: tuple[Dump, Dump]
    copy: Connection

    def check(self, statement: Statement) -> Outcome:
        """Run a statement in both worlds; raises Leak, else returns what both answered."""
        left, right = (self._run(session, statement, before) for session, before in zip(self.sessions, self.hidden, strict=True))
        if "query_timeout" in (left[0].code, right[0].code):  # how long something takes is not compared
            return Outcome("query_timeout")
        outcome, other = left[0], right[0]
        if outcome != other:
            raise Leak(f"answers differ:\n{outcome}\n{other}")
        if left[1] != right[1]:
            raise Leak(f"what is left behind differs:\n{apart(left[1], right[1])}")
        if outcome.code == "internal":
            raise Leak(f"an internal error: {outcome}")
        if statement.comparable and outcome.code == "ok" and not outcome.truncated:
            self._compare(statement, outcome)
        return outcome

    def _run(self, session: GuardedSession, statement: Statement, before: Dump) -> tuple[Outcome, Dump | None]:
        try:
            writes = session.plan(statement.sql).writes
        except WceError as error:
            return Outcome.failed(error), None
        if not writes:
            with session.transaction(USER, write=False):
                return answer(session, statement), None
        found: list[tuple[Outcome, Dump | None]] = []
        try:
            with session.transaction(USER, write=True) as transaction:
                assert transaction is not None
                changes = session.link.connection.total_changes
                outcome = answer(session, statement)
                # An interrupted write makes SQLite roll back everything; what changed no row, by a trigger or a key neither, leaves none.
                changed = session.link.in_transaction and session.link.connection.total_changes != changes
                left = self._left_behind(transaction, before) if changed else None
                found.append((outcome, left))
                raise Undo
        except Undo:
            return found[0]

    def _left_behind(self, transaction: Transaction, before: Dump) -> Dump:
        """Everything in the file but the rows that were hidden before; raises Leak when one of these is gone."""
        after = dump(transaction, self.spec)
        for name, rows in before.items():
            lost = rows - after[name]
            if lost:
                raise Leak(f"hidden rows of {name} were changed: {lost}")
            after[name] -= rows
        return after

    def _compare(self, statement: Statement, outcome: Outcome) -> None:
        """Hold the answer against plain SQLite on the copy; only the order of the rows may differ."""
        try:
            expected = self.copy.execute(statement.sql, statement.params).fetchall()
        except sqlite3.Error as error:
            raise Leak(f"plain SQLite refuses: {error}") from error
        if Counter(map(rounded, expected)) != Counter(map(rounded, outcome.rows)):
            raise Leak(f"not what the visible rows give:\n{outcome.rows}\n{expected}")


def answer(session: GuardedSession, statement: Statement) -> Outcome:
    """What the client gets."""
    try:
        return Outcome.of(session.run(statement.sql, statement.params, LIMITS))
    except WceError as error:
        return Outcome.failed(error)


def apart(left: Dump | None, right: Dump | None) -> dict[str, Any]:
    """What only one of the two holds."""
    if left is None or right is None:
        return {"written": (left is not None, right is not None)}
    return {name: (left[name] - right[name], right[name] - left[name]) for name in left if left[name] != right[name]}


def rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Sums of reals depend on the order of the rows; -0.0 is 0.0."""
    return tuple(float(f"{found:.9g}") + 0.0 if isinstance(found, float) else found for found in row)


def all_of(table: str, columns: Iterable[str]) -> str:
    """A query for all rows, whose values are hexadecimal: a text may hold what is no UTF-8."""
    return f"SELECT {', '.join(f'typeof({quote(name)}), hex({quote(name)})' for name in columns)} FROM {quote(table)}"


def queries(spec: Spec) -> dict[str, str]:
    """A query for each table."""
    own = {table.name: all_of(table.name, [column.name for column in table.columns]) for table in spec.tables}
    return own | {"members": all_of("members", ("usr", "grp", "memo")), "log": all_of("log", ("id", "what"))}


def dump(handle: Transaction | Connection, spec: Spec) -> Dump:
    """All rows of all tables, as often as they occur."""
    return {name: Counter(handle.execute(query).fetchall()) for name, query in queries(spec).items()}


def hidden_rows(connection: Connection, spec: Spec) -> Dump:
    """The rows that the user cannot see."""
    hides = {table.name: hidden_condition(table) for table in spec.tables}
    found = {}
    for name, query in queries(spec).items():
        found[name] = Counter(connection.execute(f"{query} WHERE {hides.get(name, '1')}", {"user_id": ME}).fetchall())
    return found


@contextmanager
def twins(store: Store, guard: Guard, seed: str) -> Iterator[Twins]:
    """Build the pair that a seed stands for."""
    spec = make_spec(Random(seed))
    with ExitStack() as stack:
        raws = []
        for which in (0, 1):
            cenv = store.create(lambda session, which=which: build(session.connection, spec, seed, twisted=bool(which)), CREATOR)  # type: ignore[misc]
            stack.callback(store.remove, cenv)
            raws.append((cenv, stack.enter_context(closing(connect(store.path(cenv))))))
        hidden = tuple(hidden_rows(raw, spec) for _, raw in raws)
        seen = [{name: rows - gone[name] for name, rows in dump(raw, spec).items()} for (_, raw), gone in zip(raws, hidden, strict=True)]
        assert seen[0] == seen[1], f"the worlds of seed {seed} differ in visible rows"
        copy = stack.enter_context(closing(visible_copy(raws[0][1], spec)))
        grants = replace(spec.grants(), fingerprint=seed)
        with named(seed):
            sessions = [stack.enter_context(guard.open_session(cenv, grants, version(raw), LIMITS)) for cenv, raw in raws]
        if Random(f"{seed} used").random() < USED:
            for session in sessions:
                use(session, [f"INSERT INTO {quote(table.name)}(id) SELECT 1 WHERE 0" for table in spec.tables])
        yield Twins(spec, (sessions[0], sessions[1]), (hidden[0], hidden[1]), copy)


def use(session: GuardedSession, statements: Iterable[str]) -> None:
    """Write nothing to every table, and commit that: the guard's triggers stay, while otherwise each write makes and loses them."""
    for statement in statements:
        with suppress(WceError), session.transaction(USER, write=True):
            session.run(statement)


@contextmanager
def named(seed: str) -> Iterator[None]:
    """The secret names of connections that are made inside are those of the seed, the same in both worlds.

    SQLite keeps TEMP triggers by the hash of their names, so from ten of them on chance says whether the guard's checks come before
    RETURNING: which of two errors of one statement is told may differ between two connections to one and the same file.
    """
    with patch.object(
        Secrets, "new", return_value=Secrets(*(f"{kind}{sha256(seed.encode()).hexdigest()[:24]}" for kind in ("w", "v", "d")))
    ):
        yield


@contextmanager
def closing(connection: Connection) -> Iterator[Connection]:
    try:
        yield connection
    finally:
        connection.close()


def version(raw: Connection) -> int:
    """The counter of the grants."""
    number: int = raw.execute("SELECT grants FROM _wce_state").fetchone()[0]
    return number


def build(connection: Connection, spec: Spec, seed: str, *, twisted: bool) -> None:
    """Make the tables, the rows, in the second world twist the hidden ones, and add what would get in the way of that."""
    for statement in (*FIXED, *(table.definition for table in spec.tables)):
        connection.execute(statement)
    Maker(Random(f"{seed} rows"), connection).fill(spec)
    if twisted:
        twist(Random(f"{seed} twist"), connection, spec)
    for table in spec.tables:
        for statement in table.indexes:
            connection.execute(statement)
    for statement in (*(view.definition for view in spec.views), *spec.triggers):
        connection.execute(statement)


def visible_copy(raw: Connection, spec: Spec) -> Connection:
    """A database in memory from which the hidden rows are really gone."""
    copy = connect("", mode="memory")
    raw.backup(copy)
    copy.text_factory = lambda found: found.decode(errors="replace")  # as the guard shows what is no UTF-8
    copy.execute("PRAGMA foreign_keys = OFF")
    copy.execute("DROP TRIGGER IF EXISTS tr")
    # First find them all: what hides the rows of one table may look at rows of another that go, too.
    hidden = {table.name: f"SELECT id FROM {quote(table.name)} WHERE {hidden_condition(table)}" for table in spec.tables}
    gone = {name: copy.execute(query, {"user_id": ME}).fetchall() for name, query in hidden.items()}
    for name, keys in gone.items():
        copy.executemany(f"DELETE FROM {quote(name)} WHERE id = ?", keys)
    return copy
