"""The audit log, over HTTP."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest

from tests.web.callers import Caller, Clock


@pytest.fixture
def busy(owner: Caller, visitor: Caller, clock: Clock) -> Caller:
    """The owner of a cenv in which something has happened."""
    clock.seconds += 10
    visitor.post("/login", {"username": "owner", "password": "wrong horse"}, headers={"User-Agent": "=cmd()"})
    clock.seconds += 10
    owner.put("/admin/config", {"max_users": 20})
    return owner


def actions(caller: Caller, query: str = "") -> list[str]:
    answer = caller.get("/admin/audit" + query)
    assert answer.status_code == 200, answer.text
    return [entry["action"] for entry in answer.json["entries"]]


def test_the_newest_act_stands_first(busy: Caller, clock: Clock) -> None:
    answer = busy.get("/admin/audit")

    assert answer.json["next_cursor"] is None
    assert [entry["action"] for entry in answer.json["entries"]] == ["config.update", "login.failure", "login.success", "cenv.create"]
    assert answer.json["entries"][0] == {
        "id": 4,
        "timestamp": clock(),
        "user_id": 1,
        "username": "owner",
        "action": "config.update",
        "resource_type": "config",
        "resource_id": "",
        "details": {"max_users": 20},
        "ip_address": "127.0.0.1",
        "user_agent": answer.json["entries"][0]["user_agent"],
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?action=login.failure", ["login.failure"]),
        ("?action=login.*", ["login.failure", "login.success"]),
        ("?user=OWNER&action=config.update", ["config.update"]),
        ("?user=1&resource=config", ["config.update"]),
        ("?from={start}&to={end}", ["login.failure"]),
        ("?user=nobody", []),
        ("?limit=2", ["config.update", "login.failure"]),
        ("?user=&action=login.failure&resource=&from=&to=&limit=&cursor=&format=", ["login.failure"]),
    ],
)
def test_the_log_is_filtered(busy: Caller, clock: Clock, query: str, expected: list[str]) -> None:
    assert actions(busy, query.format(start=int(clock()) - 10, end=int(clock()))) == expected


def test_pages_follow_each_other(busy: Caller) -> None:
    found, cursor = [], ""
    while True:
        page = busy.get(f"/admin/audit?limit=3&cursor={cursor}").json
        found += [entry["id"] for entry in page["entries"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert found == [4, 3, 2, 1]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=99999", "from=yesterday", "to=1e9", "cursor=!", "format=xml", "limit=" + "9" * 30]
)
def test_a_bad_question_names_its_field(busy: Caller, query: str) -> None:
    answer = busy.get(f"/admin/audit?{query}")

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == query.split("=", maxsplit=1)[0]


@pytest.mark.parametrize(
    ("query", "headers"), [("format=csv", {}), ("", {"Accept": "text/csv"}), ("format=csv", {"Accept": "application/json"})]
)
def test_the_log_as_csv(busy: Caller, query: str, headers: dict[str, str]) -> None:
    answer = busy.get(f"/admin/audit?limit=2&{query}", headers=headers)

    assert answer.content_type == "text/csv; charset=utf-8"
    head, newest, failure = csv.reader(io.StringIO(answer.text, newline=""))
    assert head == [
        "id", "timestamp", "user_id", "username", "action", "resource_type", "resource_id", "details", "ip_address", "user_agent",
    ]  # fmt: skip
    assert json.loads(newest[7]) == {"max_users": 20}
    assert failure[9] == "'=cmd()"
    assert answer.headers["X-Next-Cursor"]


def test_the_log_as_ndjson(busy: Caller) -> None:
    answer = busy.get("/admin/audit?format=ndjson")

    assert answer.content_type == "application/x-ndjson; charset=utf-8"
    assert [json.loads(line) for line in answer.text.splitlines()] == busy.get("/admin/audit").json["entries"]
    assert "X-Next-Cursor" not in answer.headers


def test_the_chain_is_walked(busy: Caller) -> None:
    assert busy.get("/admin/audit/verify").json == {"ok": True, "count": 4, "first_bad_id": None, "reason": ""}


def test_every_write_leaves_an_entry_without_its_values(busy: Caller) -> None:
    busy.sql("CREATE TABLE note (text TEXT)")
    busy.sql("INSERT INTO note VALUES ('a literal secret'), (?)", ["a bound secret"])

    text = busy.get("/admin/audit?limit=1").text
    assert "INSERT INTO note" in text
    assert "secret" not in text


def test_an_editor_sees_no_log(invite: Callable[..., Caller]) -> None:
    assert invite("editor", "editor").get("/admin/audit").status_code == 403
