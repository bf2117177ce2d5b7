"""The pairs of worlds, made once for each worker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

# The modules of the catalogue are imported by name, also when pytest is not started as `python -m pytest`.
sys.path[:0] = [path for path in [str(Path(__file__).resolve().parents[2])] if path not in sys.path]

from tests.security.tables import Which  # noqa: E402 - needs the path above
from tests.security.worlds import Pair, World  # noqa: E402
from wce.config import Settings  # noqa: E402
from wce.guard.guard import Guard  # noqa: E402
from wce.metrics import Metrics  # noqa: E402
from wce.store.store import Store  # noqa: E402


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """A store in a folder of its own."""
    store = Store(replace(Settings(), storage_dir=folder / "cenvs", min_free_mb=0), Metrics())
    store.open()
    try:
        yield store
    finally:
        store.close()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened(tmp_path_factory.mktemp("security")) as store:
        yield store


@pytest.fixture(scope="session")
def guard(store: Store) -> Iterator[Guard]:
    guard = Guard(store)
    yield guard
    guard.close()


@contextmanager
def paired(store: Store, guard: Guard, left: tuple[Which, str], right: tuple[Which, str]) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(*(stack.enter_context(World(store, guard, *side)) for side in (left, right)))


@pytest.fixture(scope="session")
def users_pair(store: Store, guard: Guard) -> Iterator[Pair]:
    """Two worlds that differ in rows and tables that ordinary users may not see, and in every secret."""
    with paired(store, guard, ("a", "one"), ("b", "two")) as pair:
        yield pair


@pytest.fixture(scope="session")
def admins_pair(store: Store, guard: Guard) -> Iterator[Pair]:
    """Two worlds that differ in the hashes of passwords and tokens only."""
    with paired(store, guard, ("a", "one"), ("a", "two")) as pair:
        yield pair


@pytest.fixture
def pair(users_pair: Pair) -> Iterator[Pair]:
    yield users_pair
    users_pair.restore()


@pytest.fixture
def admin_pair(admins_pair: Pair) -> Iterator[Pair]:
    yield admins_pair
    admins_pair.restore()
