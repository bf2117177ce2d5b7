"""Random calls of every operation that the description of the API has, as five kinds of callers; none of them may bring a 5xx."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import schemathesis
import schemathesis.specs.openapi.schemas  # at once: read late, beside a browser's greenlets, CPython 3.11 may lose count of its depth
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from tests.web.described import Witness
from wce.config import Settings
from wce.web.factory import create_app

PASSWORD: Final = "correct horse"
# Said in so many words by a script, or by a statement that went over its time; no mistakes of ours.
_HONEST: Final = frozenset({"script_failed", "script_timeout", "query_timeout", "quota_exceeded", "not_ready"})
_MOST_SHOWN: Final = 2_000  # characters
_PLAIN: Final = hypothesis_settings(database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
_ROLES: Final = ("owner", "admin", "editor", "viewer", "nobody")


@dataclass(slots=True)
class Caller:
    """Somebody in a cenv of his own, so that what he breaks is his."""

    client: FlaskClient
    role: str
    cenv: str = ""
    token: str = ""

    def sign_in(self) -> None:
        """A cenv with one user of each kind, and a session in it."""
        made = self.client.post("/new", json={"username": "owner", "password": PASSWORD})
        self.cenv = made.json["cenv_id"]
        owner = self._token("owner")
        for sql in ("CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT, text TEXT)", "INSERT INTO notes VALUES (1, 'viewer', 'x')"):
            self.client.post(f"/{self.cenv}/query", json={"sql": sql}, headers={"Authorization": f"Bearer {owner}"})
        self.token = owner
        if self.role not in ("owner", "nobody"):
            headers = {"Authorization": f"Bearer {owner}"}
            body = {"username": self.role, "password": PASSWORD, "role": self.role}
            user = self.client.post(f"/{self.cenv}/admin/users", json=body, headers=headers).json["user_id"]
            rights = {"user_id": user, "table_name": "notes", "can_read": True, "can_write": True, "can_grant": True}
            self.client.post(f"/{self.cenv}/admin/permissions", json=rights, headers=headers)
            self.token = self._token(self.role)
        if self.role == "nobody":
            self.token = ""

    def holds(self) -> bool:
        """Whether the session has survived what he did."""
        return not self.token or self.client.get(f"/{self.cenv}/me", headers=self.headers()).status_code == 200

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _token(self, username: str) -> str:
        answer = self.client.post(f"/{self.cenv}/login", json={"username": username, "password": PASSWORD})
        return str(answer.json["token"])


@dataclass(slots=True)
class Calls:
    """What was called, and what must not have come back."""

    statuses: Counter[int] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        statuses = ", ".join(f"{status} {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.statuses.total()} calls\nstatuses: {statuses}\nfindings: {len(self.findings)}"


def application(folder: Path) -> Flask:
    """One with limits that a fuzzer does not run into."""
    often = "1000000 per second"
    overrides = dict.fromkeys(("rate_limit_ip", "rate_limit_cenv", "rate_limit_user"), often)
    overrides |= dict.fromkeys(("query_timeout_seconds", "script_timeout_seconds"), "1")
    settings = Settings(storage_dir=folder, jwt_secret="k" * 32, min_free_mb=0, rate_limit_login=often, rate_limit_new=often)
    return create_app(replace(settings, cenv_overrides=overrides), bcrypt_rounds=4)


def fuzz(app: Flask, number: int, examples: int, go_on: Callable[[], bool] = lambda: True) -> Calls:
    """Call every operation so many times as each caller; the same number brings the same calls."""
    found, witness = Calls(), Witness(app)
    callers = [Caller(app.test_client(use_cookies=False), role) for role in _ROLES]
    for caller in callers:
        caller.sign_in()
    for operation in _operations(app):
        if not go_on():
            break
        _call(operation, callers, found, number, examples)
        for caller in callers:
            if not caller.holds():
                caller.sign_in()
    found.findings += witness.objections
    return found


def fuzz_for(seconds: float, folder: Path, number: int) -> Calls:
    """Round after round, each with other calls, until the time is over."""
    total, end = Calls(), time.monotonic() + seconds
    while time.monotonic() < end:
        app = application(folder / str(number))
        try:
            one = fuzz(app, number, 40, lambda: time.monotonic() < end)
        finally:
            app.extensions["wce"].close()
        total.statuses += one.statuses
        total.findings += [f"seed {number}: {finding}" for finding in one.findings]
        number += 1
    return total


def _operations(app: Flask) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(app.test_client().get("/openapi.json").json)
    for result in schema.get_all_operations():
        yield result.ok()


def _call(operation: Any, callers: list[Caller], found: Calls, number: int, examples: int) -> None:
    """As the schema says, and then against it."""
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @seed(number)
        @given(operation.as_strategy(generation_mode=mode))
        @hypothesis_settings(
            max_examples=examples, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )
        def call(case: Any) -> None:
            for caller in callers:
                _send(operation.label, case, caller, found)

        with suppress(Unsatisfiable):  # an operation without parameters has nothing that could be wrong
            call()


def _send(label: str, case: Any, caller: Caller, found: Calls) -> None:
    """One call; small ids are those of things that are there."""
    given_parameters = {name: value % 4 + 1 if isinstance(value, int) else value for name, value in (case.path_parameters or {}).items()}
    case.path_parameters = {**given_parameters, "cenv": caller.cenv}
    sent = case.as_transport_kwargs(base_url="http://localhost")
    headers = {name: value for name, value in sent["headers"].items() if name != "Authorization"} | caller.headers()
    path = sent["url"].removeprefix("http://localhost")
    body = {name: sent[name] for name in ("json", "data") if name in sent}
    try:
        answer = caller.client.open(path, method=sent["method"], headers=headers, query_string=sent["params"], **body)
    except (TypeError, ValueError, UnicodeError):
        return  # the test client cannot even send it
    found.statuses[answer.status_code] += 1
    code = (answer.get_json(silent=True) or {}).get("code", "")
    answer.close()  # an export is an open file
    if answer.status_code >= 500 and code not in _HONEST:
        found.findings.append(f"{label} as {caller.role}: {answer.status_code} {code} {sent!r}"[:_MOST_SHOWN])
