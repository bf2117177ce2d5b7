"""A statement that fills the disk with what it sorts, or writes, ends before the disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.security.conftest import opened
from wce.errors import WceError
from wce.guard.guard import Guard
from wce.guard.session import LIMITS
from wce.model import Actor, Grants, Role
from wce.store.spill import Room, Spill
from wce.store.sqlite import connect
from wce.store.store import Store

ENDLESS = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 1000000000) "
GREEDY = {
    "a sort": ENDLESS + "SELECT max(b) FROM (SELECT hex(zeroblob(10000)) || i AS b FROM c ORDER BY b DESC LIMIT -1 OFFSET 1)",
    "groups": ENDLESS + "SELECT count(*) FROM (SELECT hex(zeroblob(10000)) || i AS b FROM c GROUP BY b)",
    "distinct rows": ENDLESS + "SELECT count(DISTINCT hex(zeroblob(10000)) || i) FROM c",
    "a union": ENDLESS + "SELECT count(*) FROM (SELECT hex(zeroblob(10000)) || i FROM c UNION SELECT 1)",
    "kept rows": ENDLESS + ", k(b) AS MATERIALIZED (SELECT hex(zeroblob(10000)) || i FROM c) SELECT count(*) FROM k, k AS other",
}
WRITING = ENDLESS + "INSERT INTO notes SELECT i, hex(zeroblob(1000)) FROM c"


class Elsewhere(Spill):
    """Where temporary files have a disk of their own, with much room."""

    def room(self) -> Room:
        return super().room()._replace(spill=1 << 50)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as store:
        yield store


@pytest.mark.parametrize(("greedy", "role"), [*((name, Role.EDITOR) for name in GREEDY), ("a sort", Role.OWNER)])
def test_a_query_that_spills_ends_where_the_floor_is_reached(store: Store, greedy: str, role: Role) -> None:
    store.spill = Spill(None, store.folder.path, 10**15)  # a floor that every disk is below
    cenv = store.create(lambda session: None, Actor(1, "ann", Role.OWNER))
    guard = Guard(store)
    grants = Grants(role, {}, (), {})
    try:
        with store.session(cenv) as session:
            (version,) = session.one("SELECT grants FROM _wce_state") or (0,)
        with guard.open_session(cenv, grants, version, LIMITS) as session, session.transaction(Actor(1, "ann", role), write=False):
            with pytest.raises(WceError) as refused:
                session.run(GREEDY[greedy], (), replace(LIMITS, timeout_seconds=60))
            assert session.run("SELECT 1", (), LIMITS).rows == [(1,)]
    finally:
        guard.close()

    assert refused.value.code == "disk_full"


@pytest.mark.parametrize("text", [WRITING, "INSERT INTO notes SELECT i, '' FROM notes, (SELECT 1 AS i UNION SELECT 2)"])
def test_a_write_that_takes_the_last_room_is_undone_and_a_small_one_is_not(store: Store, text: str) -> None:
    store.spill = Elsewhere(None, store.folder.path, 10**15)
    cenv = store.create(lambda session: None, Actor(1, "ann", Role.OWNER))
    guard, actor = Guard(store), Actor(1, "ann", Role.OWNER)
    limits = replace(LIMITS, timeout_seconds=60)
    code = ""
    try:
        with guard.open_session(cenv, Grants(Role.OWNER, {}, (), {}), 0, limits) as session:
            with session.transaction(actor, write=True):
                session.run("CREATE TABLE notes (number INTEGER, text TEXT)", (), limits)
            try:
                with session.transaction(actor, write=True):
                    session.run("INSERT INTO notes VALUES (1, 'small')", (), limits)
                    session.run(text, (), limits)
            except WceError as error:
                code = error.code
            with session.transaction(actor):
                rows = session.run("SELECT count(*) FROM notes", (), limits).rows
    finally:
        guard.close()

    assert (code, rows) == (("disk_full", [(0,)]) if text == WRITING else ("", [(3,)]))


def test_the_room_is_that_of_the_folder_that_sqlite_uses(store: Store, tmp_path: Path) -> None:
    connection = connect("", mode="memory")
    try:
        assert connection.execute("PRAGMA temp_store_directory").fetchone() == (str(store.spill.folder),)
    finally:
        connection.close()
    assert Spill(tmp_path, tmp_path, 0).room().spill > 0 > Spill(tmp_path, tmp_path, 10**15).room().spill


def test_without_its_folder_the_room_is_that_of_where_sqlite_goes_then(tmp_path: Path) -> None:
    gone = tmp_path / "gone"

    assert Spill(gone, tmp_path, 0).room().spill > 0 > Spill(gone, tmp_path, 10**15).room().spill
