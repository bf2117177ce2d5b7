"""The SQL of users: one statement or several, all or nothing, under their grants, with an audit row for every write."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from wce.core import audit
from wce.core.gate import Gate
from wce.core.logins import Authenticated
from wce.core.once import Kept, Once, Repeated, keep, look_up
from wce.core.permissions import GrantsCache
from wce.core.running import Running
from wce.core.settings import CenvSettings
from wce.core.shape import Shapes
from wce.errors import WceError
from wce.guard.explain import Explanation, explain
from wce.guard.glances import StaleGrants
from wce.guard.guard import Guard
from wce.guard.plan import Plan
from wce.guard.session import GuardedSession
from wce.model import Actor, AuditEntry, Limits, Params, Result, Role
from wce.store.store import Store
from wce.store.transaction import Transaction

MAX_STATEMENTS: Final = 1_000
_ATTEMPTS: Final = 3
_LEAST_SECONDS: Final = 0.001
_INTERRUPTED: Final = ("query_timeout", "disk_full")  # which tells nothing of what was read; who stopped a statement wants no other run
_ANY_VERSION: Final = -1  # no counter is ever negative, so the cache asks the file
T = TypeVar("T")
_ACTIONS: Final = {"INSERT": "insert", "UPDATE": "update", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a client; `index` is its place among those of a transaction, which an error names."""

    sql: str
    params: Params = ()
    index: int | None = None


class Answer(NamedTuple):
    """Results in the order of the statements; none but `kept` for a repeat. `commit` is the newest commit that they rest on."""

    results: tuple[Result, ...]
    commit: int
    kept: Kept | None = None


class Queries:
    """Runs the SQL of users on all cenvs. At most `max_connections` of a cenv run at once, `queue` more wait for `patience_seconds`."""

    def __init__(self, store: Store, guard: Guard, grants: GrantsCache, *, queue: int = 64, patience_seconds: float = 5.0) -> None:
        self._store = store
        self._guard = guard
        self._grants = grants
        self._gate = Gate(queue)
        self._patience_seconds = patience_seconds
        self._shapes = Shapes()
        self.running = Running()

    def run(
        self,
        cenv: str,
        who: Authenticated,
        config: CenvSettings,
        statements: Sequence[Statement],
        *,
        max_rows: int | None = None,
        once: Once | None = None,
        name: str | None = None,
        read_only: bool = False,
    ) -> Answer:
        """Run statements in one transaction; when one fails nothing stays. All of them share the time of one.

        `max_rows` lowers the cenv's bound on the rows of a result. `once` is looked at only when something writes. `name` is what
        `running` can stop them by: whoever gives one wants to see them run. `read_only` refuses what writes.
        """
        limits = _bounded(config, max_rows)
        if not 1 <= len(statements) <= MAX_STATEMENTS:
            raise WceError("validation", f"A transaction must have 1 to {MAX_STATEMENTS} statements.")
        with self.place(cenv, config):
            if name is None and not read_only:
                return self._retry(cenv, who, limits, lambda guarded, actor: self._run(guarded, actor, statements, limits, once))

            def work(guarded: GuardedSession, actor: Actor) -> Answer:
                if read_only and _writes(guarded, statements):
                    raise WceError("statement_not_allowed", "This statement writes, but read_only was asked for.")
                with self.running.enter(cenv, actor.user_id, name, guarded.watch.cancel):
                    return self._run(guarded, actor, statements, limits, once, anew=name is not None)

            return self._retry(cenv, who, limits, work)

    def read_as(
        self, cenv: str, who: Authenticated, config: CenvSettings, asked: Statement, user: int, *, max_rows: int | None, name: str | None
    ) -> Answer:
        """What another user would be answered, for administrators; `name` is theirs to stop it by."""
        limits = _bounded(config, max_rows)

        def work(guarded: GuardedSession, actor: Actor) -> Answer:
            if _writes(guarded, [asked]):
                raise WceError("statement_not_allowed", "This statement writes; on behalf of others, you can only read.")
            with self.running.enter(cenv, who.actor.user_id, name, guarded.watch.cancel):
                return self._run(guarded, actor, [asked], limits, None, anew=name is not None)

        with self.place(cenv, config):
            return self._retry(cenv, self._stand_in(cenv, who, user), limits, work)

    def explain(
        self, cenv: str, who: Authenticated, config: CenvSettings, statement: Statement, *, as_user: int | None = None
    ) -> Explanation:
        """What a statement would do and which permissions and policies let it; administrators may ask on behalf of others."""
        frank = who.actor.role.administers
        if as_user is not None:
            who = self._stand_in(cenv, who, as_user)

        def work(guarded: GuardedSession, actor: Actor) -> Explanation:
            with guarded.transaction(actor):
                return explain(guarded, statement.sql, statement.params or None, frank=frank)

        with self.place(cenv, config):
            return self._retry(cenv, who, config.limits, work)

    def write(self, cenv: str, who: Authenticated, config: CenvSettings, work: Callable[[GuardedSession, Actor], T]) -> T:
        """Do other work than single statements under the grants of this moment; it opens its own transaction."""
        with self.place(cenv, config):
            return self._retry(cenv, who, config.limits, work)

    def place(self, cenv: str, config: CenvSettings) -> AbstractContextManager[None]:
        """`with` one of the cenv's places for SQL of users, for whoever runs statements by `run_one`."""
        return self._gate.enter(cenv, config.max_connections, self._patience_seconds)

    def run_one(
        self,
        guarded: GuardedSession,
        transaction: Transaction | None,
        statement: Statement,
        limits: Limits,
        details: Mapping[str, Any] = MappingProxyType({}),
    ) -> Result:
        """Run one statement in the open transaction, with an audit row if it writes; `details` are put into that."""
        plan = guarded.plan(statement.sql)  # before it runs: a change of the schema may leave nothing to plan it by
        result = guarded.carry_out(plan, statement.params, limits)
        self._store.metrics.ran(plan.kind, result.duration_ms / 1000)
        if transaction is not None and plan.writes:
            self._audit(guarded, transaction, plan, result, details)
        return result

    def _retry(self, cenv: str, who: Authenticated, limits: Limits, work: Callable[[GuardedSession, Actor], T]) -> T:
        """Do the work under the grants of this moment: when they change before it begins, read them and begin again."""
        version, actor = who.state.grants, who.actor
        for _ in range(_ATTEMPTS):
            grants = self._grants.known(cenv, actor.user_id, version, actor.scope)
            if grants is None:
                with self._store.session(cenv) as session:
                    grants, version = self._grants.get(session, actor.user_id, version, actor.scope)
            if grants.role is not actor.role:
                actor = replace(actor, role=grants.role)
            try:
                with self._guard.open_session(cenv, grants, version, limits) as guarded:
                    return work(guarded, actor)
            except StaleGrants:
                version = _ANY_VERSION
        raise WceError("busy", "Permissions are being changed.", retry_after=1)

    def _run(
        self,
        guarded: GuardedSession,
        actor: Actor,
        statements: Sequence[Statement],
        limits: Limits,
        once: Once | None,
        *,
        anew: bool = False,
    ) -> Answer:
        """`anew`: not from memory."""
        kept: Kept | None = None
        writes = _writes(guarded, statements)
        asked = None if writes or len(statements) > 1 or guarded.is_open or guarded.link.cursors else statements[0]
        if asked is not None and guarded.glances.hold(guarded.grants_version):
            deadline = time.monotonic() + limits.timeout_seconds
            answer = self._at_a_glance(guarded, asked, limits, anew)
            if answer is not None:
                return answer
            limits = replace(limits, timeout_seconds=max(deadline - time.monotonic(), _LEAST_SECONDS))
        try:
            with guarded.transaction(actor, write=writes) as transaction:
                if transaction is not None and once is not None:
                    look_up(transaction, once)
                results = self._each(guarded, transaction, statements, limits)
                if transaction is not None and once is not None:
                    kept = keep(transaction, once, results)
        except Repeated as repeated:
            return Answer((), guarded.commit_number, repeated.kept)
        if asked is not None:
            guarded.glances.keep(guarded.plan(asked.sql), asked.params, limits, results[0])
        return Answer(results, guarded.commit_number if transaction is None else transaction.number, kept)

    def _at_a_glance(self, guarded: GuardedSession, asked: Statement, limits: Limits, anew: bool) -> Answer | None:
        """What the statement has answered, or answers or raises without a transaction around it; None where that does not count."""
        glances, plan = guarded.glances, guarded.plan(asked.sql)
        found = None if anew else glances.find(asked.sql, asked.params, limits)
        if found is not None:
            self._store.metrics.ran(plan.kind, found.duration_ms / 1000)
            return Answer((found,), guarded.commit_number)
        if not glances.begin(plan):
            return None
        failed = None
        results: tuple[Result, ...] = ()
        try:
            results = self._each(guarded, None, [asked], limits)
        except WceError as error:
            failed = error
        finally:
            counts = glances.end()
        if failed is not None and (counts or failed.code in _INTERRUPTED):
            raise failed
        if not counts:
            return None
        glances.keep(plan, asked.params, limits, results[0])
        return Answer(results, guarded.commit_number)

    def _each(
        self, guarded: GuardedSession, transaction: Transaction | None, statements: Sequence[Statement], limits: Limits
    ) -> tuple[Result, ...]:
        deadline = time.monotonic() + limits.timeout_seconds
        results: list[Result] = []
        try:
            for statement in statements:
                if results:
                    limits = _what_is_left(limits, deadline, results[-1])
                results.append(self.run_one(guarded, transaction, statement, limits))
        except WceError as error:
            error.statement = statements[len(results)].index
            raise
        return tuple(results)

    def _audit(self, guarded: GuardedSession, transaction: Transaction, plan: Plan, result: Result, more: Mapping[str, Any]) -> None:
        shape = self._shapes.of(guarded.cenv, plan.text, lambda: guarded.catalogue)
        details = ({"sql": shape.text} if plan.ddl else {"rows": result.changes, "sql": shape.text}) | dict(more)
        audit.record(transaction, AuditEntry(_ACTIONS.get(plan.kind, "ddl"), "table", plan.target or shape.made, details))

    def _stand_in(self, cenv: str, who: Authenticated, user_id: int) -> Authenticated:
        if not who.actor.role.administers:
            raise WceError("forbidden", "Only administrators may ask on behalf of others.")
        with self._store.session(cenv) as session:
            row = session.one("SELECT role FROM _wce_users WHERE user_id = ? AND enabled", (user_id,))
        if row is None:
            raise WceError("not_found", "No such user.")
        # A key narrows what its own user may do and has no part in what others may; nobody administers through it who may not by it.
        scope = who.actor.scope if Role(row[0]).administers else None
        return replace(who, actor=replace(who.actor, user_id=user_id, scope=scope))


def _bounded(config: CenvSettings, max_rows: int | None) -> Limits:
    limits = config.limits
    return limits if max_rows is None else replace(limits, max_rows=min(limits.max_rows, max_rows))


def _writes(guarded: GuardedSession, statements: Sequence[Statement]) -> bool:
    """Whether any of the statements writes. After one that changes the schema the others cannot be read yet; it writes itself."""
    writes = False
    for statement in statements:
        try:
            plan = guarded.plan(statement.sql)
        except WceError as error:
            error.statement = statement.index
            raise
        if plan.ddl:
            return True
        writes = writes or plan.writes
    return writes


def _what_is_left(limits: Limits, deadline: float, last: Result) -> Limits:
    """The bounds for the next statement: all of them share one time and one size."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise WceError("query_timeout", "The statements together took too long.")
    return replace(limits, timeout_seconds=seconds, max_bytes=limits.max_bytes - last.size)
