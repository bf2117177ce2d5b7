from __future__ import annotations

import pytest

from wce.core import scripts, versions
from wce.core.scripts import EndpointChanges, NewEndpoint
from wce.errors import WceError
from wce.model import Role


def accept(source: str) -> None:
    """Every text is a script."""


def save(world, script="first", path="/a"):
    return scripts.save_endpoint(world.session, accept, world.owner, NewEndpoint(path, "GET", script))[0]


def change(world, endpoint, actor=None, **fields):
    return scripts.update_endpoint(world.session, accept, actor or world.owner, endpoint.id, EndpointChanges(**fields))


def texts(world, endpoint_id: int) -> list[str]:
    """Newest first."""
    found = versions.list_versions(world.session, "endpoint", endpoint_id)
    return [versions.find_version(world.session, "endpoint", endpoint_id, item.id).script for item in found]


def test_every_saved_text_is_kept_with_its_author(world):
    adam = world.add("adam", Role.ADMIN)
    made = save(world)
    world.clock.now += 5

    change(world, made, adam, script="second")

    assert texts(world, made.id) == ["second", "first"]
    newest, oldest = versions.list_versions(world.session, "endpoint", made.id)
    assert (newest.username, newest.created_at - oldest.created_at, newest.script) == ("adam", 5, "")


def test_a_change_of_something_else_is_no_version(world):
    made = save(world)

    change(world, made, description="x", path="/b", script="first")

    assert texts(world, made.id) == ["first"]


def test_an_earlier_text_comes_back_as_the_newest(world):
    made = save(world)
    change(world, made, script="second", description="kept")
    first = versions.list_versions(world.session, "endpoint", made.id)[-1]

    back = scripts.SHELF.restore(world.session, accept, world.owner, made.id, first.id)

    assert (back.script, back.description) == ("first", "kept")
    assert texts(world, made.id) == ["first", "second", "first"]


def test_a_text_that_is_no_script_any_more_does_not_come_back(world):
    made = save(world)
    change(world, made, script="second")
    first = versions.list_versions(world.session, "endpoint", made.id)[-1]

    def refuse(source: str) -> None:
        raise WceError("script_error", source)

    with pytest.raises(WceError, match="first"):
        scripts.SHELF.restore(world.session, refuse, world.owner, made.id, first.id)
    assert scripts.find_endpoint(world.session, made.id).script == "second"


def test_a_version_belongs_to_one_script(world):
    one, other = save(world), save(world, path="/b")
    (version,) = versions.list_versions(world.session, "endpoint", one.id)

    for kind, item_id in (("endpoint", other.id), ("hook", one.id), ("endpoint", 99)):
        with pytest.raises(WceError) as caught:
            versions.find_version(world.session, kind, item_id, version.id)
        assert caught.value.code == "not_found"


def test_the_oldest_go_when_there_are_many(world):
    one, other = save(world, "0"), save(world, "kept", path="/b")

    with world.session.transaction(world.owner) as transaction:
        for number in range(1, versions.MAX_VERSIONS + 5):
            versions.keep(transaction, "endpoint", one.id, str(number))

    found = texts(world, one.id)
    assert len(found) == versions.MAX_VERSIONS
    assert (found[0], found[-1]) == (str(versions.MAX_VERSIONS + 4), "5")
    assert texts(world, other.id) == ["kept"]


def test_the_oldest_of_all_go_when_they_are_large(world, monkeypatch):
    monkeypatch.setattr(versions, "MAX_SIZE", 5_000)
    gone = save(world, "of the first")
    scripts.delete_endpoint(world.session, world.owner, gone.id)
    assert texts(world, gone.id) == ["of the first"]

    kept = save(world, "second", path="/b")
    change(world, kept, script="x" * 3_000)

    assert texts(world, kept.id) == ["x" * 3_000]
    assert texts(world, gone.id) == []


def test_an_author_who_is_gone_leaves_his_texts(world):
    made = save(world)
    world.sql("UPDATE _wce_versions SET created_by = NULL")

    (version,) = versions.list_versions(world.session, "endpoint", made.id)

    assert (version.created_by, version.username) == (None, None)
