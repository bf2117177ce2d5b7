"""A guarded session runs the SQL of users, scripts and templates on one connection that obeys one principal's rights."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

from wce import lane
from wce.errors import WceError
from wce.guard.brackets import Begin, Reading, Writing
from wce.guard.carried import Carried
from wce.guard.catalogue import Catalogue, digest, load
from wce.guard.fetch import Answer, fetch
from wce.guard.glances import Glances, stale
from wce.guard.kept import Part
from wce.guard.link import Link
from wce.guard.params import total_size
from wce.guard.plan import Plan
from wce.guard.plans import Plans
from wce.guard.rules import Build, Rules
from wce.guard.watchdog import Watch
from wce.model import Actor, Grants, Limits, Params, Result
from wce.store.sqlite import Cursor, quote, sqlite3
from wce.store.store import WAIT_SECONDS
from wce.store.transaction import STATE_AND_HEAD, Transaction

LIMITS: Final = Limits()
_SLOW_SECONDS: Final = 0.001  # from which other requests should not wait for the next run of the same text
_LARGE: Final = 500  # characters in all parameters, from which patterns could become slow

Keep = Callable[[str, Callable[[], Catalogue]], Catalogue]


class GuardedSession:
    """One principal on one connection. `execute` runs trusted SQL, `run` everybody else's.

    `grants_version` is the counter of the file's grants that the session was opened for. `commit_number` is that of the last
    commit which the open transaction can see.
    """

    def __init__(self, link: Link, watch: Watch, grants: Grants, build: Build, begin: Begin, keep: Keep, kept: Part) -> None:
        self.cenv = link.cenv
        self.link = link
        self.index = link.index
        self.grants = grants
        self.grants_version = -1
        self.commit_number = 0
        self.max_database_bytes = 0
        self.watch = watch
        self._build = build
        self._begin = begin
        self._keep = keep
        self._carried = Carried(link)
        self.glances = Glances(link.index, kept)
        self.plans = Plans()
        self._rules: Rules | None = None
        self._catalogue: Catalogue | None = None
        self._version = -1
        self._unsure = False  # this transaction has changed the schema, and may yet undo that
        self._reading = False
        self._transaction: Transaction | None = None
        schema = quote(link.hidden.schema)
        self._ask_version = f"{link.mark}PRAGMA {schema}.schema_version"
        self._ask_state = f"{link.mark}SELECT grants, commits FROM _wce_state"
        self._ask_head = link.mark + STATE_AND_HEAD
        self._ask_changes = f"{link.mark}SELECT changes()"
        self._start = f"{link.mark}BEGIN"
        self._finish = f"{link.mark}COMMIT"

    @property
    def writes(self) -> bool:
        """Whether a write transaction is open."""
        return self._transaction is not None

    @property
    def is_open(self) -> bool:
        """Whether a transaction is, or a statement runs that needs none."""
        return self._reading or self.glances.on or self._transaction is not None

    @property
    def catalogue(self) -> Catalogue:
        """The tables of the file as of now, or of the open transaction."""
        self._refresh()
        return self._known()[0]

    @property
    def rules(self) -> Rules:
        self._refresh()
        return self._known()[1]

    def execute(self, sql: str, params: Params = ()) -> Cursor:
        """Run trusted SQL on WCE's own tables."""
        self._carried.foreign = True
        if sql.startswith("ROLLBACK"):
            self.undone()
        try:
            return self.link.execute(sql, params)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
                raise
            # A deferred foreign key fails at COMMIT, and so it is the client's statements that failed.
            raise WceError("constraint", "FOREIGN KEY constraint failed") from None

    def transaction(
        self, actor: Actor, *, write: bool = False, wait_seconds: float = WAIT_SECONDS
    ) -> AbstractContextManager[Transaction | None]:
        """`with` one snapshot to read from, or a write transaction; inside another one a part of that.

        Raises StaleGrants when the principal's rights may no longer be those that the session obeys.
        """
        return Writing(self, self._begin(self, actor, wait_seconds)) if write else Reading(self)

    def plan(self, sql: str) -> Plan:
        """What kind of statement this is, and what it becomes; raises WceError for one that may not run."""
        if self._unsure:
            self._refresh()
        plan = self.plans.find(sql)
        if plan is None:
            self._refresh()
            plan = self._known()[1].plan(sql)
            self.plans.keep(sql, plan)
        return plan

    def run(self, sql: str, params: Params = (), limits: Limits = LIMITS) -> Result:
        """Run one statement in the open transaction; raises WceError."""
        return self.carry_out(self.plan(sql), params, limits)

    def carry_out(self, plan: Plan, params: Params, limits: Limits) -> Result:
        """`run` what was planned in this transaction, or before it."""
        started = time.perf_counter()
        self._require(plan)
        values = plan.layout.check(params)
        rules = self._known()[1]
        if plan.length_sensitive and total_size(values) > _LARGE:
            plan = rules.strict(plan)
        if plan.writes:
            return self._run_write(plan, values, limits, started)
        answer = self._fetch(rules, plan, values, limits)
        return Result(answer.columns, answer.rows, 0, None, answer.truncated, (time.perf_counter() - started) * 1000, answer.size)

    def close(self) -> None:
        """Close the connection."""
        self.watch.close()
        self.link.close()

    def start_reading(self) -> None:
        """BEGIN; the first look at the file fixes the snapshot."""
        mark = self.glances.mark()
        self.link.marked(self._start)
        self._reading = True
        try:
            self._check(self._ask_state)
            self.glances.met(mark, self.grants_version)
        except BaseException:
            self.end_reading(keep=False)
            raise

    def end_reading(self, *, keep: bool) -> None:
        """Nothing was written to the file, but the TEMP schema is to stay."""
        self._reading = False
        if self.link.in_transaction:
            self.link.marked(self._finish if keep else f"{self.link.mark}ROLLBACK")
        if not keep:
            self.undone()

    def join(self, transaction: Transaction) -> None:
        """A write transaction has begun on this connection."""
        row = self._check(self._ask_head)
        transaction.counted, transaction.head = row[1:4], row[4:]
        self._transaction = transaction

    def leave(self) -> None:
        """It is about to end."""
        self._transaction = None

    def ended(self) -> None:
        """It has ended, one way or the other."""
        if self._unsure:
            # A rollback brings the old schema back under its old number, and somebody else may then take the new number.
            self._version, self._unsure = -1, False
            self.plans.clear()

    def undone(self) -> None:
        """Something was rolled back, or may have been."""
        if self._rules is not None:
            self._rules.undone()

    def _check(self, question: str) -> tuple[Any, ...]:
        """Meet the file as it is in this transaction: its schema, and whether the grants are still the same."""
        link = self.link
        prepared = link.prepared
        row: tuple[Any, ...] = link.marked(question).fetchone()
        if link.prepared != prepared or self._version < 0:  # else the schema is still the one that the question was prepared for
            self._refresh(inside=True)
        self.commit_number = row[1]
        if row[0] != self.grants_version:
            raise stale(self.grants_version, row[0])
        self._carried.begin()
        return row

    def _refresh(self, *, inside: bool = False) -> None:
        """Build the rules anew when the schema has changed; in an open transaction it only does so through this session."""
        if self.is_open and not inside and not self._unsure:
            return
        version = self.link.marked(self._ask_version).fetchone()[0]
        if version == self._version:
            return
        if self.link.in_transaction:
            self._rebuild(version)
            return
        self.link.marked(self._start)
        try:
            self._rebuild(self.link.marked(self._ask_version).fetchone()[0])
        finally:
            self.link.marked(self._finish)

    def _rebuild(self, version: int) -> None:
        link = self.link
        if self._rules is not None:
            self._rules.close()
        self.plans.clear()
        schema = link.hidden.schema
        self._catalogue = self._keep(digest(link.ask, schema), lambda: load(link.ask, schema))
        self._rules = self._build(link, self._catalogue)
        link.judge = self._rules
        link.foreign = self._catalogue.triggers
        self._version = version

    def _known(self) -> tuple[Catalogue, Rules]:
        if self._catalogue is None or self._rules is None:
            raise RuntimeError("the schema has not been read yet")
        return self._catalogue, self._rules

    def _require(self, plan: Plan) -> None:
        """A statement outside its transaction would run without audit, or after what it belongs to was rolled back."""
        if not self.is_open or (plan.writes and self._transaction is None):
            raise RuntimeError(f"{plan.kind} needs a {'write ' if plan.writes else ''}transaction")
        if not (self.glances.on or self.link.in_transaction):
            raise WceError("sql_error", "the transaction was rolled back by an earlier statement")

    def _fetch(self, rules: Rules, plan: Plan, params: Params, limits: Limits) -> Answer:
        if plan.stateful:
            self._carried.restore()
        link = self.link
        if plan.slow:
            lane.waiting()
        link.deadline = deadline = self.watch.start(limits.timeout_seconds, self._transaction)
        rules.expect(plan, deadline)
        try:
            return fetch(link.connection, plan, params, limits)
        except (sqlite3.Error, sqlite3.Warning, MemoryError, UnicodeError) as error:
            self.watch.stop()
            raise self.watch.told(rules.fault(error, plan)) from None  # SQLite's text may hold a secret name
        finally:
            self.watch.stop()
            link.deadline = None
            took = time.monotonic() - deadline + limits.timeout_seconds
            plan.slow = min(took, plan.took) > _SLOW_SECONDS  # twice in a row: once it may have been the machine
            plan.took = took

    def _run_write(self, plan: Plan, params: Params, limits: Limits, started: float) -> Result:
        catalogue, rules = self._known()
        if rules.ready(plan):
            self._carried.foreign = True
        changes, inserted = 0, None
        try:
            answer = self._fetch(rules, plan, params, limits)
            if not plan.ddl:
                changes = answer.changes if answer.changes >= 0 else self.link.marked(self._ask_changes).fetchone()[0]
                inserted = plan.inserted(changes, answer.last_row_id)
                self._carried.remember(changes, inserted)
        except WceError:
            self._carried.remember(0, None)
            raise
        finally:
            # Also after an error: INSERT OR FAIL keeps the rows before the one that failed.
            self._touch(plan, changes)
        if plan.ddl:
            self._settle(plan, catalogue)
        took = (time.perf_counter() - started) * 1000
        return Result(answer.columns, answer.rows, changes, inserted, answer.truncated, took, answer.size)

    def _touch(self, plan: Plan, changes: int) -> None:
        if self._transaction is None:
            return
        if plan.target is not None:
            self._transaction.touch(plan.target, changes)
        for table in plan.written - {plan.target}:
            self._transaction.touch(table)

    def _settle(self, plan: Plan, before: Catalogue) -> None:
        """After a change of the schema: meet the new one, and let the rules see to what depended on the old one."""
        self._unsure = True
        if self._transaction is not None:
            self._transaction.counted = None  # to follow the new schema, tables of ours are written
        self._refresh()
        catalogue, rules = self._known()
        rules.settle(plan, before, catalogue)
