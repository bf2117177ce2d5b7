"""Users, over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.web.callers import PASSWORD, Caller, Clock, sign_in

USER = {"username": "grace", "password": PASSWORD, "role": "editor"}


def test_a_user_is_made_found_listed_changed_and_removed(owner: Caller, clock: Clock) -> None:
    made = owner.post("/admin/users", USER | {"email": "grace@example.org"})
    assert made.status_code == 201
    assert made.headers["Location"] == f"/{owner.cenv}/admin/users/2"
    assert made.json == {
        "user_id": 2,
        "username": "grace",
        "role": "editor",
        "email": "grace@example.org",
        "created_at": clock(),
        "invited_by": 1,
        "last_login": None,
        "enabled": True,
    }

    changed = owner.put("/admin/users/2", {"role": "viewer", "email": None})
    assert changed.status_code == 200
    assert changed.json == made.json | {"role": "viewer", "email": None}

    assert owner.get("/admin/users/2").json == changed.json
    assert [user["username"] for user in owner.get("/admin/users").json["users"]] == ["grace", "owner"]

    assert owner.delete("/admin/users/2").status_code == 204
    assert owner.get("/admin/users/2").status_code == 404


def test_a_body_that_names_nothing_changes_nothing(owner: Caller) -> None:
    before = owner.post("/admin/users", USER | {"email": "grace@example.org"}).json

    assert owner.put("/admin/users/2", {}).json == before


def test_a_name_is_taken_in_any_case(owner: Caller) -> None:
    owner.post("/admin/users", USER)

    answer = owner.post("/admin/users", USER | {"username": "GRACE"})

    assert answer.status_code == 409
    assert answer.json["code"] == "name_taken"


def test_the_cenv_has_room_for_so_many(owner: Caller) -> None:
    owner.put("/admin/config", {"max_users": 1})

    answer = owner.post("/admin/users", USER)

    assert answer.status_code == 409
    assert answer.json["code"] == "max_users"


@pytest.mark.parametrize(
    "path", ["/admin/users/0", "/admin/users/02", "/admin/users/-1", "/admin/users/9223372036854775808", "/admin/users/x"]
)
def test_an_id_has_one_spelling(owner: Caller, path: str) -> None:
    assert owner.get(path).status_code == 404


def test_the_owner_stays(owner: Caller, invite: Callable[..., Caller]) -> None:
    admin = invite("an_admin", "admin")

    for answer in (
        admin.put("/admin/users/1", {"role": "viewer"}),
        admin.put("/admin/users/1", {"enabled": False}),
        owner.delete("/admin/users/1"),
    ):
        assert answer.status_code == 409
        assert answer.json["code"] == "last_owner"


def test_nobody_acts_on_his_equals_or_gives_his_own_role(invite: Callable[..., Caller]) -> None:
    admin, other = invite("an_admin", "admin"), invite("another", "admin")

    assert admin.put(f"/admin/users/{other.user_id}", {"enabled": False}).status_code == 403
    assert admin.delete(f"/admin/users/{other.user_id}").status_code == 403
    assert admin.post("/admin/users", USER | {"role": "admin"}).status_code == 403
    assert admin.post("/admin/users", USER | {"role": "owner"}).status_code == 403
    assert admin.post("/admin/users", USER).status_code == 201


def test_everything_that_is_wrong_is_named_at_once(owner: Caller) -> None:
    wrong = {"username": "g r", "password": "short", "role": "king", "email": "nobody", "enabled": True}

    made, changed = owner.post("/admin/users", wrong), owner.put("/admin/users/1", {"password": "", "email": "x@", "enabled": 1})

    assert made.status_code == changed.status_code == 422
    assert {item["field"]: item["message"] for item in made.json["errors"]} == {
        "username": "must have 3 to 32 letters from A to Z, digits or underscores",
        "password": "must have 8 to 72 bytes",
        "role": "Input should be 'owner', 'admin', 'editor' or 'viewer'",
        "email": "must be an e-mail address",
        "enabled": "Extra inputs are not permitted",
    }
    assert [item["field"] for item in changed.json["errors"]] == ["enabled", "email", "password"]


@pytest.mark.parametrize("changes", [{"enabled": False}, {"password": "battery staple"}, {"role": "viewer"}])
def test_losing_something_ends_every_session(owner: Caller, invite: Callable[..., Caller], changes: dict[str, object]) -> None:
    editor = invite("editor", "editor")

    owner.put(f"/admin/users/{editor.user_id}", changes)

    assert editor.get("/me").status_code == 401


def test_ownership_is_handed_over_with_the_password(owner: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("editor", "editor")
    path = f"/admin/users/{editor.user_id}/owner"

    assert owner.post(path, {"password": "wrong horse"}).status_code == 401
    assert owner.post(path, {}).status_code == 422
    answer = owner.post(path, {"password": PASSWORD})

    assert answer.status_code == 200
    assert answer.json["role"] == "owner"
    assert (editor.get("/me").json["role"], owner.get("/me").json["role"]) == ("owner", "admin")
    assert owner.post(path, {"password": PASSWORD}).status_code == 403


def test_who_hands_over_stays_signed_in_only_where_he_does_it(owner: Caller, invite: Callable[..., Caller]) -> None:
    editor, elsewhere = invite("editor", "editor"), sign_in(owner.client, owner.cenv, "owner")

    owner.post(f"/admin/users/{editor.user_id}/owner", {"password": PASSWORD})

    assert elsewhere.get("/me").json["code"] == "bad_token"
    assert [session["current"] for session in owner.get("/sessions").json["sessions"]] == [True]
    assert [owner.get(path).status_code for path in ("/admin/users", "/admin/export")] == [200, 403]
    assert owner.delete(f"/admin/users/{editor.user_id}").json["code"] == "last_owner"


def test_what_the_triggers_of_a_dismissed_administrator_do_is_found_with_who_made_them(
    owner: Caller, invite: Callable[..., Caller]
) -> None:
    eve = invite("eve", "admin")
    eve.sql("CREATE TABLE plan (text TEXT)")
    eve.sql("CREATE TABLE copy (text TEXT)")
    eve.sql("CREATE TRIGGER follow AFTER INSERT ON plan BEGIN INSERT INTO copy VALUES (NEW.text); END")
    owner.delete(f"/admin/users/{eve.user_id}")

    owner.sql("INSERT INTO plan VALUES ('secret')")

    assert owner.sql("SELECT text FROM copy")["rows"] == [{"text": "secret"}]  # a trigger belongs to its table
    listed = "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger' AND substr(tbl_name, 1, 5) <> '_wce_'"
    assert owner.sql(listed)["rows"] == [{"name": "follow", "tbl_name": "plan"}]
    (made,) = owner.get("/admin/audit?action=ddl&resource=follow").json["entries"]
    assert (made["username"], made["user_id"]) == ("eve", eve.user_id)


def test_no_answer_holds_a_hash(owner: Caller, invite: Callable[..., Caller]) -> None:
    invite("editor", "editor")

    for path in ("/admin/users", "/admin/users/2", "/admin/audit", "/sessions", "/me"):
        assert "$2" not in owner.get(path).text
