"""A cenv with people, tables and everything that a script's SQL needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.core.conftest import World, build
from tests.sandbox.sites import Site
from wce.core.logins import Authenticated, anonymous
from wce.core.permissions import GrantsCache, grant
from wce.core.policies import create_policy
from wce.core.query import Queries
from wce.core.runs import Run, Runs
from wce.core.scripts import Endpoint, NewEndpoint, save_endpoint
from wce.core.settings import CenvSettings
from wce.guard.guard import Guard
from wce.metrics import Metrics
from wce.model import Actor, Rights
from wce.sandbox.calls import Scripts
from wce.sandbox.forks import Forks
from wce.sandbox.messages import Reply
from wce.sandbox.pool import Pool
from wce.sandbox.principal import Parties, Principals
from wce.sandbox.work import Desk, Terms, Work


@dataclass
class Cenv:
    """A world in which scripts send SQL."""

    world: World
    desk: Desk

    def allow(self, actor: Actor, table: str, **rights: bool) -> None:
        catalogue = self.desk.guard.catalogue(self.world.cenv)
        grant(self.world.session, catalogue, self.world.owner, actor.user_id, table, Rights(**rights))

    def restrict(self, table: str, kind: str, condition: str, user: Actor | None = None) -> None:
        user_id = None if user is None else user.user_id
        create_policy(
            self.world.session,
            self.desk.guard,
            self.world.owner,
            table_name=table,
            user_id=user_id,
            policy_type=kind,
            sql_condition=condition,
        )

    def who(self, actor: Actor) -> Authenticated:
        return Authenticated(actor, anonymous(self.world.session).state)

    def work(self, author: Actor | None, caller: Actor, *, run_as: str = "caller", write: bool = False, **options: Any) -> Work:
        """The SQL of one call."""
        parties = Parties(None if author is None else author.user_id, caller.user_id, run_as)
        version = self.who(caller).state.grants
        terms = Terms(self.world.cenv, caller, parties, options.pop("config", self.world.config), version, {"endpoint": 1})
        return Work(self.desk, terms, write=write, seconds=options.pop("seconds", 5.0), **options)


@pytest.fixture
def cenv(tmp_path: Path) -> Iterator[Cenv]:
    for world in build(tmp_path):
        guard = Guard(world.store)
        grants = GrantsCache()
        try:
            yield Cenv(world, Desk(guard, Queries(world.store, guard, grants), Principals(world.store, grants)))
        finally:
            guard.close()


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """What workers are copies of, for all tests of this process."""
    forks = Forks()
    yield forks
    forks.close()


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """Real workers for all tests of this process."""
    pool = Pool(2, patience_seconds=60.0)
    yield pool
    pool.close()


@dataclass
class Stage:
    """A cenv in which scripts run."""

    cenv: Cenv
    scripts: Scripts
    runs: Runs
    metrics: Metrics

    @property
    def world(self) -> World:
        return self.cenv.world

    def endpoint(self, body: str, author: Actor | None = None, **values: Any) -> Endpoint:
        """A saved endpoint; `body` is that of its handler."""
        script = "def handler(request):\n" + "".join(f"    {line}\n" for line in body.splitlines())
        new = NewEndpoint(**{"path": "/x", "method": "*", "script": script, "access": "public"} | values)
        return save_endpoint(self.world.session, self.scripts.check, author or self.world.owner, new)[0]

    def call(self, caller: Actor, endpoint: Endpoint, **request: Any) -> Reply:
        request = {"path": "/x"} | request
        return self.scripts.call(
            self.world.cenv, self.cenv.who(caller), self.config, endpoint, request, request_id=str(request.get("id", ""))
        )

    config: CenvSettings = field(default_factory=CenvSettings)

    def last(self, kind: str, item_id: int) -> list[Run]:
        return self.runs.last(self.world.session, kind, item_id)


@pytest.fixture
def stage(cenv: Cenv, pool: Pool) -> Iterator[Stage]:
    runs, metrics = Runs(cenv.world.store), Metrics()
    yield Stage(cenv, Scripts(pool, cenv.desk, runs, metrics, cenv.world.clock), runs, metrics)
    runs.close()


@pytest.fixture
def site() -> Site:
    """Templates that are rendered here."""
    return Site()


@pytest.fixture
def far_site(pool: Pool) -> Site:
    """Templates that are rendered in real workers."""
    return Site(lambda job, serve, find: pool.render("a", job, serve, find))
