"""A cenv out of a file, and a file in the place of a cenv."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.web.callers import PASSWORD, Caller, sign_in
from wce.core.jobs import TABLE
from wce.model import Commit
from wce.store.folder import Folder

CHINOOK = Path(__file__).resolve().parents[2] / "examples" / "chinook" / "chinook.sqlite"


def form(content: bytes, **fields: str) -> dict[str, Any]:
    return encoded({"file": sent(content), **fields})


def sent(content: bytes) -> FileStorage:
    return FileStorage(io.BytesIO(content), "../../etc/passwd")


def encoded(values: Mapping[str, Any]) -> dict[str, Any]:
    boundary, body = encode_multipart(values)
    return {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}


def test_chinook_moves_to_another_server_with_its_people_and_their_passwords(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    first = make_app().test_client(use_cookies=False)
    made = first.post("/new", **form(CHINOOK.read_bytes(), username="ada", password=PASSWORD))
    assert made.status_code == 201, made.text
    assert made.json["report"]["tables"]["Customer"] == 59
    ada = sign_in(first, made.json["cenv_id"], "ada")
    agent = ada.post("/admin/users", {"username": "jane", "password": "battery staple", "role": "editor"}).json["user_id"]
    ada.post("/admin/permissions", {"user_id": agent, "table_name": "Customer", "can_read": True})
    ada.post("/admin/policies", {"table_name": "Customer", "policy_type": "read", "sql_condition": "SupportRepId = 3"})
    ask = "SELECT count(*) AS n, min(LastName) AS name FROM Customer"
    before = sign_in(first, ada.cenv, "jane", "battery staple").sql(ask)["rows"]
    taken = ada.get("/admin/export", buffered=True).data

    second = make_app(storage_dir=tmp_path / "elsewhere").test_client(use_cookies=False)
    arrived = second.post("/new", **form(taken))

    assert arrived.status_code == 201, arrived.text
    assert (arrived.json["report"]["kind"], arrived.json["report"]["owner"]) == ("cenv", "ada")
    cenv = arrived.json["cenv_id"]
    assert sign_in(second, cenv, "jane", "battery staple").sql(ask)["rows"] == before == [{"n": 21, "name": "Almeida"}]
    there = sign_in(second, cenv, "ada")
    assert there.get("/admin/audit/verify").json["ok"] is True
    assert Caller(second, cenv, ada.token).get("/me").status_code == 401


def test_a_file_takes_the_place_of_all_that_there_was(app: Flask, owner: Caller, invite: Callable[..., Caller]) -> None:
    owner.sql("CREATE TABLE notes (text TEXT)")
    owner.sql("INSERT INTO notes VALUES ('first')")
    taken = owner.get("/admin/export", buffered=True).data
    later = invite("grace", "editor")
    owner.sql("INSERT INTO notes VALUES ('second')")

    answer = owner.post("/admin/import", **form(taken, confirm=owner.cenv))

    assert answer.status_code == 200, answer.text
    assert answer.json["report"]["tables"] == {"notes": 1}
    assert (owner.get("/me").status_code, later.get("/me").status_code) == (401, 401)
    again = sign_in(owner.client, owner.cenv, "owner")
    assert again.sql("SELECT text FROM notes")["rows"] == [{"text": "first"}]
    (kept,) = again.get("/admin/backups").json["backups"]
    assert (kept["kind"], kept["rows"]) == ("import", 2)


def test_schedules_that_come_with_a_file_or_come_back_are_looked_for_at_once(app: Flask, client: FlaskClient, owner: Caller) -> None:
    looked_at: list[str] = []

    def notice(commit: Commit) -> None:
        if TABLE in commit.tables:
            looked_at.append(commit.cenv)

    taken = owner.get("/admin/export", buffered=True).data
    backup = owner.post("/admin/backups").json["id"]
    app.extensions["wce"].store.hooks.add("noticed", notice)

    made = client.post("/new", **form(taken)).json["cenv_id"]
    owner.post("/admin/import", **form(taken, confirm=owner.cenv))
    again = sign_in(client, owner.cenv, "owner")
    again.post(f"/admin/backups/{backup}/restore", {"password": PASSWORD})
    again = sign_in(client, owner.cenv, "owner")
    again.post("/admin/delete", {"password": PASSWORD, "confirm": owner.cenv})
    assert looked_at == [made, owner.cenv, owner.cenv]
    client.post("/undelete", json={"cenv_id": owner.cenv, "username": "owner", "password": PASSWORD})

    assert looked_at == [made, owner.cenv, owner.cenv, owner.cenv]


def test_what_would_fill_the_disk_takes_no_place(app: Flask, owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.sql("CREATE TABLE notes (text TEXT)")
    backup = owner.post("/admin/backups").json["id"]
    floor = app.extensions["wce"].settings.min_free_mb << 20
    monkeypatch.setattr(Folder, "free_bytes", lambda _: floor + (2 << 20))  # Chinook makes 1.3 MB, the cenv has a third of that

    too_large = owner.post("/admin/import", **form(CHINOOK.read_bytes(), confirm=owner.cenv))

    assert (too_large.status_code, too_large.json["code"]) == (507, "disk_full")
    assert owner.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 0}]
    assert owner.post(f"/admin/backups/{backup}/restore", {"password": PASSWORD}).status_code == 200


def test_plain_data_keeps_the_owner_who_brings_it(owner: Caller) -> None:
    answer = owner.post("/admin/import", **form(CHINOOK.read_bytes(), confirm=owner.cenv))

    assert answer.json["report"]["owner"] == "owner"
    assert sign_in(owner.client, owner.cenv, "owner").sql("SELECT count(*) AS n FROM Track")["rows"] == [{"n": 3503}]


def test_nothing_changes_where_the_file_is_bad(owner: Caller) -> None:
    owner.sql("CREATE TABLE notes (text TEXT)")

    for options, code, field in (
        (form(b"no database", confirm=owner.cenv), "bad_file", None),
        (form(b"no database"), "validation", "confirm"),
        (form(b"no database", confirm="yes"), "validation", "confirm"),
        (form(b"no database", confirm=owner.cenv, pasword="x"), "validation", "pasword"),
        (encoded({"confirm": owner.cenv}), "validation", "file"),
        (encoded({"confirm": owner.cenv, "other": sent(b"x")}), "validation", "file"),
        (
            {"data": {"file": [sent(b"x"), sent(b"y")]}, "content_type": "multipart/form-data"},
            "validation",
            "file",
        ),
        ({"data": b"--x", "content_type": "multipart/form-data"}, "malformed", None),
        ({"json": {}}, "unsupported_media_type", None),
    ):
        answer = owner.post("/admin/import", **options)
        assert answer.json["code"] == code, answer.text
        assert [item["field"] for item in answer.json.get("errors", [])] == ([field] if field else [])

    assert owner.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 0}]
    assert owner.get("/admin/backups").json["backups"] == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"username": "ada", "password": PASSWORD, "example": "todo"}, ["example"]),
        ({"username": "ada", "pasword": PASSWORD}, ["pasword"]),
        ({"username": "ada"}, ["password"]),
        ({"password": PASSWORD}, ["username"]),
        ({"username": "a", "password": "b"}, ["username", "password"]),
    ],
)
def test_every_field_beside_a_file_for_a_new_cenv_is_looked_at(client: FlaskClient, fields: dict[str, str], named: list[str]) -> None:
    answer = client.post("/new", **form(CHINOOK.read_bytes(), **fields))

    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    assert [item["field"] for item in answer.json["errors"]] == named


def test_a_file_is_bounded(make_app: Callable[..., Flask]) -> None:
    client = make_app(max_import_mb=1).test_client(use_cookies=False)

    answer = client.post("/new", **form(b"x" * 2_000_000, username="ada", password=PASSWORD))

    assert (answer.status_code, answer.json["code"]) == (413, "too_large")


def test_a_server_that_makes_no_cenvs_makes_none_of_files(make_app: Callable[..., Flask]) -> None:
    client = make_app(allow_new_cenvs=False).test_client(use_cookies=False)

    assert client.post("/new", **form(CHINOOK.read_bytes(), username="ada", password=PASSWORD)).status_code == 403


def test_the_owner_of_new_data_is_named(client: FlaskClient) -> None:
    assert client.post("/new", **form(CHINOOK.read_bytes())).json["code"] == "bad_file"
    assert client.post("/new", **form(CHINOOK.read_bytes(), username="x", password=PASSWORD)).json["errors"][0]["field"] == "username"
    assert client.post("/new", **form(CHINOOK.read_bytes(), username="ada")).json["errors"][0]["field"] == "password"
