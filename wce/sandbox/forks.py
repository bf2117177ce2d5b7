"""Processes of workers, as copies of one that has everything loaded (see `forkserver`)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import orjson

# Nothing that starts threads may come before, so that they inherit what this gives up.
_PROGRAM: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from wce.sandbox import harden; harden.before_threads(); "
    "from wce.sandbox.forkserver import main; main()"
)
_ROOT: Final = str(Path(__file__).resolve().parents[2])
_ENVIRONMENT: Final = {"GOMAXPROCS": "2", "GOTRACEBACK": "none", "MALLOC_ARENA_MAX": "1", "LANG": "C.UTF-8"}
_ANSWER_BYTES: Final = 4_096
_PATIENCE_SECONDS: Final = 30.0  # for an answer, which takes milliseconds
KILLED: Final = -9


class Fork:
    """One process; `returncode` is None until it has been ended, as subprocess has it."""

    def __init__(self, forks: Forks, pid: int, stderr: int) -> None:
        self._forks = forks
        self._lock = threading.Lock()
        self.pid = pid
        self._stderr = stderr
        self.returncode: int | None = None

    def last_words(self, most_bytes: int) -> bytes:
        """What it has written to its stderr, which is closed then."""
        os.set_blocking(self._stderr, False)
        with os.fdopen(self._stderr, "rb") as pipe:
            return pipe.read(most_bytes) or b""

    def poll(self) -> int | None:
        """Its exit code, None while it lives."""
        with self._lock:
            if self.returncode is None:
                return self._forks.ask("poll", self.pid)
            return self.returncode

    def kill(self) -> None:
        """End it and wait for that; any thread may, and more than once."""
        with self._lock:
            if self.returncode is None:
                code = self._forks.ask("end", self.pid)
                self.returncode = KILLED if code is None else code


class Forks:
    """Starts processes; the one that they are copies of is started with the first of them, and anew when it was lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._closed = False

    def start(self, program: str, config: dict[str, Any], theirs: int) -> Fork:
        """A copy that runs the program over this descriptor; raises OSError."""
        stderr, its = os.pipe()
        try:
            asked = {"op": "start", "program": program, "config": orjson.dumps(config).decode()}
            try:
                answered = self._exchange(asked, [theirs, its], begin=True)
            except ConnectionError:  # somebody has killed it
                answered = self._exchange(asked, [theirs, its], begin=True)
            if "pid" not in answered:
                raise OSError(answered.get("error", "no process"))
        except BaseException:
            os.close(stderr)
            raise
        finally:
            os.close(its)
        return Fork(self, int(answered["pid"]), stderr)

    def ask(self, op: str, pid: int) -> int | None:
        """The exit code of a process, KILLED where its parent is gone, with which it ended."""
        try:
            code = self._exchange({"op": op, "pid": pid}, [])["code"]
        except OSError:
            return KILLED
        return None if code is None else int(code)

    def close(self) -> None:
        """End the process that forks, and with it whatever still lives; a second call does nothing."""
        with self._lock:
            self._closed = True
            self._drop()

    def _exchange(self, asked: dict[str, Any], descriptors: list[int], *, begin: bool = False) -> dict[str, Any]:
        with self._lock:
            if self._sock is None:
                if self._closed or not begin:
                    raise ConnectionError("the process that forks is not there")
                self._begin()
            sock = self._sock
            if sock is None:
                raise ConnectionError("the process that forks did not start")
            try:
                socket.send_fds(sock, [orjson.dumps(asked)], descriptors)
                data = sock.recv(_ANSWER_BYTES)
            except OSError:
                data = b""
            if not data:
                self._drop()
                raise ConnectionError("the process that forks is gone")
        answered: dict[str, Any] = orjson.loads(data)
        return answered

    def _begin(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._server = subprocess.Popen(  # noqa: S603 - our own program
                    [sys.executable, "-I", "-c", _PROGRAM, _ROOT, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    cwd="/",
                    env=_ENVIRONMENT,
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        ours.settimeout(_PATIENCE_SECONDS)
        self._sock = ours

    def _drop(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None
