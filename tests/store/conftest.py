"""A real store in a folder of its own, and ways to run a piece of a program in another process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from wce.config import Settings
from wce.metrics import Metrics
from wce.model import Actor, Role
from wce.store.session import Session
from wce.store.store import Store

ROOT = Path(__file__).resolve().parent.parent.parent
OWNER = Actor(1, "ada", Role.OWNER)
# What a program in another process begins with; argv[1] is the storage folder.
PREAMBLE = """
import sys, os, time, threading
from pathlib import Path
from wce.config import Settings
from wce.metrics import Metrics
from wce.model import Actor, Role
from wce.store.store import Store
OWNER = Actor(1, "ada", Role.OWNER)
store = Store(Settings(storage_dir=Path(sys.argv[1]), min_free_mb=0, instance="tests", max_open_cenvs=512), Metrics())
"""


@pytest.fixture
def actor() -> Actor:
    return OWNER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the cenvs of the test are."""
    return tmp_path / "cenvs"


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(storage_dir=folder, min_free_mb=0, instance="tests")


@pytest.fixture
def make_store(settings: Settings) -> Iterator[Callable[..., Store]]:
    """More stores on the same folder, as the worker processes of one server are; all are closed after the test."""
    with ExitStack() as stack:

        def make(own: Settings = settings, **more: object) -> Store:
            made = Store(own, Metrics(), **more)  # type: ignore[arg-type]
            made.open()
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def store(make_store: Callable[..., Store]) -> Store:
    return make_store()


def notes(session: Session) -> None:
    """The table that most tests write to."""
    session.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT)")


@pytest.fixture
def cenv(store: Store, actor: Actor) -> str:
    """A cenv with an empty table `notes`."""
    return store.create(notes, actor)


@pytest.fixture
def spawn(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Run a program in another process: `store` is there, `sys.argv[2:]` are the arguments. Its pipes are text."""
    running: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PREAMBLE + program, str(folder), *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def run(spawn: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    """Run a program in another process to its end and get what it printed."""

    def finish(program: str, *arguments: str) -> str:
        process = spawn(program, *arguments)
        out, err = process.communicate(timeout=50)
        assert process.returncode == 0, err
        return out.strip()

    return finish


def count(store: Store, cenv: str) -> int:
    """How many notes there are."""
    with store.session(cenv) as session:
        row = session.one("SELECT count(*) FROM notes")
    assert row is not None
    return int(row[0])


@pytest.fixture
def counted(store: Store, cenv: str) -> Callable[[], int]:
    """How many notes the cenv of the test has."""
    return lambda: count(store, cenv)


@pytest.fixture
def add_note(store: Store, cenv: str, actor: Actor) -> Callable[[str], None]:
    """Write one note in a transaction of its own."""

    def add(title: str) -> None:
        with store.session(cenv) as session, session.transaction(actor) as transaction:
            transaction.execute("INSERT INTO notes (title) VALUES (?)", (title,))
            transaction.touch("notes", 1)

    return add
