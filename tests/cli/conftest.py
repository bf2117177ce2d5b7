"""Commands on a folder of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wce.cli import wce
from wce.config import Settings
from wce.core import passwords
from wce.core.cenvs import create_cenv
from wce.metrics import Metrics
from wce.store.store import Store

PASSWORD = "correct horse"
Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cenvs"


@pytest.fixture
def store(folder: Path) -> Any:
    """What a running server has open."""
    made = Store(Settings(storage_dir=folder, min_free_mb=0), Metrics())
    made.open()
    yield made
    made.close()


@pytest.fixture
def cenv(store: Store) -> str:
    return create_cenv(store, passwords.Passwords(Metrics(), rounds=4), "ada", PASSWORD)


@pytest.fixture
def run(folder: Path) -> Run:
    """Call it with the words of a command; environment variables as keywords."""

    def call(*words: str, **environ: str) -> Result:
        clean = {"WCE_STORAGE_DIR": str(folder), "WCE_MIN_FREE_MB": "0", "WCE_JWT_SECRET": "", "WCE_ENV": ""}
        return CliRunner().invoke(wce, list(words), env=clean | environ)

    return call


@pytest.fixture
def ask(run: Run) -> Callable[..., Any]:
    """The same with --json: the answer's value; the exit code must be 0."""

    def call(*words: str) -> Any:
        done = run("--json", *words)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return call
