"""A cenv with tables, and principals who may do something with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from wce.config import Settings
from wce.guard.guard import Guard
from wce.guard.session import LIMITS
from wce.metrics import Metrics
from wce.model import Actor, Grants, Limits, Params, Result, Rights, Role, RowPolicy
from wce.store.sqlite import fold
from wce.store.store import Store

SYSTEM = Actor(1, "owner", Role.OWNER)
READ = Rights(can_read=True)
WRITE = Rights(can_read=True, can_write=True)
ALL = Rights(can_read=True, can_write=True, can_delete=True)


@dataclass
class Person:
    """Somebody with grants of his own on one cenv; every call is a transaction."""

    guard: Guard
    store: Store
    cenv: str
    grants: Grants
    actor: Actor = field(default_factory=lambda: Actor(1, "ann", Role.EDITOR))

    def run(self, sql: str, params: Params = (), limits: Limits = LIMITS, *, write: bool | None = None) -> Result:
        return self.run_all([(sql, params)], limits, write=write)[0]

    def run_all(self, statements: Sequence[tuple[str, Params]], limits: Limits = LIMITS, *, write: bool | None = None) -> list[Result]:
        with self.session(limits) as session:
            plans = [session.plan(sql) for sql, _ in statements] if write is None else []
            with session.transaction(self.actor, write=any(plan.writes for plan in plans) if write is None else write):
                return [session.run(sql, params, limits) for sql, params in statements]

    def rows(self, sql: str, params: Params = ()) -> list[tuple[object, ...]]:
        return list(self.run(sql, params).rows)

    def session(self, limits: Limits = LIMITS):
        return self.guard.open_session(self.cenv, self.grants, self.version(), limits)

    def version(self) -> int:
        with self.store.session(self.cenv) as session:
            found = session.one("SELECT grants FROM _wce_state")
        assert found is not None
        return int(found[0])


@dataclass
class Cenv:
    """One cenv and the means to look at it from outside the guard."""

    guard: Guard
    store: Store
    id: str

    def execute(self, *statements: str) -> None:
        with self.store.session(self.id) as session, session.transaction(SYSTEM):
            for sql in statements:
                session.execute(sql)

    def all(self, sql: str, params: Params = ()) -> list[tuple[object, ...]]:
        with self.store.session(self.id) as session:
            return session.all(sql, params)

    def person(
        self,
        rights: dict[str, Rights],
        policies: Sequence[tuple[str, str, str]] = (),
        *,
        user_id: int | None = 1,
        role: Role = Role.EDITOR,
        definers: Sequence[str] = (),
    ) -> Person:
        rows = tuple(RowPolicy(number, table, None, kind, condition) for number, (table, kind, condition) in enumerate(policies, 1))
        named = {fold(name): right for name, right in rights.items()}
        variables = {"user_id": user_id, "username": "ann", "role": str(role)}
        fingerprint = repr((role, named, rows, variables, sorted(definers)))
        grants = Grants(role, named, rows, variables, frozenset(definers), fingerprint)
        return Person(self.guard, self.store, self.id, grants, Actor(user_id or 0, "ann", role))

    def admin(self, role: Role = Role.ADMIN) -> Person:
        return self.person({}, role=role)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(Settings(storage_dir=tmp_path / "cenvs", min_free_mb=0), Metrics())
    store.open()
    yield store
    store.close()


@pytest.fixture
def guard(store: Store) -> Iterator[Guard]:
    guard = Guard(store)
    yield guard
    guard.close()


@pytest.fixture
def new_cenv(guard: Guard, store: Store) -> Callable[..., Cenv]:
    """Call it with the statements that make the tables."""

    def create(*statements: str) -> Cenv:
        def fill(session) -> None:
            for sql in statements:
                session.execute(sql)

        return Cenv(guard, store, store.create(fill, SYSTEM))

    return create


@pytest.fixture
def cenv(new_cenv: Callable[..., Cenv]) -> Cenv:
    """Notes of two users and a table that nobody is told about."""
    return new_cenv(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner_id INTEGER, title TEXT, secret TEXT)",
        "CREATE INDEX notes_owner ON notes (owner_id)",
        "INSERT INTO notes VALUES (1, 1, 'mine', 'a'), (2, 2, 'theirs', 'TOP'), (3, 1, 'also mine', 'b')",
        "CREATE TABLE hidden (x)",
        "INSERT INTO hidden VALUES ('hidden value')",
    )


@pytest.fixture
def ann(cenv: Cenv) -> Person:
    """Sees and changes her own notes only."""
    mine = "owner_id = $user_id"
    return cenv.person({"notes": ALL}, [("notes", "read", mine), ("notes", "write", mine), ("notes", "delete", mine)])
