"""Probes and figures."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import Client

from tests.web.callers import Caller, Clock
from wce.config import Settings
from wce.log import JsonFormatter
from wce.peers import peers
from wce.store.sqlite import VERSION, connect, known_holes
from wce.web.proxies import behind


@pytest.mark.parametrize("path", ["/health", "/health/live"])
def test_a_living_process_says_so(client: FlaskClient, path: str) -> None:
    assert client.get(path).json == {"status": "ok"}


def test_a_ready_server_names_its_checks_and_the_holes_of_its_sqlite(client: FlaskClient) -> None:
    answer = client.get("/health/ready")

    told = answer.json
    assert answer.status_code == 200
    assert told.pop("sandbox")["seccomp"] == "not started"
    assert told == {
        "status": "ok",
        "checks": {"storage_writable": "ok", "free_space": "ok", "database": "ok", "guard": "ok"},
        "warnings": list(known_holes()),
        "sqlite_version": VERSION,
    }


def test_the_probe_leaves_nothing_behind(client: FlaskClient, tmp_path: Path) -> None:
    before = sorted((tmp_path / "cenvs").iterdir())

    client.get("/health/ready")

    assert sorted((tmp_path / "cenvs").iterdir()) == before


def test_a_full_disk_is_named(make_app: Callable[..., Flask]) -> None:
    client = make_app(min_free_mb=1_000_000).test_client()

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json["code"] == "not_ready"
    assert answer.json["failing"] == ["free_space"]
    assert answer.json["checks"]["free_space"] == "less than 1000000 MiB free"
    assert answer.json["checks"]["database"] == "ok"


def test_a_lost_folder_is_named(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "cenvs").rename(tmp_path / "elsewhere")

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json["failing"] == ["storage_writable", "free_space", "database"]
    assert str(tmp_path) not in answer.text
    assert client.get("/health/live").status_code == 200


def test_a_person_gets_the_state_as_a_page(make_app: Callable[..., Flask]) -> None:
    client = make_app(min_free_mb=1_000_000).test_client()

    answer = client.get("/health/ready", headers={"Accept": "text/html"})

    assert answer.status_code == 503
    assert "free_space" in answer.text


def test_figures_count_by_route_and_never_by_path(make_cenv: Callable[[], Caller], client: FlaskClient) -> None:
    owner = make_cenv()
    client.get("/nothing/at/all/7")
    client.open("/health", method="BREW")

    text = client.get("/metrics").text

    assert 'wce_requests_total{method="POST",route="/new",status="201"} 1.0' in text
    assert 'wce_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'method="other"' in text
    assert 'wce_refusals_total{code="not_found"} 1.0' in text
    assert owner.cenv not in text
    assert "nothing" not in text


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_figures_go_to_this_machine(client: FlaskClient, address: str) -> None:
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": address}).status_code == 200


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "::ffff:192.0.2.1", "", "unix"])
def test_figures_go_nowhere_else(client: FlaskClient, address: str) -> None:
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": address}).status_code == 403


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Forwarded-Proto"])
def test_a_proxy_on_this_machine_gets_no_figures(client: FlaskClient, header: str) -> None:
    assert client.get("/metrics", headers={header: "192.0.2.1"}).status_code == 403


def test_nor_does_one_that_is_not_among_those_that_are_trusted(app: Flask) -> None:
    client = Client(behind(app, peers("10.0.0.1")))

    here = {"REMOTE_ADDR": "127.0.0.1"}

    statuses = [client.get("/metrics", environ_overrides=here | said).status_code for said in ({}, {"HTTP_X_FORWARDED_FOR": "192.0.2.1"})]

    assert statuses == [200, 403]


def test_with_a_token_figures_go_to_who_has_it(make_app: Callable[..., Flask]) -> None:
    client = make_app(metrics_token="figures").test_client()

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "figures"}).status_code == 401
    for said in ("Bearer figures", "bearer figures"):
        allowed = client.get("/metrics", headers={"Authorization": said}, environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
        assert allowed.status_code == 200


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """What stands in the log about requests."""
    written = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    return [line for line in written if line["event"] == "request"]


def test_every_request_leaves_one_line(owner: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    caplog.set_level(logging.INFO, "wce")

    owner.get("/me", headers={"X-Request-ID": "abc"})

    (line,) = lines(caplog)
    told = {name: line[name] for name in ("request_id", "cenv", "user", "method", "route", "status", "ip")}
    assert told == {
        "request_id": "abc",
        "cenv": owner.cenv,
        "user": 1,
        "method": "GET",
        "route": "/<cenv:cenv_id>/me",
        "status": 200,
        "ip": "127.0.0.1",
    }
    assert isinstance(line["duration_ms"], float)


def test_a_refusal_leaves_its_code_and_no_secret(visitor: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    caplog.set_level(logging.INFO, "wce")

    visitor.post("/login", {"username": "owner", "password": "wrong horse"})

    (line,) = lines(caplog)
    assert (line["code"], line["user"]) == ("bad_credentials", None)
    assert "horse" not in str(line)


def test_the_use_of_a_session_is_noted_once_a_minute(owner: Caller, clock: Clock) -> None:
    def last_used() -> list[int]:
        return [item["last_used"] for item in owner.get("/sessions").json["sessions"]]

    begun = int(clock())
    clock.seconds += 59
    assert last_used() == [begun]

    clock.seconds += 1
    assert last_used() == [begun + 60]


def test_who_only_reads_after_a_while_writes_nothing(owner: Caller, settings: Settings, clock: Clock) -> None:
    owner.get("/me")
    with closing(connect(settings.storage_dir / f"{owner.cenv}.db")) as other:
        before = other.execute("PRAGMA data_version").fetchone()

        clock.seconds += 3_600
        owner.get("/me")

        assert other.execute("PRAGMA data_version").fetchone() == before
