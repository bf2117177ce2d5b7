"""Backups over HTTP."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from tests.web.callers import PASSWORD, Caller, Clock, sign_in
from wce import lane
from wce.core import backups
from wce.core.operator import OPERATOR
from wce.web import files


@pytest.fixture
def notes(owner: Caller) -> Caller:
    owner.sql("CREATE TABLE notes (text TEXT)")
    owner.sql("INSERT INTO notes VALUES ('kept')")
    return owner


def test_a_backup_tells_what_is_in_it(notes: Caller, invite: Callable[..., Caller]) -> None:
    admin = invite("grace", "admin")

    made = admin.post("/admin/backups")

    assert made.status_code == 201
    assert made.headers["Location"] == f"/{notes.cenv}/admin/backups/{made.json['id']}"
    assert (made.json["kind"], made.json["tables"], made.json["rows"], made.json["created_by"]) == ("manual", 1, 1, "grace")
    assert admin.get("/admin/backups").json == {"backups": [made.json]}
    assert notes.get("/admin/audit?action=backup.create").json["entries"][0]["resource_id"] == made.json["id"]


def test_those_of_one_second_stand_in_their_order(notes: Caller, app: Flask, clock: Clock) -> None:
    made = []
    with app.extensions["wce"].store.session(notes.cenv) as session:
        for kind in ("schedule", "manual", "restore", "import", "manual"):
            made.append(app.extensions["wce"].backups.create(session, OPERATOR, kind).id)
            clock.seconds += 0.01

    assert [item["id"] for item in notes.get("/admin/backups").json["backups"]] == made[::-1]


def test_a_cenv_becomes_what_it_was_and_what_it_is_now_is_kept(notes: Caller, clock: Clock) -> None:
    backup = notes.post("/admin/backups").json["id"]
    clock.seconds += 10
    notes.sql("DELETE FROM notes")

    wrong = notes.post(f"/admin/backups/{backup}/restore", {"password": "wrong password"})
    answer = notes.post(f"/admin/backups/{backup}/restore", {"password": PASSWORD})

    assert (wrong.status_code, answer.status_code) == (401, 200)
    assert notes.get("/me").status_code == 401
    again = sign_in(notes.client, notes.cenv, "owner")
    assert again.sql("SELECT text FROM notes")["rows"] == [{"text": "kept"}]
    kept = again.get("/admin/backups").json["backups"]
    assert [(item["kind"], item["rows"]) for item in kept] == [("restore", 0), ("manual", 1)]
    assert again.get("/admin/audit?action=backup.restore").json["entries"][0]["details"] == {"kept": kept[0]["id"]}
    assert again.get("/admin/audit/verify").json["ok"] is True


def test_a_right_that_was_taken_away_after_the_backup_is_no_bypass_of_what_is_cached(notes: Caller, invite: Callable[..., Caller]) -> None:
    grace = invite("grace", "editor")
    backup = notes.post("/admin/backups").json["id"]
    notes.post("/admin/permissions", {"user_id": grace.user_id, "table_name": "notes", "can_read": True})
    assert grace.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 1}]

    notes.post(f"/admin/backups/{backup}/restore", {"password": PASSWORD})

    back = sign_in(notes.client, notes.cenv, "grace")
    assert back.post("/query", {"sql": "SELECT count(*) AS n FROM notes"}).status_code in (403, 404)


def test_the_id_of_whoever_came_after_the_backup_is_not_given_again(notes: Caller, invite: Callable[..., Caller], clock: Clock) -> None:
    invite("early", "viewer")
    backup = notes.post("/admin/backups").json["id"]
    with notes.get("/admin/export") as export:
        file = io.BytesIO(export.data)
    clock.seconds += 10
    assert invite("late", "viewer").user_id == 3
    new = {"username": "grace", "password": PASSWORD, "role": "viewer"}

    notes.post(f"/admin/backups/{backup}/restore", {"password": PASSWORD})
    restored = sign_in(notes.client, notes.cenv, "owner")
    assert restored.post("/admin/users", new).json["user_id"] == 4
    restored.send("POST", "/admin/import", data={"file": (file, "cenv.sqlite3"), "confirm": notes.cenv})

    assert sign_in(notes.client, notes.cenv, "owner").post("/admin/users", new).json["user_id"] == 5


def test_a_backup_is_taken_along_and_let_go(notes: Caller) -> None:
    backup = notes.post("/admin/backups").json

    taken = notes.get(f"/admin/backups/{backup['id']}", buffered=True)

    assert (len(taken.data), taken.mimetype) == (backup["bytes"], "application/vnd.sqlite3")
    assert notes.delete(f"/admin/backups/{backup['id']}").status_code == 204
    assert notes.get("/admin/backups").json == {"backups": []}
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/restore")):
        answer = notes.send(method, f"/admin/backups/{backup['id']}{path}", {"password": PASSWORD} if path else None)
        assert answer.status_code == 404


@pytest.mark.parametrize("name", ["..%2f..%2fx", "x", "20270115T080000Z-manual-00000000", "20270115T080000Z-manual-0000000g"])
def test_only_a_name_that_was_given_names_one(notes: Caller, name: str) -> None:
    assert notes.get(f"/admin/backups/{name}").status_code == 404


def test_a_backup_that_was_changed_is_not_brought_back(app: Flask, notes: Caller, tmp_path: Path) -> None:
    backup = notes.post("/admin/backups").json["id"]
    file = tmp_path / "cenvs" / "backups" / notes.cenv / f"{backup}.sqlite3"
    file.write_bytes(file.read_bytes().replace(b"kept", b"fake"))

    answer = notes.post(f"/admin/backups/{backup}/restore", {"password": PASSWORD})

    assert (answer.status_code, answer.json["code"]) == (422, "bad_file")
    assert notes.sql("SELECT text FROM notes")["rows"] == [{"text": "kept"}]


def test_a_backup_whose_facts_are_damaged_can_be_let_go(notes: Caller, tmp_path: Path) -> None:
    backup = notes.post("/admin/backups").json["id"]
    folder = tmp_path / "cenvs" / "backups" / notes.cenv
    (folder / f"{backup}.json").write_text("{")

    assert notes.get(f"/admin/backups/{backup}").json["code"] == "bad_file"
    assert notes.delete(f"/admin/backups/{backup}").status_code == 204
    assert not folder.exists()
    assert notes.delete(f"/admin/backups/{backup}").status_code == 404


def test_a_cenv_keeps_so_many_that_its_users_made(notes: Caller, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "MAX_KEPT", 2)
    kept = app.extensions["wce"].backups
    for kind, actor in (("schedule", OPERATOR), ("manual", OPERATOR)):
        with app.extensions["wce"].store.session(notes.cenv) as session:
            kept.create(session, actor, kind)
    made = [notes.post("/admin/backups") for _ in range(2)]

    refused = notes.post("/admin/backups")
    restored = notes.post(f"/admin/backups/{made[0].json['id']}/restore", {"password": PASSWORD})

    assert [answer.status_code for answer in made] == [201, 201]
    assert [(answer.status_code, answer.json["code"]) for answer in (refused, restored)] == [(507, "quota_exceeded")] * 2
    assert notes.sql("SELECT text FROM notes")["rows"] == [{"text": "kept"}]
    notes.delete(f"/admin/backups/{made[0].json['id']}")
    assert notes.post("/admin/backups").status_code == 201


def test_no_check_of_a_table_runs_when_a_backup_is_looked_at(notes: Caller, app: Flask) -> None:
    notes.sql("CREATE TABLE odd (n INTEGER CHECK (n > 0))")
    with app.extensions["wce"].store.session(notes.cenv) as session:
        session.execute("PRAGMA ignore_check_constraints=ON")
        session.execute("INSERT INTO odd VALUES (-1)")
        session.execute("PRAGMA ignore_check_constraints=OFF")

    assert notes.post("/admin/backups").status_code == 201


def test_a_look_at_a_backup_has_an_end(notes: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "_CHECK_SECONDS", -1_000.0)
    monkeypatch.setattr(lane, "OPS", 1)

    refused = notes.post("/admin/backups")

    assert (refused.status_code, refused.json["code"]) == (503, "busy")
    assert notes.get("/admin/backups").json == {"backups": []}


def test_few_copies_of_a_cenv_are_on_their_way_at_once(notes: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_SENT", 2)
    monkeypatch.setattr(files, "_MOST_BYTES", 0)
    backup = notes.post("/admin/backups").json["id"]
    slow = [notes.get("/admin/export"), notes.get(f"/admin/backups/{backup}")]

    refused = [notes.get("/admin/export"), notes.get(f"/admin/backups/{backup}")]
    slow[0].close()

    assert [(answer.status_code, answer.json["code"]) for answer in refused] == [(503, "busy")] * 2
    assert notes.get("/admin/export", buffered=True).status_code == 200
    slow[1].close()


def test_files_of_backups_are_for_the_servers_user_only(notes: Caller, tmp_path: Path) -> None:
    notes.post("/admin/backups")

    folder = tmp_path / "cenvs" / "backups" / notes.cenv
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_the_screen_has_what_the_role_may_do(owner: Caller, invite: Callable[..., Caller]) -> None:
    browser = {"Accept": "text/html"}
    admin = invite("grace", "admin")

    for act in ("Back up now", "Download the cenv", "Import a file", "Delete the cenv"):
        assert act in owner.get("/admin/backups", headers=browser).text
        assert (act in admin.get("/admin/backups", headers=browser).text) is (act == "Back up now")
