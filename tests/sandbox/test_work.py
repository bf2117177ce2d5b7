"""The SQL of one call: one transaction, begun late, undone whole."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from wce.core import audit
from wce.core.permissions import revoke
from wce.core.settings import CenvSettings
from wce.errors import WceError
from wce.model import Role
from wce.sandbox.work import Moved, Work, parameters


@pytest.fixture
def shop(cenv: Any) -> Any:
    """An admin who writes scripts, and an editor who calls them, with a table of notes."""
    cenv.author, cenv.ed = cenv.world.add("author", Role.ADMIN), cenv.world.add("edna", Role.EDITOR)
    cenv.world.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, owner INTEGER, text TEXT)")
    cenv.world.sql("CREATE TABLE secrets (id INTEGER PRIMARY KEY)")
    cenv.world.sql("INSERT INTO notes VALUES (1, ?, 'mine'), (2, 99, 'foreign')", cenv.ed.user_id)
    cenv.allow(cenv.ed, "notes", can_read=True, can_write=True, can_delete=True)
    return cenv


def ask(work: Work, sql: str, params: Any = None, do: str = "query") -> Any:
    """The answer that a worker would get; fails the test where it would be refused."""
    told, body = work.serve({"op": "sql", "do": do, "sql": sql, "params": params})
    assert told == {"ok": True}, told
    return json.loads(body)


def notes(shop: Any) -> list[str]:
    return [text for (text,) in shop.world.session.all("SELECT text FROM notes ORDER BY id")]


def commits(shop: Any) -> int:
    return int(shop.world.session.one("SELECT commits FROM _wce_state")[0])


# Answers


def test_a_query_answers_columns_and_rows(shop: Any) -> None:
    with shop.work(shop.author, shop.ed) as work:
        found = ask(work, "SELECT id, text FROM notes WHERE id > ? ORDER BY id", [0])
        work.finish()

    assert found == {"columns": ["id", "text"], "rows": [[1, "mine"], [2, "foreign"]]}


def test_columns_of_one_name_do_not_hide_each_other(shop: Any) -> None:
    with shop.work(shop.author, shop.ed) as work:
        assert ask(work, "SELECT id, id FROM notes LIMIT 1")["columns"] == ["id", "id_2"]


def test_a_blob_crosses_as_base64_in_both_directions(shop: Any) -> None:
    with shop.work(shop.author, shop.ed) as work:
        assert ask(work, "SELECT ? AS x", [{"$base64": "AP8="}])["rows"] == [[{"$base64": "AP8="}]]


def test_one_row_is_asked_for_where_one_is_wanted(shop: Any) -> None:
    with shop.work(shop.author, shop.ed, config=CenvSettings(query_max_rows=1)) as work:
        assert ask(work, "SELECT id FROM notes ORDER BY id", do="query_one")["rows"] == [[1]]


def test_more_rows_than_allowed_are_an_error_and_never_cut(shop: Any) -> None:
    with shop.work(shop.author, shop.ed, config=CenvSettings(query_max_rows=1)) as work:
        told, _ = work.serve({"op": "sql", "do": "query", "sql": "SELECT id FROM notes"})

    assert told["ok"] is False
    assert "more than 1 rows" in told["message"]


def test_a_batch_answers_each_statement(shop: Any) -> None:
    statements = [["INSERT INTO notes (text) VALUES (?)", ["a"]], ["UPDATE notes SET text = 'b' WHERE id < 3", []], ["SELECT 1"]]

    with shop.work(shop.author, shop.ed) as work:
        told, body = work.serve({"op": "sql", "do": "batch", "statements": statements})
        work.finish()

    assert told == {"ok": True}
    assert [item["changes"] for item in json.loads(body)] == [1, 2, 0]
    assert notes(shop) == ["b", "b", "a"]


@pytest.mark.parametrize("message", [{}, {"sql": 7}, {"do": "batch", "statements": [7]}, {"sql": "SELECT ?", "params": [[1]]}])
def test_a_worker_that_talks_nonsense_is_refused(shop: Any, message: dict[str, Any]) -> None:
    with shop.work(shop.author, shop.ed) as work:
        told, _ = work.serve(message)

    assert told["ok"] is False


def test_truth_is_a_number_for_sqlite() -> None:
    assert parameters([True, None, 1.5, "x"]) == (1, None, 1.5, "x")
    assert parameters({"a": False}) == {"a": 0}
    with pytest.raises(WceError, match="list or a dict"):
        parameters("x")


# One transaction


def test_a_call_without_sql_touches_nothing(shop: Any) -> None:
    before = commits(shop)

    with shop.work(shop.author, shop.ed) as work:
        work.finish()

    assert commits(shop) == before


def test_what_a_call_wrote_is_there_when_it_ends(shop: Any) -> None:
    with shop.work(shop.author, shop.ed) as work:
        ask(work, "SELECT * FROM notes")
        assert ask(work, "INSERT INTO notes (text) VALUES ('new')", do="execute") == {"changes": 1, "last_row_id": 3}
        assert ask(work, "SELECT count(*) FROM notes")["rows"] == [[3]]
        work.finish()

    assert notes(shop) == ["mine", "foreign", "new"]


def test_an_exception_undoes_all_of_it(shop: Any) -> None:
    before = commits(shop)

    with pytest.raises(ZeroDivisionError), shop.work(shop.author, shop.ed) as work:
        fail_after(work, "DELETE FROM notes")

    assert (notes(shop), commits(shop)) == (["mine", "foreign"], before)


def test_a_trial_leaves_nothing(shop: Any) -> None:
    with shop.work(shop.author, shop.author, keep=True) as work:
        ask(work, "CREATE TABLE made (x)")
        ask(work, "DELETE FROM notes")
        work.undo()

    assert notes(shop) == ["mine", "foreign"]
    assert [item.sql for item in work.ran] == ["CREATE TABLE made (x)", "DELETE FROM notes"]
    assert shop.world.session.one("SELECT 1 FROM sqlite_master WHERE name = 'made'") is None


def test_a_call_that_only_reads_makes_no_commit_even_if_it_might_have_written(shop: Any) -> None:
    before = commits(shop)

    with shop.work(shop.author, shop.ed, write=True) as work:
        ask(work, "SELECT * FROM notes")
        work.finish()

    assert commits(shop) == before
    assert not work.wrote


def test_every_write_is_audited_in_the_name_of_the_caller_with_its_endpoint(shop: Any) -> None:
    with shop.work(shop.author, shop.ed) as work:
        ask(work, "UPDATE notes SET text = 'x' WHERE id = 1")
        work.finish()

    entry = audit.find(shop.world.session, audit.AuditFilters(action="update", resource="table")).entries[0]
    assert (entry.username, entry.resource_id) == ("edna", "notes")
    assert entry.details == {"endpoint": 1, "rows": 1, "sql": "UPDATE notes SET text = ? WHERE id = ?"}


def test_somebody_who_writes_in_between_makes_the_call_begin_again(shop: Any) -> None:
    before = notes(shop)

    with shop.work(shop.author, shop.ed) as work:
        ask(work, "SELECT * FROM notes")
        in_a_thread(lambda: written_by_another(shop))
        with pytest.raises(Moved):
            ask(work, "DELETE FROM notes")

    assert notes(shop) == [*before, "another"]


def test_a_call_that_writes_from_the_start_keeps_others_waiting_and_never_begins_again(shop: Any) -> None:
    with shop.work(shop.author, shop.ed, write=True) as work:
        ask(work, "SELECT * FROM notes")
        other = threading.Thread(target=lambda: written_by_another(shop))
        other.start()
        ask(work, "DELETE FROM notes")
        work.finish()
    other.join()

    assert notes(shop) == ["another"]


def fail_after(work: Work, sql: str) -> None:
    ask(work, sql)
    raise ZeroDivisionError


def written_by_another(shop: Any) -> None:
    with shop.world.store.session(shop.world.cenv) as session, session.transaction(shop.world.owner) as transaction:
        transaction.execute("INSERT INTO notes (text) VALUES ('another')")


def in_a_thread(call: Any) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


# Rights


def test_policies_of_the_caller_hold(shop: Any) -> None:
    shop.restrict("notes", "read", "owner = $user_id")

    with shop.work(shop.author, shop.ed) as work:
        assert ask(work, "SELECT text FROM notes")["rows"] == [["mine"]]


def test_a_refusal_is_kept_with_the_guards_own_words(shop: Any) -> None:
    with shop.work(shop.author, shop.ed) as work:
        told, _ = work.serve({"op": "sql", "do": "query", "sql": "SELECT * FROM secrets"})

    assert told == {"ok": False, "message": "no such table: secrets"}
    assert work.refusal is not None
    assert work.refusal.code == "no_such_table"


def test_a_definer_reads_what_the_caller_may_not(shop: Any) -> None:
    with shop.work(shop.author, shop.ed, run_as="definer") as work:
        assert ask(work, "SELECT count(*) FROM secrets")["rows"] == [[0]]


@pytest.mark.parametrize(
    "sql",
    ["COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT a", "ATTACH 'x' AS y", "PRAGMA journal_mode = OFF", "VACUUM", "SELECT 1; DELETE FROM notes"],
)
def test_the_transaction_is_out_of_the_scripts_reach(shop: Any, sql: str) -> None:
    for run_as in ("caller", "definer"):
        with shop.work(shop.author, shop.ed, run_as=run_as) as work:
            ask(work, "UPDATE notes SET text = 'x' WHERE id = 1")
            told, _ = work.serve({"op": "sql", "do": "execute", "sql": sql})
            assert told["ok"] is False
            work.undo()

    assert notes(shop) == ["mine", "foreign"]


def test_rights_that_were_taken_away_meanwhile_are_gone(shop: Any) -> None:
    with shop.work(shop.author, shop.ed) as work:
        permission_id = shop.world.session.one("SELECT id FROM _wce_table_permissions WHERE user_id = ?", (shop.ed.user_id,))[0]
        revoke(shop.world.session, shop.world.owner, permission_id)
        told, _ = work.serve({"op": "sql", "do": "query", "sql": "SELECT * FROM notes"})

    assert told == {"ok": False, "message": "no such table: notes"}


# Bounds


def test_a_statement_has_the_time_that_is_left(shop: Any) -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    started = time.monotonic()

    with shop.work(shop.author, shop.ed, seconds=0.2) as work:
        told, _ = work.serve({"op": "sql", "do": "query", "sql": endless})
        again, _ = work.serve({"op": "sql", "do": "query", "sql": "SELECT 1", "seconds_left": 0.0})

    assert time.monotonic() - started < 5
    assert (told["ok"], again["ok"]) == (False, False)
    assert work.refusal is not None
    assert work.refusal.code == "script_timeout"


def test_a_call_waits_for_other_writers_no_longer_than_it_may_take(shop: Any) -> None:
    written, go = threading.Event(), threading.Event()

    def hold() -> None:
        with shop.world.store.session(shop.world.cenv) as session, session.transaction(shop.world.owner):
            written.set()
            go.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    written.wait(20)
    started = time.monotonic()
    with shop.work(shop.author, shop.ed, seconds=0.3) as work:
        told, _ = work.serve({"op": "sql", "do": "execute", "sql": "DELETE FROM notes"})
    took = time.monotonic() - started
    go.set()
    holder.join()

    assert told["ok"] is False
    assert took < 5
    assert notes(shop) == ["mine", "foreign"]


def test_a_call_holds_one_of_the_cenvs_places_from_its_first_statement_on(shop: Any) -> None:
    config = CenvSettings(max_connections=1)
    with shop.work(shop.author, shop.ed, config=config) as work:
        work_without_sql = shop.work(shop.author, shop.ed, config=config)
        with work_without_sql:
            work_without_sql.finish()
        ask(work, "SELECT 1")
        held = shop.desk.queries._gate._lines[shop.world.cenv].inside

    assert held == 1
    assert len(shop.desk.queries._gate) == 0
