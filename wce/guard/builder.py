"""Builds a schema that comes from elsewhere in a new file, statement by statement, under the rules that administrators' DDL has."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Final

from wce.errors import WceError
from wce.guard import vetting
from wce.guard.admin import AdminRules
from wce.guard.catalogue import MAX_DEFINITIONS, Catalogue, load
from wce.guard.ddl import object_name
from wce.guard.fetch import fetch
from wce.guard.link import Link
from wce.guard.plan import Plan
from wce.guard.tokens import Token, scan
from wce.guard.watchdog import Watch
from wce.guard.weights import MAX_WEIGHT
from wce.model import Limits, Params, Value
from wce.store.sqlite import fold, primary, sqlite3

_LIMITS: Final = Limits(max_rows=1)
_UNIQUE: Final = frozenset({"UNIQUE", "VIRTUAL"})


class Builder:
    """One connection to a draft. `deadline` by `time.monotonic` holds for all that it does, and for whoever feeds it rows."""

    def __init__(self, link: Link, watch: Watch, seconds: float) -> None:
        self.link = link
        self._watch = watch
        self.refresh()  # of a file in which nothing is yet
        self.deadline = link.deadline = watch.start(seconds)

    def __enter__(self) -> Builder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watch.stop()
        self._watch.close()
        self.link.close()
        if isinstance(error, sqlite3.OperationalError) and primary(error) == sqlite3.SQLITE_INTERRUPT:  # a statement of ours
            raise _late() from None

    @property
    def catalogue(self) -> Catalogue:
        """What there is, as of the last `refresh`."""
        return self._catalogue

    def refresh(self) -> None:
        """Read the schema anew. Only views, triggers and virtual tables ask for it, so tables and indexes may come in one go."""
        self.link.judge = None
        self._catalogue = load(self.link.ask, "main")
        self._rules = AdminRules(self.link, self._catalogue)
        self.link.judge = self._rules
        self.link.foreign = self._catalogue.triggers
        if self._catalogue.length > MAX_DEFINITIONS:
            raise WceError("too_large", f"all definitions together may have at most {MAX_DEFINITIONS:,} characters")
        heavy = self._catalogue.too_heavy
        if heavy is not None or self._catalogue.trigger_weight > MAX_WEIGHT:
            raise WceError("too_large", f"the view {heavy} is made of too many views" if heavy else "the triggers use too many views")

    def define(self, kind: str, name: str, sql: str) -> None:
        """Run a CREATE of this kind (TABLE, INDEX, VIEW, TRIGGER) for this name; raises WceError, and it is as if it had not been tried."""
        self.in_time()
        plan = self._rules.plan(sql)
        _require(plan, kind, name, scan(sql))
        with self.undoing():
            self._rules.expect(plan, self.deadline)
            try:
                fetch(self.link.connection, plan, (), _LIMITS)
            except (sqlite3.Error, sqlite3.Warning, MemoryError, UnicodeError) as error:
                self.in_time()
                raise self._rules.fault(error, plan) from None
            if kind in ("VIEW", "TRIGGER"):
                self._settle()

    def fill(self, sql: str, rows: Iterable[Sequence[Value]]) -> int:
        """Run one INSERT of ours for every row, looking at the time before each: a CHECK may take long."""
        return self.link.many(sql, self._timely(rows))

    def run(self, sql: str, params: Params = ()) -> int:
        """Run a statement of ours; returns how many rows it wrote."""
        return self.link.execute(sql, params).rowcount

    def validate_policy(self, table: str, condition: str) -> None:
        """Raise `bad_policy` or `no_such_table` unless the condition can be a policy of the table."""
        vetting.validate(self.link.probe, self._catalogue, "main", table, condition)

    @contextmanager
    def undoing(self) -> Iterator[None]:
        """What fails inside is undone, and goes on as the error that it was."""
        self.run("SAVEPOINT built")
        try:
            yield
        except BaseException:
            if self.link.in_transaction:
                self.run("ROLLBACK TO built")
                self.run("RELEASE built")
            raise
        self.run("RELEASE built")

    def in_time(self) -> None:
        """Raise `query_timeout` when the time is over."""
        if time.monotonic() > self.deadline:
            raise _late()

    def _settle(self) -> None:
        """Meet the new schema at once; where it cannot be met, the old one comes back."""
        catalogue, rules = self._catalogue, self._rules
        try:
            self.refresh()
        except BaseException:
            self._catalogue, self._rules = catalogue, rules
            self.link.judge, self.link.foreign = rules, catalogue.triggers
            raise

    def _timely(self, rows: Iterable[Sequence[Value]]) -> Iterator[tuple[Value, ...]]:
        for row in rows:
            if time.monotonic() > self.deadline:
                self.in_time()
            yield tuple(row)


def _late() -> WceError:
    return WceError("query_timeout", "The file took too long.")


def _require(plan: Plan, kind: str, name: str, tokens: Sequence[Token]) -> None:
    """Raise unless the text is a CREATE of that kind for that name: a file may say one thing about an object and hold another."""
    words = [token.keyword for token in tokens[:3]]
    said = words[2] if len(words) > 2 and words[1] in _UNIQUE else words[1] if len(words) > 1 else None
    named = object_name(tokens, 0)
    if plan.kind != "CREATE" or said != kind or named is None or named.name != fold(name):
        raise WceError("syntax_error", f"the text is not that of the {kind.lower()} {name}")
    if kind == "TABLE" and words[1] == "TABLE":
        after = tokens[next(index for index, token in enumerate(tokens) if token is named) + 1 :]
        if not after or after[0].keyword != "(":
            raise WceError("syntax_error", f"the text does not list the columns of {name}")
