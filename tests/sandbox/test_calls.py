"""One call of a script, from its rights to its line in the log."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from wce.core import audit
from wce.core.settings import CenvSettings
from wce.core.users import UserChanges, update_user
from wce.errors import WceError
from wce.model import Role
from wce.sandbox.fields import key_of


@pytest.fixture
def shop(stage: Any) -> Any:
    """A counter, which an editor may move."""
    stage.edna = stage.world.add("edna", Role.EDITOR)
    stage.world.sql("CREATE TABLE counter (n INTEGER)")
    stage.world.sql("INSERT INTO counter VALUES (0)")
    stage.world.sql("CREATE TABLE secrets (x)")
    stage.cenv.allow(stage.edna, "counter", can_read=True, can_write=True)
    return stage


def counted(shop: Any) -> int:
    return int(shop.world.session.one("SELECT n FROM counter")[0])


def refused(shop: Any, caller: Any, endpoint: Any) -> WceError:
    with pytest.raises(WceError) as caught:
        shop.call(caller, endpoint)
    return caught.value


MOVE = "n = db.query_one('SELECT n FROM counter')['n']\ndb.execute('UPDATE counter SET n = ?', [n + 1])\nreturn n"


def test_the_handlers_value_is_the_answer_and_its_effect_stays(shop: Any) -> None:
    reply = shop.call(shop.edna, shop.endpoint(MOVE))

    assert (reply.status, json.loads(reply.body), counted(shop)) == (200, 0, 1)


def test_a_run_is_noted_with_what_it_printed(shop: Any) -> None:
    endpoint = shop.endpoint("print('hello')\nreturn response('x', status=201)")

    shop.call(shop.edna, endpoint, id="abc")

    (run,) = shop.last("endpoint", endpoint.id)
    assert (run.status, run.error, run.user_id, run.request_id) == (201, None, shop.edna.user_id, "abc")
    assert [(item["level"], item["text"]) for item in run.prints] == [("print", "hello")]
    assert shop.metrics.registry.get_sample_value("wce_script_calls_total", {"kind": "endpoint", "outcome": "ok"}) == 1


def test_what_fails_leaves_nothing_but_a_line_in_the_log(shop: Any) -> None:
    endpoint = shop.endpoint("db.execute('UPDATE counter SET n = 7')\nprint('so far')\nreturn 1 // 0")

    error = refused(shop, shop.edna, endpoint)

    (run,) = shop.last("endpoint", endpoint.id)
    assert (error.code, counted(shop)) == ("script_failed", 0)
    assert (run.error["kind"], run.error["line"], run.prints[0]["text"]) == ("runtime", 4, "so far")


def test_an_abort_is_an_answer_and_undoes(shop: Any) -> None:
    reply = shop.call(shop.edna, shop.endpoint("db.execute('UPDATE counter SET n = 7')\nabort(409, 'no')"))

    assert (reply.status, json.loads(reply.body)["detail"], counted(shop)) == (409, "no", 0)


def test_calls_that_read_and_then_write_lose_no_count(shop: Any) -> None:
    endpoint = shop.endpoint(MOVE)
    errors: list[WceError] = []

    def call_often() -> None:
        for _ in range(10):
            try:
                shop.call(shop.edna, endpoint)
            except WceError as error:
                errors.append(error)

    threads = [threading.Thread(target=call_often) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {error.code for error in errors} <= {"busy"}
    assert counted(shop) == 30 - len(errors)


def test_a_script_that_writes_does_so_from_its_first_statement_the_next_time(shop: Any) -> None:
    endpoint = shop.endpoint(MOVE)

    shop.call(shop.edna, endpoint)

    assert shop.scripts._writers.get((shop.world.cenv, key_of(endpoint.script))) is True


def test_who_wrote_is_the_caller_and_the_endpoint_is_told(shop: Any) -> None:
    endpoint = shop.endpoint(MOVE)

    shop.call(shop.edna, endpoint)

    entry = audit.find(shop.world.session, audit.AuditFilters(action="update", resource="table")).entries[0]
    assert (entry.username, entry.details["endpoint"]) == ("edna", endpoint.id)


def test_a_refused_table_is_forbidden(shop: Any) -> None:
    error = refused(shop, shop.edna, shop.endpoint("return db.query('SELECT * FROM secrets')"))

    assert (error.code, error.detail) == ("table_forbidden", "no such table: secrets")


def test_a_script_cannot_go_on_after_a_refusal(shop: Any) -> None:
    body = "db.execute('UPDATE counter SET n = 7')\ndb.query('SELECT * FROM secrets')\nreturn 'went on'"

    assert refused(shop, shop.edna, shop.endpoint(body)).code == "table_forbidden"
    assert counted(shop) == 0


def test_the_script_of_a_disabled_author_does_not_even_begin(shop: Any) -> None:
    author = shop.world.add("author", Role.ADMIN)
    endpoint = shop.endpoint("print('ran')", author)
    update_user(shop.world.session, shop.world.passwords, shop.world.owner, author.user_id, UserChanges(enabled=False))

    assert refused(shop, shop.edna, endpoint).code == "forbidden"
    assert shop.last("endpoint", endpoint.id)[0].prints == ()


def test_a_statement_that_never_ends_is_the_scripts_timeout(shop: Any) -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    shop.config = replace(CenvSettings(), script_timeout_seconds=1)

    assert refused(shop, shop.edna, shop.endpoint(f"return db.query('{endless}')")).code == "script_timeout"


def test_a_deferred_foreign_key_fails_the_call_at_its_end(shop: Any) -> None:
    shop.world.sql("CREATE TABLE child (n INTEGER REFERENCES parent (n) DEFERRABLE INITIALLY DEFERRED)")
    shop.world.sql("CREATE TABLE parent (n INTEGER PRIMARY KEY)")
    endpoint = shop.endpoint("db.execute('INSERT INTO child VALUES (7)')\nreturn 'fine'")

    error = refused(shop, shop.world.owner, endpoint)

    assert error.code == "constraint"
    assert shop.world.session.all("SELECT * FROM child") == []


# Trials and checks


def test_a_trial_tells_its_statements_and_undoes_them(shop: Any) -> None:
    script = f"def handler(request):\n    print('x')\n    {'; '.join(MOVE.splitlines())}\n"

    found = shop.scripts.test(shop.world.cenv, shop.cenv.who(shop.world.owner), CenvSettings(), script, {})

    assert (found["status"], found["body"], [item["text"] for item in found["prints"]]) == (200, b"0", ["x"])
    assert [item["sql"].split()[0] for item in found["queries"]] == ["SELECT", "UPDATE"]
    assert "error" not in found
    assert counted(shop) == 0


def test_a_trial_that_fails_tells_how_far_it_came(shop: Any) -> None:
    script = "def handler(request):\n    print('x')\n    db.query('SELECT 1')\n    return 1 // 0\n"

    found = shop.scripts.test(shop.world.cenv, shop.cenv.who(shop.world.owner), CenvSettings(), script, {})

    assert (found["error"].code, found["error"].position.line) == ("script_failed", 4)
    assert ([item["text"] for item in found["prints"]], len(found["queries"])) == (["x"], 1)


def test_a_script_that_cannot_be_read_is_told_with_its_place(shop: Any) -> None:
    with pytest.raises(WceError) as caught:
        shop.scripts.check("def handler(request):\n    return (\n")

    assert caught.value.code == "script_error"
    assert caught.value.position is not None
    assert caught.value.position.line >= 2
