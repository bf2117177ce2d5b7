"""Many principals at once in several threads, while an administrator changes tables and rights under them."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.security.tables import USER_IDS, grants
from tests.security.worlds import World
from wce.errors import WceError
from wce.guard.glances import StaleGrants
from wce.guard.guard import Guard
from wce.model import Actor, Limits
from wce.store.store import Store

ROUNDS = 150
LIMITS = Limits()
# What each may see of notes, whatever happens around him.
SEEN = {"alice": [(1, 2), (3, 2), (50, 2)], "bob": [(2, 3), (4, 3)], "vera": [(20, 4), (21, 4)]}
NOISE = (
    ("owner", "CREATE TABLE passing(a)"),
    ("owner", "CREATE INDEX passing_a ON passing(a)"),
    ("owner", "CREATE VIEW passing_view AS SELECT * FROM notes"),
    ("owner", "UPDATE vault SET pin = pin + 1"),
    ("alice", "INSERT INTO free(b) SELECT title FROM notes"),
    ("owner", "DROP VIEW passing_view"),
    ("owner", "DROP TABLE passing"),
    ("owner", "DELETE FROM free WHERE id > 3"),
)


def read_own_rows(world: World, who: str, seen: Counter[str]) -> None:
    rights, actor = grants(who), Actor(USER_IDS[who], who, grants(who).role)
    for number in range(ROUNDS):
        sql = ("SELECT id, owner_id FROM notes ORDER BY id", f"SELECT id, owner_id FROM notes WHERE {number} >= 0 ORDER BY id")[number % 2]
        try:
            with world.guard.open_session(world.cenv, rights, 0, LIMITS) as session, session.transaction(actor):
                found = session.run(sql, (), LIMITS).rows
        except StaleGrants as stale:
            raise AssertionError("nobody has changed any rights") from stale
        except WceError as error:
            seen[error.code] += 1
        else:
            seen["rows" if found == SEEN[who] else f"{who} got {found}"] += 1


def make_noise(world: World, seen: Counter[str]) -> None:
    for _ in range(ROUNDS // 30):
        for who, sql in NOISE:
            actor = Actor(USER_IDS[who], who, grants(who).role)
            with world.guard.open_session(world.cenv, grants(who), 0, LIMITS) as session, session.transaction(actor, write=True):
                session.run(sql, (), LIMITS)
            seen["noise"] += 1


def test_nobody_gets_the_rows_of_another(store: Store, guard: Guard) -> None:
    readers = (*SEEN, *SEEN)
    with World(store, guard, "a", "threads") as world:
        world.raw.execute("UPDATE _wce_state SET grants = 0")
        seen: Counter[str] = Counter()
        with ThreadPoolExecutor(len(readers) + 1) as pool:
            work = [pool.submit(read_own_rows, world, who, seen) for who in readers]
            work.append(pool.submit(make_noise, world, seen))

    for one in work:
        one.result()
    assert set(seen) <= {"rows", "noise", "busy"}, seen
    assert seen["rows"] > ROUNDS * 5
    assert seen["noise"] == ROUNDS // 30 * len(NOISE)
