"""Transactions, results, limits and what a connection carries from one request to the next."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from wce import lane
from wce.errors import WceError
from wce.guard import guard
from wce.guard.glances import StaleGrants
from wce.model import Limits, Result, Rights
from wce.store import emptying
from wce.store.sqlite import connect

ALL = Rights(can_read=True, can_write=True, can_delete=True)
LIMITS = Limits()
READ = Rights(can_read=True)


ENDLESS = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c"


def code(person, sql: str, params=(), limits: Limits = LIMITS) -> str:
    with pytest.raises(WceError) as caught:
        person.run(sql, params, limits)
    return caught.value.code


def test_a_read_answers_columns_and_rows(ann) -> None:
    result = ann.run("SELECT id, id AS id, title FROM notes ORDER BY id")

    assert result.columns == ("id", "id", "title")
    assert result.rows == [(1, 1, "mine"), (3, 3, "also mine")]
    assert (result.changes, result.last_row_id, result.truncated) == (0, None, False)
    assert result.duration_ms > 0


def test_the_rows_of_a_long_result_are_read_with_pauses_and_those_of_a_short_one_without(ann, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[None] = []
    monkeypatch.setattr(lane, "pause", lambda: paused.append(None))
    many = "WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c WHERE i < ?) SELECT i FROM c"

    ann.run(many, (200,))
    assert paused == []

    assert len(ann.run(many, (2_000,)).rows) == 2_000
    assert len(paused) > 100


def test_a_write_answers_changes_and_the_new_row(ann) -> None:
    inserted = ann.run("INSERT INTO notes (owner_id, title) VALUES (1, 'a'), (1, 'b')")
    updated = ann.run("UPDATE notes SET title = 'c' WHERE id > 3")

    assert (inserted.changes, inserted.last_row_id) == (2, 5)
    assert (updated.changes, updated.last_row_id) == (2, None)


def test_an_insert_that_inserts_nothing_has_no_row(cenv, ann) -> None:
    ann.run("INSERT INTO notes (id, owner_id) VALUES (10, 1)")

    assert ann.run("INSERT OR IGNORE INTO notes (id, owner_id) VALUES (10, 1)").last_row_id is None
    assert ann.run("INSERT INTO notes (id, owner_id) VALUES (10, 1) ON CONFLICT DO NOTHING").last_row_id is None


def test_an_upsert_that_updates_has_no_new_row(ann) -> None:
    upsert = "INSERT INTO notes (id, owner_id) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET title = 'x'"

    result = ann.run_all([("INSERT INTO notes (owner_id) VALUES (1)", ()), (upsert, ())])[1]

    assert result.changes == 1
    assert result.last_row_id in (None, 4)  # SQLite leaves the one before, which is ours


def test_a_read_sees_one_snapshot(cenv, ann) -> None:
    with ann.session() as session, session.transaction(ann.actor):
        first = session.run("SELECT count(*) FROM notes").rows
        writer = threading.Thread(target=cenv.execute, args=("INSERT INTO notes (owner_id) VALUES (1)",))
        writer.start()
        writer.join()
        second = session.run("SELECT count(*) FROM notes").rows

    assert first == second == [(2,)]
    assert ann.rows("SELECT count(*) FROM notes") == [(3,)]


def test_an_exception_undoes_a_write_transaction(cenv, ann) -> None:
    with pytest.raises(ZeroDivisionError), ann.session() as session, session.transaction(ann.actor, write=True):  # noqa: PT012
        session.run("DELETE FROM notes")
        raise ZeroDivisionError

    assert len(cenv.all("SELECT id FROM notes")) == 3


def test_a_write_needs_a_write_transaction(ann) -> None:
    with ann.session() as session:
        with pytest.raises(RuntimeError):
            session.run("SELECT 1")
        with session.transaction(ann.actor), pytest.raises(RuntimeError):
            session.run("DELETE FROM notes")


def test_a_transaction_knows_what_was_touched(cenv, store) -> None:
    cenv.execute(
        "CREATE TABLE log (text)",
        "CREATE TRIGGER notes_log AFTER INSERT ON notes BEGIN INSERT INTO log VALUES ('x'); END",
        "CREATE TABLE children (note_id REFERENCES notes ON DELETE CASCADE)",
    )
    commits = []
    store.hooks.add("test", commits.append)
    bob = cenv.person({"notes": ALL, "log": ALL, "children": ALL})

    bob.run("INSERT INTO notes (owner_id) VALUES (1), (1)")
    bob.run("DELETE FROM Notes WHERE id = 1")
    bob.run("INSERT INTO notes (owner_id) VALUES (1)")  # now prepared already

    assert [dict(commit.tables) for commit in commits] == [{"notes": 2, "log": 0}, {"notes": 1, "children": 0}, {"notes": 1, "log": 0}]


def test_what_or_fail_keeps_is_touched_too(cenv, store) -> None:
    bob = cenv.person({"notes": ALL})
    commits = []
    store.hooks.add("test", commits.append)

    with bob.session() as session, session.transaction(bob.actor, write=True), pytest.raises(WceError):
        session.run("INSERT OR FAIL INTO notes (id) VALUES (50), (1)")

    assert len(cenv.all("SELECT id FROM notes WHERE id = 50")) == 1
    assert dict(commits[0].tables) == {"notes": 0}


def test_the_number_of_the_commit_read_is_known(cenv, ann) -> None:
    with ann.session() as session, session.transaction(ann.actor):
        before = session.commit_number
    ann.run("INSERT INTO notes (owner_id) VALUES (1)")
    with ann.session() as session, session.transaction(ann.actor):
        assert session.commit_number == before + 1


@pytest.mark.parametrize("write", [False, True])
def test_changed_grants_are_noticed_in_the_transaction(cenv, ann, write: bool) -> None:
    version = ann.version()
    cenv.execute("UPDATE _wce_state SET grants = grants + 1")

    with (
        pytest.raises(StaleGrants),
        ann.guard.open_session(cenv.id, ann.grants, version, LIMITS) as session,
        session.transaction(ann.actor, write=write),
    ):
        raise AssertionError

    assert ann.rows("SELECT count(*) FROM notes") == [(2,)]


def test_a_new_table_is_known_at_once(cenv) -> None:
    bob = cenv.person({"notes": READ, "later": ALL})
    assert code(bob, "SELECT * FROM later") == "no_such_table"
    assert code(bob, "INSERT INTO later VALUES (1)") == "no_such_table"

    cenv.execute("CREATE TABLE later (x)")

    assert bob.run("INSERT INTO later VALUES (1)").changes == 1
    assert bob.rows("SELECT * FROM later") == [(1,)]


def test_a_changed_table_is_read_as_it_is_now(cenv, ann) -> None:
    assert ann.run("SELECT * FROM notes").columns == ("id", "owner_id", "title", "secret")
    ann.run("UPDATE notes SET title = 'x'")

    cenv.execute("ALTER TABLE notes ADD COLUMN extra")

    assert ann.run("SELECT * FROM notes").columns == ("id", "owner_id", "title", "secret", "extra")
    assert ann.run("UPDATE notes SET extra = 1").changes == 2
    assert cenv.all("SELECT count(*) FROM notes WHERE extra = 1") == [(2,)]


# ---------------------------------------------------------------------------------------------- limits


def test_more_rows_than_allowed_are_cut(ann) -> None:
    limits = Limits(max_rows=1)

    result = ann.run("SELECT id FROM notes ORDER BY id", (), limits)

    assert (result.rows, result.truncated) == ([(1,)], True)
    assert not ann.run("SELECT id FROM notes WHERE id = 1", (), limits).truncated


def test_a_cut_write_has_still_written_everything(cenv, ann) -> None:
    result = ann.run("UPDATE notes SET title = 'cut' RETURNING id", (), Limits(max_rows=1))

    assert (len(result.rows), result.truncated, result.changes) == (1, True, 2)
    assert cenv.all("SELECT count(*) FROM notes WHERE title = 'cut'") == [(2,)]


def test_the_rows_that_a_write_returns_have_a_size(ann) -> None:
    assert ann.run("UPDATE notes SET title = 'new' RETURNING id, title").size == 2 * (8 + 8 + len("new"))


def test_damage_that_our_own_sql_meets_amid_the_rows_is_told_so(cenv, store) -> None:
    cenv.execute("CREATE TABLE big (x)", "INSERT INTO big SELECT zeroblob(3000) FROM json_each('[1,2,3,4,5,6,7,8,9]')")
    store.connections.close()
    file = store.path(cenv.id)
    file.write_bytes(file.read_bytes()[:-4096] + b"\xff" * 4096)

    with cenv.admin().session() as session, pytest.raises(WceError) as caught:
        session.link.ask(f"SELECT x FROM {session.link.hidden.schema}.big")

    assert caught.value.code == "cenv_damaged"


def test_more_bytes_than_allowed_are_refused(ann) -> None:
    assert code(ann, "SELECT hex(zeroblob(1000))", (), Limits(max_bytes=1000)) == "too_large"
    assert ann.rows("SELECT 1") == [(1,)]


def test_a_statement_that_takes_too_long_is_stopped(ann) -> None:
    started = time.monotonic()

    assert code(ann, ENDLESS, (), Limits(timeout_seconds=0.2)) == "query_timeout"

    assert time.monotonic() - started < 5
    assert ann.rows("SELECT 1") == [(1,)]


def test_a_stopped_write_leaves_nothing(cenv, ann) -> None:
    sql = f"INSERT INTO notes (owner_id, title) SELECT 1, 'x' FROM ({ENDLESS.replace('count(*)', 'i')})"

    assert code(ann, sql, (), Limits(timeout_seconds=0.2)) == "query_timeout"

    assert cenv.all("SELECT count(*) FROM notes") == [(3,)]


def test_after_a_rollback_by_sqlite_nothing_more_runs(cenv) -> None:
    cenv.execute("CREATE TABLE strict_one (x UNIQUE ON CONFLICT ROLLBACK)", "INSERT INTO strict_one VALUES (1)")
    bob = cenv.person({"notes": ALL, "strict_one": ALL})

    with bob.session() as session, pytest.raises(WceError), session.transaction(bob.actor, write=True):  # noqa: PT012
        session.run("DELETE FROM notes")
        with pytest.raises(WceError):
            session.run("INSERT INTO strict_one VALUES (1)")
        session.run("DELETE FROM notes")

    assert cenv.all("SELECT count(*) FROM notes") == [(3,)]


@pytest.mark.parametrize(
    ("sql", "detail"),
    [
        ("INSERT INTO notes VALUES (1)", "table notes has 4 columns but 1 values were supplied"),
        ("INSERT INTO Notes (titel) VALUES (1)", "table notes has no column named titel"),
        ("WITH x AS (SELECT 1) INSERT OR IGNORE INTO notes SELECT * FROM x", "table notes has 4 columns but 1 values were supplied"),
        ("SELECT sum(sum(id)) FROM notes", "misuse of aggregate function sum()"),
        ("SELECT id FROM notes WHERE count(*) > 1", "misuse of aggregate function count()"),
        ("SELECT id FROM notes WHERE row_number() OVER () > 1", "misuse of window function row_number()"),
    ],
)
@pytest.mark.parametrize("policies", [[], [("notes", "read", "id <> 2"), ("notes", "write", "id <> 2")]], ids=["free", "under policies"])
def test_a_mistake_of_the_client_is_told_in_sqlites_words(cenv, sql: str, detail: str, policies) -> None:
    bob = cenv.person({"notes": ALL}, policies)

    with pytest.raises(WceError) as caught:
        bob.run(sql)

    assert (caught.value.code, caught.value.detail.lower()) == ("sql_error", detail)


def test_parameters_may_have_names_of_any_letters(cenv) -> None:
    bob = cenv.person({"notes": READ}, [("notes", "read", "id <> 2")])

    found = bob.run("SELECT :größe, id FROM notes WHERE id <= @数 ORDER BY id", {"größe": "L", "数": 3})

    assert found.rows == [("L", 1), ("L", 3)]


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT zeroblob(2000000)", ()),
        ("SELECT ?", ("x" * 1_000_001,)),
        (f"SELECT '{'x' * 100_000}'", ()),
        (f"SELECT {','.join('1' * 401)}", ()),
        (f"VALUES ({'), ('.join('?' * 1001)})", (1,) * 1001),
        ("SELECT " + "1 + " * 1000 + "1", ()),
        ("SELECT " + "NOT " * 5000 + "1", ()),
        (" UNION ALL ".join(["SELECT 1"] * 600), ()),
        ("SELECT 1 ORDER BY " + ", ".join(["1"] * 500), ()),
        ("SELECT 1 FROM " + ", ".join(f"(SELECT 1) AS f{n}" for n in range(70)), ()),
        ("SELECT 1 FROM " + ", ".join(f"(SELECT 1) AS f{n}" for n in range(300)), ()),
        (f"SELECT coalesce({', '.join(['1'] * 300)})", ()),
        (f"SELECT 'x' LIKE '{'%a' * 20_000}'", ()),
    ],
)
def test_what_is_too_large_is_said_to_be(ann, sql: str, params) -> None:
    assert code(ann, sql, params) == "too_large"


def test_a_table_of_too_many_columns_is_said_to_be_too_large(cenv) -> None:
    admin = cenv.admin()

    admin.run(f"CREATE TABLE wide ({', '.join(f'c{n}' for n in range(400))})")

    assert code(admin, f"CREATE TABLE wider ({', '.join(f'c{n}' for n in range(401))})") == "too_large"
    assert code(admin, "ALTER TABLE wide ADD COLUMN one_more") == "too_large"


def test_the_file_cannot_grow_over_its_bound(cenv) -> None:
    bob = cenv.person({"notes": ALL})
    limits = Limits(max_database_bytes=400_000)
    sql = "INSERT INTO notes (owner_id, title) VALUES (1, ?)"

    with pytest.raises(WceError) as caught:  # noqa: PT012
        for _ in range(20):
            bob.run(sql, ("x" * 100_000,), limits)

    assert caught.value.code == "quota_exceeded"
    assert bob.run(sql, ("x" * 100_000,)).changes == 1


def test_sqlite_in_this_process_has_a_bound_on_memory(ann) -> None:
    with ann.session() as session:
        assert session.link.ask("PRAGMA hard_heap_limit")[0][0] > 0


# --------------------------------------------------------------------------------- carried over


def test_the_last_rowid_of_others_is_not_told(cenv, ann) -> None:
    """The audit row that every write adds is inserted on the same connection."""

    def audit(transaction) -> None:
        transaction.execute("INSERT INTO _wce_query_history (user_id, sql, created_at) VALUES (0, 'x', 0), (0, 'y', 0)")

    with ann.session() as session, session.transaction(ann.actor, write=True) as transaction:
        session.run("INSERT INTO notes (owner_id) VALUES (1)")
        transaction.before_commit(audit)

    assert ann.rows("SELECT last_insert_rowid(), changes()") == [(0, 0)]


def test_ones_own_last_rowid_is_told_within_the_transaction(ann) -> None:
    insert = ("INSERT INTO notes (owner_id) VALUES (1)", ())
    ask = ("SELECT last_insert_rowid(), changes()", ())

    results = ann.run_all([ask, insert, ask, ("SELECT 1", ()), ask], write=True)

    assert [result.rows for result in results] == [[(0, 0)], [], [(4, 1)], [(1,)], [(4, 1)]]


def test_trusted_sql_in_between_does_not_change_ones_last_rowid(ann) -> None:
    with ann.session() as session, session.transaction(ann.actor, write=True) as transaction:
        session.run("INSERT INTO notes (owner_id) VALUES (1)")
        transaction.execute("INSERT INTO _wce_query_history (id, user_id, sql, created_at) VALUES (99, 0, 'x', 0)")

        assert session.run("SELECT last_insert_rowid()").rows == [(4,)]


def test_a_default_that_asks_for_the_last_rowid_gets_no_others(cenv) -> None:
    cenv.execute("CREATE TABLE follow (a, b DEFAULT (last_insert_rowid()))")
    bob = cenv.person({"notes": ALL, "follow": ALL})
    bob.run("INSERT INTO notes (id) VALUES (77)")

    bob.run("INSERT INTO follow (a) VALUES (1)")

    assert cenv.all("SELECT b FROM follow") == [(0,)]


# ---------------------------------------------------------------------------------- text and trust


def test_text_that_is_not_utf8_is_read_with_replacements(cenv, ann) -> None:
    cenv.execute("UPDATE notes SET title = CAST(x'61FF62' AS TEXT) WHERE id = 1")

    assert ann.rows("SELECT title FROM notes WHERE id = 1") == [("a\ufffdb",)]
    assert ann.rows("UPDATE notes SET secret = 'x' WHERE id = 1 RETURNING title") == [("a\ufffdb",)]
    assert ann.rows("SELECT 'é'") == [("é",)]


def test_zero_characters_in_values_are_data(ann) -> None:
    ann.run("UPDATE notes SET title = ? WHERE id = 1", ("a\x00b",))

    assert ann.rows("SELECT title FROM notes WHERE id = 1") == [("a\x00b",)]


def test_a_lone_surrogate_in_a_value_is_refused(ann) -> None:
    assert code(ann, "SELECT ?", ("\ud800",)) == "validation"


def test_a_statement_of_ours_is_never_found_by_its_text(ann) -> None:
    with ann.session() as session, session.transaction(ann.actor):
        trusted = "SELECT grants, commits FROM _wce_state"
        assert session.execute(trusted).fetchone() is not None
        for sql in (trusted, session.link.mark + trusted, f"/* */{trusted}"):
            with pytest.raises(WceError):
                session.run(sql)


def test_trusted_sql_gives_nothing_to_triggers_of_others(cenv, ann) -> None:
    cenv.execute("CREATE TRIGGER spy AFTER UPDATE ON notes BEGIN INSERT INTO hidden SELECT username FROM _wce_users; END")

    with pytest.raises(Exception, match=r"not authorized|prohibited"), ann.session() as session, session.transaction(ann.actor, write=True):
        session.execute("UPDATE notes SET title = 'x'")

    assert cenv.all("SELECT count(*) FROM hidden") == [(1,)]


def test_plans_are_kept_by_text_and_bounded(ann) -> None:
    with ann.session() as session, session.transaction(ann.actor):
        first = session.plan("SELECT 1")
        assert session.plan("SELECT 1") is first
        for number in range(300):
            session.plan(f"SELECT {number} AS a")
        assert session.plan("SELECT 1") is not first
        assert session.plan("SELECT 299 AS a") is session.plan("SELECT 299 AS a")


def test_plans_of_long_texts_last_as_long_as_somebody_has_the_session(ann) -> None:
    texts = ["SELECT 1" + " " * length for length in (9_000, 90_000, 99_000)]
    with ann.session() as session, session.transaction(ann.actor):
        first = session.plan(texts[0])
        assert session.plan(texts[0]) is first
        for _ in range(6):
            texts += [f"{text}AS a{len(texts)}" for text in texts[1:3]]
        for text in texts:
            session.plan(text)
        assert session.plan(texts[0]) is not first
        last = session.plan(texts[-1])
    with ann.session() as session:
        assert session.plan(texts[-1]) is not last


def test_a_nested_use_is_part_of_the_open_transaction(ann) -> None:
    with ann.session() as outer, outer.transaction(ann.actor, write=True):
        outer.run("INSERT INTO notes (owner_id) VALUES (1)")
        with ann.session() as inner, inner.transaction(ann.actor):
            assert inner is outer
            assert inner.run("SELECT count(*) FROM notes").rows == [(3,)]
        assert outer.run("SELECT count(*) FROM notes").rows == [(3,)]


def test_threads_have_connections_of_their_own(cenv, ann) -> None:
    results: list[Result] = []
    threads = [threading.Thread(target=lambda: results.append(ann.run("SELECT count(*) FROM notes"))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [result.rows for result in results] == [[(2,)]] * 4


def test_a_viewer_cannot_write_even_if_he_holds_the_right(cenv) -> None:
    """The ceiling is in the grants themselves; here it only matters that nothing adds to them."""
    viewer = cenv.person({"notes": READ})

    assert code(viewer, "INSERT INTO notes (owner_id) VALUES (1)") == "table_forbidden"


def test_a_statement_that_writes_waits_while_a_reader_keeps_the_log_long(ann, monkeypatch) -> None:
    monkeypatch.setattr(emptying, "LONGEST_BYTES", 100_000)
    write = "INSERT INTO notes (owner_id, title) VALUES (1, hex(zeroblob(50000)))"
    ann.run(write)
    with closing(connect(ann.store.path(ann.cenv))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM notes").fetchall()
        ann.run(write)
        with pytest.raises(WceError) as caught:
            ann.run(write)

    assert caught.value.code == "busy"
    assert ann.run(write).changes == 1


@pytest.mark.parametrize("step", ["attach", "prepare"])
def test_without_memory_for_a_connection_one_is_told_to_come_again(ann, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(guard, step, exhausted)

    with pytest.raises(WceError, match="no memory for another connection") as refused:
        ann.run("SELECT 1")

    assert refused.value.code == "busy"
