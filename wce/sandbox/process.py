"""One worker process, seen from the server: start it, talk to it for as long as a call may take, end it."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from wce.sandbox import wire
from wce.sandbox.forks import Forks
from wce.sandbox.limits import Limits, Memory, Sizes, reachable
from wce.sandbox.messages import SCRIPT, Budget, Fault, Job, Rendered, RenderJob, Reply, Template
from wce.sandbox.pace import QUICK_SECONDS, Pace

PROGRAM: Final = "from wce.sandbox.runtime import Runtime; from wce.sandbox.worker import main; main(Runtime)"
_STOP_SECONDS: Final = 0.2
_STDERR_BYTES: Final = 16_384
_NO_MEMORY: Final = (
    b"out of memory",
    b"MemoryError",
    b"pthread_create failed",
    b"annot allocate memory",
    b"memory allocation of",
    b"malloc failed",
)
_CRASHED: Final = "The script made its process crash."
_LOOK_EVERY: Final = 16  # calls, for its memory
_TOLERANCE_SECONDS: Final = 0.05  # by which a wait may be longer than the time that is left, to set it anew less often

LEFT: Final = "seconds_left"  # of the call; told to whoever answers a message of its worker
_MOST_TEMPLATES: Final = 200  # that one call may ask for


Message = tuple[dict[str, Any], bytes]
Serve = Callable[[dict[str, Any]], Message]
Find = Callable[[str], Template | None]
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class GoneError(Exception):
    """A worker that had ended before the call, so that nothing of it ran."""


class StartError(Exception):
    """A worker that did not come up; the text is for the log."""


def nothing(_name: str) -> Template | None:
    """Finds no template."""
    return None


class Worker:
    """One thread at a time talks to it; `kill` may come from any other."""

    def __init__(self, forks: Forks, uid: int | None, program: str = PROGRAM) -> None:
        """Start the process, which `ready` then waits for; raises OSError."""
        self._outside = reachable(uid)
        self._sock, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = forks.start(program, {"uid": uid, "outside": self._outside}, theirs.fileno())
        except OSError:
            self._sock.close()
            raise
        self.pid = self._process.pid
        self.calls = 0
        self.ended = ""  # why, once it has
        self.stderr = b""  # what it said last
        self.lacking: list[str] = []  # what this machine did not let it be hardened by
        self._limits: Limits | None = None
        self._memory: Memory | None = None
        self._warm_bytes = 0  # of memory, as a limit counts it
        self._kept_bytes = 0  # beyond that, since the calls that were
        self._budget = Budget()
        self._began = 0.0
        self._deadline = 0.0
        self._armed = -1.0  # how long a read waits
        self._queries = 0
        self._pace = Pace()

    def ready(self, seconds: float) -> None:
        """Wait until it has given up what it may not have; raises StartError, and it is ended then."""
        self._deadline = time.monotonic() + seconds
        try:
            meta, _ = wire.receive(self._sock, 0, self._wait)
            self.lacking = [str(item) for item in meta["lacking"]]
            warm = Sizes(int(meta["data_bytes"]), int(meta["space_bytes"]))
            self._warm_bytes = warm.data_bytes
            self._limits = Limits(warm, self.pid) if self._outside else None
            self._memory = Memory(self.pid)
        except (OSError, EOFError, wire.WireError) as error:
            self.end("crash")
            raise StartError(f"{error!r} {self.stderr.decode(errors='replace')}".strip()) from error

    def check(self, source: str, syntax: str = SCRIPT) -> None:
        """Raise a Fault of kind `syntax` unless the source can be read; none of it runs. Raises GoneError as `call`."""
        asked = {"op": "check", "syntax": syntax, "budget": Budget().to_meta()}
        meta, _ = self._begin(Budget(), asked, source.encode("utf-8", "replace"))
        if meta.get("op") == "fault":
            raise self._fault(meta)
        if meta.get("op") != "done":
            raise self._lost("crash", "not an answer")

    def call(self, job: Job, serve: Serve, find: Find = nothing) -> Reply:
        """Run one job; raises whatever `serve` and `find` raise, GoneError, or Fault; then `ended` tells whether the worker lives on."""
        self._pace.begin(job.key)
        try:
            first = self._begin(job.budget, job.to_meta(), job.body)
            return self._read(Reply.from_meta, *self._talk(first, serve, find, job.script))
        finally:
            self._pace.end(job.key, time.monotonic() - self._began)

    def render(self, job: RenderJob, serve: Serve, find: Find) -> Rendered:
        """Render one template, with others that `find` gives by their names; raises as `call`."""
        first = self._begin(job.budget, job.to_meta(), job.template.source.encode("utf-8", "replace"))
        return self._read(Rendered.from_meta, *self._talk(first, serve, find))

    def alive(self) -> bool:
        return not self.ended and self._process.poll() is None

    def holds_more(self, resident_bytes: int, kept_bytes: int) -> bool:
        """Whether it holds more memory than that, or has kept more of its calls; after a quick call, which cannot take much, nobody
        looks as a rule.
        """
        if self._memory is None or (self.calls % _LOOK_EVERY and time.monotonic() - self._began < QUICK_SECONDS):
            return False
        held = self._memory.held()
        # Go and malloc seldom give back what they had, so the next call would find less room than in a new worker.
        self._kept_bytes = max(0, held.data_bytes - self._warm_bytes)
        return held.resident_bytes > resident_bytes or self._kept_bytes > kept_bytes

    def kill(self) -> None:
        """End the process and wait for it; whoever talks to it finds it gone."""
        self._process.kill()

    def end(self, reason: str) -> None:
        """End it and let go of everything of it; only the first reason counts."""
        if self.ended:
            return
        self.ended = reason
        self.kill()
        self._sock.close()
        if self._memory is not None:
            self._memory.close()
        self.stderr = self._process.last_words(_STDERR_BYTES)

    def _begin(self, budget: Budget, meta: dict[str, Any], body: bytes) -> Message:
        """Start a call with its first frame and get the next; raises GoneError and Fault."""
        self.calls += 1
        self._budget = budget
        self._began = time.monotonic()
        self._deadline = self._began + budget.seconds
        self._queries = 0
        try:
            if self._limits is None:
                meta["kept_bytes"] = self._kept_bytes
            else:
                self._limits.allow(budget, self._kept_bytes)
            self._send(wire.frame(meta, body))
        except (ProcessLookupError, BrokenPipeError) as error:
            self.end("crash")
            raise GoneError from error
        except (OSError, wire.WireError) as error:
            raise self._failed(error) from error
        return self._next()

    def _exchange(self, meta: dict[str, Any], body: bytes) -> Message:
        """Send one frame and get the next; whatever goes wrong ends the worker and comes out as a Fault."""
        try:
            self._send(wire.frame(meta, body))
        except (OSError, wire.WireError) as error:
            raise self._failed(error) from error
        return self._next()

    def _next(self) -> Message:
        self._pace.waiting()
        try:
            return wire.receive(self._sock, self._budget.output_bytes, self._wait)
        except (OSError, EOFError, wire.WireError) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> Fault:
        """What it means for the script that talking to its worker went wrong; the worker is ended."""
        if isinstance(error, TimeoutError | BlockingIOError):
            return self._lost("time", f"The script ran for more than {self._budget.seconds:g} seconds.")
        if isinstance(error, wire.OversizedError):
            return self._lost("output", f"The answer has more than {self._budget.output_bytes} bytes.")
        return self._lost("crash", str(error)) if isinstance(error, wire.WireError) else self._died()

    def _talk(self, first: Message, serve: Serve, find: Find, script: str | None = None) -> Message:
        """Answer what the worker asks for until it has ended its call."""
        (meta, body), templates = first, 0
        while True:
            op = meta.get("op")
            if op == "done":
                return meta, body
            if op == "fault":
                raise self._fault(meta)
            if op == "need" and script is not None:
                answer: Message = {"op": "source"}, script.encode("utf-8", "replace")
            elif op == "sql" and self._queries < self._budget.queries:
                self._queries += 1
                answer = self._served(serve, meta | {LEFT: self._deadline - time.monotonic()})
            elif op == "template" and templates < _MOST_TEMPLATES:
                templates += 1
                answer = _found(self._served(find, str(meta.get("name"))))
            else:
                raise self._lost("crash", "not a message of a call")
            meta, body = self._exchange(*answer)

    def _served(self, serve: Callable[[Asked], Answered], asked: Asked) -> Answered:
        try:
            return serve(asked)
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        """Let the script end where it asked for SQL, so that the worker can be used again; end it too if it does not come."""
        self._deadline = min(self._deadline, time.monotonic() + _STOP_SECONDS)
        try:
            meta, _ = self._exchange({"ok": False, "message": "The call was stopped."}, b"")
        except Fault:
            return
        if meta.get("op") not in ("fault", "done"):
            self.end("crash")

    def _read(self, form: Callable[[dict[str, Any], bytes], Answered], meta: dict[str, Any], body: bytes) -> Answered:
        try:
            return form(meta, body)
        except ValueError as error:
            raise self._lost("crash", f"a reply without a right {error}") from error

    def _fault(self, meta: dict[str, Any]) -> Fault:
        try:
            return Fault.from_meta(meta)
        except ValueError as error:
            return self._lost("crash", f"a fault without a right {error}")

    def _died(self) -> Fault:
        """What became of a worker that is gone, by its last words; one that only hung up is ended."""
        self.end("crash")
        code = self._process.returncode
        if any(words in self.stderr for words in _NO_MEMORY):
            self.ended = "memory"
            return self._told("memory", f"The script needed more than {self._budget.memory_mb} MiB of memory.")
        if code == -signal.SIGXCPU:
            self.ended = "time"
            return self._told("time", "The script used up its processor time.")
        fault = self._lost("crash", f"ended with {code}")
        if code == -signal.SIGSEGV:  # as what does not look whether it was given the memory that it asked for
            fault.message = f"{_CRASHED} Most likely it needed more than the {self._budget.memory_mb} MiB of memory that it may have."
        return fault

    def _lost(self, kind: str, message: str) -> Fault:
        """End the worker, for it is not to be talked to any more."""
        self.end(kind)
        if kind == "crash":
            self.stderr = f"{message}; ".encode() + self.stderr
            message = _CRASHED
        return self._told(kind, message)

    def _told(self, kind: str, message: str) -> Fault:
        return Fault(kind, message, queries=self._queries)

    def _wait(self) -> None:
        """Let the next read wait for the time that is left of the whole call, or a little longer."""
        left = self._left()
        if not left <= self._armed <= left + _TOLERANCE_SECONDS:
            self._armed = left + _TOLERANCE_SECONDS / 2
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wire.timeval(self._armed))

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        rest = rest[self._sock.send(rest, socket.MSG_DONTWAIT) :]
        while rest:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wire.timeval(self._left()))
            rest = rest[self._sock.send(rest) :]

    def _left(self) -> float:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def _found(template: Template | None) -> Message:
    if template is None:
        return {"found": False}, b""
    return {"found": True, "syntax": template.syntax}, template.source.encode("utf-8", "replace")
