"""API keys over HTTP: made once, used as a bearer token, never wider than their user or their scope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests.web.callers import PASSWORD, Caller, Clock
from wce.model import Role
from wce.web.access import declared

DAY = 86_400
ADMINISTRATION = {"administration": True}


def with_key(user: Caller, scope: dict[str, Any] | None = None, **fields: Any) -> Caller:
    """The user as a program of his that holds a new key."""
    made = user.post("/keys", {"name": f"key {len(user.get('/keys').json['keys'])}", "scope": scope or {}} | fields)
    assert made.status_code == 201, made.text
    return replace(user, token=made.json["key"])


def notes(owner: Caller) -> None:
    owner.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    owner.sql("CREATE TABLE secrets (text TEXT)")
    owner.sql("INSERT INTO notes (text) VALUES ('hello')")


def allow(owner: Caller, user: Caller, table: str, **rights: bool) -> None:
    given = {"user_id": user.user_id, "table_name": table, "can_read": True} | rights
    assert owner.post("/admin/permissions", given).status_code == 201


def run(caller: Caller, sql: str) -> tuple[int, str]:
    answer = caller.post("/query", {"sql": sql})
    return answer.status_code, answer.json.get("code", "")


def script(owner: Caller, path: str, text: str, **fields: Any) -> None:
    made = owner.post("/admin/endpoints", {"path": path, "method": "*", "script": f"def handler(request):\n    return {text}\n"} | fields)
    assert made.status_code == 201, made.text


# Made, listed, ended.


def test_a_key_is_told_once_and_listed_without_its_text(owner: Caller, clock: Clock) -> None:
    notes(owner)
    answer = owner.post("/keys", {"name": "nightly", "expires_in_days": 30, "scope": {"read_only": True, "tables": ["notes"]}})

    assert answer.status_code == 201
    assert answer.json["key"].startswith("wce_")
    assert len(answer.json["key"]) == 47
    listed = owner.get("/keys").json["keys"]
    assert listed == [{name: value for name, value in answer.json.items() if name != "key"}]
    assert listed[0]["scope"] == {"read_only": True, "tables": ["notes"]}
    assert (listed[0]["created_at"], listed[0]["expires_at"], listed[0]["last_used"]) == (clock(), clock() + 30 * DAY, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " x"}, "name"),
        ({"name": "x\n"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "expires_in_days": 3651}, "expires_in_days"),
        ({"name": "x", "scope": {"tables": ["n"] * 101}}, "scope.tables"),
        ({"name": "x", "scope": {"tables": ["n" * 10_001]}}, "scope.tables"),
        ({"name": "x", "scope": {"endpoints": [""]}}, "scope.endpoints"),
        ({"name": "x", "scope": {"everything": True}}, "scope.everything"),
        ({"name": "x", "scope": {"administration": True, "tables": []}}, "scope.administration"),
        ({"name": "x", "scope": {"administration": True}}, "password"),
    ],
)
def test_a_key_that_may_not_be_names_the_field(owner: Caller, body: dict[str, Any], field: str) -> None:
    answer = owner.post("/keys", body)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == field


def test_a_key_may_be_for_a_table_with_a_long_name(owner: Caller) -> None:
    name = "n" * 1000
    owner.sql(f"CREATE TABLE {name} (id INTEGER)")

    narrow = with_key(owner, scope={"tables": [name]})

    assert narrow.sql(f"SELECT count(*) AS n FROM {name}")["rows"] == [{"n": 0}]
    assert list(narrow.get("/me").json["permissions"]) == [name]


def test_a_name_is_given_once_and_keys_have_an_end(owner: Caller) -> None:
    for number in range(50):
        assert owner.post("/keys", {"name": f"key {number}"}).status_code == 201

    assert owner.post("/keys", {"name": "key 7"}).json["code"] == "name_taken"
    assert owner.post("/keys", {"name": "one more"}).json["code"] == "quota_exceeded"


def test_a_key_ends_when_it_is_removed_and_with_its_time(owner: Caller, clock: Clock) -> None:
    removed, short = with_key(owner), with_key(owner, expires_in_days=1)
    key_id = owner.get("/keys").json["keys"][-1]["id"]

    assert owner.delete(f"/keys/{key_id}").status_code == 204
    assert removed.get("/me").json["code"] == "bad_token"
    assert owner.delete(f"/keys/{key_id}").status_code == 404

    clock.seconds += DAY - 1
    assert short.get("/me").status_code == 200
    clock.seconds += 1
    assert short.get("/me").json["code"] == "bad_token"


def test_nobody_sees_or_ends_the_keys_of_another(owner: Caller, invite: Callable[..., Caller]) -> None:
    admin, holder = invite("admin", "admin"), with_key(owner)
    (key_id,) = [item["id"] for item in owner.get("/keys").json["keys"]]

    assert admin.get("/keys").json == {"keys": []}
    assert admin.delete(f"/keys/{key_id}").status_code == 404
    assert holder.get("/me").status_code == 200


def test_every_act_is_in_the_audit_log_without_the_key(owner: Caller) -> None:
    holder = with_key(owner)
    owner.delete(f"/keys/{owner.get('/keys').json['keys'][0]['id']}")

    log = owner.get("/admin/audit?action=key.*")

    assert [entry["action"] for entry in log.json["entries"]] == ["key.delete", "key.create"]
    assert holder.token not in log.text


@pytest.mark.parametrize("end_keys", [False, True])
def test_who_changes_his_password_says_whether_his_keys_end(owner: Caller, end_keys: bool) -> None:
    holder = with_key(owner)

    changed = owner.post("/password", {"current_password": PASSWORD, "new_password": "battery staple", "end_keys": end_keys})

    assert changed.status_code == 200
    assert holder.get("/me").status_code == (401 if end_keys else 200)
    (entry,) = replace(owner, token=changed.json["token"]).get("/admin/audit?action=password.change").json["entries"]
    assert entry["details"] == {"sessions_ended": 1} | ({"keys_ended": 1} if end_keys else {})


@pytest.mark.parametrize("change", [{"enabled": False}, {"password": "battery staple"}])
def test_disabling_and_a_password_from_above_end_the_keys(owner: Caller, invite: Callable[..., Caller], change: dict[str, Any]) -> None:
    user = invite("user", "editor")
    holder = with_key(user)

    owner.put(f"/admin/users/{user.user_id}", change)
    assert holder.get("/me").json["code"] == "bad_token"

    owner.put(f"/admin/users/{user.user_id}", {"enabled": True})
    assert holder.get("/me").json["code"] == "bad_token"


def test_a_deleted_users_keys_are_gone_and_a_demoted_ones_shrink(owner: Caller, invite: Callable[..., Caller]) -> None:
    gone, demoted = invite("gone", "editor"), invite("demoted", "admin")
    of_gone, of_demoted = with_key(gone), with_key(demoted, ADMINISTRATION, password=PASSWORD)
    assert of_demoted.get("/admin/users").status_code == 200

    owner.delete(f"/admin/users/{gone.user_id}")
    owner.put(f"/admin/users/{demoted.user_id}", {"role": "viewer"})

    assert of_gone.get("/me").json["code"] == "bad_token"
    assert of_demoted.get("/me").json["role"] == "viewer"
    assert of_demoted.get("/admin/users").status_code == 403


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(owner: Caller, clock: Clock) -> None:
    holder = with_key(owner)
    seen = []
    for seconds in (0, 59, 1):
        clock.seconds += seconds
        holder.get("/me")
        seen.append(owner.get("/keys").json["keys"][0]["last_used"])

    assert seen == [seen[0], seen[0], seen[0] + 60]


# What it is to the server.


@pytest.mark.parametrize("token", ["wce_", "wce_x", "wce_" + "A" * 43, "wce_" + "ä" * 43, "wce_" + "A" * 5000])
def test_what_only_looks_like_a_key_is_none(visitor: Caller, token: str) -> None:
    answer = visitor.get("/me", headers={"Authorization": f"Bearer {token}".encode().decode("latin-1")})

    assert answer.json["code"] == "bad_token"


def test_a_key_counts_in_its_own_cenv_only_and_never_as_a_cookie(owner: Caller, make_cenv: Callable[[], Caller]) -> None:
    holder, other = with_key(owner), make_cenv()

    assert replace(other, token=holder.token).get("/me").json["code"] == "bad_token"
    cookie = {"Cookie": f"wce_{owner.cenv[:8]}={holder.token}", "Sec-Fetch-Site": "same-origin"}
    assert replace(owner, token="").get("/me", headers=cookie).json["code"] == "not_signed_in"


def test_me_tells_of_the_key(owner: Caller) -> None:
    found = with_key(owner, {"read_only": True}).get("/me").json

    assert (found["username"], found["role"]) == ("owner", "viewer")
    assert found["key"]["scope"] == {"read_only": True}
    assert "csrf_token" not in found


def test_a_key_is_open_to_what_says_so_and_to_nothing_else(app: Flask, owner: Caller) -> None:
    open_to_keys = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if declared(app.view_functions[rule.endpoint]).keys != "none" or declared(app.view_functions[rule.endpoint]).who == "public"
    }
    holder = with_key(owner)

    for method, path in [
        ("POST", "/logout"),
        ("POST", "/password"),
        ("GET", "/sessions"),
        ("DELETE", "/sessions"),
        ("GET", "/keys"),
        ("POST", "/keys"),
        ("DELETE", "/keys/1"),
    ]:
        assert holder.send(method, path, {} if method == "POST" else None).status_code == 403, path
    assert {"query.query", "auth.me", "endpoints.answer"} <= open_to_keys
    assert not {name for name in open_to_keys if name.startswith("keys.")}


# Scopes.


def test_a_key_of_an_owner_does_data_and_does_not_administer(owner: Caller) -> None:
    notes(owner)
    holder = with_key(owner)

    assert run(holder, "INSERT INTO notes (text) VALUES ('more')") == (200, "")
    assert run(holder, "SELECT * FROM secrets") == (200, "")
    assert run(holder, "DROP TABLE notes")[0] == 403
    assert run(holder, "SELECT username FROM _wce_users") == (422, "no_such_table") or run(holder, "SELECT 1 FROM _wce_users")[0] in (
        403,
        404,
    )
    assert holder.get("/admin/users").status_code == 403
    assert holder.get("/admin/permissions").status_code == 403
    assert holder.post("/query/explain", {"sql": "SELECT 1", "as_user": "public"}).status_code == 403
    owner.sql("CREATE TABLE later (x)")
    assert run(holder, "SELECT * FROM later") == (200, "")


def test_an_administering_key_does_what_its_user_may(owner: Caller) -> None:
    holder = with_key(owner, ADMINISTRATION, password=PASSWORD)

    assert run(holder, "CREATE TABLE made (x)") == (200, "")
    assert holder.post("/admin/users", {"username": "newcomer", "password": PASSWORD, "role": "viewer"}).status_code == 201
    (entry,) = owner.get("/admin/audit?action=user.create").json["entries"]
    assert (entry["username"], entry["details"]["key_id"]) == ("owner", holder.get("/me").json["key"]["id"])
    assert holder.get("/admin/permissions").status_code == 200
    assert holder.post("/keys", {"name": "child"}).status_code == 403


def test_an_administering_key_that_only_reads_changes_nothing(owner: Caller) -> None:
    notes(owner)
    holder = with_key(owner, ADMINISTRATION | {"read_only": True}, password=PASSWORD)

    assert holder.get("/admin/users").status_code == 200
    assert holder.put("/admin/config", {"max_users": 3}).status_code == 403
    assert holder.post("/admin/permissions", {"user_id": "public", "table_name": "notes", "can_read": True}).status_code == 403
    assert run(holder, "SELECT * FROM notes") == (200, "")
    assert run(holder, "DELETE FROM notes")[0] == 403
    assert run(holder, "CREATE TABLE made (x)")[0] == 403


def test_who_administers_nothing_has_no_administering_key(owner: Caller, invite: Callable[..., Caller]) -> None:
    answer = invite("user", "editor").post("/keys", {"name": "x", "scope": ADMINISTRATION, "password": PASSWORD})

    assert answer.status_code == 403


def test_the_password_for_an_administering_key_must_be_right(owner: Caller) -> None:
    answer = owner.post("/keys", {"name": "x", "scope": ADMINISTRATION, "password": "wrong horse"})

    assert answer.json["code"] == "bad_credentials"


def test_a_scope_follows_a_table_that_is_renamed(owner: Caller) -> None:
    notes(owner)
    program, other = with_key(owner, {"tables": ["Notes", "secrets"]}), with_key(owner, {"tables": ["secrets"]})

    owner.sql("ALTER TABLE notes RENAME TO pages")
    owner.sql("CREATE TABLE notes (text TEXT)")

    assert run(program, "SELECT text FROM pages") == (200, "")
    assert run(program, "SELECT text FROM notes")[0] == 404
    assert run(other, "SELECT text FROM pages")[0] == 404
    assert [key["scope"]["tables"] for key in owner.get("/keys").json["keys"]] == [["secrets"], ["pages", "secrets"]]


@pytest.mark.parametrize("role", ["owner", "editor"])
def test_a_scope_narrows_to_its_tables_and_to_reading(owner: Caller, invite: Callable[..., Caller], role: str) -> None:
    notes(owner)
    user = owner if role == "owner" else invite("user", role)
    if user is not owner:
        for table in ("notes", "secrets"):
            allow(owner, user, table, can_write=True, can_delete=True)
    writing, reading = with_key(user, {"tables": ["NOTES"]}), with_key(user, {"read_only": True})

    assert run(writing, "INSERT INTO notes (text) VALUES ('more')") == (200, "")
    assert run(writing, "SELECT * FROM secrets")[1] == "no_such_table"
    assert run(writing, "INSERT INTO notes (text) SELECT text FROM secrets")[1] == "no_such_table"
    assert [table["name"] for table in writing.get("/tables").json["tables"]] == ["notes"]
    assert run(reading, "SELECT * FROM secrets") == (200, "")
    assert run(reading, "INSERT INTO notes (text) VALUES ('more')")[0] == 403


def test_a_scope_opens_nothing_that_its_user_has_not(owner: Caller, invite: Callable[..., Caller]) -> None:
    notes(owner)
    viewer = invite("viewer", "viewer")
    allow(owner, viewer, "notes", can_write=True)
    owner.post("/admin/policies", {"table_name": "notes", "policy_type": "read", "sql_condition": "$username = 'nobody'"})
    allow(owner, viewer, "secrets")
    holder = with_key(viewer, {"tables": ["notes", "secrets"]})
    owner.post("/admin/permissions", {"user_id": viewer.user_id, "table_name": "secrets"})

    assert holder.sql("SELECT * FROM notes")["rows"] == []
    assert run(holder, "INSERT INTO notes (text) VALUES ('x')")[0] == 403
    assert run(holder, "SELECT * FROM secrets")[1] == "no_such_table"


@pytest.mark.parametrize(
    ("scope", "field", "said"),
    [
        ({"tables": ["notes", "ntoes"]}, "scope.tables", "there is no ntoes"),
        ({"tables": ["_wce_users"]}, "scope.tables", "there is no _wce_users"),
        ({"endpoints": ["/one/{id}", "/one/{name}"]}, "scope.endpoints", "there is no /one/{name}"),
    ],
)
def test_a_misspelled_name_is_told(owner: Caller, scope: dict[str, Any], field: str, said: str) -> None:
    notes(owner)
    script(owner, "/one/{id}", "1")

    answer = owner.post("/keys", {"name": "x", "scope": scope})

    assert (answer.status_code, answer.json["errors"]) == (422, [{"field": field, "message": said}])
    assert owner.get("/keys").json == {"keys": []}


def test_a_scope_names_no_table_that_its_user_does_not_see(owner: Caller, invite: Callable[..., Caller]) -> None:
    notes(owner)
    viewer = invite("viewer", "viewer")
    allow(owner, viewer, "notes")

    hidden, absent = (viewer.post("/keys", {"name": "x", "scope": {"tables": ["notes", name]}}) for name in ("secrets", "nothing"))

    assert hidden.status_code == absent.status_code == 422
    assert hidden.json["detail"].replace("secrets", "nothing") == absent.json["detail"]
    assert viewer.post("/keys", {"name": "x", "scope": {"tables": ["NOTES"]}}).status_code == 201


def test_a_first_answer_is_not_given_again_to_a_key_of_another_scope(owner: Caller) -> None:
    notes(owner)
    wide, narrow, twin = (with_key(owner, {"tables": names}) for names in (["notes", "secrets"], ["notes"], ["notes", "secrets"]))
    statement = {"sql": "INSERT INTO notes (text) SELECT text FROM secrets RETURNING text"}

    told = [caller.post("/query", statement, headers={"Idempotency-Key": "1"}) for caller in (wide, narrow, twin)]

    assert [answer.status_code for answer in told] == [200, 422, 200]
    assert told[1].json["code"] == "idempotency_mismatch"
    assert told[2].headers["Idempotent-Replayed"] == "true"


def test_a_right_that_is_taken_away_is_gone_from_the_key(owner: Caller, invite: Callable[..., Caller]) -> None:
    notes(owner)
    user = invite("user", "viewer")
    allow(owner, user, "notes")
    holder = with_key(user, {"tables": ["notes"]})
    assert run(holder, "SELECT * FROM notes") == (200, "")

    owner.delete(f"/admin/permissions/{owner.get('/admin/permissions').json['permissions'][0]['id']}")

    assert run(holder, "SELECT * FROM notes")[1] == "no_such_table"


@pytest.mark.parametrize("statement", ["SELECT * FROM found_data", "DELETE FROM found_data", "UPDATE found_config SET v = 1"])
def test_what_is_behind_a_virtual_table_stays_closed(owner: Caller, statement: str) -> None:
    owner.sql("CREATE VIRTUAL TABLE found USING fts5(text)")
    owner.sql("INSERT INTO found VALUES ('a word')")
    holder = with_key(owner)

    assert holder.sql("SELECT count(*) AS n FROM found WHERE found MATCH 'word'")["rows"] == [{"n": 1}]
    assert run(holder, statement)[0] in (403, 404, 422)


@pytest.mark.parametrize("scope", [ADMINISTRATION, ADMINISTRATION | {"read_only": True}])
def test_what_others_may_do_is_not_a_matter_of_the_key_that_asks(
    owner: Caller, invite: Callable[..., Caller], scope: dict[str, Any]
) -> None:
    notes(owner)
    writer = invite("writer", "editor")
    for user_id in (writer.user_id, "public"):
        rights = {"can_read": True, "can_write": True}
        assert owner.post("/admin/permissions", {"user_id": user_id, "table_name": "notes"} | rights).status_code == 201
    holder, insert = with_key(owner, scope, password=PASSWORD), "INSERT INTO notes (text) VALUES ('x')"

    allowed = {name: holder.post("/query/explain", {"sql": insert, "as_user": name}).json["allowed"] for name in ("writer", "public")}

    assert allowed == {"writer": True, "public": False}
    assert holder.post("/query", {"sql": insert, "as_user": "writer"}).status_code == 422
    assert holder.post("/query", {"sql": "SELECT count(*) AS n FROM notes", "as_user": "writer"}).json["rows"] == [{"n": 1}]
    assert holder.post("/query", {"sql": "SELECT * FROM secrets", "as_user": "writer"}).json["code"] == "no_such_table"


# Endpoints.


def test_a_scope_narrows_to_its_endpoints(owner: Caller) -> None:
    notes(owner)
    script(owner, "/one/{id}", "1")
    script(owner, "/two", "2", access="public")
    listed, tables, free = with_key(owner, {"endpoints": ["/one/{id}"]}), with_key(owner, {"tables": ["notes"]}), with_key(owner)

    assert [listed.get(path).status_code for path in ("/api/one/7", "/api/two", "/tables")] == [200, 403, 403]
    assert [tables.get(path).status_code for path in ("/api/one/7", "/api/two", "/tables")] == [403, 403, 200]
    assert [free.get(path).status_code for path in ("/api/one/7", "/api/two", "/tables")] == [200, 200, 200]


def test_an_endpoint_of_admins_wants_a_key_that_administers(owner: Caller) -> None:
    script(owner, "/inner", "1", access="admin")

    assert with_key(owner).get("/api/inner").status_code == 403
    assert with_key(owner, ADMINISTRATION, password=PASSWORD).get("/api/inner").status_code == 200


@pytest.mark.parametrize("run_as", ["caller", "definer"])
def test_a_reading_key_writes_through_no_script(owner: Caller, run_as: str) -> None:
    notes(owner)
    script(owner, "/add", "db.execute(\"INSERT INTO notes (text) VALUES ('x')\").changes", run_as=run_as)

    assert with_key(owner).post("/api/add").status_code == 200
    refused = with_key(owner, {"read_only": True}).post("/api/add")

    assert refused.status_code in (403, 502), refused.text
    assert owner.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 2}]


def test_a_script_reads_no_table_beyond_the_scope(owner: Caller) -> None:
    notes(owner)
    script(owner, "/peek", 'db.query("SELECT * FROM secrets")')

    assert with_key(owner, {"endpoints": ["/peek"]}).get("/api/peek").status_code == 200
    assert with_key(owner, {"endpoints": ["/peek"], "tables": ["notes"]}).get("/api/peek").status_code in (403, 404, 502)


def test_a_definer_lends_his_tables_to_a_key_that_may_call_his_script(owner: Caller) -> None:
    notes(owner)
    script(owner, "/count", 'db.query("SELECT count(*) AS n FROM secrets")', run_as="definer")

    lent = with_key(owner, {"endpoints": ["/count"], "tables": ["notes"]}).get("/api/count")

    assert (lent.status_code, lent.json) == (200, [{"n": 0}])


def test_administrators_cannot_read_the_hashes(owner: Caller) -> None:
    with_key(owner)

    assert run(owner, "SELECT key_hash FROM _wce_api_keys") == (403, "table_forbidden")
    assert run(owner, "SELECT * FROM _wce_api_keys") == (403, "table_forbidden")
    assert owner.sql("SELECT name FROM _wce_api_keys")["rows"] == [{"name": "key 0"}]


def test_every_role_may_have_keys(invite: Callable[..., Caller]) -> None:
    for role in (Role.VIEWER, Role.EDITOR, Role.ADMIN):
        assert with_key(invite(f"a_{role}", role.value)).get("/me").status_code == 200
