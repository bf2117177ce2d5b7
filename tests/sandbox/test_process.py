"""One worker: what it may use, how it ends, and that nothing of it stays."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.pools import LOOP, PROGRAM, SHORT, job, refuse_sql, wait_until
from wce.sandbox.forks import Forks
from wce.sandbox.messages import Budget, Fault
from wce.sandbox.process import StartError, Worker

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65_534


@pytest.fixture
def worker(forks: Forks) -> Iterator[Worker]:
    made = Worker(forks, NOBODY if os.geteuid() == 0 else None, PROGRAM)
    made.ready(20)
    yield made
    made.end("closed")


def fault_of(worker: Worker, lines: str, budget: Budget | None = None, serve: Any = refuse_sql) -> Fault:
    with pytest.raises(Fault) as caught:
        worker.call(job(lines, budget), serve)
    return caught.value


def test_a_call_gets_request_and_body_and_answers(worker: Worker) -> None:
    reply = worker.call(job("return request['path']", body=b"raw"), refuse_sql)

    assert (reply.status, reply.body, reply.prints[0].text) == (200, b'"/x"', "raw")


def test_a_script_is_sent_once(worker: Worker) -> None:
    counting = job("global n\nn = globals().get('n', 0) + 1\nreturn n")

    assert [worker.call(counting, refuse_sql).body for _ in range(2)] == [b"1", b"2"]


def test_a_syntax_error_is_told_without_running(worker: Worker) -> None:
    worker.check("raise Exception")
    with pytest.raises(Fault) as caught:
        worker.check("x = = 1")

    assert (caught.value.kind, caught.value.line) == ("syntax", 1)
    assert worker.alive()


def test_a_worker_that_reads_what_is_not_there_ends_at_once(forks: Forks) -> None:
    starlark = Worker(forks, NOBODY if os.geteuid() == 0 else None)
    starlark.ready(20)
    with open(f"/proc/{starlark.pid}/status", encoding="ascii") as status:
        caught = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt:"))
    starlark.end("closed")

    assert caught >> (signal.SIGSEGV - 1) & 1 == 0  # Go would tell first where it was, and wait for itself as it does
    assert caught >> (signal.SIGURG - 1) & 1  # by which it stops its own threads


def test_the_fault_of_a_script_leaves_the_worker_alive(worker: Worker) -> None:
    fault = fault_of(worker, "raise Fault('runtime', 'no', 3, 4)")

    assert (fault.kind, fault.message, fault.line, fault.column) == ("runtime", "no", 3, 4)
    assert worker.alive()
    assert worker.call(job("return 1"), refuse_sql).body == b"1"


def test_sql_is_answered_in_between(worker: Worker) -> None:
    asked = []

    def serve(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        asked.append(message["sql"])
        return {"ok": True}, b"rows"

    reply = worker.call(job("return [ask({'op': 'sql', 'sql': n})[1].decode() for n in (1, 2)]"), serve)

    assert asked == [1, 2]
    assert reply.body == b'["rows","rows"]'


def test_an_error_of_the_one_who_serves_comes_out_unchanged_and_the_worker_is_used_again(worker: Worker) -> None:
    def serve(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        worker.call(job("meta, _ = ask({'op': 'sql'})\nif not meta['ok']: raise Fault('refused', meta['message'])"), serve)

    assert worker.alive()
    assert worker.call(job("return 1"), refuse_sql).body == b"1"


def test_a_script_that_does_not_end_after_an_error_of_the_server_is_ended(worker: Worker) -> None:
    def serve(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        worker.call(job("ask({'op': 'sql'})\n" + LOOP), serve)

    assert worker.ended == "time"


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (LOOP, "time"),
        ("time.sleep(60)", "time"),
        ("while True: ask({'op': 'sql'}); time.sleep(0.05)", "time"),
        ("for byte in wire.frame({'op': 'done'}, bytes(500)): os.write(int(sys.argv[2]), bytes([byte])); time.sleep(0.05)", "time"),
        ("while True: os.write(2, bytes(65536))", "time"),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", "memory"),
        ("return 'x' * (1 << 30)", "memory"),
        ("return bytes(9 << 20)", "output"),
        ("os.abort()", "crash"),
        ("os._exit(0)", "crash"),
        ("raise ValueError", "crash"),
        ("os.write(int(sys.argv[2]), bytes(100))", "crash"),
        ("os.close(int(sys.argv[2]))", "crash"),
        ("ask({'op': 'else'})", "crash"),
        ("ask({'op': 'done', 'status': '200'})", "crash"),
        ("ask({'op': 'fault', 'kind': 'mine'})", "crash"),
    ],
)
def test_whatever_a_script_does_ends_within_its_limits_with_a_fault_of_its_own(worker: Worker, lines: str, kind: str) -> None:
    seconds = 1.0 if kind == "time" else 20.0
    started = time.monotonic()

    fault = fault_of(worker, lines, Budget(seconds=seconds, memory_mb=48), lambda message: ({"ok": True}, b""))

    assert fault.kind == worker.ended == kind
    assert time.monotonic() - started < seconds + 3
    assert not worker.alive()


def test_time_in_the_database_counts(worker: Worker) -> None:
    def serve(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        time.sleep(SHORT.seconds + 0.05)
        return {"ok": True}, b""

    fault = fault_of(worker, "ask({'op': 'sql'})\nreturn 1", SHORT, serve)

    assert (fault.kind, fault.queries) == ("time", 1)


def test_more_queries_than_allowed_are_not_served(worker: Worker) -> None:
    served = []

    def serve(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        served.append(message)
        return {"ok": True}, b""

    fault_of(worker, "while True: ask({'op': 'sql'})", Budget(queries=5), serve)

    assert len(served) == 5


@pytest.fixture
def own_user(forks: Forks) -> Iterator[Worker]:
    """A worker of the same user, whose limits may be set from outside whatever rights the test has."""
    made = Worker(forks, None, PROGRAM)
    made.ready(20)
    yield made
    made.end("closed")


def test_a_worker_that_uses_more_memory_than_the_call_may_is_ended_whoever_sets_the_limit(worker: Worker, own_user: Worker) -> None:
    for made in (worker, own_user):
        assert made.call(job("return len(bytes(60 << 20))", Budget(memory_mb=128)), refuse_sql).body == b"62914560"
        assert fault_of(made, "return len(bytes(60 << 20))", Budget(memory_mb=32)).kind == "memory"


def test_the_address_space_of_a_worker_ends_close_to_what_the_call_may_use_whoever_sets_the_limit(worker: Worker, own_user: Worker) -> None:
    for made in (worker, own_user):
        process, spaces = Path(f"/proc/{made.pid}"), []
        for memory_mb in (200, 64):
            made.call(job("return 1", Budget(memory_mb=memory_mb)), refuse_sql)
            spaces.append(number(process / "limits", "Max address space"))

        assert spaces[0] - spaces[1] == 136 << 20
        assert spaces[1] - (number(process / "status", "VmSize:") << 10) <= (64 + 128) << 20


def number(path: Path, name: str) -> int:
    """The first number of the line that begins so."""
    line = next(line for line in path.read_text(encoding="ascii", errors="replace").splitlines() if line.startswith(name))
    return int(line.removeprefix(name).split()[0])


def test_the_limits_of_memory_and_processor_are_set_from_outside_for_each_call(own_user: Worker) -> None:
    worker = own_user
    limits = []
    for memory_mb in (64, 200):
        worker.call(job("return 1", Budget(memory_mb=memory_mb, seconds=9)), refuse_sql)
        limits.append(resource.prlimit(worker.pid, resource.RLIMIT_DATA)[0])

    processor = resource.prlimit(worker.pid, resource.RLIMIT_CPU)[0]
    assert limits[1] - limits[0] == 136 << 20
    assert 9 < processor < 60


def test_who_crashed_for_want_of_memory_is_told_so(worker: Worker) -> None:
    fault = fault_of(worker, "sys.modules['ctypes'].string_at(0)", Budget(memory_mb=64))

    assert (fault.kind, worker.ended) == ("crash", "crash")
    assert fault.message.endswith("Most likely it needed more than the 64 MiB of memory that it may have.")


def test_a_worker_that_uses_up_its_processor_time_is_ended_by_the_kernel(own_user: Worker) -> None:
    worker = own_user
    worker.call(job("return 1"), refuse_sql)
    resource.prlimit(worker.pid, resource.RLIMIT_CPU, (1, resource.RLIM_INFINITY))

    fault = fault_of(worker, LOOP, Budget(seconds=5))

    assert fault.kind == "time"


def test_the_process_that_forks_says_nothing_of_a_server_that_has_gone_meanwhile() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.send(b'{"op": "poll", "pid": 1}')
    ours.close()

    ended = subprocess.run(
        [sys.executable, "-c", "from wce.sandbox.forkserver import main; main()", "", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        capture_output=True,
        check=False,
    )
    theirs.close()

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_an_ended_worker_leaves_no_descriptor_and_no_zombie(forks: Forks, worker: Worker) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    made = Worker(forks, None, PROGRAM)
    made.ready(20)

    made.end("closed")

    assert sorted(os.listdir("/proc/self/fd")) == before
    assert not Path(f"/proc/{made.pid}").exists()


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "import time; time.sleep(60)"])
def test_a_worker_that_does_not_come_up_is_ended_and_says_why(program: str, forks: Forks, worker: Worker) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    made = Worker(forks, None, program)

    with pytest.raises(StartError):
        made.ready(1)

    assert not Path(f"/proc/{made.pid}").exists()
    assert sorted(os.listdir("/proc/self/fd")) == before


PARENT = f"""
import sys, threading, time
sys.path.insert(0, {str(ROOT)!r})
from tests.sandbox.pools import PROGRAM, job, refuse_sql
from wce.sandbox.pool import Pool
pool = Pool(4, program=PROGRAM)
pool.call("b", job("return 1"), refuse_sql)
while pool.state().idle < 5:
    time.sleep(0.01)
threading.Thread(target=pool.call, args=("a", job("while True: pass"), refuse_sql), daemon=True).start()
while not pool.state().busy:
    time.sleep(0.01)
print(*(worker.pid for worker in pool._alive), flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    """Dead, though perhaps not waited for by whoever inherited it."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def test_a_parent_that_is_killed_leaves_no_worker_alive() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(pid) for pid in parent.stdout.readline().split()]

    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    assert len(workers) == 5
    wait_until(lambda: all(gone(pid) for pid in workers))
