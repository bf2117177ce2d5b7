"""A cenv with people, tables and everything that a script's SQL needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.core.conftest import World, build
from wce.core.logins import Authenticated, anonymous
from wce.core.permissions import GrantsCache, grant
from wce.core.policies import create_policy
from wce.core.query import Queries
from wce.guard.guard import Guard
from wce.model import Actor, Rights
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
