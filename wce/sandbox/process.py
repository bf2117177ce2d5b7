"""One worker process, seen from the server: start it, talk to it for as long as a call may take, end it."""

from __future__ import annotations

import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from wce import lane
from wce.sandbox import wire
from wce.sandbox.limits import Limits, reachable
from wce.sandbox.messages import SCRIPT, Budget, Fault, Job, Rendered, RenderJob, Reply, Template

PROGRAM: Final = "from wce.sandbox.runtime import Runtime; from wce.sandbox.worker import main; main(Runtime)"
# Before anything that starts threads is loaded.
_PRELUDE: Final = "import sys; sys.path.insert(0, sys.argv[1]); from wce.sandbox import harden; harden.no_new_privs(); "
_ROOT: Final = str(Path(__file__).resolve().parents[2])
_ENVIRONMENT: Final = {"GOMAXPROCS": "2", "GOTRACEBACK": "none", "MALLOC_ARENA_MAX": "1", "LANG": "C.UTF-8"}
_STOP_SECONDS: Final = 0.2
_STDERR_BYTES: Final = 16_384
_NO_MEMORY: Final = (b"out of memory", b"MemoryError", b"pthread_create failed", b"annot allocate memory")
_PAGE_BYTES: Final = resource.getpagesize()
_STATM_RESIDENT: Final = 1  # its place in the line

LEFT: Final = "seconds_left"  # of the call; told to whoever answers a message of its worker
_MOST_TEMPLATES: Final = 200  # that one call may ask for


Message = tuple[dict[str, Any], bytes]
Serve = Callable[[dict[str, Any]], Message]
Find = Callable[[str], Template | None]
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class StartError(Exception):
    """A worker that did not come up; the text is for the log."""


def nothing(_name: str) -> Template | None:
    """Finds no template."""
    return None


class Worker:
    """One thread at a time talks to it; `kill` may come from any other."""

    def __init__(self, uid: int | None, program: str = PROGRAM) -> None:
        """Start the process, which `ready` then waits for; raises OSError."""
        self._outside = reachable(uid)
        config = orjson.dumps({"uid": uid, "outside": self._outside}).decode()
        self._sock, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    [sys.executable, "-I", "-c", _PRELUDE + program, _ROOT, str(theirs.fileno()), config],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    cwd="/",
                    env=_ENVIRONMENT,
                    start_new_session=True,
                )
        except OSError:
            self._sock.close()
            raise
        self.pid = self._process.pid
        self.calls = 0
        self.ended = ""  # why, once it has
        self.stderr = b""  # what it said last
        self.lacking: list[str] = []  # what this machine did not let it be hardened by
        self._limits: Limits | None = None
        self._statm: int | None = None
        self._budget = Budget()
        self._deadline = 0.0
        self._queries = 0

    def ready(self, seconds: float) -> None:
        """Wait until it has given up what it may not have; raises StartError, and it is ended then."""
        self._deadline = time.monotonic() + seconds
        try:
            meta, _ = wire.receive(self._sock, 0, self._wait)
            self.lacking = [str(item) for item in meta["lacking"]]
            self._limits = Limits(int(meta["data_bytes"]), self.pid) if self._outside else None
            self._statm = os.open(f"/proc/{self.pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, EOFError, wire.WireError) as error:
            self.end("crash")
            raise StartError(f"{error!r} {self.stderr.decode(errors='replace')}".strip()) from error

    def check(self, source: str, syntax: str = SCRIPT) -> None:
        """Raise a Fault of kind `syntax` unless the source can be read; none of it runs."""
        self._begin(Budget())
        asked = {"op": "check", "syntax": syntax, "budget": self._budget.to_meta()}
        meta, _ = self._exchange(asked, source.encode("utf-8", "replace"))
        if meta.get("op") == "fault":
            raise self._fault(meta)
        if meta.get("op") != "done":
            raise self._lost("crash", "not an answer")

    def call(self, job: Job, serve: Serve, find: Find = nothing) -> Reply:
        """Run one job; raises Fault, after which `ended` tells whether the worker lives on, and whatever `serve` and `find` raise."""
        self._begin(job.budget)
        return self._read(Reply.from_meta, *self._talk(self._exchange(job.to_meta(), job.body), serve, find, job.script))

    def render(self, job: RenderJob, serve: Serve, find: Find) -> Rendered:
        """Render one template, with others that `find` gives by their names; raises as `call`."""
        self._begin(job.budget)
        source = job.template.source.encode("utf-8", "replace")
        return self._read(Rendered.from_meta, *self._talk(self._exchange(job.to_meta(), source), serve, find))

    def alive(self) -> bool:
        return not self.ended and self._process.poll() is None

    def resident_bytes(self) -> int:
        """The memory that it holds; 0 where that cannot be read any more."""
        try:
            return int(os.pread(self._statm or -1, 128, 0).split()[_STATM_RESIDENT]) * _PAGE_BYTES
        except OSError:
            return 0

    def kill(self) -> None:
        """End the process and wait for it; whoever talks to it finds it gone."""
        self._process.kill()
        self._process.wait()

    def end(self, reason: str) -> None:
        """End it and let go of everything of it; only the first reason counts."""
        if self.ended:
            return
        self.ended = reason
        self.kill()
        self._sock.close()
        if self._statm is not None:
            os.close(self._statm)
        if (pipe := self._process.stderr) is not None:
            os.set_blocking(pipe.fileno(), False)
            self.stderr = pipe.read(_STDERR_BYTES) or b""
            pipe.close()

    def _begin(self, budget: Budget) -> None:
        self.calls += 1
        self._budget = budget
        self._deadline = time.monotonic() + budget.seconds
        self._queries = 0
        if self._limits is not None:
            with suppress(ProcessLookupError):  # as the call is about to find
                self._limits.allow(budget)

    def _exchange(self, meta: dict[str, Any], body: bytes) -> Message:
        """Send one frame and get the next; whatever goes wrong ends the worker and comes out as a Fault."""
        data = wire.frame(meta, body)
        try:
            self._send(data)
            lane.waiting()
            return wire.receive(self._sock, self._budget.output_bytes, self._wait)
        except (TimeoutError, BlockingIOError) as error:
            raise self._lost("time", f"The script ran for more than {self._budget.seconds:g} seconds.") from error
        except (EOFError, ConnectionError) as error:
            raise self._died() from error
        except wire.OversizedError as error:
            raise self._lost("output", f"The answer has more than {self._budget.output_bytes} bytes.") from error
        except wire.WireError as error:
            raise self._lost("crash", str(error)) from error

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
        return self._lost("crash", f"ended with {code}")

    def _lost(self, kind: str, message: str) -> Fault:
        """End the worker, for it is not to be talked to any more."""
        self.end(kind)
        if kind == "crash":
            self.stderr = f"{message}; ".encode() + self.stderr
            message = "The script made its process crash."
        return self._told(kind, message)

    def _told(self, kind: str, message: str) -> Fault:
        return Fault(kind, message, queries=self._queries)

    def _wait(self) -> None:
        """Let the next read wait for the time that is left of the whole call."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, self._left())

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        rest = rest[self._sock.send(rest, socket.MSG_DONTWAIT) :]
        while rest:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, self._left())
            rest = rest[self._sock.send(rest) :]

    def _left(self) -> bytes:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        # As struct timeval; all zero would mean to wait for ever.
        return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6) or 1)


def _found(template: Template | None) -> Message:
    if template is None:
        return {"found": False}, b""
    return {"found": True, "syntax": template.syntax}, template.source.encode("utf-8", "replace")
