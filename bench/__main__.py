"""`python -m bench`: every contender, every task, in interleaved rounds, as one table of ratios."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path

from bench import floor_target, isolation, micro, pocketbase_target, report, soak, wce_target, workers
from bench.load import Sample, measure
from bench.target import TASKS, Target

LONGER = {"login": 3.0}  # a password check takes a quarter of a second, so a short run would count a handful


def _rounds(targets: list[Target], tasks: list[str], rounds: int, seconds: float) -> dict[tuple[str, str], list[Sample]]:
    samples: dict[tuple[str, str], list[Sample]] = {}
    for number in range(rounds):
        for task in tasks:
            for target in targets if number % 2 == 0 else targets[::-1]:
                if task in target.requests:
                    took = seconds * LONGER.get(task, 1.0)
                    sample = measure(target.base, target.pid, target.requests[task], seconds=took)
                    samples.setdefault((target.name, task), []).append(sample)
            done = " · ".join(
                f"{target.name} {samples[target.name, task][-1].per_second:,.0f}/s" for target in targets if task in target.requests
            )
            print(f"round {number + 1} of {rounds}, {task}: {done}", flush=True)
    return samples


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds per server; medians and spreads are over these")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one run")
    parser.add_argument("--server", choices=("waitress", "granian"), action="append", help="default: both")
    parser.add_argument("--task", choices=TASKS, action="append", help="default: all")
    parser.add_argument("--only-micro", action="store_true", help="only what is measured inside one process")
    parser.add_argument("--all", action="store_true", help="also bench.isolation, bench.workers and bench.soak, which take minutes")
    parser.add_argument("--write", action="store_true", help="keep the result as bench/RESULTS.md and bench/results.svg")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    tasks = arguments.task or list(TASKS)
    servers = [] if arguments.only_micro else arguments.server or ["waitress", "granian"]
    sections = [report.micro_table(micro.run())]
    charts: list[report.Ratio] = []
    for server in servers:
        processes = 2 if server == "granian" else 1
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            targets = [stack.enter_context(module.running(server, processes, folder)) for module in (wce_target, floor_target)]
            program = pocketbase_target.binary()
            if program and server == "granian":
                targets.append(stack.enter_context(pocketbase_target.running(program, folder)))
            samples = _rounds(targets, tasks, arguments.rounds, arguments.seconds)
        ratios = report.ratios(samples, targets, tasks)
        charts += ratios
        sections.append(report.table(server, samples, ratios, targets, tasks))
    if arguments.all and servers:
        sections += [*(isolation.section(server) for server in servers), workers.section(), soak.section(servers)]
    text = report.document(sections)
    print(text)
    if arguments.write:
        report.write(text, charts)


if __name__ == "__main__":
    main()
