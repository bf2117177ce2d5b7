"""The system calls that a worker may still make once it is warm, held by the kernel (seccomp(2)); every other one fails with EPERM.

What is allowed lets it compute, use memory, start threads of its own and talk over descriptors that are open already. It
lets it open, connect, fork, execute, trace or signal nothing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from dataclasses import dataclass
from typing import Final

_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of linux/bpf_common.h
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000  # of linux/seccomp.h; a refusal carries the errno
_FILTER_MODE, _ALL_THREADS = 1, 1
_NUMBER, _ARCH = 0, 4  # offsets in struct seccomp_data
_X32: Final = 0x40000000
_CLONE_THREAD: Final = 0x10000
_PROT_EXEC: Final = 4
_LIMIT_AS: Final = 9  # of asm-generic/resource.h

Step = tuple[int, int, int, int]


# The numbers of each call, for x86-64 and for aarch64.
# fmt: off
_PLAIN: Final[dict[str, tuple[int | None, int | None]]] = {
    # What is open already.
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "sendto": (44, 206), "recvfrom": (45, 207),
    # Memory.
    "munmap": (11, 215), "brk": (12, 214), "mremap": (25, 216), "mincore": (27, 232), "madvise": (28, 233),
    # Threads of its own, and their signals.
    "exit": (60, 93), "exit_group": (231, 94), "futex": (202, 98), "set_robust_list": (273, 99), "rseq": (334, 293),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "membarrier": (324, 283), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132), "restart_syscall": (219, 128),
    # Time, chance and who it is.
    "nanosleep": (35, 101), "clock_nanosleep": (230, 115), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "gettimeofday": (96, 169), "time": (201, None), "getrandom": (318, 278), "getrusage": (98, 165), "getpid": (39, 172),
    "getppid": (110, 173), "gettid": (186, 178),
    # What Go waits with.
    "poll": (7, None), "ppoll": (271, 73), "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None),
    "epoll_pwait": (281, 22), "eventfd2": (290, 19), "pipe2": (293, 59),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of processor; the numbers with a name of their own are of calls whose arguments are looked at."""

    arch: int  # of linux/audit.h
    plain: frozenset[int]
    clone: int
    clone3: int
    tgkill: int
    mmap: int
    mprotect: int
    prlimit64: int
    seccomp: int


X86_64: Final = Machine(0xC000003E, frozenset(one for one, _ in _PLAIN.values() if one is not None), 56, 435, 234, 9, 10, 302, 317)
AARCH64: Final = Machine(0xC00000B7, frozenset(one for _, one in _PLAIN.values() if one is not None), 220, 435, 131, 222, 226, 261, 277)
MACHINES: Final = {"x86_64": X86_64, "aarch64": AARCH64}


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.POINTER(_Instruction)))


def install(*, limits: bool = False) -> None:
    """Hold all threads of this process to the list, for ever; raises OSError where the kernel does not do that.

    With `limits` it may still set its own limits of memory and processor time.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(errno.ENOSYS, f"no list of system calls for {platform.machine()}")
    steps = program(machine, os.getpid(), limits=limits)
    array = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    packed = _Program(len(steps), array)
    libc = ctypes.CDLL(None, use_errno=True)
    failed = libc.syscall(machine.seccomp, _FILTER_MODE, _ALL_THREADS, ctypes.byref(packed))
    if failed:  # a positive number is the thread that could not follow
        raise OSError(ctypes.get_errno() or errno.ESRCH, "the kernel refuses seccomp")


def program(machine: Machine, pid: int, *, limits: bool = False) -> list[Step]:
    """The filter as instructions (operation, skip if true, skip if false, value)."""
    steps = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, machine.arch), _end(_KILL), (_LOAD, 0, 0, _NUMBER)]
    if machine.arch == X86_64.arch:
        steps += [(_AT_LEAST, 0, 1, _X32), _end(_KILL)]
    # glibc falls back to clone, whose flags can be looked at.
    steps += [(_EQUAL, 0, 1, machine.clone3), _end(_REFUSE | errno.ENOSYS)]
    steps += _where(machine.clone, 0, _HAS_BITS, _CLONE_THREAD, allow=True)
    # Go interrupts its own threads by signal; nobody else's.
    steps += _where(machine.tgkill, 0, _EQUAL, pid, allow=True)
    # No code comes into being after the start.
    for number in (machine.mmap, machine.mprotect):
        steps += _where(number, 2, _HAS_BITS, _PROT_EXEC, allow=False)
    if limits:
        steps += _own_limits(machine.prlimit64)
    for number in sorted(machine.plain):
        steps += [(_EQUAL, 0, 1, number), _end(_ALLOW)]
    return [*steps, _end(_REFUSE | errno.EPERM)]


def _where(number: int, argument: int, test: int, value: int, *, allow: bool) -> list[Step]:
    """Allow (or refuse) one call where its argument, of which the low half counts, passes the test; else the other."""
    passed, failed = _end(_ALLOW), _end(_REFUSE | errno.EPERM)
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, 16 + 8 * argument),
        (test, 0, 1, value),
        passed if allow else failed,
        failed if allow else passed,
    ]


def _own_limits(number: int) -> list[Step]:
    """Allow the call for this process (0) and the limits 0, 2 and 9, which are RLIMIT_CPU, RLIMIT_DATA and RLIMIT_AS."""
    return [
        (_EQUAL, 0, 7, number),
        (_LOAD, 0, 0, 16),
        (_EQUAL, 0, 4, 0),
        (_LOAD, 0, 0, 24),
        (_EQUAL, 1, 0, _LIMIT_AS),
        (_HAS_BITS, 1, 0, 0xFFFFFFFF & ~2),
        _end(_ALLOW),
        _end(_REFUSE | errno.EPERM),
    ]


def _end(action: int) -> Step:
    return _RETURN, 0, 0, action
