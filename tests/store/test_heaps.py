from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

# Eight threads at once, each with memory of its own, and how many heaps the C library has then.
PROGRAM = """
import ctypes, os, tempfile, threading
from wce.store.heaps import share_heaps

print(share_heaps(os.environ))
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
all_there = threading.Barrier(8)

def take():
    all_there.wait()
    libc.malloc(100_000)
    all_there.wait()

threads = [threading.Thread(target=take) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
with tempfile.NamedTemporaryFile() as told:
    file = libc.fopen(told.name.encode(), b"w")
    libc.malloc_info(0, ctypes.c_void_p(file))
    libc.fclose(ctypes.c_void_p(file))
    print(told.read().decode())
"""


def heaps(**environ: str) -> tuple[bool, int]:
    own = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    told = subprocess.run([sys.executable, "-c", PROGRAM], env=own | environ, capture_output=True, text=True, check=True).stdout
    return told.startswith("True"), len(re.findall("<heap nr=", told))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library of Linux")
def test_all_threads_share_two_heaps_unless_the_operator_has_said_how_many() -> None:
    assert heaps() == (True, 2)

    shared, count = heaps(MALLOC_ARENA_MAX="6")
    assert not shared
    assert count > 2
