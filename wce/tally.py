"""Figures that every request moves, summed up in memory before they go to prometheus_client, whose own sums take 2 µs each."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, Protocol

POUR_SECONDS: Final = 1.0


class Counter(Protocol):
    """As the library has it."""

    def inc(self, amount: float) -> None: ...


class Histogram(Protocol):
    """What the library's own is inside."""

    _sum: Any
    _buckets: Any  # a counter for each bound and one for the rest


class Tally:
    """Sums of counters and of histograms that share `bounds`, in seconds; other processes see them at most POUR_SECONDS late."""

    def __init__(self, bounds: Sequence[float], *, shared: bool) -> None:
        """Where the figures are `shared` with other processes, a thread pours them out from the first one on."""
        self._bounds = bounds
        self._lock = threading.Lock()
        self._counts: dict[Counter, int] = {}
        self._sums: dict[Histogram, list[float]] = {}  # the seconds, then how many for each bound and above all of them
        self._fresh = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._pour_on, name="wce-tally", daemon=True) if shared else None
        self._rests = shared  # the thread has nothing to pour, as far as it knows

    def count(self, counter: Counter) -> None:
        """One more."""
        with self._lock:
            self._counts[counter] = self._counts.get(counter, 0) + 1
        if self._rests:
            self._freshen()

    def observe(self, histogram: Histogram, seconds: float) -> None:
        """One more that took so long."""
        with self._lock:
            sums = self._sums.get(histogram)
            if sums is None:
                sums = self._sums[histogram] = [0.0] * (len(self._bounds) + 2)
            sums[0] += seconds
            sums[1 + bisect_left(self._bounds, seconds)] += 1
        if self._rests:
            self._freshen()

    def pour(self) -> None:
        """Hand over what was summed up."""
        with self._lock:
            counts, self._counts = self._counts, {}
            sums, self._sums = self._sums, {}
        for counter, number in counts.items():
            counter.inc(number)
        for histogram, (seconds, *numbers) in sums.items():
            # The library takes one observation at a time; these are the sums that it would move.
            histogram._sum.inc(seconds)
            for bucket, times in zip(histogram._buckets, numbers, strict=True):
                if times:
                    bucket.inc(times)

    def close(self) -> None:
        """End the thread and hand over what is left."""
        self._closed.set()
        self._fresh.set()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()
        self.pour()

    def _freshen(self) -> None:
        with self._lock:
            if self._thread is not None and self._thread.ident is None and not self._closed.is_set():
                self._thread.start()
        self._rests = False
        self._fresh.set()

    def _pour_on(self) -> None:
        while not self._closed.is_set():
            self._fresh.wait()
            self._closed.wait(POUR_SECONDS)
            self._fresh.clear()
            self._rests = True  # before it pours: what comes now wakes it again, or is poured
            self.pour()
