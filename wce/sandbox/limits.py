"""The limits of a worker that the kernel keeps, set anew for each call.

The server sets them from outside, so that a worker cannot raise them. A root without CAP_SYS_RESOURCE, as in many containers, may not
do that to a worker of another user; there the worker sets them itself, up to a hard limit of memory that nothing raises.
"""

from __future__ import annotations

import math
import os
import resource
import time
from typing import Final, NamedTuple

from wce.sandbox.messages import Budget

MOST_MEMORY_MB: Final = 1_024  # as much as a cenv may be given
# Linux does not count against RLIMIT_DATA what is mapped over a place that was reserved, as Go does: one text took half a gigabyte. It
# counts against RLIMIT_AS when it is reserved, 64 MiB at a time; threads, eight each, need less than as much again.
_RESERVED_BYTES: Final = 128 << 20
_CPUS: Final = 3  # what computes in a worker at once: two threads of Go's, and its collector
_SPARE_SECONDS: Final = 2
_LOOK_SECONDS: Final = 0.2  # for which a limit holds that was right: no more than one second of processor time can have passed
_PAGE_BYTES: Final = resource.getpagesize()
_STATM_RESIDENT, _STATM_DATA = 1, 5  # their places in the line
_SYS_RESOURCE: Final = 24  # of linux/capability.h


def reachable(uid: int | None) -> bool:
    """Whether this process may set the limits of a worker that becomes `uid`; None: that stays the same user."""
    if uid is None or uid == os.getuid():
        return True
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        held = next(line for line in status if line.startswith("CapEff:"))
    return bool(int(held.split()[1], 16) >> _SYS_RESOURCE & 1)


class Sizes(NamedTuple):
    """What the two limits of memory, RLIMIT_DATA and RLIMIT_AS, are counted in."""

    data_bytes: int
    space_bytes: int

    def plus(self, memory_mb: int, kept_bytes: int = 0) -> Sizes:
        """The limits of a worker that is so large when warm, keeps so much since and may use so much more."""
        more = (memory_mb << 20) + kept_bytes
        return Sizes(self.data_bytes + more, self.space_bytes + _RESERVED_BYTES + more)


def own_sizes() -> Sizes:
    """Those of this process: its private writable memory, and all that it has mapped or reserved."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        found = dict(line.split(":", 1) for line in status)
    return Sizes(*(int(found[name].split()[0]) << 10 for name in ("VmData", "VmSize")))


class Limits:
    """Memory as the size before the call plus the budget, and processor time, which ends a worker that nobody watches any more."""

    def __init__(self, warm: Sizes, pid: int = 0) -> None:
        """Of that process; 0 is this one."""
        self._pid = pid
        self._warm = warm
        # The processor time of another process, as clock_getcpuclockid(3) names it.
        self._clock = (~pid << 3) | 2 if pid else time.CLOCK_PROCESS_CPUTIME_ID
        self._memory = (-1, 0)
        self._seconds = 0.0
        self._cpu_seconds = -1
        self._looked = 0.0

    def allow(self, budget: Budget, kept_bytes: int) -> None:
        """Make room for one call, beside what earlier ones have left; raises OSError where the process is gone."""
        now = time.monotonic()
        memory = (budget.memory_mb, kept_bytes)
        if memory == self._memory and budget.seconds == self._seconds and now - self._looked < _LOOK_SECONDS:
            return
        self._looked, self._seconds = now, budget.seconds
        if memory != self._memory:
            most = self._warm.plus(*memory)
            self._set(resource.RLIMIT_DATA, most.data_bytes)
            self._set(resource.RLIMIT_AS, most.space_bytes)
            self._memory = memory
        wanted = math.ceil(time.clock_gettime(self._clock) + _CPUS * budget.seconds + _SPARE_SECONDS)
        # A call costs far less than a second as a rule, so most find a limit that fits.
        if not wanted <= self._cpu_seconds <= wanted + _SPARE_SECONDS:
            self._set(resource.RLIMIT_CPU, wanted + 1)
            self._cpu_seconds = wanted + 1

    def _set(self, limit: int, value: int) -> None:
        # The soft limit only: without rights nobody could raise the hard one again.
        _, hard = resource.prlimit(self._pid, limit)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.prlimit(self._pid, limit, (value, hard))


class Held(NamedTuple):
    """The memory of a process: what is in use of it now, and what was made room for and counts against RLIMIT_DATA."""

    resident_bytes: int
    data_bytes: int


class Memory:
    """How much memory another process holds; its file stays open, for opening it costs more than reading it."""

    def __init__(self, pid: int) -> None:
        """Raises OSError where the process is gone."""
        self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)

    def held(self) -> Held:
        """Nothing where that cannot be read any more."""
        try:
            pages = os.pread(self._statm, 128, 0).split()
        except OSError:
            return Held(0, 0)
        return Held(*(int(pages[place]) * _PAGE_BYTES for place in (_STATM_RESIDENT, _STATM_DATA)))

    def close(self) -> None:
        os.close(self._statm)
