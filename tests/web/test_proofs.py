"""Acts that ask for the password again: it counts when the act is done, and not only while it was checked, which takes a while."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.web.callers import PASSWORD, Caller, sign_in
from tests.web.test_import import form
from wce.core.importing.intake import Importer

STAPLE = "battery staple"
ACTS = {
    "/admin/delete": {"password": PASSWORD, "confirm": "{cenv}"},
    "/admin/backups/{backup}/restore": {"password": PASSWORD},
    "/admin/users/{heir}/owner": {"password": PASSWORD},
    "/totp": {"password": PASSWORD},
    "/keys": {"name": "robot", "scope": {"administration": True}, "password": PASSWORD},
    "/password": {"current_password": PASSWORD, "new_password": STAPLE},
    "/login": {"username": "owner", "password": PASSWORD},
}


@pytest.fixture
def change_at(app: Flask, owner: Caller, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Change the owner's password, from elsewhere, whenever this function of an object has been called."""
    services = app.extensions["wce"]

    def change() -> None:
        with services.store.session(owner.cenv) as session:
            session.execute("UPDATE _wce_users SET password_hash = ? WHERE username = 'owner'", (services.passwords.hash(STAPLE),))

    def at(holder: Any, name: str) -> None:
        real = getattr(holder, name)

        def changing(*given: Any, **named: Any) -> Any:
            done = real(*given, **named)
            change()
            return done

        monkeypatch.setattr(holder, name, changing)

    return at


@pytest.mark.parametrize("path", ACTS)
def test_a_password_that_changes_while_it_is_checked_is_a_wrong_one(
    path: str, app: Flask, owner: Caller, invite: Callable[..., Caller], change_at: Callable[..., None]
) -> None:
    known = {"cenv": owner.cenv, "backup": owner.post("/admin/backups").json["id"], "heir": invite("grace", "admin").user_id}
    body = {name: value.format(**known) if isinstance(value, str) else value for name, value in ACTS[path].items()}
    change_at(app.extensions["wce"].passwords, "verify")

    answer = owner.post(path.format(**known), body)

    assert answer.json["code"] in ("bad_credentials", "forbidden")
    assert owner.get("/me").json["role"] == "owner"


def test_a_file_that_was_long_in_coming_brings_no_old_password_back(owner: Caller, change_at: Callable[..., None], tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "data")) as connection:
        connection.execute("CREATE TABLE notes (text)")
    change_at(Importer, "_build")

    answer = owner.post("/admin/import", **form((tmp_path / "data").read_bytes(), confirm=owner.cenv))

    assert answer.json["code"] == "forbidden"
    assert sign_in(owner.client, owner.cenv, "owner", STAPLE)
