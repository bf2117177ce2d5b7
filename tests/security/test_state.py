"""What one request leaves on a connection must tell the next one nothing, and must not open anything for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.security.tables import USER_IDS, grants
from tests.security.worlds import CREATOR, Outcome, Pair, World
from wce.errors import WceError
from wce.guard.glances import StaleGrants
from wce.guard.guard import Guard
from wce.guard.session import GuardedSession
from wce.model import Actor, Grants, Limits, Rights, Role, RowPolicy
from wce.store.store import Store

LIMITS = Limits()
ALICE = Actor(2, "alice", Role.EDITOR)


class Undo(Exception):  # noqa: N818 - no failure
    """Ends a transaction without a commit."""


class Place:
    """A small cenv, and one user with rights on it."""

    def __init__(
        self, store: Store, guard: Guard, script: Iterable[str], rights: dict[str, str], policies: tuple[RowPolicy, ...] = ()
    ) -> None:
        def fill(session: object) -> None:
            for statement in script:
                session.execute(statement)  # type: ignore[attr-defined]

        self.store = store
        self.guard = guard
        self.cenv = store.create(fill, CREATOR)
        letters = {name: Rights("r" in held, "w" in held, "d" in held) for name, held in rights.items()}
        self.grants = Grants(Role.EDITOR, letters, policies, {"user_id": 2}, fingerprint="place")

    @contextmanager
    def session(self) -> Iterator[GuardedSession]:
        with self.store.session(self.cenv) as system:
            version = system.all("SELECT grants FROM _wce_state")[0][0]
        with self.guard.open_session(self.cenv, self.grants, version, LIMITS) as session:
            yield session

    def send(self, *statements: str, commit: bool = True) -> list[Outcome]:
        """The statements in one write transaction."""
        found: list[Outcome] = []
        try:
            with self.session() as session, session.transaction(ALICE, write=True):
                found += [attempt(session, sql) for sql in statements]
                if not commit:
                    raise Undo
        except Undo:
            return found
        return found

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with self.store.session(self.cenv) as system:
            return system.all(sql)


def attempt(session: GuardedSession, sql: str) -> Outcome:
    try:
        return Outcome.of(session.run(sql, (), LIMITS))
    except WceError as error:
        return Outcome.failed(error)


Found = Callable[..., Place]


@pytest.fixture
def found(store: Store, guard: Guard) -> Found:
    return lambda script, rights, policies=(): Place(store, guard, script, rights, policies)


KEEP = ("CREATE TABLE keep(id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO keep VALUES (1, 'kept')")
MINE = (RowPolicy(1, "keep", None, "read", "v <> 'hidden'"), RowPolicy(2, "keep", None, "delete", "v <> 'hidden'"))


@pytest.mark.parametrize("stateful", ["SELECT last_insert_rowid()", "SELECT changes()"])
@pytest.mark.parametrize("kept", [True, False])
def test_a_rollback_takes_no_trigger_of_the_net_with_it_for_good(found: Found, stateful: str, kept: bool) -> None:
    place = found(KEEP, {"keep": "rw"})

    place.send("INSERT INTO keep VALUES (5, 'x')", commit=False)
    place.send(stateful, commit=kept)
    outcomes = place.send("REPLACE INTO keep VALUES (1, 'stolen')")

    assert outcomes[0].code in ("row_policy", "table_forbidden")
    assert place.rows("SELECT * FROM keep") == [(1, "kept")]


def test_a_rollback_to_a_savepoint_takes_no_trigger_of_the_net_with_it(found: Found) -> None:
    place = found((*KEEP, "INSERT INTO keep VALUES (2, 'hidden')"), {"keep": "rwd"}, MINE)

    with place.session() as session, session.transaction(ALICE, write=True):
        with suppress(Undo), session.transaction(ALICE, write=True):
            attempt(session, "INSERT INTO keep VALUES (5, 'x')")
            raise Undo
        outcome = attempt(session, "REPLACE INTO keep VALUES (2, 'stolen')")

    assert outcome.code == "row_policy"
    assert (2, "hidden") in place.rows("SELECT * FROM keep")


def test_a_failed_statement_leaves_the_net_in_place(found: Found) -> None:
    place = found((*KEEP, "INSERT INTO keep VALUES (2, 'hidden')"), {"keep": "rwd"}, MINE)

    outcomes = place.send(
        "INSERT INTO keep VALUES (1, 'x')", "INSERT INTO keep VALUES ('x', 'y')", "REPLACE INTO keep VALUES (2, 'stolen')"
    )

    assert [outcome.code for outcome in outcomes] == ["constraint", "sql_error", "row_policy"]


def test_a_failing_deferred_foreign_key_is_a_constraint_like_any_other(found: Found) -> None:
    script = ("CREATE TABLE p(id INTEGER PRIMARY KEY)", "CREATE TABLE c(id, p REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)")
    place = found(script, {"p": "rwd", "c": "rwd"})

    with pytest.raises(WceError) as refusal:
        place.send("INSERT INTO c VALUES (1, 77)")

    assert refusal.value.code == "constraint"
    assert place.rows("SELECT * FROM c") == []


def test_a_word_index_out_of_step_shuts_no_cenv(found: Found) -> None:
    script = (
        "CREATE TABLE cat(id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO cat VALUES (1, 'pen')",
        "CREATE VIRTUAL TABLE f USING fts5(name, content='cat', content_rowid='id')",
        "INSERT INTO f(f) VALUES ('rebuild')",
        "DELETE FROM cat",
    )
    place = found(script, {"cat": "rwd", "f": "rwd"})

    broken = place.send("SELECT * FROM f WHERE f MATCH 'pen'")[0]

    assert broken.code == "sql_error"
    assert place.send("SELECT count(*) FROM cat")[0].code == "ok"


def test_the_last_rowid_is_that_of_the_own_transaction(pair: Pair) -> None:
    world = pair.left
    world.run("alice", "INSERT INTO free(id) VALUES (777)")

    assert world.run("alice", "SELECT last_insert_rowid(), changes()").rows == ((0, 0),)
    assert world.run("bob", "SELECT last_insert_rowid(), changes()").rows == ((0, 0),)
    assert world.run("alice", "INSERT INTO free(a) SELECT last_insert_rowid() RETURNING a").rows == ((0,),)


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("UPDATE keep SET v = 'x'", 3),
        ("UPDATE keep SET v = 'x' WHERE id = 1", 1),
        ("DELETE FROM keep WHERE 0", 0),
        ("DELETE FROM keep", 3),
        ("INSERT INTO keep SELECT 1, 1 WHERE 0", 0),
    ],
)
def test_a_write_that_gives_no_rowid_brings_none_from_before(found: Found, sql: str, count: int) -> None:
    place = found((*KEEP, "INSERT INTO keep VALUES (2, 'b'), (3, 'c')"), {"keep": "rwd"})
    with suppress(Undo), place.session() as session, session.transaction(ALICE, write=True) as held:
        assert held is not None
        held.execute("INSERT INTO _wce_audit_log(id, timestamp, action, hash) VALUES (4711, 0, 'test', '')")
        raise Undo

    outcomes = place.send(sql, "SELECT last_insert_rowid(), changes()", "INSERT INTO keep VALUES (9, 'z')", "SELECT last_insert_rowid()")

    assert outcomes[1].rows == ((0, count),)
    assert outcomes[3].rows == ((9,),)


def test_what_trusted_sql_wrote_is_no_last_rowid_of_the_client(pair: Pair) -> None:
    world = pair.left
    with (
        world.guard.open_session(world.cenv, grants("alice"), world.version(), LIMITS) as session,
        session.transaction(ALICE, write=True) as held,
    ):
        session.run("INSERT INTO free(id) VALUES (888)")
        assert held is not None
        held.execute("INSERT INTO _wce_audit_log(timestamp, action, hash) VALUES (0, 'test', '')")
        found = session.run("SELECT last_insert_rowid()").rows

    assert found == [(888,)]


@pytest.mark.parametrize("sql", ["SELECT count(*) FROM notes", "SELECT group_concat(id) FROM notes", "SELECT * FROM notes ORDER BY id"])
def test_the_same_text_gives_everybody_his_own_rows(pair: Pair, sql: str) -> None:
    world = pair.left
    apart = {who: world.run(who, sql) for who in ("alice", "bob", "vera")}

    for _ in range(3):
        for who in ("alice", "bob", "vera", "bob", "alice"):
            assert world.run(who, sql) == apart[who]

    assert apart["alice"] != apart["bob"]


def test_the_same_text_is_refused_to_whom_it_was_refused_before(pair: Pair) -> None:
    world = pair.left

    for _ in range(2):
        assert world.run("owner", "SELECT count(*) FROM vault").code == "ok"
        assert world.run("alice", "SELECT count(*) FROM vault").code == "no_such_table"
        assert world.run("alice", "SELECT count(*) FROM tasks").code == "ok"
        assert world.run("bob", "SELECT count(*) FROM tasks").code == "no_such_table"


def test_a_change_of_the_schema_is_met_by_the_next_statement(pair: Pair) -> None:
    world = pair.left
    assert world.run("alice", "SELECT * FROM v_catalog").code == "ok"
    assert world.run("alice", "SELECT * FROM v_notes").code == "ok"

    world.run("owner", "DROP VIEW v_catalog")
    world.run("owner", "CREATE TABLE v_catalog(item, cost)")

    assert world.run("alice", "SELECT * FROM v_notes").code == "ok"
    assert world.trusted("SELECT count(*) FROM _wce_table_permissions WHERE table_name = 'v_catalog'") == [(0,)]


def test_rights_do_not_pass_to_a_table_that_takes_a_name(pair: Pair) -> None:
    world = pair.left
    before = world.version()
    world.run("owner", "ALTER TABLE free RENAME TO was_free")
    world.run("owner", "ALTER TABLE vault RENAME TO free")

    assert world.version() > before
    assert world.trusted("SELECT count(*) FROM _wce_table_permissions WHERE table_name = 'free'") == [(0,)]


def test_a_session_for_older_grants_runs_nothing(pair: Pair) -> None:
    world = pair.left
    version = world.version()
    world.raw.execute("UPDATE _wce_table_permissions SET can_read = 0 WHERE table_name = 'notes'")

    with (
        pytest.raises(StaleGrants),
        world.guard.open_session(world.cenv, grants("alice"), version, LIMITS) as session,
        session.transaction(ALICE),
    ):
        session.run("SELECT * FROM notes")


def test_nothing_runs_outside_of_a_transaction(pair: Pair) -> None:
    world = pair.left

    with world.guard.open_session(world.cenv, grants("alice"), world.version(), LIMITS) as session, pytest.raises(RuntimeError):
        session.run("SELECT 1")


def test_a_write_needs_a_write_transaction(pair: Pair) -> None:
    world = pair.left

    with (
        world.guard.open_session(world.cenv, grants("alice"), world.version(), LIMITS) as session,
        session.transaction(ALICE),
        pytest.raises(RuntimeError),
    ):
        session.run("UPDATE free SET a = 1")


def test_a_timeout_does_not_reach_the_next_statement(pair: Pair) -> None:
    world = pair.left
    endless = "WITH RECURSIVE x(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM x) SELECT count(*) FROM x"

    for _ in range(5):
        assert world.run("alice", endless, bounds=Limits(timeout_seconds=0.05)).code == "query_timeout"
        assert world.run("alice", "SELECT count(*) FROM notes").rows == ((3,),)


LOOKING = (
    "SELECT id FROM docs WHERE secret LIKE 'm%'",
    "SELECT id FROM docs WHERE secret > 'a'",
    "SELECT id FROM docs WHERE id > 0 AND +secret > 'a'",
    "SELECT id FROM docs WHERE abs(length(secret)) > 0",
    "SELECT group_concat(secret) FROM docs",
    "SELECT max(secret), min(secret), count(secret) FROM docs",
    "UPDATE docs SET n = 1 WHERE secret <> 'x'",
    "UPDATE docs SET n = 1",
    "DELETE FROM docs WHERE secret <> 'x'",
    "INSERT INTO docs(id) VALUES (2) ON CONFLICT(id) DO UPDATE SET n = 1",
    "INSERT OR IGNORE INTO docs(id) VALUES (2)",
)


@pytest.mark.parametrize("size", [400_000, 499_000, 999_000, 1_999_000])
def test_a_large_hidden_value_is_as_silent_as_a_small_one(pair: Pair, size: int) -> None:
    for world, length in ((pair.left, size), (pair.right, 1)):
        world.run("owner", f"UPDATE docs SET secret = hex(zeroblob({length})) WHERE id = 2")

    for sql in LOOKING:
        left, right = pair.run("alice", sql)
        assert left == right, sql
        assert left.code in ("ok", "row_policy"), sql


def test_the_rights_of_one_cenv_mean_nothing_in_another(store: Store, guard: Guard, pair: Pair) -> None:
    with World(store, guard, "b", "three") as other:
        assert other.run("alice", "SELECT count(*) FROM notes") == pair.left.run("alice", "SELECT count(*) FROM notes")
        other.run("alice", "DELETE FROM docs")

    assert pair.left.run("alice", "SELECT count(*) FROM docs").rows == ((2,),)


def test_every_principal_of_the_catalogue_is_a_different_one() -> None:
    assert len({grants(who).fingerprint for who in USER_IDS}) == len(USER_IDS)
