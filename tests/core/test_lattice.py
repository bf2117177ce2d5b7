"""Whatever sequence of acts people try: nobody gives more than he holds, and there is always exactly one owner."""

from __future__ import annotations

import tempfile
from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from wce.config import Settings
from wce.core.cenvs import create_cenv
from wce.core.passwords import Passwords
from wce.core.permissions import ceiling, grant, grants_of, list_permissions, revoke
from wce.core.settings import CenvSettings
from wce.core.users import UserChanges, create_user, delete_user, hand_over, list_users, update_user
from wce.errors import WceError
from wce.guard.catalogue import load
from wce.metrics import Metrics
from wce.model import Actor, Rights, Role
from wce.store.store import Store

PASSWORD = "correct horse"
TABLES = ("songs", "albums")
EXPECTED = {"forbidden", "last_owner", "not_found", "no_such_table", "validation", "bad_token", "bad_credentials"}
rights = st.builds(Rights, st.booleans(), st.booleans(), st.booleans(), st.booleans())
roles = st.sampled_from(Role)
maybe = st.none() | st.booleans()
HASH = "$2b$04$" + "." * 53


class Society(RuleBasedStateMachine):
    """Users of a cenv do to each other whatever they can think of; `people` are ids, of users who may be gone."""

    people = Bundle("people")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        metrics = Metrics()
        self.store = Store(Settings(storage_dir=Path(self.folder.name), min_free_mb=0), metrics)
        self.store.open()
        self.passwords = Passwords(metrics, rounds=4)
        self.cenv = create_cenv(self.store, self.passwords, "olivia", PASSWORD)
        self.named = 0
        for table in TABLES:
            self.session.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
        self.catalogue = load(self.session.all, "main")

    @property
    def session(self):
        with self.store.session(self.cenv) as session:
            return session

    def actor(self, user_id: int) -> Actor:
        """As a request would have it; one who is gone comes with the last role he could wish for."""
        row = self.session.one("SELECT username, role FROM _wce_users WHERE user_id = ?", (user_id,)) or ("gone", Role.OWNER)
        return Actor(user_id, row[0], Role(row[1]))

    def effective(self, user_id: int, table: str) -> Rights:
        try:
            grants, _ = grants_of(self.session, user_id)
        except WceError:
            return Rights()
        return ceiling(grants.role, grants.rights.get(table, Rights()))

    def stored(self) -> dict[tuple[str, int], Rights]:
        owner = Actor(0, "", Role.OWNER)
        return {(item.table_name, item.user_id): item.rights for item in list_permissions(self.session, owner)}

    def try_to(self, act) -> bool:
        try:
            act()
        except WceError as error:
            if error.code not in EXPECTED:
                raise
            return False
        return True

    @initialize(target=people, given=st.lists(rights, min_size=4, max_size=4))
    def begin(self, given):
        found = [1]
        for role in (Role.ADMIN, Role.EDITOR, Role.EDITOR, Role.VIEWER):
            self.named += 1
            with self.session.transaction(self.actor(1)) as transaction:
                sql = "INSERT INTO _wce_users (username, password_hash, role, created_at) VALUES (?, ?, ?, 0)"
                found.append(transaction.execute(sql, (f"user_{self.named}", HASH, role)).lastrowid)
        for user_id, held in zip(found[1:], given, strict=True):
            grant(self.session, self.catalogue, self.actor(1), user_id, TABLES[0], held)
        return multiple(*found)

    @rule(target=people, who=people, role=roles)
    def make(self, who, role):
        actor, made = self.actor(who), []
        self.named += 1
        name = f"user_{self.named}"

        def act() -> None:
            config = CenvSettings(max_users=1_000)
            made.append(create_user(self.session, self.passwords, config, actor, username=name, password=PASSWORD, role=role))

        if not self.try_to(act):
            return multiple()
        assert actor.role.administers
        assert role.rank < actor.role.rank
        return made[0].user_id

    @rule(who=people, whom=people, role=st.none() | roles, enabled=maybe)
    def change(self, who, whom, role, enabled):
        actor, before = self.actor(who), self.actor(whom)
        changes = UserChanges(role=role, enabled=enabled)

        if self.try_to(lambda: update_user(self.session, self.passwords, actor, whom, changes)) and (role, enabled) != (None, None):
            assert before.role.rank < actor.role.rank
            assert role is None or role.rank < actor.role.rank

    @rule(who=people, whom=people)
    def remove(self, who, whom):
        actor, before = self.actor(who), self.actor(whom)

        if self.try_to(lambda: delete_user(self.session, actor, whom)):
            assert before.role.rank < actor.role.rank

    @rule(who=people, whom=people)
    def abdicate(self, who, whom):
        actor = self.actor(who)

        def act() -> None:
            hand_over(self.session, self.passwords, actor, whom, PASSWORD)

        if self.try_to(act):
            assert (actor.role, self.actor(who).role, self.actor(whom).role) == (Role.OWNER, Role.ADMIN, Role.OWNER)

    @rule(who=people, whom=people | st.just(0), table=st.sampled_from(TABLES), given=rights)
    def give(self, who, whom, table, given):
        actor, own, before = self.actor(who), self.effective(who, table), self.stored()

        if self.try_to(lambda: grant(self.session, self.catalogue, actor, whom, table, given)):
            self.only_within(own, before)
            assert self.stored()[table, whom] == given

    @rule(who=people, data=st.data())
    def take(self, who, data):
        permissions = list_permissions(self.session, Actor(0, "", Role.OWNER))
        if not permissions:
            return
        chosen = data.draw(st.sampled_from(permissions))
        actor, own, before = self.actor(who), self.effective(who, chosen.table_name), self.stored()

        if self.try_to(lambda: revoke(self.session, actor, chosen.id)):
            self.only_within(own, before)

    def only_within(self, own: Rights, before: dict[tuple[str, int], Rights]) -> None:
        """Every right that appeared or went was one that the actor holds and may pass on."""
        after = self.stored()
        for key in before.keys() | after.keys():
            for had, has, may in zip(astuple(before.get(key, Rights())), astuple(after.get(key, Rights())), astuple(own), strict=True):
                assert had == has or (may and own.can_grant)

    @invariant()
    def exactly_one_owner_who_can_sign_in(self):
        owners = [user for user in list_users(self.session) if user.role is Role.OWNER]
        assert len(owners) == 1
        assert owners[0].enabled

    @invariant()
    def nobody_writes_whose_role_only_reads(self):
        for user in list_users(self.session):
            if user.role is Role.VIEWER and user.enabled:
                grants, _ = grants_of(self.session, user.user_id)
                assert not any(held.can_write or held.can_delete for held in grants.rights.values())

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestSociety = pytest.mark.slow(Society.TestCase)
TestSociety.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
