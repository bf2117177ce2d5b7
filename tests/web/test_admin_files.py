"""A cenv as a file, over HTTP."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from flask import Flask

from tests.web.callers import Caller
from wce.web.services import Services


def services(app: Flask) -> Services:
    found: Services = app.extensions["wce"]
    return found


def test_the_owner_takes_the_whole_cenv_along(owner: Caller, tmp_path: Path) -> None:
    owner.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    owner.sql("INSERT INTO notes (text) VALUES ('remember')")

    answer = owner.get("/admin/export", buffered=True)

    assert answer.status_code == 200
    assert answer.mimetype == "application/vnd.sqlite3"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="cenv-{owner.cenv[:8]}-20270115-080000.sqlite3"'
    assert answer.content_length == len(answer.data)
    path = tmp_path / "taken.sqlite3"
    path.write_bytes(answer.data)
    with closing(sqlite3.connect(path)) as taken:
        assert taken.execute("SELECT text FROM notes").fetchall() == [("remember",)]
        assert taken.execute("SELECT count(*) FROM _wce_sessions").fetchall() == [(0,)]
        assert taken.execute("SELECT action FROM _wce_audit_log ORDER BY id DESC LIMIT 1").fetchall() == [("cenv.export",)]


def test_nothing_of_it_stays_on_the_disk(app: Flask, owner: Caller) -> None:
    owner.get("/admin/export").close()

    assert [path.name for path in services(app).store.folder.path.iterdir() if "spool" in path.name] == []


def test_an_owner_who_has_just_handed_the_cenv_over_gets_nothing(app: Flask, owner: Caller, invite: Callable[..., Caller]) -> None:
    admin = invite("grace", "admin")

    assert admin.get("/admin/export").status_code == 403
    assert owner.post(f"/admin/users/{admin.user_id}/owner", {"password": "correct horse"}).status_code == 200
    assert owner.get("/admin/export").status_code == 403
    taken = admin.get("/admin/export")
    assert taken.status_code == 200
    taken.close()
