"""Hooks over HTTP."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.web.callers import Caller

SCRIPT = "def handler(event):\n    pass\n"


@pytest.fixture
def notes(owner: Caller) -> Caller:
    """The owner of a cenv with a table."""
    owner.sql("CREATE TABLE Notes (id INTEGER PRIMARY KEY, title TEXT)")
    return owner


def hook(**changes: Any) -> dict[str, Any]:
    return {"name": "log it", "table_name": "notes", "script": SCRIPT} | changes


def test_a_hook_is_made_replaced_read_changed_and_removed(notes: Caller) -> None:
    made = notes.post("/admin/hooks", hook())
    assert made.status_code == 201
    assert made.headers["Location"] == f"/{notes.cenv}/admin/hooks/{made.json['id']}"
    assert (made.json["table_name"], made.json["run_as"], made.json["enabled"]) == ("Notes", "caller", True)

    again = notes.post("/admin/hooks", hook(table_name="*"))
    assert (again.status_code, again.json["id"], again.json["table_name"]) == (200, made.json["id"], "*")

    address = f"/admin/hooks/{made.json['id']}"
    changed = notes.put(address, {"name": "other", "enabled": False})
    assert (changed.json["name"], changed.json["enabled"], changed.json["script"]) == ("other", False, SCRIPT)
    assert notes.get("/admin/hooks").json == {"hooks": [notes.get(address).json]}

    assert notes.delete(address).status_code == 204
    assert notes.get(address).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"name": ""}, "name"), ({"table_name": "nothing"}, "table_name"), ({"run_as": "root"}, "run_as"), ({"x": 1}, "x")],
)
def test_what_breaks_a_rule_names_its_field(notes: Caller, changes: dict[str, Any], field: str) -> None:
    answer = notes.post("/admin/hooks", hook(**changes))

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)


def test_a_name_that_another_one_has_is_refused(notes: Caller) -> None:
    notes.post("/admin/hooks", hook())
    other = notes.post("/admin/hooks", hook(name="other")).json

    answer = notes.put(f"/admin/hooks/{other['id']}", {"name": "log it"})

    assert (answer.status_code, answer.json["code"]) == (409, "name_taken")


def test_a_script_with_a_mistake_is_not_saved(notes: Caller) -> None:
    answer = notes.post("/admin/hooks", hook(script="def handler(event:\n"))

    assert (answer.status_code, answer.json["code"], answer.json["position"]["line"]) == (422, "script_error", 1)
    assert notes.get("/admin/hooks").json == {"hooks": []}


def test_versions_come_back(notes: Caller) -> None:
    made = notes.post("/admin/hooks", hook()).json
    notes.put(f"/admin/hooks/{made['id']}", {"script": SCRIPT + "# two\n"})
    address = f"/admin/hooks/{made['id']}/versions"
    _, first = notes.get(address).json["versions"]

    back = notes.post(f"{address}/{first['id']}/restore")

    assert (back.status_code, back.json["script"]) == (200, SCRIPT)


def test_it_has_a_log_of_runs(notes: Caller) -> None:
    made = notes.post("/admin/hooks", hook()).json

    assert notes.get(f"/admin/hooks/{made['id']}/runs").json == {"runs": []}


def test_it_may_be_tried_with_an_event(notes: Caller) -> None:
    script = "def handler(event):\n    print(event.tables['notes'])\n    db.execute('DELETE FROM notes')\n"
    notes.sql("INSERT INTO notes (title) VALUES ('a')")

    answer = notes.post("/admin/hooks/test", {"script": script, "event": {"tables": {"notes": 3}}})

    assert [item["text"] for item in answer.json["prints"]] == ["3"], answer.text
    assert notes.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 1}]


def test_tried_without_an_event_it_gets_one_that_nothing_was_written_in(notes: Caller) -> None:
    answer = notes.post("/admin/hooks/test", {"script": "def handler(event):\n    return [event.kind, event.tables, event.depth]\n"})

    assert answer.json["body"] == '["hook",{},1]', answer.text


def test_a_tried_event_reaches_the_script_as_it_is(notes: Caller) -> None:
    answer = notes.post("/admin/hooks/test", {"script": "def handler(event):\n    return event\n", "event": {"a": [1, "x"]}})

    assert answer.json["body"] == '{"a":[1,"x"]}'


@pytest.mark.parametrize("value", ["a\0b", {"a\0": 1}, 2**64, [10**30]])
def test_an_event_that_would_reach_it_otherwise_is_refused(notes: Caller, value: Any) -> None:
    answer = notes.post("/admin/hooks/test", {"script": "def handler(event):\n    return event\n", "event": {"a": value}})

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "event")


def test_it_runs_after_a_commit_and_leaves_its_run_in_the_log(notes: Caller) -> None:
    notes.sql("CREATE TABLE seen (tables TEXT)")
    script = (
        "def handler(event):\n"
        '    print(event.tables["Notes"])\n'
        '    db.execute("INSERT INTO seen VALUES (?)", [json.encode(event.tables)])\n'
    )
    made = notes.post("/admin/hooks", hook(script=script)).json

    notes.sql("INSERT INTO notes (title) VALUES ('a'), ('b')")

    deadline = time.monotonic() + 20
    while not (runs := notes.get(f"/admin/hooks/{made['id']}/runs").json["runs"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [(run["error"], [item["text"] for item in run["prints"]]) for run in runs] == [(None, ["2"])]
    assert notes.sql("SELECT tables FROM seen")["rows"] == [{"tables": '{"Notes":2}'}]
