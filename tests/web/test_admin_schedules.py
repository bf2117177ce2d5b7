"""Schedules over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.callers import Caller, Clock

SCRIPT = "def handler(event):\n    pass\n"
NEXT_MINUTE = 1_800_000_060


def schedule(**changes: Any) -> dict[str, Any]:
    return {"name": "tidy", "cron": "* * * * *", "script": SCRIPT} | changes


def test_a_schedule_is_made_replaced_read_changed_and_removed(owner: Caller, clock: Clock) -> None:
    made = owner.post("/admin/schedules", schedule())
    assert made.status_code == 201
    assert made.headers["Location"] == f"/{owner.cenv}/admin/schedules/{made.json['id']}"
    assert (made.json["next_at"], made.json["timezone"], made.json["enabled"]) == (NEXT_MINUTE, "UTC", True)

    again = owner.post("/admin/schedules", schedule(cron="0 8 * * *", timezone="Europe/Berlin"))
    assert (again.status_code, again.json["id"]) == (200, made.json["id"])
    assert again.json["next_at"] > clock.seconds

    address = f"/admin/schedules/{made.json['id']}"
    changed = owner.put(address, {"enabled": False})
    assert (changed.json["next_at"], changed.json["cron"]) == (None, "0 8 * * *")
    assert owner.get("/admin/schedules").json == {"schedules": [owner.get(address).json]}

    assert owner.delete(address).status_code == 204
    assert owner.get(address).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"cron": "often"}, "cron"),
        ({"cron": "0 0 31 4 *"}, "cron"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"run_as": "definer"}, "run_as"),
    ],
)
def test_what_breaks_a_rule_names_its_field(owner: Caller, changes: dict[str, Any], field: str) -> None:
    answer = owner.post("/admin/schedules", schedule(**changes))

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)


def test_a_script_with_a_mistake_is_not_saved(owner: Caller) -> None:
    answer = owner.post("/admin/schedules", schedule(script="def"))

    assert (answer.status_code, answer.json["code"]) == (422, "script_error")
    assert owner.get("/admin/schedules").json == {"schedules": []}


def test_versions_and_runs_are_there(owner: Caller) -> None:
    made = owner.post("/admin/schedules", schedule()).json
    owner.put(f"/admin/schedules/{made['id']}", {"script": SCRIPT + "# two\n"})
    address = f"/admin/schedules/{made['id']}"
    _, first = owner.get(f"{address}/versions").json["versions"]

    assert owner.post(f"{address}/versions/{first['id']}/restore").json["script"] == SCRIPT
    assert owner.get(f"{address}/runs").json == {"runs": []}


def test_tried_without_an_event_it_gets_one_of_now(owner: Caller) -> None:
    script = "def handler(event):\n    return [event.kind, event.due_at == event.at, event.attempt, event.user.role, event.name]\n"

    answer = owner.post("/admin/schedules/test", {"script": script})

    assert answer.json["body"] == '["schedule",true,1,"owner",""]', answer.text


def test_it_may_be_tried(owner: Caller) -> None:
    answer = owner.post("/admin/schedules/test", {"script": "def handler(event):\n    print(event.due_at)\n", "event": {"due_at": 5}})

    assert [item["text"] for item in answer.json["prints"]] == ["5"], answer.text
