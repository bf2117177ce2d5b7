"""The examples: each is made in one call, and does what its own test.toml says."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.callers import PASSWORD, Caller, sign_in
from wce.core import examples
from wce.core.examples import Example
from wce.errors import WceError

EXAMPLES = examples.list_examples()


def make(client: FlaskClient, example: str, username: str = "owner") -> dict[str, Any]:
    made = client.post("/new", json={"username": username, "password": PASSWORD, "example": example})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_does_what_it_says(client: FlaskClient, example: Example) -> None:
    made = make(client, example.name)
    known = {"owner": PASSWORD} | made["users"]
    callers: dict[str, Caller] = {}

    for number, call in enumerate(tomllib.loads(example.text("test.toml"))["call"]):
        name = call.get("as")
        if name is not None and name not in callers:
            callers[name] = sign_in(client, made["cenv_id"], name, known.get(name, PASSWORD))
        caller = callers[name] if name else Caller(client, made["cenv_id"])
        method, path = call["send"].split(" ", 1)
        sent = {"data": call["form"]} if "form" in call else {"data": call["body"], "content_type": "text/csv"} if "body" in call else {}
        answer = patiently(lambda: caller.send(method, path, call.get("json"), **sent))  # noqa: B023 (called at once)
        assert answer.status_code == call.get("status", 200), (number, answer.text)
        if "answer" in call:
            assert part_of(call["answer"], answer.json), (number, answer.text)
        assert call.get("text", "") in answer.text, number


def patiently(send: Callable[[], TestResponse]) -> TestResponse:
    """The answer of a call that is sent again while no worker has come up yet, which takes long where many tests run at once."""
    for _ in range(10):
        answer = send()
        if answer.status_code != 503:
            break
    return answer


def part_of(wanted: Any, found: Any) -> bool:
    """Whether the answer has what is wanted; an object may have more fields, a list no more entries."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(name in found and part_of(value, found[name]) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(wanted) == len(found) and all(map(part_of, wanted, found))
    return bool(wanted == found)


@pytest.mark.parametrize("name", ["nothing", "", "..", "todo/../todo", "chinook", "TODO", "\0"])
def test_an_example_that_is_none_is_refused_with_those_that_there_are(client: FlaskClient, app: Flask, name: str) -> None:
    answer = client.post("/new", json={"username": "owner", "password": PASSWORD, "example": name})

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "example")
    assert "todo" in answer.json["detail"]
    assert app.extensions["wce"].store.cenvs() == []


def test_a_cenv_without_an_example_brings_no_users(client: FlaskClient) -> None:
    made = client.post("/new", json={"username": "owner", "password": PASSWORD})

    assert made.json.keys() == {"cenv_id", "cenv_url"}


def test_everybody_gets_a_password_of_his_own(client: FlaskClient) -> None:
    first, second = make(client, "todo")["users"], make(client, "todo")["users"]

    assert first.keys() == second.keys() == {"grace", "linus"}
    assert len({*first.values(), *second.values()}) == 4


def test_an_owner_of_the_name_of_a_user_is_that_user(client: FlaskClient) -> None:
    made = make(client, "todo", "Grace")

    assert made["users"].keys() == {"linus"}
    assert len(sign_in(client, made["cenv_id"], "grace").get("/admin/users").json["users"]) == 2


def test_an_example_is_in_the_log(client: FlaskClient) -> None:
    made = make(client, "todo")

    entries = sign_in(client, made["cenv_id"], "owner").get("/admin/audit?action=cenv.*").json["entries"]

    assert (entries[0]["action"], entries[0]["details"]) == ("cenv.example", {"example": "todo"})


def test_a_cenv_whose_example_fails_is_gone(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(examples.find_example("todo"), manifest={"permissions": [{"table": "todo", "to": ["nobody"], "rights": ["read"]}]})
    monkeypatch.setattr(examples, "list_examples", lambda: (broken,))

    answer = client.post("/new", json={"username": "owner", "password": PASSWORD, "example": "todo"})

    assert answer.json["code"] == "internal"
    assert app.extensions["wce"].store.cenvs() == []


def test_settings_that_the_server_fixes_stay(make_app: Callable[..., Flask]) -> None:
    client = make_app(cenv_overrides={"max_users": "3"}).test_client(use_cookies=False)
    made = make(client, "auth-api")

    config = sign_in(client, made["cenv_id"], "owner").get("/admin/config").json["config"]

    assert (config["max_users"]["value"], config["allow_registration"]["value"]) == (3, True)


def test_the_examples_say_what_they_are() -> None:
    assert {"todo", "guestbook", "auth-api", "inventory", "survey", "blog"} <= {example.name for example in EXAMPLES}
    for example in EXAMPLES:
        assert example.title
        assert example.description.endswith(".")
    with pytest.raises(WceError, match="must be one of"):
        examples.find_example("nothing")


def test_the_form_for_a_new_cenv_offers_every_example(client: FlaskClient) -> None:
    shown = client.get("/").text

    assert all(f'<option value="{example.name}"' in shown for example in EXAMPLES)
