"""Endpoints over HTTP: saved, changed, tried, and their versions and runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.callers import Caller, Clock

SCRIPT = 'def handler(request):\n    return {"hello": request.params["name"]}\n'


def endpoint(**changes: Any) -> dict[str, Any]:
    return {"path": "/hello/{name}", "method": "GET", "script": SCRIPT} | changes


def save(caller: Caller, **changes: Any) -> dict[str, Any]:
    answer = caller.post("/admin/endpoints", endpoint(**changes))
    assert answer.status_code in (200, 201), answer.text
    return answer.json


def test_an_endpoint_is_made_replaced_read_changed_and_removed(owner: Caller, clock: Clock) -> None:
    made = owner.post("/admin/endpoints", endpoint(description="greets", access="public"))
    assert made.status_code == 201
    assert made.headers["Location"] == f"/{owner.cenv}/admin/endpoints/{made.json['id']}"
    assert made.json == endpoint() | {
        "id": made.json["id"],
        "description": "greets",
        "access": "public",
        "run_as": "caller",
        "enabled": True,
        "created_at": int(clock.seconds),
        "modified_at": int(clock.seconds),
        "created_by": owner.user_id,
        "modified_by": owner.user_id,
    }

    again = owner.post("/admin/endpoints", endpoint(run_as="definer"))
    assert (again.status_code, again.json["id"], again.json["access"], again.json["run_as"]) == (200, made.json["id"], "user", "definer")
    assert "Location" not in again.headers

    address = f"/admin/endpoints/{made.json['id']}"
    changed = owner.put(address, {"enabled": False, "description": "off"})
    assert (changed.status_code, changed.json["enabled"], changed.json["description"]) == (200, False, "off")
    assert owner.get(address).json == changed.json
    assert owner.get("/admin/endpoints").json == {"endpoints": [changed.json]}

    assert owner.delete(address).status_code == 204
    assert owner.get(address).status_code == owner.put(address, {}).status_code == owner.delete(address).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"path": ""}, "path"),
        ({"path": "/a/../b"}, "path"),
        ({"path": "/a//b"}, "path"),
        ({"path": "/a%00"}, "path"),
        ({"path": "/{a}/{a}"}, "path"),
        ({"path": "/x" * 300}, "path"),
        ({"path": 5}, "path"),
        ({"method": "TRACE"}, "method"),
        ({"access": "everyone"}, "access"),
        ({"run_as": "root"}, "run_as"),
        ({"enabled": "yes"}, "enabled"),
        ({"script": None}, "script"),
        ({"script": "a\0b"}, "script"),
        ({"author": 1}, "author"),
    ],
)
def test_what_breaks_a_rule_names_its_field(owner: Caller, changes: dict[str, Any], field: str) -> None:
    answer = owner.post("/admin/endpoints", endpoint(**changes))

    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_a_script_that_somebody_else_changed_is_not_saved_over(owner: Caller) -> None:
    address = f"/admin/endpoints/{save(owner)['id']}"

    answer = owner.put(address, {"script": SCRIPT + "\n", "instead_of": "0" * 64})
    taken = owner.post("/admin/endpoints", endpoint(script=SCRIPT + "\n", instead_of=""))
    bad = owner.put(address, {"instead_of": "A" * 64})

    assert (answer.status_code, answer.json["code"]) == (409, "changed_meanwhile")
    assert (taken.status_code, taken.json["errors"]) == (409, [{"field": "path", "message": "is taken"}])
    assert (bad.status_code, bad.json["errors"][0]["field"]) == (422, "instead_of")
    assert owner.get(address).json["script"] == SCRIPT


def test_a_path_that_matches_the_same_requests_names_the_other(owner: Caller) -> None:
    save(owner)

    answer = owner.post("/admin/endpoints", endpoint(path="/hello/{who}"))

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "path")
    assert "/hello/{name}" in answer.json["detail"]


def test_a_script_with_a_mistake_is_not_saved_and_the_place_is_told(owner: Caller) -> None:
    made = save(owner)
    broken = "def handler(request):\n    return (1 +\n"

    for answer in (
        owner.post("/admin/endpoints", endpoint(path="/other", script=broken)),
        owner.put(f"/admin/endpoints/{made['id']}", {"script": broken}),
        owner.post("/admin/endpoints/test", {"script": broken}),
    ):
        assert (answer.status_code, answer.json["code"]) == (422, "script_error")
        assert answer.json["position"]["line"] in (2, 3)
        assert answer.json["position"]["column"] >= 1
        assert answer.json["errors"][0]["field"] == "script"
    assert owner.get("/admin/endpoints").json == {"endpoints": [made]}


def test_a_script_has_a_limit_of_its_own(owner: Caller) -> None:
    large = "# " + "é" * 131_070 + "\n"
    assert owner.post("/admin/endpoints", endpoint(script=large)).status_code == 201

    for script in (large + "##", "#" * 900_000):
        answer = owner.post("/admin/endpoints", endpoint(script=script))
        assert (answer.status_code, answer.json["code"]) == (413, "too_large")


def test_a_change_by_somebody_else_takes_the_definers_mark_away(owner: Caller, invite: Callable[..., Caller]) -> None:
    admin, made = invite("adam", "admin"), save(owner, run_as="definer")

    quiet = admin.put(f"/admin/endpoints/{made['id']}", {"description": "x"}).json
    assert (quiet["run_as"], quiet["modified_by"]) == ("definer", owner.user_id)

    changed = admin.put(f"/admin/endpoints/{made['id']}", {"script": SCRIPT + "\n"}).json
    assert (changed["run_as"], changed["modified_by"]) == ("caller", admin.user_id)


def test_versions_are_listed_read_and_brought_back(owner: Caller) -> None:
    made = save(owner)
    second = 'def handler(request):\n    return "second"\n'
    owner.put(f"/admin/endpoints/{made['id']}", {"script": second})
    address = f"/admin/endpoints/{made['id']}/versions"

    newest, oldest = owner.get(address).json["versions"]
    assert newest.keys() == {"id", "created_at", "created_by", "username"}
    assert (newest["username"], owner.get(f"{address}/{newest['id']}").json["script"]) == ("owner", second)
    assert owner.get(f"{address}/{oldest['id']}").json == oldest | {"script": SCRIPT}

    back = owner.post(f"{address}/{oldest['id']}/restore")
    assert (back.status_code, back.json["script"]) == (200, SCRIPT)
    assert len(owner.get(address).json["versions"]) == 3
    assert owner.get(f"{address}/999").status_code == owner.post(f"{address}/999/restore").status_code == 404
    assert owner.get("/admin/endpoints/999/versions").status_code == 404


def test_the_log_never_holds_the_text(owner: Caller) -> None:
    made = save(owner, script=SCRIPT + "# a secret\n")
    owner.delete(f"/admin/endpoints/{made['id']}")

    entries = owner.get("/admin/audit?action=endpoint.*").json["entries"]

    assert [entry["action"] for entry in entries] == ["endpoint.delete", "endpoint.create"]
    assert all(len(entry["details"]["script_sha256"]) == 64 for entry in entries)
    assert "a secret" not in str(entries)


class TestTrying:
    """A script that is not saved yet."""

    @pytest.fixture
    def notes(self, owner: Caller) -> Caller:
        owner.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT)")
        return owner

    def try_(self, caller: Caller, script: str, **request: Any) -> dict[str, Any]:
        answer = caller.post("/admin/endpoints/test", {"script": script} | ({"request": request} if request else {}))
        assert answer.status_code == 200, answer.text
        return answer.json

    def test_it_answers_what_a_caller_would_get(self, owner: Caller) -> None:
        found = self.try_(owner, SCRIPT, path="/hello/ada", params={"name": "ada"})

        assert (found["status"], found["body"], found["prints"], found["queries"]) == (200, '{"hello":"ada"}', [], [])
        assert found["duration_ms"] >= 0
        assert "error" not in found

    def test_the_request_is_what_was_described(self, owner: Caller) -> None:
        script = (
            "def handler(request):\n"
            "    return [request.method, request.path, request.query, request.headers['x-a'], request.cookies, request.json,"
            " request.user.username]\n"
        )

        found = self.try_(
            owner, script, method="PUT", path="/p", query={"q": "1"}, headers={"X-A": "b"}, cookies={"c": "d"}, json={"n": None}
        )

        assert found["body"] == '["PUT","/p",{"q":"1"},"b",{"c":"d"},{"n":null},"owner"]'

    @pytest.mark.parametrize(
        ("request_", "script", "expected"),
        [
            ({"body": "plain é"}, "return request.body", "plain é"),
            ({"body_base64": "AAE="}, "return request.body_base64", "AAE="),
            ({"form": {"a": "b c"}}, "return request.form['a']", "b c"),
            ({"json": [1]}, "return str(request.json[0])", "1"),
            ({"body": "x"}, "return request.method", "POST"),
            ({}, "return request.method", "GET"),
        ],
    )
    def test_a_body_may_have_any_form(self, owner: Caller, request_: dict[str, Any], script: str, expected: str) -> None:
        assert self.try_(owner, f"def handler(request):\n    {script}\n", **request_)["body"] == expected

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            ({"body": "a", "json": None}, "request"),
            ({"body_base64": "!"}, "request.body_base64"),
            ({"query": {"a": "b\0c"}}, "request.query.a"),
            ({"method": "BREW"}, "request.method"),
            ({"unknown": 1}, "request.unknown"),
            ({"json": [2**64]}, "request.json"),
            ({"json": {"a": -(2**63) - 1}}, "request.json"),
        ],
    )
    def test_a_request_that_cannot_be_is_refused(self, owner: Caller, request_: dict[str, Any], field: str) -> None:
        answer = owner.post("/admin/endpoints/test", {"script": SCRIPT, "request": request_})

        assert answer.status_code == 422
        assert answer.json["errors"][0]["field"] == field

    def test_nothing_of_it_is_kept(self, notes: Caller) -> None:
        script = (
            "def handler(request):\n"
            '    print("writing")\n'
            "    db.execute(\"INSERT INTO notes (title) VALUES ('a')\")\n"
            '    return db.query("SELECT title FROM notes")\n'
        )
        before = notes.get("/admin/audit").json

        found = self.try_(notes, script)

        assert found["body"] == '[{"title":"a"}]'
        assert [item["text"] for item in found["prints"]] == ["writing"]
        assert [item["sql"].split()[0] for item in found["queries"]] == ["INSERT", "SELECT"]
        assert notes.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 0}]
        assert notes.get("/admin/audit").json == before

    def test_a_failure_is_told_with_its_place(self, owner: Caller) -> None:
        found = self.try_(owner, "def handler(request):\n    print('before')\n    return 1 // 0\n")

        assert (found["status"], found["error"]["code"]) == (502, "script_failed")
        assert found["error"]["position"]["line"] == 3
        assert [item["text"] for item in found["prints"]] == ["before"]


def test_runs_are_read_with_their_prints_and_errors(owner: Caller) -> None:
    made = save(
        owner, script="def handler(request):\n    print(request.params['name'])\n    return {'a': 1 // int(request.params['name'])}\n"
    )
    assert owner.get("/api/hello/1").status_code == 200
    assert owner.get("/api/hello/0").status_code == 502

    failed, fine = owner.get(f"/admin/endpoints/{made['id']}/runs").json["runs"]

    assert (fine["status"], fine["error"], [item["text"] for item in fine["prints"]], fine["user_id"]) == (200, None, ["1"], owner.user_id)
    assert failed["error"]["line"] == 3
    assert failed["request_id"]
    assert owner.get(f"/admin/endpoints/{made['id']}/runs?limit=1").json["runs"] == [failed]
    for limit in ("0", "201", "x"):
        assert owner.get(f"/admin/endpoints/{made['id']}/runs?limit={limit}").status_code == 422


def test_a_change_acts_with_the_next_request(owner: Caller) -> None:
    made = save(owner)
    assert owner.get("/api/hello/ada").json == {"hello": "ada"}

    owner.put(f"/admin/endpoints/{made['id']}", {"script": SCRIPT.replace("hello", "bye")})
    assert owner.get("/api/hello/ada").json == {"bye": "ada"}

    owner.put(f"/admin/endpoints/{made['id']}", {"enabled": False})
    assert owner.get("/api/hello/ada").status_code == 404
