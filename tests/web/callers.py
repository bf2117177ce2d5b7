"""Somebody who calls a cenv, and a clock to turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PASSWORD = "correct horse"


class Clock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Caller:
    """Somebody who calls one cenv with a bearer token, or with none."""

    client: FlaskClient
    cenv: str
    token: str = ""
    user_id: int = 0

    def send(self, method: str, path: str, json: Any = None, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", {})
        if json is not None:
            options["json"] = json
        return self.client.open(f"/{self.cenv}{path}", method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.send("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.send("POST", path, json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.send("PUT", path, json, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.send("DELETE", path, **options)

    def sql(self, sql: str, params: Any = None) -> Any:
        """The answer's body; fails the test unless the statement worked."""
        answer = self.post("/query", {"sql": sql} if params is None else {"sql": sql, "params": params})
        assert answer.status_code == 200, answer.text
        return answer.json


def sign_in(client: FlaskClient, cenv: str, username: str, password: str = PASSWORD) -> Caller:
    answer = client.post(f"/{cenv}/login", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    caller = Caller(client, cenv, answer.json["token"])
    return replace(caller, user_id=caller.get("/me").json["user_id"])


def founded(client: FlaskClient) -> Caller:
    """The owner of a new cenv."""
    made = client.post("/new", json={"username": "owner", "password": PASSWORD})
    assert made.status_code == 201, made.text
    return sign_in(client, made.json["cenv_id"], "owner")
