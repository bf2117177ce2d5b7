"""Permissions and policies, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.callers import Caller, Clock


@pytest.fixture
def note(owner: Caller) -> Caller:
    """The owner of a cenv with a table of notes."""
    owner.sql("CREATE TABLE note (id INTEGER PRIMARY KEY, owner TEXT, text TEXT)")
    owner.sql("INSERT INTO note (owner, text) VALUES ('editor', 'mine'), ('other', 'not mine')")
    return owner


def permission(**changes: Any) -> dict[str, Any]:
    return {"user_id": 2, "table_name": "note", "can_read": True} | changes


def test_a_permission_is_given_again_and_taken(note: Caller, invite: Callable[..., Caller]) -> None:
    invite("editor", "editor")

    first = note.post("/admin/permissions", permission())
    again = note.post("/admin/permissions", permission(can_write=True))

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["Location"] == f"/{note.cenv}/admin/permissions/{first.json['id']}"
    assert again.json == {
        "id": first.json["id"],
        "user_id": 2,
        "username": "editor",
        "table_name": "note",
        "can_read": True,
        "can_write": True,
        "can_delete": False,
        "can_grant": False,
    }
    assert note.get("/admin/permissions").json == {"permissions": [again.json]}
    assert note.delete(f"/admin/permissions/{first.json['id']}").status_code == 204
    assert note.get("/admin/permissions").json == {"permissions": []}
    assert note.delete(f"/admin/permissions/{first.json['id']}").status_code == 404


def test_what_was_made_is_found_at_the_address_that_was_told(note: Caller) -> None:
    policy = {"table_name": "note", "policy_type": "read", "sql_condition": "1"}

    for path, body in (("/admin/permissions", permission(user_id="public")), ("/admin/policies", policy)):
        made = note.post(path, body)
        address = made.headers["Location"].removeprefix(f"/{note.cenv}")
        assert (note.get(address).status_code, note.get(address).json) == (200, made.json)
        note.delete(address)
        assert note.get(address).json["code"] == "not_found"


def test_the_public_is_called_by_its_name(note: Caller) -> None:
    made = note.post("/admin/permissions", permission(user_id="public"))

    assert made.status_code == 201
    assert (made.json["user_id"], made.json["username"]) == ("public", "public")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"user_id": 99}, 404, "not_found"),
        ({"table_name": "nothing"}, 404, "no_such_table"),
        ({"table_name": "_wce_users"}, 404, "no_such_table"),
        ({"table_name": "sqlite_master"}, 404, "no_such_table"),
        ({"user_id": 0}, 422, "validation"),
        ({"can_read": 1}, 422, "validation"),
    ],
)
def test_a_permission_that_means_nothing_is_refused(note: Caller, changes: dict[str, Any], status: int, code: str) -> None:
    answer = note.post("/admin/permissions", permission(user_id="public") | changes)

    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_a_permission_acts_on_the_next_request(note: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("editor", "editor")
    assert editor.post("/query", {"sql": "SELECT text FROM note"}).status_code == 404

    made = note.post("/admin/permissions", permission()).json
    assert len(editor.sql("SELECT text FROM note")["rows"]) == 2

    note.delete(f"/admin/permissions/{made['id']}")
    assert editor.post("/query", {"sql": "SELECT text FROM note"}).status_code == 404


def test_who_may_grant_passes_on_what_he_holds(note: Caller, invite: Callable[..., Caller]) -> None:
    editor, viewer = invite("editor", "editor"), invite("a_viewer", "viewer")
    assert editor.post("/admin/permissions", permission(user_id=viewer.user_id)).status_code == 404
    note.post("/admin/permissions", permission(can_grant=True))

    assert editor.post("/admin/permissions", permission(user_id=viewer.user_id, can_write=True)).status_code == 403
    assert editor.post("/admin/permissions", permission(user_id=viewer.user_id)).status_code == 201
    assert [item["username"] for item in editor.get("/admin/permissions").json["permissions"]] == ["editor", "a_viewer"]
    assert viewer.get("/admin/permissions").json == {"permissions": []}
    own = editor.get("/admin/permissions").json["permissions"][0]
    assert editor.get(f"/admin/permissions/{own['id']}").json == own
    hidden, missing = viewer.get(f"/admin/permissions/{own['id']}"), viewer.get("/admin/permissions/99")
    assert (hidden.status_code, hidden.json["detail"]) == (missing.status_code, missing.json["detail"]) == (404, "No such permission.")


def test_me_and_tables_say_what_one_may(note: Caller, invite: Callable[..., Caller]) -> None:
    editor, viewer = invite("editor", "editor"), invite("a_viewer", "viewer")
    for caller in (editor, viewer):
        note.post("/admin/permissions", permission(user_id=caller.user_id, can_write=True))

    rights = {"can_read": True, "can_write": True, "can_delete": False, "can_grant": False}
    assert editor.get("/me").json["permissions"] == {"note": rights}
    assert viewer.get("/me").json["permissions"] == {"note": rights | {"can_write": False}}
    assert note.get("/me").json["permissions"] == {"note": dict.fromkeys(rights, True)}
    (table,) = editor.get("/tables").json["tables"]
    assert table == {
        "name": "note",
        "type": "table",
        "columns": [
            {"name": "id", "type": "INTEGER", "not_null": False, "primary_key": 1, "default": None},
            {"name": "owner", "type": "TEXT", "not_null": False, "primary_key": 0, "default": None},
            {"name": "text", "type": "TEXT", "not_null": False, "primary_key": 0, "default": None},
        ],
        **rights,
    }
    assert editor.get("/tables/NOTE").json == {"tables": [table]}


def test_a_table_that_one_may_not_see_is_not_there(note: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("editor", "editor")

    hidden, missing = editor.get("/tables/note"), editor.get("/tables/nothing")

    assert editor.get("/tables").json == {"tables": []}
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json["detail"].replace("note", "X") == missing.json["detail"].replace("nothing", "X")
    for name in ("_wce_users", "sqlite_master"):
        assert note.get(f"/tables/{name}").status_code == 404


def test_a_policy_is_made_holds_and_goes(note: Caller, invite: Callable[..., Caller], clock: Clock) -> None:
    editor = invite("editor", "editor")
    note.post("/admin/permissions", permission())

    made = note.post("/admin/policies", {"table_name": "note", "user_id": 2, "policy_type": "read", "sql_condition": "owner = $username"})

    assert made.status_code == 201
    assert made.json == {
        "id": 1,
        "table_name": "note",
        "user_id": 2,
        "policy_type": "read",
        "sql_condition": "owner = $username",
        "created_at": clock(),
        "created_by": 1,
    }
    assert made.headers["Location"] == f"/{note.cenv}/admin/policies/1"
    assert note.get("/admin/policies").json == {"policies": [made.json]}
    assert editor.sql("SELECT text FROM note")["rows"] == [{"text": "mine"}]
    assert note.delete("/admin/policies/1").status_code == 204
    assert len(editor.sql("SELECT text FROM note")["rows"]) == 2
    assert note.delete("/admin/policies/1").status_code == 404


def test_a_policy_holds_for_everybody_or_for_the_public(note: Caller) -> None:
    policy = {"table_name": "note", "policy_type": "read", "sql_condition": "1"}

    assert note.post("/admin/policies", policy).json["user_id"] is None
    assert note.post("/admin/policies", policy | {"user_id": "public"}).json["user_id"] == "public"


@pytest.mark.parametrize(
    "condition", ["", "owner =", "1; DELETE FROM note", "nothing = 1", "load_extension('x')", "(SELECT 1 FROM _wce_users)"]
)
def test_a_bad_policy_is_refused(note: Caller, condition: str) -> None:
    answer = note.post("/admin/policies", {"table_name": "note", "policy_type": "read", "sql_condition": condition})

    assert answer.status_code == 422
    assert answer.json["code"] == "bad_policy"
