"""One call of a script, whoever asks for it: its principal, its transaction, a worker, and a line in the log of runs."""

from __future__ import annotations

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
from wce.core.templates import pages_of
from wce.errors import WceError
from wce.metrics import Metrics
from wce.model import PUBLIC_ID, Actor
from wce.sandbox import faults
from wce.sandbox.answers import HIT, MISS, PRIVATE, Answers, Question
from wce.sandbox.ends import End, Stopped, end_of
from wce.sandbox.fields import EVENT, Texts, has_body, key_of
from wce.sandbox.messages import Budget, Fault, Job, Print, Reply, Template
from wce.sandbox.pool import NO_CENV, Pool
from wce.sandbox.principal import Parties
from wce.sandbox.trail import Trail
from wce.sandbox.work import Desk, Moved, Terms, Work
from wce.store.transaction import Transaction

_CACHED: Final = 4_096
_MAX_RAN: Final = 100  # statements that a test run shows
Settle = Callable[[Transaction], None]
Find = Callable[[Terms, str], Template | None]  # that a call on these terms may use, by name
Kept = tuple[Reply, Callable[[float, str], None]]  # an answer, and what notes that it was given


def no_templates(_terms: Terms, _name: str) -> Template | None:
    """Finds none."""
    return None


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


class Scripts:
    """Runs the scripts of all cenvs."""

    def __init__(
        self, pool: Pool, desk: Desk, runs: Runs, metrics: Metrics, now: Callable[[], float] = time.time, find: Find = no_templates
    ) -> None:
        """`find` gives templates by name."""
        self._pool = pool
        self._desk = desk
        self._runs = runs
        self._metrics = metrics
        self._now = now
        self._find = find
        self._answers = Answers()
        self._hits, self._misses, self._private = (metrics.answers.labels(cache) for cache in (HIT, MISS, PRIVATE))
        self._texts = Texts()
        self._writers: Cache[tuple[str, str], bool] = Cache(_CACHED)

    def check(self, source: str, *, cenv: str = NO_CENV) -> None:
        """Raise `script_error` with the place, unless the source of that cenv can be read as a script; none of it runs."""
        try:
            self._pool.check(source, cenv=cenv)
        except Fault as fault:
            raise faults.of_syntax(fault) from fault

    def fields(self, source: str) -> frozenset[str] | None:
        """The fields of its request that the script of an endpoint looks at; None where it may be any."""
        return self._texts.read(source)[1]

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
        terms = Terms(cenv, who.actor, _parties(endpoint, who), config, who.state.grants, {"endpoint": endpoint.id})
        return self._logged(script, terms, request_id, lambda: self._answer(script, terms, who, request, body))

    def keeps(self, cenv: str, config: CenvSettings, endpoint: Endpoint) -> bool:
        """Whether answers of this endpoint may be kept, as far as is known."""
        key, fields = self._texts.read(endpoint.script)
        return config.page_cache and self._answers.may_keep(cenv, key, fields)

    def kept(self, cenv: str, who: Authenticated, config: CenvSettings, endpoint: Endpoint, request: Mapping[str, Any]) -> Kept | None:
        """What `call` would answer without a run, and what notes that it was answered: in so many seconds, to the request of that id.

        `request` has all that `fields` names.
        """
        script = self._script("endpoint", endpoint)
        if has_body(script.fields) or not self.keeps(cenv, config, endpoint):
            return None
        reply = self._answers.find(_question(script, cenv, _parties(endpoint, who), who, request, b""), who.state)
        if reply is None:
            return None

        def note(seconds: float, request_id: str) -> None:
            self._metrics.tally.count(self._hits)
            self._note(script, cenv, who.actor, End("ok", reply, None), seconds, request_id)

        return reply, note

    def _answer(self, script: _Script, terms: Terms, who: Authenticated, request: Mapping[str, Any], body: bytes) -> Reply:
        """The answer that is kept and holds, or that of a run."""
        if not terms.config.page_cache or not self._answers.may_keep(terms.cenv, script.key, script.fields):
            self._metrics.tally.count(self._private)
            return self._run(script, terms, request, body)[0]
        question = _question(script, terms.cenv, terms.parties, who, request, body)
        reply = self._answers.find(question, who.state)
        if reply is not None:
            self._metrics.tally.count(self._hits)
            return reply
        trail = Trail()
        reply, _ = self._run(script, terms, request, body, trail=trail)
        kept = self._answers.keep(question, who.state, reply, trail)
        self._metrics.tally.count(self._private if kept is None else self._misses)
        return kept or reply

    def perform(self, cenv: str, config: CenvSettings, task: Task) -> Reply:
        """Run a hook or a schedule; raises WceError as `call`."""
        parties = Parties(task.item.modified_by, task.caller.user_id, task.run_as, task.caller.scope)
        terms = Terms(cenv, task.caller, parties, config, -1, {task.kind: task.item.id}, task.depth)
        script = replace(self._script(task.kind, task.item), fields=EVENT)
        request_id = str(task.event.get("id", ""))
        return self._logged(script, terms, request_id, lambda: self._run(script, terms, task.event, b"", task.settle)[0])

    def test(
        self,
        cenv: str,
        who: Authenticated,
        config: CenvSettings,
        source: str,
        request: Mapping[str, Any],
        body: bytes = b"",
        fields: frozenset[str] | None = None,
    ) -> dict[str, Any]:
        """What a text that is not saved would answer to a request of its author's, or to an EVENT. Nothing of its effect stays."""
        script = _Script("test", 0, source, key_of(source), fields)
        parties = Parties(who.actor.user_id, who.actor.user_id, CALLER, who.actor.scope)
        terms = Terms(cenv, who.actor, parties, config, who.state.grants)
        started = time.perf_counter()
        error: WceError | None = None
        try:
            reply, work = self._run(script, terms, request, body, trial=True)
            ran = work.ran
        except Stopped as stopped:
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

    def _logged(self, script: _Script, terms: Terms, request_id: str, run: Callable[[], Reply]) -> Reply:
        """Run it, and note how that went."""
        started = time.perf_counter()
        try:
            end = End("ok", run(), None)
        except Stopped as stopped:
            end = end_of(stopped, request_id, frank=terms.actor.role.administers)
        except WceError as error:
            end = End(error.code, error, {"kind": error.code, "message": error.detail})
        self._note(script, terms.cenv, terms.actor, end, time.perf_counter() - started, request_id)
        if isinstance(end.answer, WceError):
            raise end.answer
        return end.answer

    def _note(self, script: _Script, cenv: str, actor: Actor, end: End, seconds: float, request_id: str) -> None:
        self._metrics.script_ran(script.kind, end.outcome, seconds)
        if end.outcome == "busy":  # then it has not run; and whoever asks too often must not fill the log
            return
        user_id = actor.user_id if actor.user_id != PUBLIC_ID else None
        answer = end.answer
        status, prints = (None, end.prints) if isinstance(answer, WceError) else (answer.status, answer.prints)
        started_at, took = int(self._now() - seconds), round(seconds * 1000, 3)
        run = Run(script.kind, script.item_id, started_at, took, status, end.noted, _plain(prints), user_id, request_id)
        self._runs.record(cenv, run)

    def _run(
        self,
        script: _Script,
        terms: Terms,
        request: Mapping[str, Any],
        body: bytes,
        settle: Settle | None = None,
        *,
        trail: Trail | None = None,
        trial: bool = False,
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
            reply, work = self._once(terms, job, settle, trail, trial=trial, write=write)
        except Moved:
            reply, work = self._once(terms, job, settle, trail, trial=trial, write=True)
        if work.wrote != write:
            self._writers.put((terms.cenv, script.key), work.wrote)
        return reply, work

    def _once(self, terms: Terms, job: Job, settle: Settle | None, trail: Trail | None, *, trial: bool, write: bool) -> tuple[Reply, Work]:
        notice = None if trail is None else trail.notice
        with Work(self._desk, terms, write=write, seconds=job.budget.seconds, keep=trial, notice=notice) as work:
            try:
                reply = self._pool.call(terms.cenv, job, work.serve, partial(self._find, terms))
            except Fault as fault:
                raise Stopped(fault, work) from fault
            if trial:
                work.undo()
            else:
                work.finish(settle)
        return reply, work

    def _script(self, kind: str, item: Saved) -> _Script:
        return _Script(kind, item.id, item.script, *self._texts.read(item.script))


def _parties(endpoint: Endpoint, who: Authenticated) -> Parties:
    return Parties(endpoint.modified_by, who.actor.user_id, endpoint.run_as, who.actor.scope)


def _question(script: _Script, cenv: str, parties: Parties, who: Authenticated, request: Mapping[str, Any], body: bytes) -> Question:
    caller = (who.actor.username, who.actor.role.value)
    return Question(
        cenv, script.item_id, script.key, parties, caller, repr(sorted(request.items())), body if has_body(script.fields) else b""
    )


def _plain(prints: tuple[Print, ...]) -> list[dict[str, Any]]:
    return [asdict(item) for item in prints]
