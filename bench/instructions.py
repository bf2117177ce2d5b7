"""`python -m bench.instructions`: the instructions that one request takes inside one process, counted by valgrind's cachegrind.

They are the same on a machine that is slow, busy or throttled, where times tell nothing about a change of a few percent. What the kernel
does for a system call is not among them, nor what a processor waits for.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from bench import inside
from bench.processes import python

CONTENDERS: Final = ("WCE", "floor")
TASKS: Final = ("read by key, run each time", "list of 100, run each time", "insert")
_WARM: Final = 300  # calls, after which nothing is made for the first time
_TOTAL: Final = re.compile(r"I\s+refs:\s+([\d,]+)")


def _run(contender: str, task: str, calls: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        if contender == "WCE":
            with inside.wce_calls(Path(name), 2) as found:
                _repeat(found[task], _WARM + calls)
        else:
            _repeat(inside.floor_calls(Path(name))[task], _WARM + calls)


def _repeat(call: inside.Call, times: int) -> None:
    for _ in range(times):
        call()


def _total(contender: str, task: str, calls: int) -> int:
    """All instructions of a process that makes so many calls more than it has to."""
    count = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    command = [*count, *python("-m", "bench.instructions", "--contender", contender, "--task", task, "--calls", str(calls))]
    done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False)
    found = _TOTAL.search(done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"valgrind said: {done.stdout}{done.stderr}")
    return int(found[1].replace(",", ""))


def per_call(contender: str, task: str, calls: int) -> float:
    """Instructions of one call."""
    return (_total(contender, task, calls) - _total(contender, task, 0)) / calls


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.add_argument("--calls", type=int, default=600)
    parser.add_argument("--task", choices=inside.TASKS, action="append", help=f"default: {'; '.join(TASKS)}")
    parser.add_argument("--contender", choices=CONTENDERS, help="only do the calls of one, to be counted from outside")
    arguments = parser.parse_args()
    tasks = arguments.task or list(TASKS)
    if arguments.contender:
        _run(arguments.contender, tasks[0], arguments.calls)
        return
    for task in tasks:
        ours, theirs = (per_call(contender, task, arguments.calls) for contender in CONTENDERS)
        print(f"{task}: WCE {ours:,.0f}, floor {theirs:,.0f} instructions: × {theirs / ours:.2f}", flush=True)


if __name__ == "__main__":
    main()
