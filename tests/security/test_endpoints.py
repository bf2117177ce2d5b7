"""Attacks through scripts: by whoever calls one, by whoever writes one, and by one cenv against another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from tests.web.callers import PASSWORD, Caller, sign_in
from wce.config import Settings
from wce.core.hooks import MAX_DEPTH
from wce.web.factory import create_app

RATE = "1000000 per minute"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    overrides = {f"rate_limit_{name}": RATE for name in ("ip", "user", "cenv")}
    folder = tmp_path_factory.mktemp("attacked") / "cenvs"
    settings = Settings(
        storage_dir=folder, jwt_secret="k" * 32, min_free_mb=0, rate_limit_login=RATE, rate_limit_new=RATE, cenv_overrides=overrides
    )
    app = create_app(settings, bcrypt_rounds=4)
    yield app
    app.extensions["wce"].close()


def make_cenv(site: Flask) -> Caller:
    client = site.test_client(use_cookies=False)
    made = client.post("/new", json={"username": "owner", "password": PASSWORD})
    return sign_in(client, made.json["cenv_id"], "owner")


@pytest.fixture
def owner(site: Flask) -> Caller:
    """The owner of a cenv with a table of which everybody sees his own rows, and one that nobody sees."""
    owner = make_cenv(site)
    owner.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT, text TEXT)")
    owner.sql("INSERT INTO notes VALUES (1, 'owner', 'TOP SECRET'), (2, 'vera', 'hers'), (3, 'adam', 'his')")
    owner.sql("CREATE TABLE safe (code TEXT)")
    owner.sql("INSERT INTO safe VALUES ('TOP SECRET')")
    for kind in ("read", "write", "delete"):
        owner.post("/admin/policies", {"table_name": "notes", "policy_type": kind, "sql_condition": "owner = $username"})
    return owner


@pytest.fixture
def invite(owner: Caller) -> Callable[..., Caller]:
    """Call it with a name and a role for another user, who may do with the notes what his role lets him."""

    def add(username: str, role: str) -> Caller:
        made = owner.post("/admin/users", {"username": username, "password": PASSWORD, "role": role})
        rights = {"can_read": True, "can_write": True, "can_delete": True}
        if role in ("viewer", "editor"):
            owner.post("/admin/permissions", {"user_id": made.json["user_id"], "table_name": "notes"} | rights)
        return sign_in(owner.client, owner.cenv, username)

    return add


def publish(by: Caller, body: str, **values: Any) -> Any:
    script = "def handler(request):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    made = by.post("/admin/endpoints", {"method": "*", "path": "/x", "access": "public", "script": script} | values)
    assert made.status_code in (200, 201), made.text
    return made.json


# By whoever calls


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM notes",
        "SELECT * FROM safe",
        "SELECT (SELECT group_concat(text) FROM notes)",
        "SELECT * FROM _wce_users",
        "SELECT sql FROM sqlite_master",
        "UPDATE notes SET text = 'x' RETURNING (SELECT group_concat(text) FROM notes)",
        "WITH n AS (SELECT * FROM main.notes) SELECT * FROM n",
    ],
)
def test_sql_that_a_caller_slips_in_stays_under_his_rights(owner: Caller, invite: Callable[..., Caller], sql: str) -> None:
    vera = invite("vera", "viewer")
    publish(owner, "return db.query(request.json['sql'])")

    for caller in (vera, Caller(owner.client, owner.cenv)):
        answer = caller.post("/api/x", {"sql": sql})
        assert answer.status_code in (200, 403, 502)
        assert "SECRET" not in answer.text
        assert "$2b$" not in answer.text
    assert owner.sql("SELECT count(*) AS n FROM notes WHERE text = 'x'")["rows"] == [{"n": 0}]


def test_a_quote_in_a_text_that_is_put_together_opens_no_hidden_row(owner: Caller, invite: Callable[..., Caller]) -> None:
    vera = invite("vera", "viewer")
    publish(owner, """return db.query("SELECT text FROM notes WHERE text = '" + request.query["q"] + "'")""")

    answer = vera.get("/api/x?q=' OR 1=1 --")

    assert answer.json == [{"text": "hers"}]


def test_a_viewer_does_not_write_through_a_script(owner: Caller, invite: Callable[..., Caller]) -> None:
    vera = invite("vera", "viewer")
    publish(owner, "return db.execute('DELETE FROM notes').changes")

    assert vera.post("/api/x").status_code == 403
    assert owner.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 3}]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=1", "a\nX-Evil: 1", "a\x00b", "a\rb"])
def test_a_header_cannot_be_split(owner: Caller, value: str) -> None:
    publish(owner, "return response('x', headers={'X-Mine': request.json['value']})")

    answer = owner.post("/api/x", {"value": value})

    assert answer.status_code in (400, 502)
    assert "Set-Cookie" not in answer.headers
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("where", ["https://example.org/\r\nSet-Cookie: x=1", "/a\nX-Evil: 1"])
def test_a_redirect_cannot_be_split(owner: Caller, where: str) -> None:
    publish(owner, "return redirect(request.json['where'])")

    answer = owner.post("/api/x", {"where": where})

    assert "Set-Cookie" not in answer.headers
    assert "X-Evil" not in answer.headers


def test_no_cookie_is_planted_for_other_pages(owner: Caller) -> None:
    cookie = f"wce_{owner.cenv[:8]}=stolen; Path=/"
    publish(owner, f"return response('x', headers={{'Set-Cookie': '{cookie}', 'set-cookie': '{cookie}', 'SET-COOKIE2': '{cookie}'}})")

    assert "stolen" not in str(owner.get("/api/x").headers)


# By whoever writes


def test_a_demoted_author_lends_no_more_than_he_has(owner: Caller, invite: Callable[..., Caller]) -> None:
    adam = invite("adam", "admin")
    publish(adam, "return [row.text for row in db.query('SELECT text FROM notes ORDER BY id')]", run_as="definer")
    visitor = Caller(owner.client, owner.cenv)
    assert visitor.get("/api/x").json == ["TOP SECRET", "hers", "his"]

    owner.put(f"/admin/users/{adam.user_id}", {"role": "editor"})
    owner.post("/admin/permissions", {"user_id": adam.user_id, "table_name": "notes", "can_read": True})

    assert visitor.get("/api/x").status_code == 403
    assert owner.get("/api/x").json == ["his"]


def test_both_policies_hold_for_a_demoted_author_and_his_caller(owner: Caller, invite: Callable[..., Caller]) -> None:
    adam, vera = invite("adam", "admin"), invite("vera", "viewer")
    publish(adam, "return db.query('SELECT text FROM notes')")

    owner.put(f"/admin/users/{adam.user_id}", {"role": "editor"})
    owner.post("/admin/permissions", {"user_id": adam.user_id, "table_name": "notes", "can_read": True})

    assert vera.get("/api/x").json == []


def test_a_disabled_author_runs_for_nobody(owner: Caller, invite: Callable[..., Caller]) -> None:
    adam = invite("adam", "admin")
    publish(adam, "return 'ran'")
    owner.put(f"/admin/users/{adam.user_id}", {"enabled": False})

    for caller in (owner, Caller(owner.client, owner.cenv)):
        answer = caller.get("/api/x")
        assert (answer.status_code, "ran" in answer.text) == (403, False)


def test_whoever_edits_a_definers_script_does_not_borrow_his_rights(owner: Caller, invite: Callable[..., Caller]) -> None:
    adam = invite("adam", "admin")
    made = publish(owner, "return db.query('SELECT text FROM notes')", run_as="definer")
    visitor = Caller(owner.client, owner.cenv)
    assert len(visitor.get("/api/x").json) == 3

    script = "def handler(request):\n    return db.query('SELECT code FROM safe')"
    edited = adam.put(f"/admin/endpoints/{made['id']}", {"script": script})

    assert (edited.json["run_as"], edited.json["modified_by"]) == ("caller", adam.user_id)
    assert visitor.get("/api/x").status_code == 403


def test_an_editor_saves_no_script(owner: Caller, invite: Callable[..., Caller]) -> None:
    edna = invite("edna", "editor")

    answer = edna.post("/admin/endpoints", {"method": "GET", "path": "/x", "script": "def handler(request):\n    return 1"})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "SAVEPOINT s",
        "RELEASE s",
        "END",
        "ATTACH DATABASE '/etc/passwd' AS p",
        "DETACH DATABASE main",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = DELETE",
        "VACUUM INTO '/tmp/copy'",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "DELETE FROM _wce_audit_log",
        "UPDATE _wce_users SET role = 'owner'",
        "INSERT INTO notes (text) VALUES ('stays'); COMMIT",
    ],
)
def test_not_even_an_owners_script_leaves_its_transaction_or_its_file(owner: Caller, sql: str) -> None:
    publish(owner, "db.execute(\"INSERT INTO notes (text) VALUES ('stays')\")\nreturn db.execute(request.json['sql'])", run_as="definer")

    answer = owner.post("/api/x", {"sql": sql})

    assert answer.status_code in (403, 502), answer.text
    assert owner.sql("SELECT count(*) AS n FROM notes WHERE text = 'stays'")["rows"] == [{"n": 0}]
    assert owner.get("/admin/audit/verify").json["ok"] is True


@pytest.mark.parametrize("body", ["return open('/etc/passwd')", "return __import__('os')", "return eval('1')", "return getattr(db, 'x')"])
def test_there_is_nothing_of_python_in_a_script(owner: Caller, body: str) -> None:
    script = "def handler(request):\n    " + body

    saved = owner.post("/admin/endpoints", {"method": "*", "path": "/x", "script": script})
    answer = owner.get("/api/x")

    assert saved.status_code == 422 or answer.status_code == 502


# By one cenv against another


def test_a_script_does_not_reach_another_cenv(site: Flask, owner: Caller) -> None:
    other = make_cenv(site)
    other.sql("CREATE TABLE here (x)")
    publish(other, "return db.query(request.json['sql'])", run_as="definer")

    for sql in (f'SELECT * FROM "{owner.cenv}".notes', "SELECT * FROM safe", "SELECT * FROM main.notes", "SELECT * FROM temp.notes"):
        answer = other.post("/api/x", {"sql": sql})
        assert answer.status_code == 502
        assert "SECRET" not in answer.text


def test_nothing_is_left_in_a_worker_for_the_next_cenv(site: Flask, owner: Caller) -> None:
    other = make_cenv(site)
    script = "state = {'n': []}\ndef handler(request):\n    state['n'].append(request.json)\n    return len(state['n'])"
    for caller in (owner, other):
        caller.post("/admin/endpoints", {"method": "*", "path": "/x", "access": "public", "script": script})

    answers = [caller.post("/api/x", {"secret": 1}) for caller in (owner, other, owner, other)]

    assert [answer.status_code for answer in answers] == [502] * 4


# Storms


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def hook(owner: Caller, body: str, **values: Any) -> int:
    script = "def handler(event):\n    " + body
    made = owner.post("/admin/hooks", {"name": "storm", "table_name": "*", "script": script, "run_as": "definer"} | values)
    assert made.status_code == 201, made.text
    return int(made.json["id"])


def test_hooks_that_set_each_other_off_come_to_an_end(owner: Caller) -> None:
    owner.sql("CREATE TABLE storm (depth INTEGER)")
    hook_id = hook(owner, "db.execute('INSERT INTO storm VALUES (?)', [event['depth']])", table_name="storm")

    owner.sql("INSERT INTO storm VALUES (0)")

    def ended() -> bool:
        runs = owner.get(f"/admin/hooks/{hook_id}/runs").json["runs"]
        return any(run["error"] and "set off other hooks" in run["error"]["message"] for run in runs)

    wait_for(ended)
    assert owner.sql("SELECT count(*) AS n FROM storm")["rows"] == [{"n": 1 + MAX_DEPTH}]


def test_a_storm_in_one_cenv_does_not_hold_up_the_hooks_of_another(site: Flask, owner: Caller) -> None:
    other = make_cenv(site)
    other.sql("CREATE TABLE seen (x)")
    other.sql("CREATE TABLE t (x)")
    hook(other, "db.execute('INSERT INTO seen VALUES (1)')", table_name="t")
    owner.put("/admin/config", {"script_timeout_seconds": 1})
    hook(owner, "for i in range(1000000000): pass", table_name="notes")
    for _ in range(10):
        owner.sql("UPDATE notes SET text = text WHERE id = 1")

    started = time.monotonic()
    other.sql("INSERT INTO t VALUES (1)")
    wait_for(lambda: bool(other.sql("SELECT * FROM seen")["rows"]))

    assert time.monotonic() - started < 5
    assert owner.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 3}]
