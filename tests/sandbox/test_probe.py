"""Somebody who has escaped from his interpreter, inside a real worker: the kernel refuses whatever reaches out of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.sandbox.pools import PROGRAM, job, refuse_sql
from wce.sandbox.forks import Forks
from wce.sandbox.process import Worker

NOBODY = 65_534


@pytest.fixture(scope="module")
def worker(forks: Forks) -> Iterator[Worker]:
    made = Worker(forks, NOBODY if os.geteuid() == 0 else None, PROGRAM)
    made.ready(20)
    if any(item.startswith("seccomp") for item in made.lacking):
        made.end("closed")
        pytest.skip(f"this machine does not let a worker be hardened: {made.lacking}")
    yield made
    made.end("closed")


# ctypes is loaded before the filter, as nothing can be opened later.
PROBE = PROGRAM.replace("from python_runtime", "import ctypes, signal, resource, fcntl, mmap; from python_runtime")
SYSCALL = "import_ = sys.modules\nctypes = import_['ctypes']\nlibc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.fixture(scope="module")
def probe(forks: Forks, worker: Worker) -> Iterator[Worker]:
    made = Worker(forks, NOBODY if os.geteuid() == 0 else None, PROBE)
    made.ready(20)
    yield made
    made.end("closed")


def tried(worker: Worker, expression: str) -> int:
    """The errno with which the kernel answers; 0 where it does what is asked."""
    lines = f"try:\n    {expression}\nexcept OSError as error:\n    return error.errno\nreturn 0"
    return int(orjson.loads(worker.call(job(lines), refuse_sql).body))


@pytest.mark.parametrize(
    "expression",
    [
        "os.open('/etc/passwd', os.O_RDONLY)",
        "os.open('/tmp/probe', os.O_CREAT | os.O_WRONLY)",
        "os.open('/proc/self/mem', os.O_RDWR)",
        "os.stat('/')",
        "os.listdir('/')",
        "os.unlink('/tmp/probe')",
        "os.mkdir('/tmp/probe')",
        "os.chdir('/tmp')",
        "os.memfd_create('x')",
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.kill(os.getppid(), 0)",
        "os.kill(1, 9)",
        "os.kill(os.getpid(), 9)",
        "os.setuid(0)",
        "os.dup(0)",
        "os.nice(1)",
        "os.setsid()",
    ],
)
def test_a_call_that_reaches_out_is_refused(probe: Worker, expression: str) -> None:
    assert tried(probe, expression) == errno.EPERM


@pytest.mark.parametrize(
    "name_and_arguments",
    [
        "ptrace, 16, 1, 0, 0",
        "kill, 1, 0",
        "prctl, 4, 1, 0, 0, 0",
        "unshare, 0x10000000",
        "mount, b'a', b'/', b'tmpfs', 0, 0",
        "setrlimit, 2, b'\\xff' * 16",
        "process_vm_readv, 1, 0, 0, 0, 0, 0",
        "mprotect, 0, 4096, 4",
    ],
)
def test_a_call_by_the_c_library_is_refused_as_well(probe: Worker, name_and_arguments: str) -> None:
    name, _, arguments = name_and_arguments.partition(", ")
    lines = SYSCALL + f"if libc['{name}']({arguments}) == -1:\n    return ctypes.get_errno()\nreturn 0"

    assert orjson.loads(probe.call(job(lines), refuse_sql).body) == errno.EPERM


def test_its_own_threads_run(probe: Worker) -> None:
    lines = "seen = []\nthread = sys.modules['threading'].Thread(target=seen.append, args=(1,))\nthread.start()\nthread.join()\nreturn seen"

    assert probe.call(job(lines), refuse_sql).body == b"[1]"


def test_it_has_no_environment_no_files_and_no_rights(probe: Worker) -> None:
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{probe.pid}/status").read_text().splitlines() if ":\t" in line)
    limits = Path(f"/proc/{probe.pid}/limits").read_text()

    assert (status["NoNewPrivs"], status["Seccomp"], status["CapEff"].strip("0")) == ("1", "2", "")
    if os.geteuid() == 0:
        assert status["Uid"].split() == [str(NOBODY)] * 4
        assert status["Groups"].split() == []
    for name, value in (("Max core file size", 0), ("Max file size", 0), ("Max open files", 16)):
        line = next(line for line in limits.splitlines() if line.startswith(name))
        assert line.removeprefix(name).split()[:2] == [str(value)] * 2
    assert set(orjson.loads(probe.call(job("return sorted(os.environ)"), refuse_sql).body)) == {
        "GOMAXPROCS", "GOTRACEBACK", "MALLOC_ARENA_MAX", "LANG",
    }  # fmt: skip


def test_only_four_descriptors_are_open(probe: Worker) -> None:
    assert len(os.listdir(f"/proc/{probe.pid}/fd")) == 4


def test_its_hard_limits_stay(probe: Worker) -> None:
    resource = "resource = sys.modules['resource']\n"
    for limit in ("RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC"):
        lines = "try:\n    resource.setrlimit(resource." + limit + ", (8, 8))\nexcept (OSError, ValueError):\n    return True\nreturn False"
        assert probe.call(job(resource + lines), refuse_sql).body == b"true"
    lines = "most = resource.getrlimit(resource.RLIMIT_DATA)[1]\nresource.setrlimit(resource.RLIMIT_DATA, (most + 1, most + 1))"
    refused = (
        "try:\n    resource.getrlimit\n    "
        + lines.replace("\n", "\n    ")
        + "\nexcept (OSError, ValueError):\n    return True\nreturn False"
    )
    assert probe.call(job(resource + refused), refuse_sql).body == b"true"
