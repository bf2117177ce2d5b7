from __future__ import annotations

import pytest

from wce.core import console, users
from wce.errors import WceError
from wce.model import Role


def test_nothing_is_noted_for_somebody_whose_account_has_just_been_deleted(world) -> None:
    grace = world.add("grace", Role.EDITOR)
    users.delete_user(world.session, world.owner, grace.user_id)

    with pytest.raises(WceError) as caught:
        console.add_history(world.session, grace, "SELECT 1", duration_ms=None, row_count=None, error=None)

    assert caught.value.code == "bad_token"


def test_nothing_is_saved_for_somebody_whose_account_has_just_been_deleted(world) -> None:
    grace = world.add("grace", Role.EDITOR)
    users.delete_user(world.session, world.owner, grace.user_id)

    with pytest.raises(WceError) as caught:
        console.save(world.session, grace, "one", "SELECT 1")

    assert caught.value.code == "bad_token"
