"""An explanation tells no more than the statement itself would."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from tests.security.attack import Attack
from tests.security.tables import USER_IDS, grants
from tests.security.test_catalogue import ORDINARY
from tests.security.worlds import Pair, World, limits
from wce.errors import WceError
from wce.guard.explain import explain
from wce.model import Actor

# Names that alice may not learn of from an explanation, unless she wrote them.
UNKNOWN = ("vault", "members", "stock", "phantom", "twigs", "v_hidden", "vault_fts", "_wce_", "sqlite_autoindex_vault", "strasse")
SECRET = re.compile(r"[wv](?!0{24})[0-9a-f]{24}")
GROUPS = sorted({attack.name.partition(":")[0] for attack in ORDINARY})


def explained(world: World, attack: Attack) -> str:
    rights = grants(attack.who)
    actor = Actor(USER_IDS[attack.who], attack.who, rights.role)
    with world.guard.open_session(world.cenv, rights, world.version(), limits(attack)) as session, session.transaction(actor):
        try:
            return json.dumps(dataclasses.asdict(explain(session, attack.sql, attack.params)), default=str)
        except WceError as error:
            return f"{error.code} {error.detail}"


@pytest.mark.parametrize("group", GROUPS)
def test_an_explanation_is_the_same_in_both_worlds_and_names_nothing_hidden(group: str, pair: Pair) -> None:
    pair.forget()  # a connection that has written before has more triggers to explain
    for attack in ORDINARY:
        if not attack.name.startswith(group + ":"):
            continue
        left, right = explained(pair.left, attack), explained(pair.right, attack)
        assert left == right, attack.name
        assert not SECRET.search(left), attack.name
        told = [name for name in UNKNOWN if name in left.lower() and name not in attack.sql.lower()]
        assert told == [], attack.name


def test_an_explanation_changes_nothing(pair: Pair) -> None:
    for attack in ORDINARY:
        if attack.name.startswith(("update", "delete", "insert", "upsert", "triggers")):
            explained(pair.left, attack)

    assert pair.left.tampered(dataclasses.replace(ORDINARY[0], who="alice")) == {}
    assert pair.left.run("alice", "SELECT group_concat(secret) FROM notes").rows == (("red,dark,blue",),)
