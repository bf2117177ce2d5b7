"""Files of rows as tables, over HTTP."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.web.callers import Caller


def send(caller: Caller, content: str | bytes, name: str = "t.csv", **fields: str) -> TestResponse:
    data: dict[str, Any] = {"table": "t", "mode": "create", **fields}
    data["file"] = (io.BytesIO(content.encode() if isinstance(content, str) else content), name)
    return caller.post("/admin/tables/import", data=data, content_type="multipart/form-data")


def test_a_csv_file_becomes_a_table(owner: Caller) -> None:
    answer = send(owner, "\ufeffid;zip;price\n1;007;2.5\n2;+49;\n")

    assert (answer.status_code, answer.json["rows"], answer.json["created"]) == (200, 2, True), answer.text
    assert owner.sql("SELECT * FROM t")["rows"] == [{"id": 1, "zip": "007", "price": 2.5}, {"id": 2, "zip": "+49", "price": None}]
    assert [entry["details"] for entry in owner.get("/admin/audit?action=insert").json["entries"]] == [{"rows": 2, "import": "csv"}]


@pytest.mark.parametrize(
    ("name", "content"), [("t.json", '[{"a": 1, "b": {"c": [2]}},\n {"a": 2}]'), ("t.ndjson", '{"a": 1, "b": {"c": [2]}}\n{"a": 2}\n')]
)
def test_so_does_json(owner: Caller, name: str, content: str) -> None:
    assert send(owner, content, name).status_code == 200
    assert owner.sql("SELECT * FROM t")["rows"] == [{"a": 1, "b": '{"c": [2]}'}, {"a": 2, "b": None}]


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("ID,a\n2,x\n1,y\n", ["ID"]),
        ("id,a\n1,x\n1,y\n", []),
        ("id,a\n1,x\n,y\n", []),
        ("id,a\nx,1\ny,2\n", []),
        ("no,a\n1,x\n2,y\n", []),
    ],
    ids=["each once", "one twice", "one empty", "texts", "another name"],
)
def test_a_column_id_that_tells_all_rows_apart_is_the_key(owner: Caller, content: str, key: list[str]) -> None:
    assert send(owner, content).json["rows"] == 2

    assert owner.get("/data/t").json["key"] == key


def test_a_preview_keeps_nothing(owner: Caller) -> None:
    answer = send(owner, "a,a\n1,2\n3\n", preview="true")

    assert answer.json["rows"] == [[1, 2]]
    assert [fault["line"] for fault in answer.json["errors"]] == [3, 1]
    assert owner.post("/query", {"sql": "SELECT * FROM t"}).json["code"] == "no_such_table"


def test_rows_are_added_to_a_table_all_or_none(owner: Caller) -> None:
    owner.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")

    assert send(owner, "id,text\n1,1.50\n", mode="append").json["created"] is False
    again = send(owner, "id,text\n2,x\n1,y\n", mode="append")

    assert (again.status_code, again.json["code"]) == (422, "constraint")
    assert again.json["detail"].startswith("line 3: ")
    assert owner.sql("SELECT * FROM t")["rows"] == [{"id": 1, "text": "1.50"}]


@pytest.mark.parametrize(
    ("content", "fields", "status", "told"),
    [
        ("a\nx\n", {"columns": '[{"name": "a", "type": "INTEGER"}]'}, 422, "line 2, column a"),
        (
            "a;b\n-1,50;2\n",
            {"columns": '[{"name": "a", "type": "REAL"}, {"name": "b", "type": "TEXT"}]'},
            422,
            "a number has a decimal point",
        ),
        ("a\nx\n", {"columns": "[1]"}, 422, "columns"),
        ("a\nx\n", {"columns": '[{"name": "a", "type": "BLOB"}]'}, 422, "columns"),
        ("a\nx\n", {"columns": "[]"}, 422, "columns"),
        ("a\nx\n", {"name": "t.bin"}, 422, "format"),
        ("a\nx\n", {"mode": "append"}, 404, "no such table"),
        ("a\nx\n", {"table": "_wce_users"}, 403, ""),
        ("", {}, 422, "no columns"),
        (b"a\n\xff\n", {}, 422, "UTF-8"),
        ('a\n"x\n', {}, 422, "line"),
        ("{}", {"name": "t.json"}, 422, "array"),
        ("[{}, 1]", {"name": "t.json"}, 422, "object"),
        ('[{"a": 1}', {"name": "t.json"}, 422, "end"),
        ('[{"a": 1e999}]', {"name": "t.json"}, 422, "JSON"),
        ('{"a": "\\ud800"}', {"name": "t.ndjson"}, 422, "surrogate"),
        ("[" * 9000, {"name": "t.ndjson"}, 422, "JSON"),
        (",".join(map(str, range(201))), {}, 422, "columns"),
    ],
)
def test_what_cannot_be_read_is_refused(owner: Caller, content: str | bytes, fields: dict[str, str], status: int, told: str) -> None:
    answer = send(owner, content, **fields)

    assert answer.status_code == status, answer.text
    assert told in answer.json["detail"]


def test_a_name_is_taken_once(owner: Caller) -> None:
    assert send(owner, "a\n1\n").status_code == 200
    assert send(owner, "a\n1\n").json["code"] == "name_taken"


def test_only_administrators_import(invite: Callable[..., Caller]) -> None:
    assert send(invite("grace", "editor"), "a\n1\n").status_code == 403
