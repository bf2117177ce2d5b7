"""A store, a guard and an importer for a module's tests, and files to give them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wce.config import Settings
from wce.core.cenvs import create_cenv
from wce.core.importing.intake import Importer
from wce.core.importing.report import Report
from wce.core.importing.system import Owner
from wce.core.passwords import Passwords
from wce.errors import WceError
from wce.guard.guard import Guard
from wce.metrics import Metrics
from wce.store.copies import clean_copy
from wce.store.store import Store

HASH = "$2b$04$" + "a" * 53
OWNER = Owner("ada", HASH)
MIB = 1024 * 1024


def check(script: str) -> None:
    if "broken" in script:
        raise WceError("script_error", "this is no script")


@dataclass
class Bench:
    """What imports, and what it made last."""

    store: Store
    importer: Importer
    template: bytes

    def take(self, path: Path, owner: Owner | None = OWNER, max_bytes: int = 20 * MIB) -> tuple[str, Report]:
        return self.importer.create(path, owner, max_bytes=max_bytes)

    def ask(self, cenv: str, sql: str) -> list[tuple[Any, ...]]:
        with self.store.session(cenv) as session:
            return session.all(sql)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    metrics = Metrics()
    store = Store(Settings(storage_dir=tmp_path_factory.mktemp("import") / "cenvs", min_free_mb=0), metrics)
    store.open()
    guard = Guard(store)
    cenv = create_cenv(store, Passwords(metrics, rounds=4), "olivia", "correct horse")
    with clean_copy(store, cenv) as path:
        template = path.read_bytes()
    yield Bench(store, Importer(store, guard, check, least_rounds=4, seconds=20), template)
    guard.close()
    store.close()


@pytest.fixture
def plain(tmp_path: Path) -> Callable[..., Path]:
    """Call it with SQL for a database that is no cenv."""

    def make(*statements: str) -> Path:
        path = tmp_path / "plain.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.executescript(statement)
        return path

    return make


@pytest.fixture
def cenv_file(tmp_path: Path, bench: Bench) -> Callable[..., Path]:
    """Call it with SQL for a cenv of olivia's that somebody has worked on."""

    def make(*statements: str) -> Path:
        path = tmp_path / "cenv.sqlite"
        path.write_bytes(bench.template)
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.executescript(statement)
        return path

    return make
