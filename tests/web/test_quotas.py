"""What one cenv may use up, each bound over HTTP: size, statements at once, users, sessions, bodies, the disk."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.callers import PASSWORD, Caller, Clock, sign_in
from wce.config import SettingError
from wce.errors import WceError
from wce.store.folder import Folder
from wce.store.sqlite import PER_CHARACTER
from wce.web import context, services

BIG = "INSERT INTO big SELECT hex(randomblob(400000)) FROM json_each('[1,2,3,4]')"


def test_a_file_grows_to_its_bound_and_shrinking_makes_room(owner: Caller) -> None:
    owner.sql("CREATE TABLE big (text TEXT)")
    owner.put("/admin/config", {"max_database_mb": 2})

    assert owner.post("/query", {"sql": BIG}).json["code"] == "quota_exceeded"
    assert owner.sql("SELECT count(*) AS n FROM big")["rows"] == [{"n": 0}]

    owner.put("/admin/config", {"max_database_mb": 20})
    assert owner.sql(BIG)["changes"] == 4


def test_statements_beyond_those_at_once_are_refused_in_time_and_other_cenvs_go_on(
    app: Flask, owner: Caller, make_cenv: Callable[[], Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbour, services = make_cenv(), app.extensions["wce"]
    owner.put("/admin/config", {"max_connections": 1})
    monkeypatch.setattr(services.queries, "_patience_seconds", 0.02)

    with services.queries._gate.enter(owner.cenv, 1, 0):
        refused = owner.post("/query", {"sql": "SELECT 1"})
        assert neighbour.sql("SELECT 1 AS n")["rows"] == [{"n": 1}]
        assert owner.get("/me").status_code == 200

    assert (refused.status_code, refused.json["code"], refused.headers["Retry-After"]) == (503, "busy", "1")
    assert owner.sql("SELECT 1 AS n")["rows"] == [{"n": 1}]


def test_what_wce_itself_keeps_has_a_bound_too_and_who_makes_room_gets_through(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.put("/admin/config", {"max_database_mb": 1, "max_assets_mb": 0})
    monkeypatch.setattr(context, "_RESERVE_MB", 0)
    saved = [owner.post("/console/saved", {"name": f"q{number}", "sql": "x" * 100_000}) for number in range(12)]

    assert [answer.status_code for answer in saved[:2]] == [201, 201]
    assert (saved[-1].status_code, saved[-1].json["code"]) == (507, "quota_exceeded")
    assert sign_in(owner.client, owner.cenv, "owner").get("/me").status_code == 200
    assert owner.delete(f"/console/saved/{saved[0].json['id']}").status_code == 204
    assert owner.put("/admin/config", {"max_database_mb": 2}).status_code == 200
    assert owner.post("/console/saved", {"name": "again", "sql": "x" * 100_000}).status_code == 201


def test_nobody_is_locked_out_of_a_file_that_is_longer_than_it_may_be_by_now(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.sql("CREATE TABLE big (text TEXT)")
    owner.sql(BIG)
    monkeypatch.setattr(context, "_RESERVE_MB", 0)
    monkeypatch.setattr(context, "_MORE_MB", 1)
    owner.put("/admin/config", {"max_database_mb": 1, "max_assets_mb": 0})

    assert owner.post("/console/saved", {"name": "more", "sql": "x" * 100_000}).json["code"] == "quota_exceeded"
    titles = [owner.put("/admin/config", {"title": f"{number} {'x' * 50}"}).status_code for number in range(40)]
    assert (set(titles), sign_in(owner.client, owner.cenv, "owner").get("/me").status_code) == ({200}, 200)


def test_what_a_full_file_lets_through_has_an_end_too(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.put("/admin/config", {"max_database_mb": 1, "max_assets_mb": 0, "rate_limit_ip": "1000 per second"})
    monkeypatch.setattr(context, "_RESERVE_MB", 0)
    monkeypatch.setattr(context, "_MORE_MB", 1)
    long = {"cors_origins": [f"https://{'a' * 240}{number}.example.org" for number in range(50)]}
    answers = []

    for _ in range(200):
        owner.get("/tables")
        answers.append(owner.put("/admin/config", long).status_code)

    assert (answers[0], answers[-1]) == (200, 507)


def test_a_cenv_works_on_one_whole_file_at_a_time_and_leaves_a_place_to_others(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    copying = app.extensions["wce"].copying
    monkeypatch.setattr(services, "_COPY_WAIT_SECONDS", 0.0)

    with copying("a"):
        with pytest.raises(WceError, match="No place became free"), copying("a"):
            pass
        with copying("b"):
            pass


def test_a_cenv_has_so_many_users(owner: Caller) -> None:
    owner.put("/admin/config", {"max_users": 2, "allow_registration": True})
    body = {"username": "second", "password": PASSWORD}
    assert owner.post("/admin/users", body | {"role": "viewer"}).status_code == 201

    for path, given in (("/admin/users", body | {"username": "third", "role": "viewer"}), ("/register", body | {"username": "third"})):
        assert owner.post(path, given).json["code"] == "max_users"


def test_a_user_has_so_many_sessions(owner: Caller, clock: Callable[[], float]) -> None:
    owner.put("/admin/config", {"max_sessions": 2})
    clock.seconds += 1  # type: ignore[attr-defined]

    second, third = (sign_in(owner.client, owner.cenv, "owner") for _ in range(2))

    assert [caller.get("/me").status_code for caller in (owner, second, third)] == [401, 200, 200]


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/login", 4 * 1024),
        ("/register", 4 * 1024),
        ("/password", 4 * 1024),
        ("/totp", 4 * 1024),
        ("/query", 1024 * 1024),
        ("/keys", 1024 * 1024),
        ("/admin/endpoints", 800 * 1024),
    ],
)
def test_a_body_has_its_bound_by_route(owner: Caller, path: str, most: int) -> None:
    owner.put("/admin/config", {"allow_registration": True})
    body = b'{"sql": "' + b"x" * most + b'"}'

    refused = owner.post(path, data=body, content_type="application/json")

    assert (refused.status_code, refused.json["code"]) == (413, "too_large")
    assert owner.post(path, data=body[:9] + body[-2:], content_type="application/json").status_code in (401, 422)


def test_on_a_nearly_full_disk_reading_goes_on(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.sql("CREATE TABLE notes (text TEXT)")
    monkeypatch.setattr(Folder, "free_bytes", lambda _: -1)

    for refused in (
        owner.post("/query", {"sql": "INSERT INTO notes VALUES ('x')"}),
        owner.post("/admin/users", {"username": "second", "password": PASSWORD, "role": "viewer"}),
        owner.client.post("/new", json={"username": "owner", "password": PASSWORD}),
    ):
        assert (refused.status_code, refused.json["code"]) == (507, "disk_full")
    assert owner.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 0}]
    assert owner.get("/me").status_code == 200


def test_the_folder_for_large_queries_must_be_one(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"WCE_TEMP_DIR .*No such file"):
        make_app(temp_dir=tmp_path / "none")


def test_connections_with_long_schemas_take_so_much_memory_together_and_no_others_place(
    app: Flask, owner: Caller, make_cenv: Callable[[], Caller], invite: Callable[..., Caller]
) -> None:
    connections, neighbour = app.extensions["wce"].store.connections, make_cenv()
    invited = [invite(name, "viewer") for name in ("ada", "grace", "linus")]
    for caller in (neighbour, *invited):
        caller.sql("SELECT 1")
    opened = len(connections)
    connections._most_bytes = 3 * PER_CHARACTER * 20_000

    owner.sql(f"CREATE VIEW wide AS SELECT {','.join('1' * 390)}, '{'x' * 20_000}' AS x")
    for caller in invited:
        caller.sql("SELECT 1")

    assert connections._bytes <= connections._most_bytes
    assert len(connections) < opened
    assert neighbour.cenv in connections._files
    owner.sql("DROP VIEW wide")
    assert connections._bytes == 0


def test_where_nothing_can_be_written_that_is_told_and_reading_goes_on(app: Flask, owner: Caller, clock: Clock) -> None:
    owner.sql("CREATE TABLE notes (text TEXT)")
    with app.extensions["wce"].store.session(owner.cenv) as session:
        session.execute("PRAGMA query_only=ON")  # as of a disk that was mounted so
    clock.seconds += 3600  # long enough for another note of when the session was last used

    login = owner.client.post(f"/{owner.cenv}/login", json={"username": "owner", "password": PASSWORD})

    assert (login.status_code, login.json["code"]) == (503, "storage_read_only")
    assert owner.get("/me").status_code == 200
    assert owner.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 0}]


def test_a_folder_where_no_cenv_can_be_made_says_so(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("wce.store.folder.os.open", refuse)
    made = client.post("/new", json={"username": "owner", "password": PASSWORD})

    assert (made.status_code, made.json["code"]) == (503, "storage_read_only")
