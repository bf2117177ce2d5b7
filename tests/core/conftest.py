"""A real store in a folder of its own, a clock that the test moves, bcrypt at its lowest cost, and one cenv with its owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wce.config import Settings
from wce.core.cenvs import create_cenv
from wce.core.logins import Authenticated, anonymous
from wce.core.passwords import Passwords
from wce.core.permissions import GrantsCache, grant
from wce.core.query import Answer, Queries, Statement
from wce.core.settings import CenvSettings
from wce.core.tokens import Tokens
from wce.core.users import create_user
from wce.guard.catalogue import Catalogue, load
from wce.guard.guard import Guard
from wce.guard.session import GuardedSession
from wce.metrics import Metrics
from wce.model import PUBLIC_ID, Actor, Params, Rights, Role, Value
from wce.store.session import Session
from wce.store.store import Store

SECRET = "an example key of 32 bytes or more"
PASSWORD = "correct horse"
NOW = 1_700_000_000
VISITOR = Actor(PUBLIC_ID, "public", Role.PUBLIC, None, "192.0.2.7", "a browser")


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """`with` a storage folder that cannot be used, as one whose disk is not there for a moment."""
    elsewhere = folder.rename(folder.with_name(folder.name + ".away"))
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        elsewhere.rename(folder)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """All that a test of the core touches."""

    store: Store
    clock: Clock
    passwords: Passwords
    cenv: str
    owner: Actor
    config: CenvSettings = field(default_factory=lambda: CenvSettings(max_users=1_000))
    tokens: Tokens = field(default_factory=lambda: Tokens(SECRET))
    visitor: Actor = VISITOR
    password: str = PASSWORD

    @property
    def session(self) -> Session:
        """The system session of this thread; one thread never gets two, so it need not be held."""
        with self.store.session(self.cenv) as session:
            return session

    def add(self, username: str, role: Role = Role.VIEWER) -> Actor:
        """A user with the usual password."""
        user = create_user(self.session, self.passwords, self.config, self.owner, username=username, password=PASSWORD, role=role)
        return Actor(user.user_id, username, role)

    @property
    def catalogue(self) -> Catalogue:
        return load(self.session.all, "main")

    def sql(self, text: str, *params: object) -> None:
        """A statement of nobody, such as making a table."""
        self.session.execute(text, params)

    def actions(self) -> list[str]:
        """What the audit log says was done, oldest first."""
        return [action for (action,) in self.session.all("SELECT action FROM _wce_audit_log ORDER BY id")]


def build(folder: Path) -> Iterator[World]:
    """A world in a folder; closes its connections afterwards."""
    metrics, clock = Metrics(), Clock()
    store = Store(Settings(storage_dir=folder / "cenvs", min_free_mb=0), metrics, clock)
    store.open()
    passwords = Passwords(metrics, rounds=4)
    cenv = create_cenv(store, passwords, "Olivia", PASSWORD)
    try:
        yield World(store, clock, passwords, cenv, Actor(1, "Olivia", Role.OWNER))
    finally:
        store.close()


@dataclass
class Desk:
    """A world in which people send SQL. Each call is a request of its own, as the web would make it."""

    world: World
    guard: Guard
    queries: Queries

    def who(self, actor: Actor) -> Authenticated:
        return Authenticated(actor, anonymous(self.world.session).state)

    def run(self, actor: Actor, *statements: str | Statement, **options: Any) -> Answer:
        asked = [Statement(item, index=index) if isinstance(item, str) else item for index, item in enumerate(statements)]
        config = options.pop("config", self.world.config)
        return self.queries.run(self.world.cenv, options.pop("who", None) or self.who(actor), config, asked, **options)

    def rows(self, actor: Actor, sql: str, params: Params = ()) -> list[tuple[Value, ...]]:
        return self.run(actor, Statement(sql, params)).results[-1].rows

    def guarded(self, actor: Actor) -> AbstractContextManager[GuardedSession]:
        """The session that his statements run on."""
        state = anonymous(self.world.session).state
        grants, version = GrantsCache().get(self.world.session, actor.user_id, state.grants, actor.scope)
        return self.guard.open_session(self.world.cenv, grants, version, self.world.config.limits)

    @contextmanager
    def watched(self, actor: Actor, callback: Callable[[str], object]) -> Iterator[None]:
        """Be told of each statement on his connection before it runs."""
        with self.guarded(actor) as guarded:
            connection = guarded.link.connection
        connection.set_trace_callback(callback)
        try:
            yield
        finally:
            connection.set_trace_callback(None)

    def allow(self, actor: Actor, table: str, **rights: bool) -> None:
        catalogue = self.guard.catalogue(self.world.cenv)
        grant(self.world.session, catalogue, self.world.owner, actor.user_id, table, Rights(**rights))


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    guard = Guard(world.store)
    try:
        yield Desk(world, guard, Queries(world.store, guard, GrantsCache()))
    finally:
        guard.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from build(tmp_path)
