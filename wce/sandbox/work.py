"""The SQL of one call of a script: one transaction of its principal, begun when the script first asks for something."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final

from wce import values
from wce.core.query import Queries, Statement
from wce.core.settings import CenvSettings
from wce.errors import WceError
from wce.guard.glances import StaleGrants
from wce.guard.guard import Guard
from wce.guard.session import GuardedSession
from wce.model import Actor, Limits, Params, Result, Value
from wce.sandbox.principal import Parties, Principals
from wce.sandbox.process import LEFT
from wce.store.transaction import Transaction

_ATTEMPTS: Final = 3
_ANY_VERSION: Final = -1  # no counter is ever negative, so the file is asked
Served = tuple[dict[str, Any], bytes]
Notice = Callable[[GuardedSession, str, Params], None]


@dataclass(frozen=True, slots=True)
class Terms:
    """On whose behalf and under which bounds a script's SQL runs.

    `version` is State.grants as read with the request. `details` go into the audit row of each write. `depth` counts the commits of
    scripts that led to this call.
    """

    cenv: str
    actor: Actor
    parties: Parties
    config: CenvSettings
    version: int
    details: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Ran:
    """One statement that was run."""

    sql: str
    duration_ms: float
    rows: int


@dataclass(frozen=True, slots=True)
class Desk:
    """What the SQL of every call needs."""

    guard: Guard
    queries: Queries
    principals: Principals


class Moved(Exception):  # noqa: N818 - nothing failed
    """Somebody has written since the script read, so it may not write upon that: nothing of the call stays, run it again."""


class _Undone(Exception):  # noqa: N818 - ends a transaction whose effect is not wanted
    pass


class Work:
    """`with` the SQL of one call: an exception undoes all of it, a normal end commits it.

    With `write` the transaction can write from its first statement on. Else it reads one snapshot until something writes, so that
    calls which only read wait for nobody.
    """

    def __init__(
        self,
        desk: Desk,
        terms: Terms,
        *,
        write: bool,
        seconds: float,
        keep: bool = False,
        notice: Notice | None = None,
        reads_only: bool = False,
    ) -> None:
        """`seconds` are for a message that does not tell how many are left. `keep` notes every statement in `ran`.

        `notice` is told of each statement that has run. With `reads_only` none may write.
        """
        self._desk = desk
        self._terms = terms
        self._write = write
        self._keep = keep
        self._notice = notice
        self._reads_only = reads_only
        self._seconds = seconds
        self._deadline = 0.0
        self._place: ExitStack | None = None
        self._held: ExitStack | None = None  # the session and its transaction
        self._guarded: GuardedSession | None = None
        self._transaction: Transaction | None = None
        self.wrote = False
        self.refusal: WceError | None = None
        self.ran: list[Ran] = []

    def __enter__(self) -> Work:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        held, self._held = self._held, None
        try:
            if held is not None:
                held.__exit__(kind, error, trace)
        finally:
            if self._place is not None:
                self._place.close()

    def serve(self, message: Mapping[str, Any]) -> Served:
        """Answer one message of the worker. What is refused is kept in `refusal`, and the script ends there; raises Moved."""
        self._deadline = time.monotonic() + message.get(LEFT, self._seconds)
        try:
            return {"ok": True}, values.encode(self._answer(message))
        except WceError as error:
            self.refusal = error
            return {"ok": False, "message": error.detail}, b""

    def finish(self, settle: Callable[[Transaction], None] | None = None) -> None:
        """The script has ended well. `settle` does what must hold together with its effect; without any effect nothing is committed."""
        if settle is not None:
            if self._transaction is None:
                self._release()
                self._deadline = time.monotonic() + self._seconds
                self._begin(write=True)
            if self._transaction is not None:
                settle(self._transaction)
        elif not self.wrote:
            self.undo()

    def undo(self) -> None:
        """Let nothing stay."""
        held, self._held = self._held, None
        if held is not None:
            with suppress(_Undone), held:
                raise _Undone
        self._guarded = self._transaction = None

    def _answer(self, message: Mapping[str, Any]) -> Any:
        do = message.get("do")
        if do == "batch":
            statements = message.get("statements")
            return [_changes(self._run(*_pair(item), do)) for item in (statements if isinstance(statements, list) else ())]
        result = self._run(message.get("sql"), message.get("params"), do)
        if do == "execute":
            return _changes(result)
        return {"columns": values.unique(result.columns), "rows": result.rows}

    def _run(self, sql: Any, given: Any, do: Any) -> Result:
        if not isinstance(sql, str):
            raise WceError("validation", "a statement must be a string")
        params = parameters(given)
        guarded = self._guarded or self._enter()
        writes = guarded.plan(sql).writes
        if writes and self._reads_only:
            raise WceError("statement_not_allowed", "a template can only read")
        if writes and self._transaction is None:
            guarded = self._start_writing(guarded)
        self.wrote = self.wrote or writes
        limits = self._limits(do)
        result = self._desk.queries.run_one(guarded, self._transaction, Statement(sql, params), limits, self._terms.details)
        if result.truncated and do != "query_one":
            raise WceError("sql_error", f"the statement returns more than {limits.max_rows} rows: ask for fewer, for example with LIMIT")
        if self._notice is not None:
            self._notice(guarded, sql, params)
        if self._keep:
            self.ran.append(Ran(sql, round(result.duration_ms, 3), len(result.rows)))
        return result

    def _enter(self) -> GuardedSession:
        self._place = ExitStack()
        self._place.enter_context(self._desk.queries.place(self._terms.cenv, self._terms.config))
        return self._begin(write=self._write)

    def _start_writing(self, reading: GuardedSession) -> GuardedSession:
        """End the snapshot and write upon the same commit, or not at all: what the script has read must still hold."""
        seen = reading.commit_number
        self._release()
        guarded = self._begin(write=True)
        if guarded.commit_number != seen:
            raise Moved
        return guarded

    def _release(self) -> None:
        """End the session and its transaction, which may have written nothing."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def _begin(self, *, write: bool) -> GuardedSession:
        """A session under the grants of this moment, with a transaction."""
        terms, version = self._terms, self._terms.version
        for _ in range(_ATTEMPTS):
            grants, version = self._desk.principals.grants(terms.cenv, terms.parties, version)
            with ExitStack() as attempt:
                guarded = attempt.enter_context(self._desk.guard.open_session(terms.cenv, grants, version, terms.config.limits))
                try:
                    patience = max(0.0, self._deadline - time.monotonic())
                    transaction = attempt.enter_context(guarded.transaction(terms.actor, write=write, wait_seconds=patience))
                except StaleGrants:
                    version = _ANY_VERSION
                    continue
                if transaction is not None:
                    transaction.depth = terms.depth
                self._guarded, self._transaction = guarded, transaction
                self._held = attempt.pop_all()
                return guarded
        raise WceError("busy", "Permissions are being changed.", retry_after=1)

    def _limits(self, do: Any) -> Limits:
        limits = self._terms.config.limits
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise WceError("script_timeout")
        return replace(
            limits,
            timeout_seconds=min(limits.timeout_seconds, left),
            max_rows=1 if do == "query_one" else limits.max_rows,
        )


def parameters(given: Any) -> Params:
    """The values to bind; raises `validation` naming the bad one."""
    if given is None:
        return ()
    if isinstance(given, dict) and given.keys() != {"$base64"}:
        return {str(name): _parameter(item, name) for name, item in given.items()}
    if isinstance(given, list):
        return tuple(_parameter(item, index) for index, item in enumerate(given))
    raise WceError("validation", "the parameters must be a list or a dict")


def _parameter(value: Any, name: object) -> Value:
    if isinstance(value, bool):
        return int(value)  # SQLite has no other truth
    if value is None or isinstance(value, int | float | str):
        return value
    if isinstance(value, dict) and value.keys() == {"$base64"} and isinstance(value["$base64"], str):
        with suppress(binascii.Error, ValueError):
            return base64.b64decode(value["$base64"], validate=True)
    raise WceError("validation", f"params.{name}: must be None, a number, a string, bytes, True or False")


def _pair(item: Any) -> tuple[Any, Any]:
    """One statement of a batch: SQL with its parameters, or the SQL alone."""
    if isinstance(item, list) and 1 <= len(item) <= 2:
        return item[0], item[1] if len(item) > 1 else None
    return item, None


def _changes(result: Result) -> dict[str, int | None]:
    return {"changes": result.changes, "last_row_id": result.last_row_id}
