"""`python -m bench.workers`: what the pool of script workers costs, and whether it stays the same over many calls and kills."""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import psutil

from wce.sandbox.messages import Budget, Fault, Job
from wce.sandbox.pool import Pool
from wce.sandbox.runtime import Runtime

CALLS: Final = 50_000
KILLS: Final = 1_000
WORKERS: Final = 2
_WARM: Final = 500
_ROUNDS: Final = 9
_TRIVIAL: Final = 'def handler(request):\n    return {"ok": True}\n'
_ENDLESS: Final = "def handler(request):\n    for i in range(1000000000):\n        for j in range(1000000000):\n            pass\n"


def _job(script: str, seconds: float = 5.0) -> Job:
    return Job(script, hashlib.sha256(script.encode()).hexdigest(), {"path": "/", "method": "GET"}, budget=Budget(seconds=seconds))


def _refuse(message: Any) -> Any:
    raise RuntimeError(message)


def _microseconds(call: Callable[[], object], count: int) -> float:
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e6


def _trivial(pool: Pool) -> str:
    """The same script by the pool and in this process, in turns; in a thread that is not the main one, as in a worker."""
    job, found = _job(_TRIVIAL), list[tuple[float, float]]()

    def run() -> None:
        runtime = Runtime(_refuse)
        runtime.load(job.key, job.script)
        meta = job.to_meta()
        for _ in range(_ROUNDS):
            whole = _microseconds(lambda: pool.call("a", job, _refuse), _WARM)
            found.append((whole, _microseconds(lambda: runtime.call(meta, b""), _WARM)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    whole, alone = (statistics.median(part) for part in zip(*found, strict=True))
    beside = statistics.median(all_ - own for all_, own in found)
    return _row(
        "trivial call, p50",
        f"{whole:.0f} µs in all, {alone:.0f} in this process: {beside:.0f} beside the script",
        "≤ 150 µs beside the script",
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _state() -> tuple[int, int, float]:
    """Descriptors of this process, zombies below it, MiB of it and its workers."""
    here = psutil.Process()
    children = here.children(recursive=True)
    zombies = sum(child.status() == psutil.STATUS_ZOMBIE for child in children)
    living = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return len(os.listdir("/proc/self/fd")), zombies, sum(one.memory_info().rss for one in (here, *living)) / 2**20


def _settle(pool: Pool) -> None:
    while pool.state().idle < WORKERS + 1:
        time.sleep(0.01)


def _calls(pool: Pool, count: int) -> str:
    job = _job(_TRIVIAL)
    for _ in range(_WARM):
        pool.call("a", job, _refuse)
    before, started = _state(), time.perf_counter()

    def run(cenv: str) -> None:
        for _ in range(count // WORKERS):
            pool.call(cenv, job, _refuse)

    threads = [threading.Thread(target=run, args=(f"c{number}",)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = count / (time.perf_counter() - started)
    _settle(pool)
    ends = f"; ended: {pool.state().ends}" if pool.state().ends else ""
    return _row(f"{count:,} calls", f"{rate:,.0f} a second; {_change(before, _state())}{ends}", "flat")


def _kills(pool: Pool, count: int) -> str:
    before, waits = _state(), []
    for number in range(count):
        try:
            pool.call("a", _job(f"# {number}\n{_ENDLESS}", 0.03), _refuse)
        except Fault as fault:
            if fault.kind != "time":
                raise
        started = time.perf_counter()
        pool.call("b", _job(_TRIVIAL), _refuse)  # whom the replacement must not keep waiting
        waits.append(time.perf_counter() - started)
        _settle(pool)
    waits.sort()
    middle, late = waits[count // 2] * 1e3, waits[count * 99 // 100] * 1e3
    return _row(f"{count:,} kills", f"{_change(before, _state())}; the next call took {middle:.1f} ms (p99 {late:.1f})", "flat")


def _respawn(pool: Pool) -> str:
    taken = []
    for number in range(20):
        _settle(pool)
        try:
            pool.call("a", _job(f"# again {number}\n{_ENDLESS}", 0.03), _refuse)
        except Fault:
            started = time.perf_counter()
            _settle(pool)
            taken.append(time.perf_counter() - started)
    middle, least, most = (value * 1e3 for value in (statistics.median(taken), min(taken), max(taken)))
    return _row("a new worker", f"{middle:.0f} ms after the end of the old one ({least:.0f}–{most:.0f})", "≤ 150 ms")


def _change(before: tuple[int, int, float], after: tuple[int, int, float]) -> str:
    return f"descriptors {before[0]} → {after[0]}, zombies {before[1]} → {after[1]}, memory of all {before[2]:.0f} → {after[2]:.0f} MiB"


def section(calls: int = CALLS, kills: int = KILLS) -> str:
    """The table."""
    pool = Pool(WORKERS, patience_seconds=60.0)
    pool.start()
    try:
        _settle(pool)
        rows = [_trivial(pool), _calls(pool, calls), _respawn(pool), _kills(pool, kills)]
    finally:
        pool.close()
    return "\n".join([f"## {WORKERS} script workers", "", "| what | measured | wanted |", "| --- | --- | --- |", *rows, ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--kills", type=int, default=KILLS)
    arguments = parser.parse_args()
    print(section(arguments.calls, arguments.kills))


if __name__ == "__main__":
    main()
