"""What a worker gives up before it reads its first script, for good."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Final

from wce.sandbox import seccomp
from wce.sandbox.limits import MOST_MEMORY_MB, Sizes, own_sizes

_SET_PDEATHSIG, _SET_DUMPABLE, _SET_TIMERSLACK, _SET_NO_NEW_PRIVS = 1, 4, 29, 38  # of linux/prctl.h
_FILES: Final = 16
_SLACK_NANOSECONDS: Final = 5_000_000
_libc: Final = ctypes.CDLL(None, use_errno=True)


def before_threads() -> None:
    """What threads that are started later inherit, so this comes before Go is loaded."""
    _prctl(_SET_NO_NEW_PRIVS, 1)  # nothing that is executed gets more rights
    # They may sleep some milliseconds longer than they ask to. One of Go's looks after the others every 20 µs while anything runs, far
    # more often than there is something to see, and cost a call more than its script did.
    _prctl(_SET_TIMERSLACK, _SLACK_NANOSECONDS)


def harden(uid: int | None, *, outside: bool) -> tuple[Sizes, list[str]]:
    """Give everything up. Returns the sizes before the first script, and what this machine does not let one give up.

    A worker of root becomes `uid`. `outside`: the server sets the limits of each call; else the worker may do that itself, as `limits`
    says.
    """
    lacking: list[str] = []
    # Go would tell where it was, and as a rule wait for itself while it does.
    _libc.signal(signal.SIGSEGV, signal.SIG_DFL)
    warm = own_sizes()
    most = warm.plus(MOST_MEMORY_MB)
    for limit, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, _FILES)):
        resource.setrlimit(limit, (value, value))
    resource.setrlimit(resource.RLIMIT_AS, (most.space_bytes, most.space_bytes))
    if not outside:
        lacking.append("prlimit (the server may not set the limits of another user)")
        resource.setrlimit(resource.RLIMIT_DATA, (most.data_bytes, most.data_bytes))
    if os.geteuid() == 0 and uid is not None:
        try:
            _become(uid)
        except OSError as error:
            lacking.append(f"setuid ({error.strerror})")
    # After the change of user, which clears it. The parent's thread that started this worker lives as long as its pool.
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_SET_DUMPABLE, 0)
    try:
        seccomp.install(limits=not outside)
    except OSError as error:
        lacking.append(f"seccomp ({error.strerror})")
    return warm, lacking


def _become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option}")
