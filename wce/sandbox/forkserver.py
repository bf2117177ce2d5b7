"""The process that every worker is a copy of: it has loaded what all of them need, and forks one whenever the server asks.

So a worker is there in a fifth of the time. Only Go is loaded by each for itself, for it would not survive a fork. What this process
runs is ours alone; it never sees a script, and keeps its dead children until the server has asked for them, so that their numbers
stay theirs.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
from typing import Any, Final

import orjson

from wce.sandbox import answer, api, templates, worker

PRELOADED: Final = (answer, api, templates, worker)  # with all that they import
_MESSAGE_BYTES: Final = 65_536


def main() -> None:
    """Serve until the server has hung up; whatever lives then ends with its parent."""
    sock = socket.socket(fileno=int(sys.argv[2]))
    gc.collect()
    gc.freeze()  # the collector would write to every page that a worker shares with this process
    while True:
        data, descriptors, _, _ = socket.recv_fds(sock, _MESSAGE_BYTES, 2)
        if not data:
            os._exit(0)
        asked = orjson.loads(data)
        answered = _start(sock, asked, *descriptors) if asked["op"] == "start" else _end(asked["pid"], kill=asked["op"] == "end")
        try:
            sock.send(orjson.dumps(answered))
        except ConnectionError:  # it has hung up meanwhile
            os._exit(0)


def _start(sock: socket.socket, asked: dict[str, Any], theirs: int, stderr: int) -> dict[str, Any]:
    try:
        pid = os.fork()
        if pid == 0:
            sock.close()
            _become_worker(asked["program"], theirs, stderr, asked["config"])
        return {"pid": pid}
    except OSError as error:
        return {"error": str(error)}
    finally:
        os.close(theirs)
        os.close(stderr)


def _become_worker(program: str, theirs: int, stderr: int, config: str) -> None:
    """Run the worker's program in this copy; never returns."""
    try:
        os.setsid()
        os.dup2(stderr, 2)
        os.close(stderr)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.argv = ["-c", sys.argv[1], str(theirs), config]
        exec(program, {"__name__": "__main__", "sys": sys})  # noqa: S102  # our own program
    except BaseException:  # noqa: BLE001  # the last words of a process
        traceback.print_exc()
    finally:
        os._exit(1)


def _end(pid: int, *, kill: bool) -> dict[str, Any]:
    """The exit code of a child as subprocess has it, None while it lives; one that is killed is waited for and forgotten."""
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if kill:
            os.kill(pid, signal.SIGKILL)  # a child, alive or not, so the number is still its own
            found = os.waitid(os.P_PID, pid, os.WEXITED)
    except ChildProcessError:
        return {"code": -signal.SIGKILL}  # of one that was here before, and took it along
    if found is None:
        return {"code": None}
    return {"code": found.si_status if found.si_code == os.CLD_EXITED else -found.si_status}
