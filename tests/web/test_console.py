"""What the SQL console remembers, and statements that are stopped or may only read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask

from tests.web.callers import Caller
from wce.core import console

ENDLESS = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c"


def test_the_history_is_ones_own_and_newest_first(owner: Caller, invite: Callable[..., Caller]) -> None:
    looker = invite("looker", "viewer")
    owner.post("/console/history", {"sql": "SELECT 1", "duration_ms": 0.5, "row_count": 1})
    owner.post("/console/history", {"sql": "SELECT nothing", "error": "no such column: nothing"})
    assert looker.post("/console/history", {"sql": "SELECT 3"}).status_code == 201

    found = owner.get("/console").json["history"]

    assert [(item["sql"], item["duration_ms"], item["row_count"], item["error"]) for item in found] == [
        ("SELECT nothing", None, None, "no such column: nothing"),
        ("SELECT 1", 0.5, 1, None),
    ]
    assert [item["sql"] for item in looker.get("/console").json["history"]] == ["SELECT 3"]


def test_the_history_forgets_the_oldest(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "MAX_HISTORY", 2)
    for number in range(4):
        owner.post("/console/history", {"sql": f"SELECT {number}"})

    assert [item["sql"] for item in owner.get("/console").json["history"]] == ["SELECT 3", "SELECT 2"]


def test_what_a_user_without_rights_keeps_has_a_bound_in_bytes(owner: Caller, invite: Callable[..., Caller]) -> None:
    viewer, long = invite("viewer", "viewer"), "\u20ac" * 100_000

    ran = [viewer.post("/console/history", {"sql": long, "duration_ms": 1, "row_count": 1}).status_code for _ in range(5)]
    saved = [viewer.post("/console/saved", {"name": f"q{number}", "sql": long}) for number in range(8)]

    assert ran == [201] * 5
    assert [answer.status_code for answer in saved] == [201] * 6 + [507] * 2
    assert saved[-1].json["code"] == "quota_exceeded"
    assert viewer.post("/console/saved", {"name": "Q0", "sql": long}).status_code == 200
    assert [len(viewer.get("/console").json[part]) for part in ("history", "saved")] == [3, 6]


def test_the_history_is_cleared(owner: Caller, invite: Callable[..., Caller]) -> None:
    looker = invite("looker", "viewer")
    looker.post("/console/history", {"sql": "SELECT 1"})
    owner.post("/console/history", {"sql": "SELECT 1"})

    assert owner.delete("/console/history").status_code == 204

    assert owner.get("/console").json["history"] == []
    assert len(looker.get("/console").json["history"]) == 1


def test_a_statement_is_kept_under_a_name_and_replaced_under_the_same(owner: Caller) -> None:
    first = owner.post("/console/saved", {"name": "Revenue", "sql": "SELECT 1"})
    again = owner.post("/console/saved", {"name": " revenue ", "sql": "SELECT 2"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json["id"] == first.json["id"]
    assert [(item["name"], item["sql"]) for item in owner.get("/console").json["saved"]] == [("revenue", "SELECT 2")]


def test_nobody_deletes_what_another_keeps(owner: Caller, invite: Callable[..., Caller]) -> None:
    saved = owner.post("/console/saved", {"name": "mine", "sql": "SELECT 1"}).json["id"]
    looker = invite("looker", "viewer")

    assert looker.delete(f"/console/saved/{saved}").status_code == 404
    assert owner.delete(f"/console/saved/{saved}").status_code == 204
    assert owner.delete(f"/console/saved/{saved}").status_code == 404


def test_a_user_keeps_so_many_and_no_more(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "MAX_SAVED", 1)
    owner.post("/console/saved", {"name": "one", "sql": "SELECT 1"})

    assert owner.post("/console/saved", {"name": "two", "sql": "SELECT 1"}).json["code"] == "quota_exceeded"
    assert owner.post("/console/saved", {"name": "one", "sql": "SELECT 2"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/console/saved", {"name": "", "sql": "SELECT 1"}, "name"),
        ("/console/saved", {"name": "x" * 101, "sql": "SELECT 1"}, "name"),
        ("/console/saved", {"name": "a\nb", "sql": "SELECT 1"}, "name"),
        ("/console/saved", {"name": "a", "sql": "  "}, "sql"),
        ("/console/saved", {"name": "a", "sql": "x" * 100_001}, "sql"),
        ("/console/saved", {"name": "a"}, "sql"),
        ("/console/history", {"sql": "a\0b"}, "sql"),
        ("/console/history", {"sql": "SELECT 1", "row_count": -1}, "row_count"),
        ("/console/history", {"sql": "SELECT 1", "duration_ms": -0.1}, "duration_ms"),
        ("/console/history", {"sql": "SELECT 1", "duration_ms": "1"}, "duration_ms"),
    ],
)
def test_bad_fields_are_named(owner: Caller, path: str, body: dict[str, object], field: str) -> None:
    answer = owner.post(path, body)

    assert answer.status_code == 422
    assert [item["field"] for item in answer.json["errors"]] == [field]


def test_read_only_refuses_what_writes_and_nothing_else(owner: Caller) -> None:
    owner.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY)")

    refused = owner.post("/query", {"sql": "INSERT INTO notes DEFAULT VALUES", "read_only": True})
    ddl = owner.post("/query", {"sql": "DROP TABLE notes", "read_only": True})
    read = owner.post("/query", {"sql": "SELECT count(*) AS n FROM notes", "read_only": True})

    assert [refused.json["code"], ddl.json["code"]] == ["statement_not_allowed"] * 2
    assert "read_only" in refused.json["detail"]
    assert read.json["rows"] == [{"n": 0}]


def test_a_running_statement_is_stopped_by_its_name(owner: Caller, invite: Callable[..., Caller], app: Flask) -> None:
    other = invite("other", "admin")
    ended: list[object] = []
    running = threading.Thread(
        target=lambda: ended.append(
            app.test_client(use_cookies=False).post(
                f"/{owner.cenv}/query",
                json={"sql": ENDLESS},
                headers={"Authorization": f"Bearer {owner.token}", "X-Query-ID": "q-1"},
            )
        )
    )
    running.start()

    while not owner.delete("/query/q-1").json["cancelled"]:
        time.sleep(0.25)  # or on a busy machine the asking alone reaches the limit of requests
        assert other.delete("/query/q-1").json == {"cancelled": False}
        assert running.is_alive()
    while running.is_alive():
        owner.delete("/query/q-1")  # between registering and starting there is nothing to interrupt yet
        running.join(0.02)

    told = ended[0].json  # type: ignore[attr-defined]
    assert (told["code"], told["detail"]) == ("query_timeout", "The statement was stopped by its sender.")
    assert owner.delete("/query/q-1").json == {"cancelled": False}
    assert owner.sql("SELECT 1 AS one")["rows"] == [{"one": 1}]


def test_of_two_statements_of_one_name_the_first_has_it(app: Flask) -> None:
    running = app.extensions["wce"].queries.running
    stopped: list[str] = []

    with running.enter("cenv", 1, "same", lambda: stopped.append("first")):
        with running.enter("cenv", 1, "same", lambda: stopped.append("second")):
            running.cancel("cenv", 1, "same")
        running.cancel("cenv", 1, "same")
    with running.enter("cenv", 1, None, lambda: stopped.append("nameless")):
        assert not running.cancel("cenv", 1, "")

    assert stopped == ["first", "first"]
