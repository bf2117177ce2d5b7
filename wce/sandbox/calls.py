"""One call of a script, whoever asks for it: its principal, its transaction, a worker, and a line in the log of runs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final, Protocol

from wce.cache import Cache
from wce.core.authoring import CALLER
from wce.core.logins import Authenticated
from wce.core.runs import Run, Runs
from wce.core.scripts import Endpoint
from wce.core.settings import CenvSettings
from wce.errors import WceError
from wce.metrics import Metrics
from wce.model import PUBLIC_ID, Actor
from wce.sandbox import faults
from wce.sandbox.fields import has_body, needed
from wce.sandbox.messages import Budget, Fault, Job, Print, Reply, Template
from wce.sandbox.pool import Pool
from wce.sandbox.principal import Parties
from wce.sandbox.work import Desk, Moved, Terms, Work
from wce.store.transaction import Transaction

_CACHED: Final = 4_096
_MAX_RAN: Final = 100  # statements that a test run shows
Settle = Callable[[Transaction], None]
Find = Callable[[str, str], Template | None]  # of a cenv, by name


def no_templates(_cenv: str, _name: str) -> Template | None:
    """Finds none."""
    return None


def pages_of(cenv: str) -> str:
    """What stands before the paths of a cenv's pages."""
    return f"/{cenv}/pages/"


class Saved(Protocol):
    """A script as the cenv keeps it; `modified_by` is its author."""

    @property
    def id(self) -> int: ...

    @property
    def script(self) -> str: ...

    @property
    def modified_by(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Task:
    """A run of a saved script that no request waits for. `caller` is whoever caused it; `settle` ends it together with its effect."""

    kind: str
    item: Saved
    run_as: str
    caller: Actor
    event: Mapping[str, Any]
    settle: Settle
    depth: int = 0


@dataclass(frozen=True, slots=True)
class _Script:
    """`item_id` is 0 for a text that is not saved."""

    kind: str
    item_id: int
    text: str
    key: str
    fields: frozenset[str] | None = None
    entry: str = "handler"


@dataclass(frozen=True, slots=True)
class _End:
    """How a call ended: what the client gets, and what the log and the figures are told; `prints` of a failed one."""

    outcome: str
    answer: Reply | WceError
    noted: Mapping[str, Any] | None
    prints: tuple[Print, ...] = ()


class _Stopped(Exception):  # noqa: N818 - the script failed, and we did not
    def __init__(self, fault: Fault, work: Work) -> None:
        super().__init__()
        self.fault = fault
        self.refusal = work.refusal
        self.ran = work.ran


class Scripts:
    """Runs the scripts of all cenvs."""

    def __init__(
        self, pool: Pool, desk: Desk, runs: Runs, metrics: Metrics, now: Callable[[], float] = time.time, find: Find = no_templates
    ) -> None:
        """`find` gives the templates of a cenv by name."""
        self._pool = pool
        self._desk = desk
        self._runs = runs
        self._metrics = metrics
        self._now = now
        self._find = find
        self._texts: Cache[str, tuple[str, frozenset[str] | None]] = Cache(_CACHED)
        self._writers: Cache[tuple[str, str], bool] = Cache(_CACHED)

    def check(self, source: str) -> None:
        """Raise `script_error` with the place, unless the source can be read as a script; none of it runs."""
        try:
            self._pool.check(source)
        except Fault as fault:
            raise faults.of_syntax(fault) from fault

    def fields(self, source: str) -> frozenset[str] | None:
        """The fields of its request that the script of an endpoint looks at; None where it may be any."""
        return self._read(source)[1]

    def call(
        self,
        cenv: str,
        who: Authenticated,
        config: CenvSettings,
        endpoint: Endpoint,
        request: Mapping[str, Any],
        body: bytes = b"",
        request_id: str = "",
    ) -> Reply:
        """The answer of an endpoint, whose effect is committed then; raises WceError, and nothing of the effect stays.

        `request` may lack what `fields` does not name.
        """
        script = self._script("endpoint", endpoint)
        terms = Terms(
            cenv,
            who.actor,
            Parties(endpoint.modified_by, who.actor.user_id, endpoint.run_as, who.actor.scope),
            config,
            who.state.grants,
            {"endpoint": endpoint.id},
        )
        return self._logged(script, terms, request, request_id, body)

    def perform(self, cenv: str, config: CenvSettings, task: Task) -> Reply:
        """Run a hook or a schedule; raises WceError as `call`."""
        parties = Parties(task.item.modified_by, task.caller.user_id, task.run_as, task.caller.scope)
        terms = Terms(cenv, task.caller, parties, config, -1, {task.kind: task.item.id}, task.depth)
        script = replace(self._script(task.kind, task.item), fields=None)  # an event has fields of its own
        return self._logged(script, terms, task.event, str(task.event.get("id", "")), settle=task.settle)

    def test(
        self, cenv: str, who: Authenticated, config: CenvSettings, source: str, request: Mapping[str, Any], body: bytes = b""
    ) -> dict[str, Any]:
        """What a text that is not saved would answer to a request of its author's. Nothing of its effect stays."""
        script = _Script("test", 0, source, _key(source))
        parties = Parties(who.actor.user_id, who.actor.user_id, CALLER, who.actor.scope)
        terms = Terms(cenv, who.actor, parties, config, who.state.grants)
        started = time.perf_counter()
        error: WceError | None = None
        try:
            reply, work = self._run(script, terms, request, body, trial=True)
            ran = work.ran
        except _Stopped as stopped:
            ran = stopped.ran
            reply = Reply(502, (), b"", stopped.fault.prints, stopped.fault.queries)
            if stopped.fault.kind == faults.ABORT:
                reply = faults.aborted(stopped.fault, str(request.get("id", "")))
            else:
                error = faults.told(stopped.fault, stopped.refusal, frank=True)
        return {
            "status": reply.status,
            "headers": dict(reply.headers),
            "body": reply.body,
            "prints": _plain(reply.prints),
            "duration_ms": round((time.perf_counter() - started) * 1000, 3),
            "queries": [asdict(item) for item in ran[:_MAX_RAN]],
        } | ({} if error is None else {"error": error})

    def _logged(
        self,
        script: _Script,
        terms: Terms,
        request: Mapping[str, Any],
        request_id: str,
        body: bytes = b"",
        settle: Settle | None = None,
    ) -> Reply:
        """Run it, and note how that went."""
        started_at, started = int(self._now()), time.perf_counter()
        try:
            end = _End("ok", self._run(script, terms, request, body, settle)[0], None)
        except _Stopped as stopped:
            end = _end(stopped, request_id, frank=terms.actor.role.administers)
        except WceError as error:
            end = _End(error.code, error, {"kind": error.code, "message": error.detail})
        seconds = time.perf_counter() - started
        self._metrics.script_ran(script.kind, end.outcome, seconds)
        answer = end.answer
        if end.outcome != "busy":  # then it has not run; and whoever asks too often must not fill the log
            user_id = terms.actor.user_id if terms.actor.user_id != PUBLIC_ID else None
            status, prints = (None, end.prints) if isinstance(answer, WceError) else (answer.status, answer.prints)
            took = round(seconds * 1000, 3)
            run = Run(script.kind, script.item_id, started_at, took, status, end.noted, _plain(prints), user_id, request_id)
            self._runs.record(terms.cenv, run)
        if isinstance(answer, WceError):
            raise answer
        return answer

    def _run(
        self, script: _Script, terms: Terms, request: Mapping[str, Any], body: bytes, settle: Settle | None = None, *, trial: bool = False
    ) -> tuple[Reply, Work]:
        """Run it in one transaction, and once more where that began as one to read in and it is too late to write in it."""
        # Whose rights are asked first of all: a script without an author does not even begin.
        self._desk.principals.grants(terms.cenv, terms.parties, terms.version)
        config = terms.config
        budget = Budget(seconds=float(config.script_timeout_seconds), memory_mb=config.script_memory_mb)
        body = body if has_body(script.fields) else b""
        job = Job(script.text, script.key, request, script.entry, body, budget, pages_of(terms.cenv), script.fields)
        write = bool(self._writers.get((terms.cenv, script.key)))
        try:
            reply, work = self._once(terms, job, settle, trial=trial, write=write)
        except Moved:
            reply, work = self._once(terms, job, settle, trial=trial, write=True)
        if work.wrote != write:
            self._writers.put((terms.cenv, script.key), work.wrote)
        return reply, work

    def _once(self, terms: Terms, job: Job, settle: Settle | None, *, trial: bool, write: bool) -> tuple[Reply, Work]:
        with Work(self._desk, terms, write=write, seconds=job.budget.seconds, keep=trial) as work:
            try:
                reply = self._pool.call(terms.cenv, job, work.serve, partial(self._find, terms.cenv))
            except Fault as fault:
                raise _Stopped(fault, work) from fault
            if trial:
                work.undo()
            else:
                work.finish(settle)
        return reply, work

    def _script(self, kind: str, item: Saved) -> _Script:
        return _Script(kind, item.id, item.script, *self._read(item.script))

    def _read(self, source: str) -> tuple[str, frozenset[str] | None]:
        """The key of a text, and what it looks at."""
        return self._texts.get_or(source, lambda: (_key(source), needed(source)))


def _end(stopped: _Stopped, request_id: str, *, frank: bool) -> _End:
    fault = stopped.fault
    if fault.kind == faults.ABORT:
        return _End("abort", faults.aborted(fault, request_id), None)
    error = faults.told(fault, stopped.refusal, frank=frank)
    return _End(fault.kind, error, faults.noted(fault, stopped.refusal), fault.prints)


def _key(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def _plain(prints: tuple[Print, ...]) -> list[dict[str, Any]]:
    return [asdict(item) for item in prints]
