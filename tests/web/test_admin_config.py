"""The settings of a cenv, over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from tests.web.callers import Caller, sign_in


def test_every_setting_is_shown_with_where_it_comes_from(owner: Caller) -> None:
    owner.put("/admin/config", {"max_users": 20})

    found = owner.get("/admin/config").json["config"]

    assert found["max_users"] == {
        "value": 20,
        "default": 10,
        "type": "integer",
        "description": "Maximum number of accounts, including the owner's. From 1 to 100000.",
        "source": "cenv",
    }
    assert found["cors_origins"]["value"] == []
    assert found["page_cache"]["source"] == "default"


def test_a_change_acts_at_once_and_null_takes_it_back(owner: Caller) -> None:
    changed = owner.put("/admin/config", {"query_max_rows": 2, "max_users": 20})
    assert changed.status_code == 200
    assert changed.json["config"]["query_max_rows"]["value"] == 2
    assert owner.sql("SELECT value FROM json_each('[1, 2, 3]')")["truncated"] is True

    assert owner.put("/admin/config", {"query_max_rows": None}).json["config"]["query_max_rows"]["source"] == "default"
    assert owner.sql("SELECT value FROM json_each('[1, 2, 3]')")["truncated"] is False


def test_one_bad_field_changes_nothing_and_every_bad_one_is_named(owner: Caller) -> None:
    answer = owner.put("/admin/config", {"max_users": 20, "query_max_rows": 0, "nothing": 1, "page_cache": "yes"})

    assert answer.status_code == 422
    assert {item["field"] for item in answer.json["errors"]} == {"query_max_rows", "nothing", "page_cache"}
    assert owner.get("/admin/config").json["config"]["max_users"]["value"] == 10


def test_what_the_server_fixes_nobody_changes(make_app: Callable[..., Flask]) -> None:
    client = make_app(cenv_overrides={"max_users": "3"}).test_client(use_cookies=False)
    made = client.post("/new", json={"username": "owner", "password": "correct horse"}).json["cenv_id"]
    owner = sign_in(client, made, "owner")

    assert owner.put("/admin/config", {"max_users": 20}).status_code == 422
    assert owner.get("/admin/config").json["config"]["max_users"]["source"] == "environment"


def test_a_huge_number_is_a_bad_field(owner: Caller) -> None:
    answer = owner.send("PUT", "/admin/config", data='{"max_users": ' + "9" * 5000 + "}", content_type="application/json")

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "max_users"
