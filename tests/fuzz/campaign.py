"""Runs random statements on random twins, counts them, and makes what it finds small and repeatable."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.fuzz.pairs import Leak, Twins, twins
from tests.fuzz.reads import Reader, Statement, is_plain
from tests.fuzz.shrink import shrink
from tests.fuzz.writes import Editor
from wce.guard.guard import Guard
from wce.store.store import Store

PER_WORLD: Final = 180
_MOST_SHOWN: Final = 2_000  # characters


@dataclass(slots=True)
class Finding:
    """One leak with everything that shows it again."""

    seed: str
    number: int
    statement: Statement
    message: str
    option: str = "--world"

    def __str__(self) -> str:
        repeat = f"python -m tests.fuzz {self.option} {self.seed} --statement {self.number}"
        return f"{self.message[:_MOST_SHOWN]}\n  sql: {self.statement.sql}\n  params: {self.statement.params!r}\n  repeat: {repeat}"


@dataclass(slots=True)
class Tally:
    """What a campaign did. `doubts` are refusals that somebody should look at."""

    kinds: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    doubts: list[str] = field(default_factory=list)
    worlds: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def statements(self) -> int:
        return self.kinds.total()

    def __str__(self) -> str:
        rate = self.statements / self.seconds if self.seconds else 0.0
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.kinds.most_common())
        codes = ", ".join(f"{code} {count}" for code, count in self.codes.most_common())
        return (
            f"{self.statements} statements in {self.worlds} pairs of worlds, {rate:.0f} a second\n"
            f"kinds: {kinds}\nanswers: {codes}\n"
            f"compared with plain SQLite: {self.compared}\nrefused, though all that they do may be allowed: {len(self.doubts)}\n"
            f"leaks: {len(self.findings)}"
        )


def make_statement(random: Random, world: Twins) -> Statement:
    """A read, a write, or a read with one right answer."""
    dice = random.random()
    if dice < 0.25 and comparable(world):
        return Reader(random, world.spec, comparable=True).statement()
    if dice < 0.4:
        return Reader(random, world.spec).probe()
    if dice < 0.62:
        return Reader(random, world.spec).statement()
    return Editor.of(random, world.spec).statement()


def comparable(world: Twins) -> bool:
    """Whether there is anything that plain SQLite reads in the same way; a table called as a schema changes what qualifiers mean."""
    return all(table.name != "main" for table in world.spec.tables) and any(is_plain(table) for table in world.spec.tables)


def run_world(store: Store, guard: Guard, seed: str, tally: Tally, numbers: range, wanted: Callable[[], bool] = lambda: True) -> None:
    """Statements on one pair of worlds; a finding ends it."""
    started = time.perf_counter()
    with twins(store, guard, seed) as world:
        tally.worlds += 1
        for number in numbers:
            if not wanted():
                break
            statement = make_statement(Random(f"{seed}/{number}"), world)
            tally.kinds[statement.kind] += 1
            tally.compared += statement.comparable
            try:
                tally.codes[world.check(statement).code] += 1
            except Leak as leak:
                small = shrink(statement, lambda candidate: leaks(world, candidate))
                tally.findings.append(Finding(seed, number, small, str(leak)))
                break
    tally.seconds += time.perf_counter() - started


def leaks(world: Twins, statement: Statement) -> bool:
    """Whether a statement tells the worlds apart."""
    try:
        world.check(statement)
    except Leak:
        return True
    return False
