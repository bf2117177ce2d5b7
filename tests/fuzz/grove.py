"""Two cenvs with the same forest, whose hidden rows differ: what is written answers alike in both and passes no policy in either."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.fuzz.acts import Act, Actor
from tests.fuzz.campaign import Finding, Tally
from tests.fuzz.forest import Forest, fill, grow, twist
from tests.fuzz.pairs import LIMITS, USER, Leak, Undo, answer, closing, named, use, version
from tests.fuzz.reads import Statement
from tests.fuzz.spec import ME
from tests.fuzz.verdict import Ask, Case, Row, State, apart, may, vouching
from tests.security.worlds import CREATOR, Outcome
from wce.guard.guard import Guard
from wce.guard.session import GuardedSession
from wce.store.sqlite import Connection, connect, sqlite3
from wce.store.store import Store
from wce.store.transaction import Transaction

PER_GROVE: Final = 10
ARMED: Final = 0.4  # of all forests have triggers
SLOW: Final = frozenset({"query_timeout", "too_large"})  # what may depend on the time that SQLite took, the second to prepare
USED: Final = 0.75  # of all forests, whose connections have written before


@dataclass(slots=True)
class Grove:
    """`copy` is the first cenv without any guard, `secret` the rows that stay hidden."""

    forest: Forest
    sessions: tuple[GuardedSession, GuardedSession]
    copy: Connection
    secret: Mapping[str, set[int]]
    doubts: list[str] = field(default_factory=list)
    judged: int = 0

    def check(self, acts: Sequence[Act]) -> list[Outcome]:
        """Run what one transaction does in both cenvs, and undo it; raises Leak, else returns what both answered."""
        left, first = self._run(self.sessions[0], acts, judged=True)
        if not any(self.secret.values()):
            return left[: len(acts)]
        right, second = self._run(self.sessions[1], acts, judged=False)
        if not SLOW.isdisjoint(outcome.code for outcome in (*left, *right)):
            return []
        if left != right:
            raise Leak(f"answers differ:\n{left}\n{right}")
        if first.without(self.secret) != second.without(self.secret):
            raise Leak(f"what is left behind differs: {apart(first, second)}")
        return left[: len(acts)]

    def _run(self, session: GuardedSession, acts: Sequence[Act], *, judged: bool) -> tuple[list[Outcome], State]:
        found: list[Outcome] = []
        last: list[State] = []
        with suppress(Undo), undone(self.copy), session.transaction(USER, write=True) as transaction:
            assert transaction is not None
            for act in acts:
                if judged:
                    judged = self._judge(session, transaction, act, found)
                else:
                    transaction.execute("SELECT 1")  # after SQL of ours last_insert_rowid() is told otherwise where a statement failed
                    found.append(answer(session, Statement(act.sql, (), act.kind)))
            for name in (*(table.name for table in self.forest.tables), "log"):
                found.append(answer(session, Statement(f"SELECT * FROM {name}", (), "SELECT")))
            last.append(State.of(asker(transaction), self.forest))
            raise Undo
        return found, last[0]

    def _judge(self, session: GuardedSession, transaction: Transaction, act: Act, found: list[Outcome]) -> bool:
        """Run one statement; whether the copy is what is left behind, so that the next one can be judged, too."""
        ask, plain, forest = asker(transaction), asker(self.copy), self.forest
        targets = self._targets(act)
        exact = targets is not None and len(targets) < 2 and not forest.triggers
        before, could = State.of(ask, forest), may(ask, forest, fixed=not exact)
        outcome = answer(session, Statement(act.sql, (), act.kind))
        found.append(outcome)
        after = State.of(ask, forest)
        can = may(ask, forest, fixed=not (exact and after.is_one_write_from(before)))
        self.copy.execute("SAVEPOINT act")
        error: str | None = None
        told: tuple[list[Row], int] = ([], 0)
        try:
            told = self.copy.execute(act.sql).fetchall(), plain("SELECT changes()")[0][0]
        except sqlite3.Error as raised:
            error = str(raised)
        made = State.of(plain, forest)
        case = Case(forest, act, outcome, before, after, could, can, made, may(plain, forest, fixed=not exact), error, told, targets, exact)
        alone = list(vouching(plain, forest, before, made)) if exact and error is None else []
        for fault in (*case.faults(), *(alone if after == made else ())):
            raise Leak(f"{fault}\n{act.sql}\n{outcome}")
        self.judged += exact
        self.doubts += (f"{doubt}\n{act.sql}" for doubt in case.doubts() if not alone)
        self.copy.execute("RELEASE act" if after == made else "ROLLBACK TO act")
        return after in (made, before)

    def _targets(self, act: Act) -> list[int] | None:
        if act.where is None:
            return None
        return [number for (number,) in self.copy.execute(f"SELECT i FROM {act.table} WHERE {act.where or '0'}")]


def asker(handle: Transaction | Connection) -> Ask:
    """Trusted queries, as policies see the one user."""
    return lambda sql, **values: handle.execute(sql, {"user_id": ME} | values).fetchall()


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """A transaction that leaves nothing."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def forest_of(seed: str) -> Forest:
    """The one that a seed stands for."""
    random = Random(seed)
    armed = random.random() < ARMED
    forest = grow(random, hides=armed)
    return Actor(random, forest).arm() if armed else forest


@contextmanager
def planted(store: Store, guard: Guard, forest: Forest, seed: str) -> Iterator[Grove]:
    """Put it into two cenvs, with rows by the seed."""
    with ExitStack() as stack:
        cenvs = []
        for twisted in (False, True):
            cenv = store.create(lambda session, twisted=twisted: build(session.connection, forest, seed, twisted=twisted), CREATOR)  # type: ignore[misc]
            stack.callback(store.remove, cenv)
            cenvs.append((cenv, stack.enter_context(closing(connect(store.path(cenv))))))
        raw = cenvs[0][1]
        ask = asker(raw)
        secret = {table.name: {number for (number,) in ask(f"SELECT i FROM {table.name} WHERE {table.secret}")} for table in forest.tables}
        copy = stack.enter_context(closing(connect("", mode="memory")))
        raw.backup(copy)
        copy.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 64)  # as for the guard; a trigger that fires itself ends sooner
        for pragma in ("foreign_keys", "recursive_triggers"):
            copy.execute(f"PRAGMA {pragma} = ON")
        with named(seed):
            one, two = (stack.enter_context(guard.open_session(cenv, forest.grants(seed), version(own), LIMITS)) for cenv, own in cenvs)
        if Random(f"{seed} used").random() < USED:
            for session in (one, two):
                use(session, [f"INSERT INTO {table.name}(k) SELECT 1 WHERE 0" for table in forest.tables])
        yield Grove(forest, (one, two), copy, secret)


def build(connection: Connection, forest: Forest, seed: str, *, twisted: bool) -> None:
    """Make the tables, the rows, in the second world twist the hidden ones, and then the triggers."""
    for statement in (*(table.definition for table in forest.tables), forest.log):
        connection.execute(statement)
    fill(Random(f"{seed} rows"), connection, forest)
    if twisted:
        twist(Random(f"{seed} twist"), connection, forest)
    for statement in forest.triggers:
        connection.execute(statement)


def run_grove(store: Store, guard: Guard, seed: str, tally: Tally, numbers: range, wanted: Callable[[], bool] = lambda: True) -> None:
    """Transactions on one grove, each undone; a finding ends it."""
    started = time.perf_counter()
    with planted(store, guard, forest_of(seed), seed) as world:
        tally.worlds += 1
        for number in numbers:
            if not wanted():
                break
            acts = Actor(Random(f"{seed}/{number}"), world.forest).batch()
            for act in acts:
                tally.kinds[act.kind] += 1
            try:
                for outcome in world.check(acts):
                    tally.codes[outcome.code] += 1
            except Leak as leak:
                small = shorter(world, acts)
                text = ";\n    ".join(act.sql for act in small)
                tally.findings.append(Finding(seed, number, Statement(text, (), ""), f"{leak}\n  {world.forest}", "--grove"))
                break
        tally.compared += world.judged
        tally.doubts += (f"{seed}: {doubt}\n  {world.forest}" for doubt in world.doubts)
    tally.seconds += time.perf_counter() - started


def shorter(world: Grove, acts: list[Act]) -> list[Act]:
    """Without the statements that are not needed to show what they showed."""
    for act in acts:
        rest = [other for other in acts if other is not act]
        if rest and leaks(world, rest):
            return shorter(world, rest)
    return acts


def leaks(world: Grove, acts: list[Act]) -> bool:
    try:
        world.check(acts)
    except Leak:
        return True
    return False
