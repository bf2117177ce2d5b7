"""The limits of a worker that the kernel keeps, set from outside before each call, because the worker itself may not change them."""

from __future__ import annotations

import math
import resource
import time
from typing import Final

from wce.sandbox.messages import Budget

_CPUS: Final = 3  # what computes in a worker at once: two threads of Go's, and its collector
_SPARE_SECONDS: Final = 2


class Limits:
    """Memory as the size when warm plus the budget, and processor time, which ends a worker that nobody watches any more."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._clock = (~pid << 3) | 2  # the processor time of that process, as clock_getcpuclockid(3) names it
        self._memory_mb = -1
        self._cpu_seconds = -1
        self.warm_bytes = 0
        self.denied = False

    def allow(self, budget: Budget) -> None:
        """Make room for one call; where the kernel does not let us, those stay that the worker set at its start."""
        if self.denied:
            return
        try:
            if budget.memory_mb != self._memory_mb:
                self._set(resource.RLIMIT_DATA, self.warm_bytes + (budget.memory_mb << 20))
                self._memory_mb = budget.memory_mb
            wanted = math.ceil(time.clock_gettime(self._clock) + _CPUS * budget.seconds + _SPARE_SECONDS)
            # A call costs far less than a second as a rule, so most find a limit that fits.
            if not wanted <= self._cpu_seconds <= wanted + _SPARE_SECONDS:
                self._set(resource.RLIMIT_CPU, wanted + 1)
                self._cpu_seconds = wanted + 1
        except PermissionError:  # a container's root without CAP_SYS_RESOURCE
            self.denied = True
        except OSError:
            return  # the worker is gone, as the call is about to find

    def _set(self, limit: int, value: int) -> None:
        # The soft limit only: a server that is not root could not raise the hard one again.
        resource.prlimit(self._pid, limit, (value, resource.RLIM_INFINITY))
