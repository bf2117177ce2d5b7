"""A disk that answers EIO or ENOSPC: a filter of system calls makes reading, writing or syncing fail in another process."""

from __future__ import annotations

import errno
import json
import platform
from collections.abc import Callable

import pytest

from wce.store.store import Store

# x86-64 and aarch64
CALLS = {"pread64": (17, 67), "pwrite64": (18, 68), "fsync": (74, 82), "fdatasync": (75, 83)}

BROKEN = """
import ctypes, json, struct
from wce.errors import WceError

def break_calls(numbers, error):
    steps = [(0x20, 0, 0, 0)]  # the number of the call
    for number in numbers:
        steps += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error)]
    steps += [(0x06, 0, 0, 0x7FFF0000)]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()  # PR_SET_SECCOMP

def write(title):
    with store.session(cenv) as session, session.transaction(OWNER) as transaction:
        transaction.execute("INSERT INTO notes (title) VALUES (?)", (title,))

store = Store(Settings(storage_dir=Path(sys.argv[1]), min_free_mb=0, instance="tests", durability=sys.argv[4]), Metrics())
store.open()
cenv, codes = sys.argv[2], []
write("acknowledged")
break_calls(json.loads(sys.argv[3]), int(sys.argv[6]))
if sys.argv[5] == "reading":
    store.connections.close()  # nothing is in a cache
for attempt in range(3):
    try:
        write("never" + "x" * 20_000)
        codes.append("written")
    except WceError as error:
        codes.append(error.code)
print(json.dumps(codes), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize(
    ("what", "calls", "durability", "error", "code"),
    [
        ("writing", ["pwrite64"], "normal", errno.EIO, "disk_full"),
        ("writing", ["pwrite64"], "full", errno.ENOSPC, "disk_full"),
        ("syncing", ["fsync", "fdatasync"], "full", errno.EIO, "disk_full"),
        ("reading", ["pread64"], "normal", errno.EIO, "cenv_damaged"),
    ],
)
def test_what_was_acknowledged_is_there_after_errors_of_the_disk(
    store: Store, cenv: str, run: Callable[..., str], what: str, calls: list[str], durability: str, error: int, code: str
) -> None:
    store.close()
    numbers = [CALLS[name][("x86_64", "aarch64").index(platform.machine())] for name in calls]

    codes = json.loads(run(BROKEN, cenv, json.dumps(numbers), durability, what, str(error)))

    assert codes == [code] * 3
    store.open()
    with store.session(cenv) as session:
        assert session.all("PRAGMA integrity_check") == [("ok",)]
        assert ("acknowledged",) in session.all("SELECT title FROM notes")
