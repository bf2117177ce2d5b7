"""`python -m tests.fuzz --seconds 60`: random statements against the guard, then random calls of the API, half of the time each."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import zlib
from dataclasses import replace
from pathlib import Path

from tests.fuzz.calls import fuzz_for
from tests.fuzz.campaign import PER_WORLD, Tally, run_world
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
    parser.add_argument("--statement", type=int, help="and in it this one statement only")
    arguments = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(replace(Settings(), storage_dir=Path(folder) / "cenvs", min_free_mb=0), Metrics())
        store.open()
        guard = Guard(store)
        try:
            _run(store, guard, tally, arguments)
        finally:
            guard.close()
            store.close()
    print(f"seed {arguments.seed}: {tally}")
    for finding in tally.findings:
        print(f"\nLEAK {finding}")
    if arguments.world is not None:
        return 1 if tally.findings else 0
    with tempfile.TemporaryDirectory() as folder:
        calls = fuzz_for(arguments.seconds / 2, Path(folder), zlib.crc32(arguments.seed.encode()))
    print(f"\n{calls}")
    for finding in calls.findings:
        print(f"\nFINDING {finding}")
    return 1 if tally.findings or calls.findings else 0


def _run(store: Store, guard: Guard, tally: Tally, arguments: argparse.Namespace) -> None:
    if arguments.world is not None:
        one = arguments.statement
        run_world(store, guard, arguments.world, tally, range(PER_WORLD) if one is None else range(one, one + 1))
        return
    end = time.monotonic() + arguments.seconds / 2
    number = 0
    while time.monotonic() < end:
        run_world(store, guard, f"{arguments.seed}-{number}", tally, range(PER_WORLD), lambda: time.monotonic() < end)
        number += 1


if __name__ == "__main__":
    sys.exit(main())
