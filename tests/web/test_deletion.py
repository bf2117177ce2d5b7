"""A cenv that is deleted, and comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.web.callers import PASSWORD, Caller, Clock, sign_in

DAY = 86_400


def gone(owner: Caller) -> Any:
    answer = owner.post("/admin/delete", {"password": PASSWORD, "confirm": owner.cenv})
    assert answer.status_code == 200, answer.text
    return answer.json


def come_back(owner: Caller, **changes: str) -> Any:
    return owner.client.post("/undelete", json={"cenv_id": owner.cenv, "username": "OWNER", "password": PASSWORD} | changes)


def test_a_deleted_cenv_is_not_there(owner: Caller, clock: Clock) -> None:
    told = gone(owner)

    assert told == {"cenv_id": owner.cenv, "deleted_at": int(clock()), "until": int(clock()) + 30 * DAY}
    assert owner.get("/me").json["code"] == "no_such_cenv"
    assert owner.client.post(f"/{owner.cenv}/login", json={"username": "owner", "password": PASSWORD}).status_code == 404


def test_its_owner_brings_it_back_with_all_that_it_held(owner: Caller) -> None:
    owner.sql("CREATE TABLE notes (text TEXT)")
    owner.sql("INSERT INTO notes VALUES ('kept')")
    gone(owner)

    answer = come_back(owner)

    assert answer.json == {"cenv_id": owner.cenv, "cenv_url": f"http://localhost/{owner.cenv}/"}
    assert owner.get("/me").status_code == 401
    again = sign_in(owner.client, owner.cenv, "owner")
    assert again.sql("SELECT text FROM notes")["rows"] == [{"text": "kept"}]
    actions = [entry["action"] for entry in again.get("/admin/audit?action=cenv.*").json["entries"]]
    assert actions == ["cenv.undelete", "cenv.delete", "cenv.create"]
    assert come_back(owner).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [{"password": "wrong password"}, {"username": "grace"}, {"cenv_id": "../x"}, {"cenv_id": "00000000-0000-4000-8000-000000000000"}],
)
def test_nobody_else_does(owner: Caller, invite: Callable[..., Caller], changes: dict[str, str]) -> None:
    invite("grace", "admin")
    gone(owner)

    assert come_back(owner, **changes).json["code"] == "bad_credentials"


def test_whoever_looks_for_it_is_led_to_where_it_comes_back(owner: Caller) -> None:
    gone(owner)

    missing = owner.client.get(f"/{owner.cenv}/me", headers={"Accept": "text/html"})
    page = owner.client.get("/undelete", query_string={"cenv": '"><script>'})

    assert f'href="/undelete?cenv={owner.cenv}"' in missing.text
    assert "For 30 days" in page.text
    assert "<script>" not in page.text


def test_a_server_that_keeps_nothing_says_so(make_app: Callable[..., Flask]) -> None:
    page = make_app(delete_grace_days=0).test_client().get("/undelete")

    assert "keeps nothing" in page.text
    assert "data-form" not in page.text


@pytest.mark.parametrize(
    ("body", "code"),
    [({"password": "wrong password"}, "bad_credentials"), ({"confirm": "yes"}, "validation"), ({"confirm": None}, "validation")],
)
def test_it_is_meant(owner: Caller, body: dict[str, Any], code: str) -> None:
    answer = owner.post("/admin/delete", {"password": PASSWORD, "confirm": owner.cenv} | body)

    assert answer.json["code"] == code
    assert owner.get("/me").status_code == 200


def test_where_what_was_laid_aside_is_damaged_its_owner_is_told(owner: Caller, tmp_path: Path) -> None:
    gone(owner)
    parked = tmp_path / "cenvs" / f"{owner.cenv}.deleted"
    parked.write_bytes(b"\xa5" * parked.stat().st_size)

    assert come_back(owner).json["code"] == "cenv_damaged"
    assert parked.exists()


def test_after_the_days_of_grace_it_is_gone_for_good(app: Flask, owner: Caller, clock: Clock, tmp_path: Path) -> None:
    gone(owner)
    keeper = app.extensions["wce"].keeper
    clock.seconds += 30 * DAY - 1
    assert keeper.round()
    parked = tmp_path / "cenvs" / f"{owner.cenv}.deleted"
    assert parked.exists()

    clock.seconds += 1
    assert keeper.round()

    assert not parked.exists()
    assert come_back(owner).status_code == 401
