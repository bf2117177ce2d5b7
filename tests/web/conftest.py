"""One application over a real folder for each test, a clock to turn, and clients that sign in."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.callers import PASSWORD, Caller, Clock, founded, sign_in
from tests.web.described import Witness
from wce.config import Settings
from wce.web.factory import create_app


@pytest.fixture
def clock() -> Clock:
    return Clock()


def usual(folder: Path) -> Settings:
    """The settings of most tests."""
    return Settings(
        storage_dir=folder / "cenvs",
        jwt_secret="k" * 32,
        min_free_mb=0,
        rate_limit_login="1000 per minute",
        rate_limit_new="1000 per minute",
    )


@contextmanager
def applications(settings: Settings, clock: Clock) -> Iterator[Callable[..., Flask]]:
    """Call it with settings that differ from these. Every answer must be one that the description of the API has."""
    made: list[Flask] = []
    witnesses: list[Witness] = []

    def make(**changes: Any) -> Flask:
        app = create_app(replace(settings, **changes), now=clock, bcrypt_rounds=4)
        made.append(app)
        witnesses.append(Witness(app))
        return app

    yield make
    for app in made:
        app.extensions["wce"].close()
        atexit.unregister(app.extensions["wce"].close)  # which would keep a thousand of them to the end
    assert [objection for witness in witnesses for objection in witness.objections] == []


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return usual(tmp_path)


@pytest.fixture
def make_app(settings: Settings, clock: Clock) -> Iterator[Callable[..., Flask]]:
    """As `applications`."""
    with applications(settings, clock) as make:
        yield make


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that keeps no cookies, so that each test says what it sends."""
    return app.test_client(use_cookies=False)


@pytest.fixture
def make_cenv(client: FlaskClient) -> Callable[[], Caller]:
    """Call it for a new cenv, as its owner."""

    return lambda: founded(client)


@pytest.fixture(scope="session")
def new_cenv(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Caller]:
    """The file of a new cenv, and its owner: to copy it takes a tenth of the time to make one."""
    settings = usual(tmp_path_factory.mktemp("new"))
    with applications(settings, Clock()) as make:
        client = make().test_client(use_cookies=False)
        owner = founded(client)
    return settings.storage_dir / f"{owner.cenv}.db", owner


@pytest.fixture
def owner(app: Flask, client: FlaskClient, new_cenv: tuple[Path, Caller]) -> Caller:
    """The owner of a cenv."""
    file, owner = new_cenv
    shutil.copy(file, app.extensions["wce"].settings.storage_dir)
    return replace(owner, client=client)


@pytest.fixture
def visitor(owner: Caller) -> Caller:
    """Somebody who is not signed in to the owner's cenv."""
    return Caller(owner.client, owner.cenv)


@pytest.fixture
def invite(owner: Caller) -> Callable[..., Caller]:
    """Call it with a name and a role for another user of the owner's cenv, signed in."""

    def add(username: str, role: str) -> Caller:
        made = owner.post("/admin/users", {"username": username, "password": PASSWORD, "role": role})
        assert made.status_code == 201, made.text
        return sign_in(owner.client, owner.cenv, username)

    return add
