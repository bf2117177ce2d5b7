"""SQL over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.callers import Caller

FIELDS = ["columns", "rows", "row_count", "changes", "last_row_id", "truncated", "duration_ms"]


@pytest.fixture
def note(owner: Caller) -> Caller:
    """The owner of a cenv with a table of notes."""
    owner.sql("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    owner.sql("INSERT INTO note (text) VALUES ('one'), ('two')")
    return owner


def test_an_answer_has_every_field_of_the_contract(note: Caller) -> None:
    answer = note.sql("SELECT id, text FROM note ORDER BY id")

    assert list(answer) == FIELDS
    assert isinstance(answer.pop("duration_ms"), float | int)
    assert answer == {
        "columns": ["id", "text"],
        "rows": [{"id": 1, "text": "one"}, {"id": 2, "text": "two"}],
        "row_count": 2,
        "changes": 0,
        "last_row_id": None,
        "truncated": False,
    }


def test_a_write_says_how_many_and_which(note: Caller) -> None:
    inserted = note.sql("INSERT INTO note (text) VALUES ('three'), ('four')")
    updated = note.sql("UPDATE note SET text = text WHERE id < 3")
    returned = note.sql("DELETE FROM note WHERE id = 4 RETURNING text")

    assert (inserted["columns"], inserted["rows"], inserted["changes"], inserted["last_row_id"]) == ([], [], 2, 4)
    assert updated["changes"] == 2
    assert (returned["rows"], returned["changes"]) == ([{"text": "four"}], 1)


def test_a_row_whose_id_is_0_is_a_row(note: Caller) -> None:
    assert note.sql("INSERT INTO note (id, text) VALUES (0, 'zero')")["last_row_id"] == 0
    assert note.sql("INSERT INTO note (id, text) VALUES (-1, 'below')")["last_row_id"] == -1
    update = "INSERT INTO note (id, text) VALUES (1, 'x') ON CONFLICT DO UPDATE SET text = 'new'"
    assert [note.sql(sql)["last_row_id"] for sql in (update, "INSERT OR IGNORE INTO note (id, text) VALUES (0, 'again')")] == [None, None]


def test_every_value_goes_there_and_back(owner: Caller) -> None:
    sent = [None, 0, -1, 2**63 - 1, -(2**63), 1.5, 1e300, "", "grüße 😀", "a\u0000b", {"$base64": "AP8="}, {"$base64": ""}]

    answer = owner.post("/query", {"sql": "SELECT " + ", ".join("?" * len(sent)), "params": sent, "format": "arrays"})

    assert answer.json["rows"] == [sent]


def test_infinity_is_null_and_true_is_1(owner: Caller) -> None:
    assert owner.sql("SELECT 9e999 AS a, -9e999 AS b, ? AS c, ? AS d", [True, False])["rows"] == [{"a": None, "b": None, "c": 1, "d": 0}]


def test_names_are_bound_too(owner: Caller) -> None:
    assert owner.sql("SELECT :a AS a, :b AS b", {"a": 1, "b": "x"})["rows"] == [{"a": 1, "b": "x"}]


def test_a_row_may_be_an_array(note: Caller) -> None:
    answer = note.post("/query", {"sql": "SELECT id, id, text FROM note WHERE id = 1", "format": "arrays"}).json

    assert (answer["columns"], answer["rows"]) == (["id", "id", "text"], [[1, 1, "one"]])


def test_columns_of_one_name_are_told_apart_in_objects(note: Caller) -> None:
    answer = note.sql("SELECT a.id, b.id, a.text, b.text FROM note a JOIN note b ON a.id = b.id - 1")

    assert answer["columns"] == ["id", "id_2", "text", "text_2"]
    assert answer["rows"] == [{"id": 1, "id_2": 2, "text": "one", "text_2": "two"}]


def test_an_empty_result_has_its_columns(note: Caller) -> None:
    answer = note.sql("SELECT id, text FROM note WHERE 0")

    assert (answer["columns"], answer["rows"], answer["row_count"]) == (["id", "text"], [], 0)


def test_a_result_is_cut_at_max_rows_and_says_so(note: Caller) -> None:
    cut = note.post("/query", {"sql": "SELECT id FROM note", "max_rows": 1}).json
    whole = note.post("/query", {"sql": "SELECT id FROM note", "max_rows": 2}).json

    assert (cut["row_count"], cut["truncated"]) == (1, True)
    assert (whole["row_count"], whole["truncated"]) == (2, False)


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("*/*", "application/json"),
        ("", "application/json"),
        ("text/csv", "text/csv"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("text/csv, application/json;q=0.9", "text/csv"),
        ("text/csv;q=0, */*", "application/json"),
        ("text/*", "text/csv"),
        ("image/png", "application/json"),
        ("text/csv; charset=utf-8", "text/csv"),
        ("application/json;q=0.5, text/csv;header=present", "text/csv"),
        ("text/csv;charset=utf-8;q=0.4, application/json; charset=utf-8;q=0.5", "application/json"),
    ],
)
def test_the_client_picks_the_form(note: Caller, accept: str, mimetype: str) -> None:
    answer = note.post("/query", {"sql": "SELECT id FROM note"}, headers={"Accept": accept})

    assert answer.mimetype == mimetype


def test_rows_as_csv(note: Caller) -> None:
    body = {"sql": "SELECT id, text, '=1' AS f, NULL AS n, x'00' AS b, -1 AS m FROM note", "max_rows": 1}
    answer = note.post("/query", body, headers={"Accept": "text/csv"})

    assert answer.data == b"id,text,f,n,b,m\r\n1,one,'=1,,AA==,-1\r\n"
    assert answer.headers["X-Truncated"] == "true"


def test_rows_as_ndjson(note: Caller) -> None:
    headers = {"Accept": "application/x-ndjson"}

    as_objects = note.post("/query", {"sql": "SELECT id, id FROM note"}, headers=headers)
    as_arrays = note.post("/query", {"sql": "SELECT id, id FROM note", "format": "arrays"}, headers=headers)

    assert as_objects.data == b'{"id":1,"id_2":1}\n{"id":2,"id_2":2}\n'
    assert as_arrays.data == b"[1,1]\n[2,2]\n"
    assert as_arrays.headers["X-Truncated"] == "false"


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT", 422, "syntax_error"),
        ("SELECT * FROM missing", 404, "no_such_table"),
        ("SELECT missing FROM note", 422, "sql_error"),
        ("SELECT ?", 422, "validation"),
        ("SELECT 1; SELECT 2", 422, "multiple_statements"),
        ("INSERT INTO note (text) VALUES (NULL)", 422, "constraint"),
        ("INSERT INTO note (id, text) VALUES (1, 'x')", 422, "constraint"),
        ("SELECT load_extension('x')", 422, "function_not_allowed"),
        ("ATTACH 'x' AS y", 422, "statement_not_allowed"),
        ("BEGIN", 422, "statement_not_allowed"),
        ("SELECT password_hash FROM _wce_users", 403, "table_forbidden"),
        ("DELETE FROM _wce_users", 403, "table_forbidden"),
    ],
)
def test_sql_that_does_not_work_says_why(note: Caller, sql: str, status: int, code: str) -> None:
    answer = note.post("/query", {"sql": sql})

    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text


def test_a_syntax_error_has_its_place(note: Caller) -> None:
    answer = note.post("/query", {"sql": "SELECT id\nFROM note\nWHERE id == = 1"})

    assert answer.json["code"] == "syntax_error"
    assert answer.json["position"] == {"line": 3, "column": 13}


def test_a_query_that_takes_too_long_is_ended(note: Caller) -> None:
    note.put("/admin/config", {"query_timeout_seconds": 1})

    answer = note.post("/query", {"sql": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"})

    assert (answer.status_code, answer.json["code"]) == (504, "query_timeout")


def test_a_transaction_is_all_or_nothing(note: Caller) -> None:
    body = {
        "statements": [
            {"sql": "INSERT INTO note (text) VALUES (?)", "params": ["three"]},
            {"sql": "SELECT count(*) AS n FROM note"},
            {"sql": "UPDATE note SET text = :text", "params": {"text": "same"}},
        ]
    }
    answer = note.post("/transaction", body)

    assert answer.status_code == 200
    assert [list(result) for result in answer.json["results"]] == [FIELDS] * 3
    assert [result["changes"] for result in answer.json["results"]] == [1, 0, 3]
    assert answer.json["results"][1]["rows"] == [{"n": 3}]

    body["statements"].append({"sql": "INSERT INTO note (text) VALUES (NULL)"})
    refused = note.post("/transaction", body)

    assert (refused.status_code, refused.json["code"], refused.json["statement"]) == (422, "constraint", 3)
    assert note.sql("SELECT count(*) AS n FROM note")["rows"] == [{"n": 3}]

    body["statements"][2] = {"sql": "SELECT ?", "params": [{"no": "value"}]}
    unread = note.post("/transaction", body).json
    assert (unread["code"], unread["errors"][0]["field"], unread["statement"]) == ("validation", "statements.2.params.0", 2)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "sql"),
        ({"sql": 1}, "sql"),
        ({"sql": "SELECT 1", "more": 1}, "more"),
        ({"sql": "SELECT 1", "params": "x"}, "params"),
        ({"sql": "SELECT ?", "params": [[1]]}, "params.0"),
        ({"sql": "SELECT ?", "params": [2**63]}, "params.0"),
        ({"sql": "SELECT :a", "params": {"a": {"$base64": "!"}}}, "params.a"),
        ({"sql": "SELECT 1", "max_rows": -1}, "max_rows"),
        ({"sql": "SELECT 1", "max_rows": 1.0}, "max_rows"),
        ({"sql": "SELECT 1", "format": "xml"}, "format"),
    ],
)
def test_a_bad_field_is_named(owner: Caller, body: dict[str, Any], field: str) -> None:
    answer = owner.post("/query", body)

    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    assert [item["field"] for item in answer.json["errors"]] == [field]


@pytest.mark.parametrize(
    ("params", "field", "message"),
    [
        ([2**64], "statements.1.params.0", "must fit in 64 bits"),
        ([], "statements.1.params", "the statement takes 1 value, not 0"),
        ({"a": 1}, "statements.1.params", "the statement takes 1 value by position: send a list"),
    ],
)
def test_a_bad_value_in_a_transaction_is_named_by_its_place(owner: Caller, params: Any, field: str, message: str) -> None:
    answer = owner.post("/transaction", {"statements": [{"sql": "SELECT 1"}, {"sql": "SELECT ?", "params": params}]})

    assert answer.json["errors"] == [{"field": field, "message": message}]
    assert (answer.json["statement"], answer.json["detail"]) == (1, f"{field}: {message}")


@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT nothing", "INSERT INTO note (text) VALUES (NULL)", "SELECT ?", "COMMIT", "SELECT 1; SELECT 2"]
)
def test_the_error_of_a_transaction_of_one_statement_names_it_and_that_of_a_query_has_none_to_name(note: Caller, sql: str) -> None:
    one, alone = note.post("/transaction", {"statements": [{"sql": sql}]}), note.post("/query", {"sql": sql})

    assert (one.status_code, one.json["code"]) == (alone.status_code, alone.json["code"])
    assert (one.json["statement"], "statement" in alone.json) == (0, False)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b'{"sql": "SELECT 1"}', "text/plain", 415, "unsupported_media_type"),
        (b'{"sql": "SELECT 1"}', "", 415, "unsupported_media_type"),
        (b"sql=SELECT+1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b'{"sql": "SELECT 1", "sql": "SELECT 2"}', "application/json", 400, "malformed"),
        (b'{"sql": "SELECT 1", "params": [NaN]}', "application/json", 400, "malformed"),
        (b"[" * 100_000, "application/json", 400, "malformed"),
        (b"", "application/json", 400, "malformed"),
        (b'{"sql": "' + b"x" * 1024 * 1024 + b'"}', "application/json", 413, "too_large"),
    ],
)
def test_a_hostile_body_is_refused(owner: Caller, body: bytes, content_type: str, status: int, code: str) -> None:
    answer = owner.send("POST", "/query", data=body, content_type=content_type)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert (answer.json.get("position") is not None) == (status == 400)


def test_json_may_name_its_charset(owner: Caller) -> None:
    answer = owner.send("POST", "/query", data=b'{"sql": "SELECT 1"}', content_type="application/json; charset=utf-8")

    assert answer.status_code == 200


def test_a_write_with_a_key_happens_once(note: Caller) -> None:
    body = {"sql": "INSERT INTO note (text) VALUES ('once')"}
    headers = {"Idempotency-Key": "7f9c"}

    first, again = note.post("/query", body, headers=headers), note.post("/query", body, headers=headers)

    assert first.status_code == again.status_code == 200
    assert first.data == again.data
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert note.sql("SELECT count(*) AS n FROM note WHERE text = 'once'")["rows"] == [{"n": 1}]


@pytest.mark.parametrize("form", ["application/json", "text/csv", "application/x-ndjson"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_repeat_has_the_headers_of_the_first_answer(note: Caller, form: str, *, cut: bool) -> None:
    body = {"sql": "INSERT INTO note (text) VALUES ('a'), ('b') RETURNING text", "max_rows": 1 if cut else 2}
    headers = {"Idempotency-Key": "7f9c", "Accept": form}

    first, again = note.post("/query", body, headers=headers), note.post("/query", body, headers=headers)

    of_the_request = {"X-Request-ID", "RateLimit-Remaining", "RateLimit-Reset"}
    told = [{name: text for name, text in answer.headers.items() if name not in of_the_request} for answer in (first, again)]
    assert told[1] == told[0] | {"Idempotent-Replayed": "true"}
    assert told[0].get("X-Truncated") == (None if form == "application/json" else "true" if cut else "false")


def test_a_key_belongs_to_one_request(note: Caller) -> None:
    headers = {"Idempotency-Key": "7f9c"}
    note.post("/query", {"sql": "INSERT INTO note (text) VALUES ('once')"}, headers=headers)

    other = note.post("/query", {"sql": "INSERT INTO note (text) VALUES ('twice')"}, headers=headers)
    elsewhere = note.post("/transaction", {"statements": [{"sql": "DELETE FROM note"}]}, headers=headers)

    for answer in (other, elsewhere):
        assert (answer.status_code, answer.json["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ä", "a\tb", " x"])
def test_a_key_has_printable_characters(note: Caller, key: str) -> None:
    answer = note.post("/query", {"sql": "DELETE FROM note"}, headers={"Idempotency-Key": key.encode().decode("latin-1")})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_a_plan_names_what_let_the_statement_through(note: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("editor", "editor")
    note.post("/admin/permissions", {"user_id": editor.user_id, "table_name": "note", "can_read": True})
    note.post("/admin/policies", {"table_name": "note", "policy_type": "read", "sql_condition": "id = 1"})

    own = editor.post("/query/explain", {"sql": "SELECT text FROM note WHERE id = ?", "params": [1]})

    assert own.status_code == 200
    assert own.json.keys() == {"kind", "allowed", "reason", "code", "position", "tables", "plan", "formatted"}
    assert own.json["formatted"] == "SELECT text\nFROM note\nWHERE id = ?"
    assert (own.json["kind"], own.json["allowed"], own.json["code"]) == ("SELECT", True, "")
    (table,) = own.json["tables"]
    assert (table["table"], table["right"], table["columns"], table["allowed"]) == ("note", "read", ["id", "text"], True)
    assert [(rule["rule"], rule["allowed"], rule["id"]) for rule in table["rules"]] == [
        ("role", True, None),
        ("permission", True, None),
        ("policy", True, 1),
    ]
    assert own.json["plan"]
    assert "id = 1" not in own.text


def test_a_plan_names_what_stopped_the_statement(note: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("editor", "editor")
    note.post("/admin/permissions", {"user_id": editor.user_id, "table_name": "note", "can_read": True})

    found = editor.post("/query/explain", {"sql": "DELETE FROM note"}).json

    assert (found["allowed"], found["code"], found["plan"]) == (False, "table_forbidden", [])


def test_administrators_see_the_plan_of_another_with_the_conditions(note: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("editor", "editor")
    note.post("/admin/permissions", {"user_id": editor.user_id, "table_name": "note", "can_read": True})
    note.post("/admin/policies", {"table_name": "note", "policy_type": "read", "sql_condition": "id = 1"})

    for named in (editor.user_id, "EDITOR"):
        found = note.post("/query/explain", {"sql": "SELECT text FROM note", "as_user": named}).json
        assert [rule["rule"] for rule in found["tables"][0]["rules"]] == ["role", "permission", "policy"]
        assert found["tables"][0]["rules"][2]["reason"].endswith("id = 1")


def test_only_administrators_ask_on_behalf_of_others(note: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("editor", "editor")

    for named in (1, "owner", "nobody", "public"):
        assert editor.post("/query/explain", {"sql": "SELECT 1", "as_user": named}).status_code == 403
    assert note.post("/query/explain", {"sql": "SELECT 1", "as_user": "nobody"}).status_code == 404
    assert note.post("/query/explain", {"sql": "SELECT 1", "as_user": "public"}).status_code == 200


def test_administrators_read_what_another_would_and_write_nothing_in_his_name(note: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("editor", "editor")
    note.post("/query", {"sql": "INSERT INTO note VALUES (3, 'of the editor')"})
    note.post("/admin/permissions", {"user_id": editor.user_id, "table_name": "note", "can_read": True, "can_write": True})
    note.post("/admin/policies", {"table_name": "note", "policy_type": "read", "sql_condition": "text LIKE '%' || $username"})

    def as_editor(sql: str, caller: Caller = note) -> tuple[int, Any]:
        answer = caller.post("/query", {"sql": sql, "as_user": "editor"})
        return answer.status_code, answer.json.get("rows", answer.json.get("code"))

    assert as_editor("SELECT id FROM note") == (200, [{"id": 3}])
    assert as_editor("UPDATE note SET text = ''") == (422, "statement_not_allowed")
    assert as_editor("SELECT 1", editor) == (403, "forbidden")
    assert note.post("/query", {"sql": "SELECT id FROM note", "as_user": "public"}).json["code"] == "no_such_table"


def test_a_viewer_never_writes(note: Caller, invite: Callable[..., Caller]) -> None:
    viewer = invite("a_viewer", "viewer")
    note.post("/admin/permissions", {"user_id": viewer.user_id, "table_name": "note", "can_read": True, "can_write": True})

    answer = viewer.post("/query", {"sql": "UPDATE note SET text = 'x'"})

    assert (answer.status_code, answer.json["code"]) == (403, "table_forbidden")
    assert len(viewer.sql("SELECT * FROM note")["rows"]) == 2


def test_what_administrators_may_an_editor_may_not(invite: Callable[..., Caller]) -> None:
    answer = invite("editor", "editor").post("/query", {"sql": "CREATE TABLE mine (a)"})

    assert (answer.status_code, answer.json["code"]) == (403, "statement_forbidden")


def test_an_error_in_sql_is_a_problem_even_where_csv_was_asked_for(owner: Caller) -> None:
    answer = owner.post("/query", {"sql": "SELECT"}, headers={"Accept": "text/csv"})

    assert answer.mimetype == "application/problem+json"
