"""Samples to ratios, ratios to a table, a chart and bench/RESULTS.md."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.load import Sample
from bench.micro import Figure
from bench.target import Target
from wce.store import sqlite

HERE: Final = Path(__file__).parent
WANTED: Final = {
    ("floor", "read by key"): 0.9,
    ("floor", "list of 100"): 0.9,
    ("floor", "read by key, run each time"): 0.9,
    ("floor", "list of 100, run each time"): 0.9,
    ("floor", "insert"): 0.9,
    ("PocketBase", "read by key"): 1.0,
    ("PocketBase", "list of 100"): 1.5,
    ("PocketBase", "read by key, run each time"): 1.0,
    ("PocketBase", "list of 100, run each time"): 1.5,
    ("PocketBase", "aggregate 100,000, run each time"): 1.0,
    ("PocketBase", "insert"): 1.0,
    ("PocketBase", "aggregate 100,000"): 1.0,
    ("floor", "cached page"): 0.9,
    ("PocketBase", "cached page"): 3.0,
    ("floor", "script"): 0.55,
    ("PocketBase", "script"): 0.6,
    ("PocketBase", "script with a query"): 0.6,
    ("PocketBase", "script with a loop"): 1.0,
}


@dataclass(frozen=True)
class Ratio:
    """WCE's requests per second over another's, per round: median and spread, and the least that we want."""

    task: str
    against: str
    median: float
    low: float
    high: float
    wanted: float | None


def ratios(samples: dict[tuple[str, str], list[Sample]], targets: list[Target], tasks: list[str]) -> list[Ratio]:
    """WCE (the first target) against each other one, round by round."""
    ours, *others = targets
    found = []
    for task in tasks:
        for other in others:
            if (other.name, task) not in samples:
                continue
            pairs = zip(samples[ours.name, task], samples[other.name, task], strict=True)
            each = [mine.per_second / theirs.per_second for mine, theirs in pairs if theirs.per_second]
            wanted = WANTED.get((other.name.split()[0], task))
            found.append(Ratio(task, other.name, statistics.median(each), min(each), max(each), wanted))
    return found


def _row(task: str, name: str, runs: list[Sample], ratio: Ratio | None) -> str:
    def middle(field: str) -> float:
        return statistics.median(getattr(run, field) for run in runs)

    shown = f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})" if ratio else ""
    goal = "" if ratio is None or ratio.wanted is None else f"≥ {ratio.wanted} {'met' if ratio.median >= ratio.wanted else '**missed**'}"
    failed = sum(run.errors for run in runs)
    return (
        f"| {task} | {name} | {middle('per_second'):,.0f} | {middle('p50'):.2f} | {middle('p95'):.2f} | {middle('p99'):.2f} | "
        f"{middle('cpu_us'):,.0f} | {max(run.peak_mib for run in runs):.0f} | {failed} | {shown} | {goal} |"
    )


def table(server: str, samples: dict[tuple[str, str], list[Sample]], found: list[Ratio], targets: list[Target], tasks: list[str]) -> str:
    lines = [
        f"## On {server}",
        "",
        "| task | contender | requests/s | p50 ms | p95 ms | p99 ms | CPU µs each | peak MiB | errors | WCE × as fast (spread) | wanted |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    by_pair = {(ratio.task, ratio.against): ratio for ratio in found}
    for task in tasks:
        for target in targets:
            if (target.name, task) in samples:
                lines.append(_row(task, target.name, samples[target.name, task], by_pair.get((task, target.name))))
    return "\n".join(lines)


def micro_table(figures: list[Figure]) -> str:
    lines = ["## Inside one process", "", "| figure | measured | wanted |", "| --- | --- | --- |"]
    lines += [f"| {f.name} | {f.value:,.1f} {f.unit} | ≤ {f.wanted:g} {'met' if f.value <= f.wanted else '**missed**'} |" for f in figures]
    return "\n".join(lines)


def document(sections: list[str]) -> str:
    names = ("flask", "waitress", "granian", "orjson", "pyjwt")
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, SQLite {sqlite.VERSION}"
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    head = (
        "# Measured\n\n"
        f"{date.today().isoformat()}, {machine}; {libraries}. The client runs on the same machine, so only the ratios of one run mean\n"
        "anything. WCE answers as a normal user under two row policies with rate limits, log, metrics and headers on; the floor is\n"
        "`bench/floor.py` on the same web server; PocketBase serves the same rows under an owner rule.\n\n![ratios](results.svg)"
    )
    return "\n\n".join([head, *sections]) + "\n"


def _chart(found: list[Ratio]) -> str:
    width, line = 760, 26
    scale = (width - 330) / max([1.6, *(ratio.high for ratio in found)])
    parts = []
    for index, ratio in enumerate(found):
        y = 30 + index * line
        good = ratio.wanted is None or ratio.median >= ratio.wanted
        parts.append(f'<text x="8" y="{y + 14}">{ratio.task} / {ratio.against}</text>')
        parts.append(
            f'<rect x="260" y="{y + 3}" width="{ratio.median * scale:.1f}" height="14" fill="{"#3b82f6" if good else "#e11d48"}"/>'
        )
        parts.append(f'<text x="{266 + ratio.median * scale:.1f}" y="{y + 14}">{ratio.median:.2f}</text>')
        if ratio.wanted is not None:
            x = 260 + ratio.wanted * scale
            parts.append(f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 20}" stroke="#111827" stroke-width="2"/>')
    height = 40 + len(found) * line
    title = "WCE's requests per second as a multiple of the other's; the mark is what is wanted"
    style = "text{font:12px sans-serif;fill:#374151}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}"><style>{style}</style>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/><text x="8" y="18">{title}</text>{"".join(parts)}</svg>\n'
    )


def write(text: str, found: list[Ratio]) -> None:
    """Keep the last run where the README points to."""
    (HERE / "RESULTS.md").write_text(text)
    if found:
        (HERE / "results.svg").write_text(_chart(found))
