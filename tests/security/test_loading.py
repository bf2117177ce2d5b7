"""Files of rows as weapons: what their names, values, sizes and senders try, and that nothing of it stays."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.web.callers import PASSWORD, Caller, sign_in
from wce.config import Settings
from wce.core import logins
from wce.core.loading import sheet, tables
from wce.core.loading.sheet import MAX_COLUMNS
from wce.core.loading.source import MAX_DEPTH, MAX_RECORD
from wce.errors import WceError
from wce.web.factory import create_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    freely = dict.fromkeys(("rate_limit_ip", "rate_limit_user", "rate_limit_cenv"), "1000000 per minute")
    settings = Settings(
        storage_dir=tmp_path_factory.mktemp("loading") / "cenvs",
        jwt_secret="k" * 32,
        min_free_mb=0,
        rate_limit_new="1000 per minute",
        rate_limit_login="1000 per minute",
        cenv_overrides=freely,
    )
    app = create_app(settings, bcrypt_rounds=4)
    yield app
    app.extensions["wce"].close()


@pytest.fixture
def owner(app: Flask) -> Caller:
    client = app.test_client(use_cookies=False)
    made = client.post("/new", json={"username": "owner", "password": PASSWORD})
    return sign_in(client, made.json["cenv_id"], "owner")


@pytest.fixture
def invite(owner: Caller) -> Callable[..., Caller]:
    def add(username: str, role: str) -> Caller:
        owner.post("/admin/users", {"username": username, "password": PASSWORD, "role": role})
        return sign_in(owner.client, owner.cenv, username)

    return add


def send(caller: Caller, content: str | bytes, name: str = "t.csv", **fields: str) -> TestResponse:
    file = FileStorage(io.BytesIO(content.encode() if isinstance(content, str) else content), name)
    boundary, body = encode_multipart({"table": "t", "mode": "create", **fields, "file": file})
    return caller.post("/admin/tables/import", data=body, content_type=f"multipart/form-data; boundary={boundary}")


def names(owner: Caller) -> list[str]:
    return [table["name"] for table in owner.get("/tables").json["tables"]]


@pytest.mark.parametrize("mode", ["create", "append"])
@pytest.mark.parametrize(
    "table",
    [
        *(
            "_wce_users",
            "_WCE_Config",
            "_wce_audit_log",
            "_wce_new",
            "sqlite_master",
            "SQLITE_schema",
            "sqlite_sequence",
            "sqlite_temp_master",
        ),
        *("json_each", "pragma_table_info", "dbstat", "fts5vocab", "generate_series\x00", "a\nb", "x" * 129, ""),
    ],
)
def test_no_file_goes_where_wce_and_sqlite_keep_their_own(owner: Caller, table: str, mode: str) -> None:
    answer = send(owner, "username,role,key,value\nmallory,owner,max_users,1000\n", table=table, mode=mode)

    assert answer.status_code in (403, 404, 422), answer.text
    assert names(owner) == []
    assert [user["username"] for user in owner.get("/admin/users").json["users"]] == ["owner"]


@pytest.mark.parametrize(
    "table", ['a"b', "x; DROP TABLE kept", "x') VALUES (1); --", "main.kept", "temp.t", "select", "__proto__", "＿wce_users"]
)
def test_an_odd_name_is_a_name_and_nothing_else(owner: Caller, table: str) -> None:
    owner.sql("CREATE TABLE kept (a INTEGER)")

    assert send(owner, 'a,"b); DROP TABLE kept; --","c""d",rowid,select\n1,2,3,4,5\n', table=table).status_code == 200
    assert send(owner, 'rowid,"b); DROP TABLE kept; --"\n6,7\n', table=table, mode="append").status_code == 200
    assert sorted(names(owner)) == sorted(["kept", table])
    quoted = table.replace('"', '""')
    assert owner.sql(f'SELECT "rowid" AS r, "b); DROP TABLE kept; --" AS b FROM "{quoted}"')["rows"] == [{"r": 4, "b": 2}, {"r": 6, "b": 7}]


def test_formulas_are_data_here_and_harmless_in_what_a_spreadsheet_opens(owner: Caller) -> None:
    cells = ['=HYPERLINK("http://evil.example")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\tx", "'=1"]
    send(owner, "=name\n" + "".join('"' + cell.replace('"', '""') + '"\n' for cell in cells))

    assert [row["=name"] for row in owner.sql("SELECT * FROM t")["rows"]] == cells
    out = owner.post("/query", {"sql": "SELECT * FROM t"}, headers={"Accept": "text/csv"}).text
    assert all(line.lstrip('"').startswith("'") for line in out.splitlines())


@pytest.mark.parametrize(
    ("content", "fields", "told"),
    [
        ("a,nothing\n1,2\n", {}, "nothing"),
        ("a,rowid\n1,2\n", {}, "rowid"),  # the hidden column of a table that has none of that name
        ("a\n1\n", {"columns": '[{"name": "nothing", "type": "INTEGER"}]'}, "nothing"),
        ('[{"a": 1, "b": {"c": 1}}]', {"name": "t.json"}, "b"),
    ],
)
def test_rows_go_into_columns_that_are_there(owner: Caller, content: str, fields: dict[str, str], told: str) -> None:
    owner.sql("CREATE TABLE t (a INTEGER)")

    answer = send(owner, content, mode="append", **fields)

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "columns")
    assert told in answer.json["detail"]
    assert owner.sql("SELECT * FROM t")["rows"] == []


def test_views_and_their_names_are_no_place_for_rows(owner: Caller) -> None:
    owner.sql("CREATE TABLE kept (a INTEGER)")
    owner.sql("CREATE VIEW t AS SELECT a FROM kept")

    assert [send(owner, "a\n1\n", mode=mode).json["code"] for mode in ("create", "append")] == ["name_taken", "no_such_table"]
    assert owner.sql("SELECT * FROM kept")["rows"] == []


def test_users_import_nothing_whatever_they_hold(owner: Caller, invite: Callable[..., Caller]) -> None:
    owner.sql("CREATE TABLE t (a INTEGER)")
    editor, viewer = invite("grace", "editor"), invite("alan", "viewer")
    owner.post("/admin/permissions", {"user_id": editor.user_id, "table_name": "t", "can_read": True, "can_write": True, "can_grant": True})
    nobody = Caller(owner.client, owner.cenv)

    for caller, status in ((editor, 403), (viewer, 403), (nobody, 401)):
        assert send(caller, "a\n1\n", mode="append").status_code == status
        assert send(caller, "a\n1\n", table="new").status_code == status
    assert owner.sql("SELECT * FROM t")["rows"] == []


def test_the_load_itself_obeys_row_policies_and_hidden_tables(
    app: Flask, owner: Caller, invite: Callable[..., Caller], tmp_path: Path
) -> None:
    """No route lets users import today; who would open one finds the guard under it."""
    owner.sql("CREATE TABLE t (a INTEGER, who INTEGER)")
    owner.sql("CREATE TABLE hidden (a INTEGER, who INTEGER)")
    grace = invite("grace", "editor")
    owner.post("/admin/permissions", {"user_id": grace.user_id, "table_name": "t", "can_read": True, "can_write": True})
    policy = {"table_name": "t", "policy_type": "write", "sql_condition": "who = $user_id"}
    assert owner.post("/admin/policies", policy).status_code == 201
    services = app.extensions["wce"]
    with services.store.session(owner.cenv) as session:
        claims = services.tokens.read(grace.token, owner.cenv, services.now())
        who = logins.authenticate(session, claims, services.now(), "127.0.0.1", "")
        config = services.config.read(session, who.state.settings)

    def load(text: str, table: str, *, create: bool = False) -> int:
        (tmp_path / "t.csv").write_text(text)
        return tables.load(services.queries, owner.cenv, who, config, sheet.survey(tmp_path / "t.csv", "csv"), table, create=create).rows

    assert load(f"a,who\n1,{grace.user_id}\n", "t") == 1
    for text, table, create, codes in (
        (f"a,who\n2,{grace.user_id}\n3,1\n", "t", False, {"row_policy"}),
        ("a,who\n2,2\n", "hidden", False, {"no_such_table", "table_forbidden"}),
        ("a,who\n2,2\n", "new", True, {"statement_forbidden", "forbidden", "table_forbidden"}),
    ):
        with pytest.raises(WceError) as refused:
            load(text, table, create=create)
        assert refused.value.code in codes
    assert owner.sql("SELECT a FROM t UNION ALL SELECT a FROM hidden")["rows"] == [{"a": 1}]


DEEP = MAX_DEPTH + 1
BOMBS = {
    "a line of 20 million commas": ("," * 20_000_000, "t.csv"),
    "one record of many lines": ('a\n"' + "x\n" * MAX_RECORD, "t.csv"),
    "many fields over many lines": ("a\n" + '"\n",' * 400_000, "t.csv"),
    "one huge field": ("a\n" + "x" * (MAX_RECORD + 1), "t.csv"),
    "thousands of columns": (",".join(f"c{n}" for n in range(5_000)) + "\n", "t.csv"),
    "thousands of keys": (json.dumps([{f"c{n}": n for n in range(5_000)}]), "t.json"),
    "a key more in each row": ("\n".join(f'{{"c{n}": 1}}' for n in range(MAX_COLUMNS + 1)), "t.ndjson"),
    "brackets without end": ("[" + '{"a":' * 200_000, "t.json"),
    "lists in lists": ('[{"a": ' + "[" * DEEP + "]" * DEEP + "}]", "t.json"),
    "as deep as Python just reads": ('[{"a": ' + "[" * 900 + "]" * 900 + "}]", "t.json"),
    "objects in objects": ('{"b": 1, "a": ' * DEEP + "1" + "}" * DEEP, "t.ndjson"),
    "a number of 10,000 digits": ('[{"a": ' + "9" * 10_000 + "}]", "t.json"),
    "no number": ('[{"a": NaN}]', "t.json"),
    "NUL in a name": ("a\0b\n1\n", "t.csv"),
    "NUL in a key": ('[{"a\\u0000b": 1}]', "t.json"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "t.csv"),
    "UTF-16 without its mark": ("a,b\n1,2\n".encode("utf-16-le"), "t.csv"),
    "Latin-1 at the end": (b"a\n" + b"x\n" * 20_000 + b"\xe9\n", "t.csv"),
    "an overlong slash": (b"a\n\xc0\xaf\n", "t.csv"),
    "half of a pair": (b"a\n\xed\xa0\x80\n", "t.csv"),
}


@pytest.mark.parametrize("bomb", list(BOMBS))
def test_a_bomb_is_an_answer_that_says_what_is_wrong(owner: Caller, bomb: str) -> None:
    content, name = BOMBS[bomb]

    answer = send(owner, content, name)

    assert (answer.status_code, answer.json["code"]) == (422, "validation"), answer.text
    assert answer.json["errors"][0]["field"] == "file"
    assert names(owner) == []


def test_as_deep_as_allowed_comes_back_whole(owner: Caller) -> None:
    nested = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)

    assert send(owner, f'[{{"a": {nested}}}]', "t.json").status_code == 200
    assert owner.sql("SELECT a FROM t")["rows"] == [{"a": nested}]


def test_nul_in_a_value_is_kept_as_it_is(owner: Caller) -> None:
    send(owner, "a\nx\0y\n")

    assert owner.sql("SELECT a, hex(a) AS bytes FROM t")["rows"] == [{"a": "x\0y", "bytes": "780079"}]


@pytest.mark.parametrize("mode", ["create", "append"])
def test_a_quota_that_is_hit_midway_leaves_nothing(owner: Caller, mode: str) -> None:
    if mode == "append":
        owner.sql("CREATE TABLE t (a TEXT)")
    before = names(owner), owner.get("/admin/audit").json["entries"]
    owner.put("/admin/config", {"max_database_mb": 1})

    answer = send(owner, "a\n" + ("x" * 10_000 + "\n") * 200, mode=mode)

    assert (answer.status_code, answer.json["code"]) == (507, "quota_exceeded"), answer.text
    assert names(owner) == before[0]
    assert owner.get("/admin/audit").json["entries"][1:] == before[1]  # the change of the quota and nothing else
    owner.put("/admin/config", {"max_database_mb": 10})
    assert send(owner, "a\n1\n", mode=mode).json["rows"] == 1


def test_time_that_runs_out_midway_leaves_nothing(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 1_000.0])
    monkeypatch.setattr(tables, "time", SimpleNamespace(monotonic=lambda: next(times, 1_000.0)))

    answer = send(owner, "a\n" + "1\n" * 2_000)

    assert (answer.status_code, answer.json["code"]) == (504, "query_timeout")
    assert names(owner) == []
