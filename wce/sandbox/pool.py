"""The workers of one server process: handed out in turn, replaced as soon as they end, one always warm in reserve."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from wce import lane
from wce.counters import Counters
from wce.errors import WceError
from wce.log import LOGGER
from wce.metrics import Metrics
from wce.sandbox.fairness import Turns
from wce.sandbox.forks import Forks
from wce.sandbox.messages import SCRIPT, Fault, Job, Rendered, RenderJob, Reply
from wce.sandbox.process import PROGRAM, Find, GoneError, Serve, StartError, Worker, nothing
from wce.sandbox.suspension import Suspensions

NOBODY: Final = 65_534
_MAX_CALLS: Final = 10_000
_MAX_RESIDENT_BYTES: Final = 96 << 20
_MAX_KEPT_BYTES: Final = 48 << 20
_START_SECONDS: Final = 15.0
_RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 5.0)  # after starts that failed
_CLOSE_SECONDS: Final = 5.0
_LOGGED_CHARS: Final = 500
T = TypeVar("T")
NO_CENV: Final = ""  # stands where a cenv's id does, for those that are still being made


@dataclass(frozen=True, slots=True)
class PoolState:
    """`seccomp` is "on", "not started", or "degraded: " and what this machine does not let the workers be hardened by."""

    workers: int
    idle: int
    busy: int
    waiting: int
    starts: int
    ends: dict[str, int]
    suspended: int
    seccomp: str


class Pool:
    """At most `workers` scripts run at once, of one cenv at most half of that; where there is one worker, the spare takes a second cenv.

    At most `queue` calls wait, none longer than `patience_seconds`. As root, workers become `uid`. Pools of several processes with the
    same `counters` know together which scripts are suspended.
    """

    def __init__(
        self,
        workers: int,
        metrics: Metrics | None = None,
        *,
        queue: int = 64,
        counters: Counters | None = None,
        patience_seconds: float = 5.0,
        uid: int | None = None,
        program: str = PROGRAM,
    ) -> None:
        self._wanted = workers + 1
        self._metrics = metrics
        self._patience_seconds = patience_seconds
        self._uid = NOBODY if uid is None and os.geteuid() == 0 else uid
        self._program = program
        self._forks = Forks()
        self._suspensions = Suspensions(counters or Counters())
        self._changed = threading.Condition()  # guards everything below
        self._turns: Turns[Worker] = Turns(max(2, workers), queue)
        self._alive: set[Worker] = set()
        self._idle: list[Worker] = []  # the one used last is warmest
        self._retired: list[Worker] = []
        self._starts = 0
        self._ends: Counter[str] = Counter()
        self._seccomp = "not started"
        self._tried = threading.Event()  # a first worker has come up, or not
        self._keeper: threading.Thread | None = None
        self._closed = False

    def start(self) -> None:
        """Start the workers, without waiting for them; the first call does it too."""
        with self._changed:
            if self._keeper is None and not self._closed:
                self._keeper = threading.Thread(target=self._keep, name="wce-workers", daemon=True)
                self._keeper.start()

    def call(self, cenv: str, job: Job, serve: Serve, find: Find = nothing) -> Reply:
        """Run one job. `serve` answers its SQL and `find` gives the templates that it renders, in this thread; what they raise comes out.

        Raises Fault, or `busy` where the script is suspended, the line is full or no worker came free.
        """
        return self._timed(cenv, job.key, lambda worker: worker.call(job, serve, find))

    def render(self, cenv: str, job: RenderJob, serve: Serve, find: Find) -> Rendered:
        """Render a template, otherwise as `call`."""
        return self._timed(cenv, job.key, lambda worker: worker.render(job, serve, find))

    def check(self, source: str, syntax: str = SCRIPT, *, cenv: str = NO_CENV) -> None:
        """Raise a Fault of kind `syntax`, with its place, unless the source can be read as a script or as a template; none of it runs.

        To read one may take as long as to run one, so it counts as a call of its cenv.
        """
        self._use(cenv, lambda worker: worker.check(source, syntax))

    def state(self) -> PoolState:
        suspended = self._suspensions.count()
        with self._changed:
            turns = self._turns
            return PoolState(
                len(self._alive), len(self._idle), turns.busy, len(turns), self._starts, dict(self._ends), suspended, self._seccomp
            )

    def close(self) -> None:
        """End every worker; calls that run or wait end with `busy`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            alive = list(self._alive)
            while self._turns:
                self._turns.popleft().called.set()
        for worker in alive:
            worker.kill()
        if self._keeper is not None:
            self._keeper.join()
        with self._changed:
            # Who talks to a worker lets go of it himself.
            self._changed.wait_for(lambda: not self._turns.busy, _CLOSE_SECONDS)
            left = [*self._idle, *self._retired]
            self._idle, self._retired = [], []
        for worker in left:
            self._bury(worker, "closed")
        self._forks.close()

    def _timed(self, cenv: str, key: str, work: Callable[[Worker], T]) -> T:
        """Do it with a worker, unless it is suspended for having been ended too often."""
        self._suspensions.check(cenv, key)
        try:
            return self._use(cenv, work)
        except Fault as fault:
            self._suspensions.note(cenv, key, fault.kind)
            raise

    def _use(self, cenv: str, work: Callable[[Worker], T]) -> T:
        """Do it with a worker of one's own."""
        for _ in range(self._wanted + 1):
            worker = self._take(cenv)
            try:
                return work(worker)
            except GoneError:
                continue  # killed from elsewhere while it was idle, as by a kernel without memory
            except Fault as fault:
                if fault.kind == "crash" and self._closed:
                    raise WceError("busy", "The server is stopping.", retry_after=1) from fault
                raise
            finally:
                self._give_back(cenv, worker)
        raise WceError("busy", "Workers keep dying.", retry_after=1)

    def _take(self, cenv: str) -> Worker:
        """A warm worker of one's own, at once or in turn; raises `busy`."""
        if self._keeper is None:
            self.start()
        with self._changed:
            if self._closed:
                raise WceError("busy", "The server is stopping.", retry_after=1)
            # Whoever may run and waits has been given one already, so that nobody is overtaken.
            if self._idle and self._turns.begin(cenv):
                return self._idle.pop()
            ticket = self._turns.join(cenv)
        self._tell_waiting(1)
        lane.waiting()
        try:
            if not ticket.called.wait(self._patience_seconds) and not self._tried.is_set():
                self._tried.wait(_START_SECONDS)  # the first worker of all is still on its way
                ticket.called.wait(self._patience_seconds)
        finally:
            self._tell_waiting(-1)
            # Looked at under the lock: a worker that was given after the wait ended is ours all the same.
            with self._changed:
                if ticket.given is None and not ticket.called.is_set():
                    self._turns.leave(ticket)
        if ticket.given is None:
            raise WceError("busy", "The server is stopping." if self._closed else "No worker became free in time.", retry_after=1)
        return ticket.given

    def _give_back(self, cenv: str, worker: Worker) -> None:
        if self._closed and not worker.ended:
            worker.end("closed")
        if worker.ended:
            self._note_end(worker)
        worn = not worker.ended and (worker.calls >= _MAX_CALLS or worker.holds_more(_MAX_RESIDENT_BYTES, _MAX_KEPT_BYTES))
        with self._changed:
            self._turns.end(cenv)
            if worn or worker.ended:
                self._alive.discard(worker)
                self._changed.notify_all()  # a busy one has gone, which `close` waits for, or one is wanted
            else:
                self._idle.append(worker)
            if worn:
                self._retired.append(worker)
            if worker.ended == "crash":  # what killed it may have killed idle ones, which nobody would miss before they are called
                gone = {idle for idle in self._idle if not idle.alive()}
                self._idle = [idle for idle in self._idle if idle not in gone]
                self._alive -= gone
                self._retired += gone  # the keeper buries them
            self._hand_out()

    def _hand_out(self) -> None:
        """Give idle workers to those whose turn it is."""
        while self._idle and not self._closed and (found := self._turns.next()) is not None:
            _, ticket = found
            ticket.given = self._idle.pop()
            ticket.called.set()

    def _keep(self) -> None:
        """The keeper's thread: bury, and start what is missing."""
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._retired or len(self._alive) < self._wanted)
                if self._closed:
                    return
                retired, self._retired = self._retired, []
                missing = len(self._alive) < self._wanted
            for worker in retired:
                self._bury(worker, "retired" if worker.alive() else "crash")
            started = missing and self._start_one()
            self._tried.set()
            if started:
                failures = 0
            elif missing:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
                failures += 1

    def _start_one(self) -> bool:
        started = time.perf_counter()
        try:
            worker = Worker(self._forks, self._uid, self._program)
        except OSError as error:
            LOGGER.error("worker not started", extra={"reason": str(error)})
            return False
        with self._changed:
            self._alive.add(worker)
            if self._closed:
                worker.kill()
        try:
            worker.ready(_START_SECONDS)
        except StartError as error:
            with self._changed:
                self._alive.discard(worker)
                closed = self._closed
            if not closed:
                LOGGER.error("worker not started", extra={"reason": str(error)[-_LOGGED_CHARS:]})
            return False
        self._count_start(worker)
        LOGGER.debug("worker started", extra={"worker": worker.pid, "duration_ms": round((time.perf_counter() - started) * 1000, 1)})
        with self._changed:
            self._idle.append(worker)
            self._hand_out()
        return True

    def _count_start(self, worker: Worker) -> None:
        lacking = ", ".join(worker.lacking)
        first = self._seccomp == "not started"
        with self._changed:
            self._starts += 1
            self._seccomp = f"degraded: {lacking}" if lacking else "on"
        if lacking and first:
            LOGGER.warning("workers are not hardened as they should be", extra={"lacking": lacking})
        if self._metrics is not None:
            self._metrics.worker_starts.inc()
            self._metrics.workers.inc()

    def _bury(self, worker: Worker, reason: str) -> None:
        worker.end(reason)
        self._note_end(worker)

    def _note_end(self, worker: Worker) -> None:
        with self._changed:
            self._ends[worker.ended] += 1
        if worker.ended == "crash" and not self._closed:
            LOGGER.warning("worker crashed", extra={"worker": worker.pid, "reason": worker.stderr.decode(errors="replace")[:_LOGGED_CHARS]})
        if self._metrics is not None:
            self._metrics.worker_ends.labels(worker.ended).inc()
            self._metrics.workers.dec()

    def _tell_waiting(self, change: int) -> None:
        if self._metrics is not None:
            self._metrics.workers_waiting.inc(change)
