"""`python -m tests.fuzz --seconds 60`: random statements against the guard, writes along keys, calls of the API, a third each."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.fuzz.calls import fuzz_for
from tests.fuzz.campaign import PER_WORLD, Tally, run_world
from tests.fuzz.grove import PER_GROVE, run_grove
from wce.config import Settings
from wce.guard.guard import Guard
from wce.metrics import Metrics
from wce.store.store import Store


def main() -> int:
    """Returns 1 when something leaked."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to run")
    parser.add_argument("--seed", default=str(time.time_ns()), help="where to begin; the same seed gives the same statements")
    parser.add_argument("--world", help="run this one pair of worlds only")
    parser.add_argument("--grove", help="or this one pair of forests only")
    parser.add_argument("--statement", type=int, help="and in it this one statement only")
    arguments = parser.parse_args()
    tallies = (Tally(), Tally())
    with tempfile.TemporaryDirectory() as folder:
        store = Store(replace(Settings(), storage_dir=Path(folder) / "cenvs", min_free_mb=0), Metrics())
        store.open()
        guard = Guard(store)
        try:
            _run(partial(run_world, store, guard), tallies[0], arguments, arguments.world, PER_WORLD)
            _run(partial(run_grove, store, guard), tallies[1], arguments, arguments.grove, PER_GROVE)
        finally:
            guard.close()
            store.close()
    for tally in tallies:
        if not tally.worlds:
            continue
        print(f"seed {arguments.seed}: {tally}")
        for finding in tally.findings:
            print(f"\nLEAK {finding}")
        for doubt in tally.doubts[:3]:
            print(f"\nWORTH A LOOK {doubt}")
    leaked = any(tally.findings for tally in tallies)
    if arguments.world or arguments.grove:
        return 1 if leaked else 0
    with tempfile.TemporaryDirectory() as folder:
        calls = fuzz_for(arguments.seconds / 3, Path(folder), zlib.crc32(arguments.seed.encode()))
    print(f"\n{calls}")
    for finding in calls.findings:
        print(f"\nFINDING {finding}")
    return 1 if leaked or calls.findings else 0


def _run(run: Callable[..., None], tally: Tally, arguments: argparse.Namespace, one: str | None, most: int) -> None:
    """All that a third of the time is enough for, or the one that was asked for."""
    if arguments.world or arguments.grove:
        if one:
            numbers = range(most) if arguments.statement is None else range(arguments.statement, arguments.statement + 1)
            run(one, tally, numbers)
        return
    end = time.monotonic() + arguments.seconds / 3
    number = 0
    while time.monotonic() < end:
        run(f"{arguments.seed}-{number}", tally, range(most), lambda: time.monotonic() < end)
        number += 1


if __name__ == "__main__":
    sys.exit(main())
