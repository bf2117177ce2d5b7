"""The values that cross layers."""

from __future__ import annotations

import dataclasses

import pytest

from wce import model
from wce.model import Rights, Role

VALUES = [item for item in vars(model).values() if isinstance(item, type) and dataclasses.is_dataclass(item)]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_a_value_is_frozen(value: type) -> None:
    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_roles_are_ranked_from_the_public_to_the_owner() -> None:
    assert sorted(Role, key=lambda role: role.rank) == [Role.PUBLIC, Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER]


def test_only_admins_and_owners_administer() -> None:
    assert [role for role in Role if role.administers] == [Role.ADMIN, Role.OWNER]


def test_the_right_to_grant_alone_opens_no_table() -> None:
    assert not Rights(can_grant=True)


@pytest.mark.parametrize("name", ["can_read", "can_write", "can_delete"])
def test_any_right_on_the_rows_opens_the_table(name: str) -> None:
    assert Rights(**{name: True})
