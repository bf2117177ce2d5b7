from __future__ import annotations

import pytest

from wce.core import audit
from wce.core.cenvs import create_cenv
from wce.core.users import list_users
from wce.errors import WceError


def test_the_first_user_is_the_owner(world):
    (owner,) = list_users(world.session)

    assert (owner.user_id, owner.username, owner.role) == (world.owner.user_id, "Olivia", "owner")


def test_the_log_begins_with_the_creation_by_the_owner(world):
    (entry,) = audit.find(world.session, audit.AuditFilters()).entries

    assert (entry.action, entry.resource_id, entry.user_id, entry.username) == ("cenv.create", world.cenv, 1, "Olivia")
    assert audit.verify(world.session).ok


@pytest.mark.parametrize(("username", "password"), [("ab", "long enough"), ("public", "long enough"), ("olivia", "short")])
def test_a_bad_name_or_password_leaves_no_file(world, username, password):
    with pytest.raises(WceError) as caught:
        create_cenv(world.store, world.passwords, username, password)

    assert caught.value.code == "validation"
    assert world.store.cenvs() == [world.cenv]
