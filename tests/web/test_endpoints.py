"""Addresses that a cenv makes for itself, from the route to the answer."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.web.callers import PASSWORD, Caller, Clock, sign_in
from tests.web.conftest import applications, usual
from wce.web.headers import POLICIES, ResponseClass

DROPPED = [
    "Set-Cookie",
    "Clear-Site-Data",
    "Strict-Transport-Security",
    "Access-Control-Allow-Credentials",
    "Service-Worker-Allowed",
    "Refresh",
    "Link",
    "Alt-Svc",
    "NEL",
    "Report-To",
    "X-Accel-Redirect",
    "X-Sendfile",
    "X-Sendfile-Temporary",
    "X-LIGHTTPD-send-file",
    "X-LiteSpeed-Location",
    "X-Reproxy-URL",
    "X-Envoy-Immediate-Health-Check-Fail",
    "Secure-Session-Registration",
    "Set-Login",
    "Use-As-Dictionary",
    "CDN-Cache-Control",
    "Edge-Control",
    "Surrogate-Control",
    "Connection",
    "Transfer-Encoding",
    "WWW-Authenticate",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One application with its workers for all tests here; each test has a cenv of its own."""
    rate = "1000000 per minute"
    overrides = {f"rate_limit_{name}": rate for name in ("ip", "user", "cenv")}
    with applications(usual(tmp_path_factory.mktemp("endpoints")), Clock()) as make:
        yield make(rate_limit_login=rate, rate_limit_new=rate, cenv_overrides=overrides)


@pytest.fixture
def owner(site: Flask) -> Caller:
    client = site.test_client(use_cookies=False)
    made = client.post("/new", json={"username": "owner", "password": PASSWORD})
    return sign_in(client, made.json["cenv_id"], "owner")


@pytest.fixture
def visitor(owner: Caller) -> Caller:
    return Caller(owner.client, owner.cenv)


@pytest.fixture
def invite(owner: Caller) -> Callable[..., Caller]:
    def add(username: str, role: str) -> Caller:
        made = owner.post("/admin/users", {"username": username, "password": PASSWORD, "role": role})
        assert made.status_code == 201, made.text
        return sign_in(owner.client, owner.cenv, username)

    return add


@pytest.fixture
def publish(owner: Caller) -> Callable[..., int]:
    """Call it with the body of a handler for an endpoint that anybody may call."""

    def save(body: str, *, by: Caller = owner, **values: Any) -> int:
        script = body if "def handler" in body else "def handler(request):\n" + "".join(f"    {line}\n" for line in body.splitlines())
        given = {"method": "*", "path": "/x", "access": "public", "script": script} | values
        made = by.post("/admin/endpoints", given)
        assert made.status_code in (200, 201), made.text
        return int(made.json["id"])

    return save


def runs(owner: Caller, endpoint_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = owner.get(f"/admin/endpoints/{endpoint_id}/runs").json["runs"]
    return found


# Answers


@pytest.mark.parametrize(
    ("answer", "status", "content_type", "body"),
    [
        ('{"a": [1, None, "ä"]}', 200, "application/json", '{"a":[1,null,"ä"]}'),
        ('"plain"', 200, "text/plain; charset=utf-8", "plain"),
        ("None", 204, None, ""),
        ('html("<p>hi</p>")', 200, "text/html; charset=utf-8", "<p>hi</p>"),
        ('response({"id": 7}, status=201)', 201, "application/json", '{"id":7}'),
    ],
)
def test_what_the_handler_returns_is_the_answer(
    publish: Callable[..., int], visitor: Caller, answer: str, status: int, content_type: str | None, body: str
) -> None:
    publish(f"return {answer}")

    found = visitor.get("/api/x")

    assert (found.status_code, found.headers.get("Content-Type"), found.text) == (status, content_type, body)


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("https://example.org/a", "https://example.org/a"),
        ("/c/pages/größe 1?q=😀&r=%20#a", "/c/pages/gr%C3%B6%C3%9Fe%201?q=%F0%9F%98%80&r=%20#a"),
    ],
)
def test_a_redirect_leads_on(publish: Callable[..., int], visitor: Caller, location: str, sent: str) -> None:
    publish(f"return redirect({location!r})")

    found = visitor.get("/api/x")

    assert (found.status_code, found.headers["Location"]) == (302, sent)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("address", ["http://[::1", "http://a..b/", "//a:x"])
def test_an_address_that_nobody_can_read_goes_out_as_it_is(publish: Callable[..., int], visitor: Caller, method: str, address: str) -> None:
    publish(f"return response('x', 302, headers={{'Location': {address!r}, 'Content-Location': {address!r}}})")

    for _ in range(3):  # from the script, and from memory
        found = visitor.send(method, "/api/x")
        assert (found.status_code, found.headers["Location"], found.headers["Content-Location"]) == (302, address, address)


def test_every_answer_is_content_in_a_box(publish: Callable[..., int], visitor: Caller) -> None:
    publish('return html("<script>alert(1)</script>")')

    for found in (visitor.get("/api/x"), visitor.get("/api/absent"), visitor.send("OPTIONS", "/api/x")):
        assert found.headers["Content-Security-Policy"] == POLICIES[ResponseClass.CONTENT]
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert found.headers["Cache-Control"] == "no-store"


def test_own_headers_go_out_and_the_servers_stay_its_own(publish: Callable[..., int], visitor: Caller) -> None:
    ours = ["Content-Security-Policy", "X-Request-ID", "Content-Length", "RateLimit-Limit", "X-Content-Type-Options"]
    headers = {"X-Mine": "yes"} | dict.fromkeys([*DROPPED, *ours], "evil")
    publish(f"return response('x', headers={headers!r})")

    found = visitor.get("/api/x")

    assert found.headers["X-Mine"] == "yes"
    assert [name for name in DROPPED if name in found.headers] == []
    assert "evil" not in str(found.headers)


@pytest.mark.parametrize("kind", ["multipart/x-mixed-replace; boundary=x", "text/html, Multipart/Mixed; boundary=x"])
def test_headers_do_not_go_out_in_the_parts_of_an_answer_either(publish: Callable[..., int], visitor: Caller, kind: str) -> None:
    body = "--x\r\nContent-Type: text/html\r\nSet-Cookie: wce_00000000=planted; Path=/\r\n\r\n<p>\r\n--x--"
    publish(f"return response({body!r}, content_type={kind!r})")
    publish(f"return response({body!r}, headers={{'content-TYPE': {kind!r}}})", path="/y")

    for path in ("/api/x", "/api/y"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.json["code"]) == (502, "script_failed")


def test_only_what_a_public_endpoint_tells_a_stranger_may_be_cached_by_others(
    publish: Callable[..., int], owner: Caller, visitor: Caller
) -> None:
    publish("return response('x', headers={'Cache-Control': 'public, max-age=60'})")
    publish("return response('x', headers={'Cache-Control': 'public, max-age=60'})", path="/y", access="user")

    for _ in range(2):  # the second one is kept
        told = visitor.get("/api/x").headers
        assert (told["Cache-Control"], told["Vary"]) == ("public, max-age=60", "Authorization, Cookie")
    assert owner.get("/api/x").headers["Cache-Control"] == "no-store"
    assert owner.get("/api/y").headers["Cache-Control"] == "no-store"


# Routes


def test_the_path_is_matched_and_its_parts_are_told(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return request.params", path="/a/{id}/{rest...}")

    assert visitor.get("/api/a/7/b/c").json == {"id": "7", "rest": "b/c"}


def test_a_path_that_nobody_made_is_not_found(visitor: Caller) -> None:
    for path in ("/api/absent", "/api/", "/api"):
        assert visitor.get(path).status_code == 404


def test_another_method_is_refused_with_those_that_there_are(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return None", method="POST")

    found = visitor.get("/api/x")

    assert (found.status_code, found.json["code"], found.headers["Allow"]) == (405, "method_not_allowed", "OPTIONS, POST")


def test_head_is_get_without_a_body(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return request.method", method="GET")

    found = visitor.send("HEAD", "/api/x")

    assert (found.status_code, found.data, found.headers["Content-Length"]) == (200, b"", "3")


def test_options_tells_the_methods(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return None", method="GET", access="admin")

    found = visitor.send("OPTIONS", "/api/x")

    assert (found.status_code, found.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert "Access-Control-Allow-Origin" not in found.headers


def test_a_change_acts_with_the_next_request(publish: Callable[..., int], visitor: Caller, owner: Caller) -> None:
    endpoint_id = publish("return 'old'")
    assert visitor.get("/api/x").text == "old"
    publish("return 'new'")
    assert visitor.get("/api/x").text == "new"

    owner.put(f"/admin/endpoints/{endpoint_id}", {"enabled": False})

    assert visitor.get("/api/x").status_code == 404


# Who may call


@pytest.mark.parametrize(("access", "statuses"), [("public", (200, 200, 200)), ("user", (401, 200, 200)), ("admin", (401, 403, 200))])
def test_the_endpoint_says_who_may_call(
    publish: Callable[..., int], invite: Callable[..., Caller], visitor: Caller, owner: Caller, access: str, statuses: tuple[int, ...]
) -> None:
    publish("return 'in'", access=access)

    found = [caller.get("/api/x").status_code for caller in (visitor, invite("vera", "viewer"), owner)]

    assert tuple(found) == statuses


def test_the_script_is_told_who_calls(publish: Callable[..., int], owner: Caller, visitor: Caller) -> None:
    publish("return [request.user, request.ip]")

    assert visitor.get("/api/x").json == [None, "127.0.0.1"]
    assert owner.get("/api/x").json[0] == {"user_id": 1, "username": "owner", "role": "owner"}


def test_a_page_of_any_origin_may_call_what_is_public_and_nothing_else(publish: Callable[..., int], visitor: Caller, owner: Caller) -> None:
    publish("return 'x'")
    publish("return 'x'", path="/y", access="user")
    asked = {"Origin": "null", "Access-Control-Request-Method": "POST"}

    answer, preflight = visitor.get("/api/x", headers=asked), visitor.send("OPTIONS", "/api/x", headers=asked)
    elsewhere = asked | {"Origin": "https://else.where"}
    # A page of the cenv, whose origin is null too, may ask with its token; without one the answer is not for it to read.
    closed = [owner.get("/api/y", headers=asked), visitor.send("OPTIONS", "/api/y", headers=elsewhere)]

    assert answer.headers["Access-Control-Allow-Origin"] == preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"].split(", ")
    assert preflight.headers["Access-Control-Allow-Headers"] == "*"
    for found in (answer, preflight, *closed):
        assert "Access-Control-Allow-Credentials" not in found.headers
    for found in closed:
        assert "Access-Control-Allow-Origin" not in found.headers


def test_a_cookie_needs_the_token_of_our_own_pages_here_too(publish: Callable[..., int], site: Flask, owner: Caller) -> None:
    publish("return request.user.username", access="user")
    client = site.test_client()
    client.post(f"/{owner.cenv}/login", json={"username": "owner", "password": PASSWORD})
    csrf = client.get(f"/{owner.cenv}/me").json["csrf_token"]

    found = [client.post(f"/{owner.cenv}/api/x", headers=headers).status_code for headers in ({}, {"X-CSRF-Token": csrf})]

    assert found == [403, 200]


def test_a_template_in_a_script_is_used_while_its_author_administers_or_is_the_scripts(
    publish: Callable[..., int], owner: Caller, visitor: Caller, invite: Callable[..., Caller]
) -> None:
    owner.sql("CREATE TABLE salaries (sum INTEGER)")
    owner.sql("INSERT INTO salaries VALUES (4711)")
    adam = invite("adam", "admin")
    part = {"name": "part", "syntax": "jinja", "content": '{{ query_one("SELECT sum FROM salaries").sum }}'}
    adam.post("/admin/templates", part)
    publish("return render('part')", run_as="definer")
    assert visitor.get("/api/x").text == "4711"

    for change in ({"role": "viewer"}, {"role": "admin", "enabled": False}):
        owner.put(f"/admin/users/{adam.user_id}", change)
        assert (visitor.get("/api/x").status_code, owner.get("/api/x").status_code) == (502, 502)

    owner.post("/admin/templates", part)
    assert visitor.get("/api/x").text == "4711", "whoever saves it is its author"


# What the script sees


def seen(answer: TestResponse) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_request_is_told_in_plain_data(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return [request.method, request.path, request.query, request.headers['x-one'], request.cookies, request.id, request.url]")

    found = seen(visitor.get("/api/x?a=1&b=%C3%A4&a=2", headers={"X-One": "1", "Cookie": "theme=dark", "X-Request-ID": "abc"}))

    url = f"http://localhost/{visitor.cenv}/api/x?a=1&b=%C3%A4&a=2"
    assert found == ["GET", "/x", {"a": "1", "b": "ä"}, "1", {"theme": "dark"}, "abc", url]


def test_what_proves_who_the_caller_is_stays_hidden(publish: Callable[..., int], owner: Caller) -> None:
    publish("return [request.headers, request.cookies]")
    cookie = f"wce_{owner.cenv[:8]}=secret-cookie; theme=dark"

    found = owner.get("/api/x", headers={"Cookie": cookie, "X-CSRF-Token": "secret-token", "Proxy-Authorization": "secret-proxy"}).text

    assert "theme" in found
    for secret in ("secret", owner.token, "uthorization"):
        assert secret not in found


def test_json_arrives_parsed_and_as_text(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return [request.json, request.body]")

    assert seen(visitor.post("/api/x", {"a": [1]})) == [{"a": [1]}, json.dumps({"a": [1]})]


def test_a_form_arrives_in_fields(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return request.form")

    assert seen(visitor.post("/api/x", data={"a": "1", "b": "ä"})) == {"a": "1", "b": "ä"}


def test_files_arrive_with_name_type_and_content(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return [request.form, [[f.name, f.filename, f.content_type, f.size, f.base64] for f in request.files]]")
    sent = {"title": "one", "file": (io.BytesIO(b"\x00\xff"), "a.bin", "image/png")}

    assert seen(visitor.post("/api/x", data=sent)) == [{"title": "one"}, [["file", "a.bin", "image/png", 2, "AP8="]]]


def test_bytes_arrive_as_base64(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return [request.body, request.body_base64]")

    assert seen(visitor.post("/api/x", data=b"\x00\xff", content_type="application/octet-stream")) == [None, "AP8="]


def test_a_body_has_its_limit(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return len(request.body)")
    full, more = "x" * 1024 * 1024, "x" * (1024 * 1024 + 1)

    assert seen(visitor.post("/api/x", data=full, content_type="text/plain")) == len(full)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert visitor.post("/api/x", data=more, content_type=kind).status_code == 413


def test_a_form_of_too_many_parts_is_too_large(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return 1")
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'

    found = visitor.post("/api/x", data=part * 1_100 + b"--x--\r\n", content_type="multipart/form-data; boundary=x")

    assert found.status_code == 413


@pytest.mark.parametrize("part", ["form-data", "form-data; filename=a", "x"])
def test_a_part_of_a_form_without_a_name_is_refused(publish: Callable[..., int], visitor: Caller, part: str) -> None:
    publish("return 1")
    body = f"--x\r\nContent-Disposition: {part}\r\n\r\n1\r\n--x--\r\n"

    found = visitor.post("/api/x", data=body, content_type="multipart/form-data; boundary=x")

    assert (found.status_code, found.json["code"]) == (400, "malformed")


@pytest.mark.parametrize("part", ['form-data; name="f"; filename="a\0.txt"', 'form-data; name="f\0"; filename=a'])
def test_a_file_with_a_nul_in_its_name_is_refused(publish: Callable[..., int], visitor: Caller, part: str) -> None:
    publish("return request.files")
    body = f"--x\r\nContent-Disposition: {part}\r\n\r\n1\r\n--x--\r\n"

    found = visitor.post("/api/x", data=body, content_type="multipart/form-data; boundary=x")

    assert (found.status_code, found.json["code"]) == (400, "malformed")


@pytest.mark.parametrize("path", ["/api/x?a=%00", "/api/x?%00=a"])
def test_a_nul_is_refused_at_the_border(publish: Callable[..., int], visitor: Caller, path: str) -> None:
    publish("return request.query")

    assert visitor.get(path).status_code == 400


# Failures


def test_abort_ends_the_call_with_its_status_and_undoes_it(publish: Callable[..., int], owner: Caller) -> None:
    owner.sql("CREATE TABLE t (x)")
    endpoint_id = publish("db.execute('INSERT INTO t VALUES (1)')\nabort(409, 'Taken.')")

    found = owner.post("/api/x", headers={"X-Request-ID": "abc"})

    assert (found.status_code, found.mimetype) == (409, "application/problem+json")
    assert found.json == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "aborted",
        "detail": "Taken.",
        "request_id": "abc",
    }
    assert owner.sql("SELECT * FROM t")["rows"] == []
    assert runs(owner, endpoint_id)[0]["status"] == 409


def test_abort_is_a_page_for_whoever_sent_a_form(publish: Callable[..., int], visitor: Caller) -> None:
    publish("abort(409, '<b>Taken</b>, dear ' + request.form['name'])", method="POST")
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

    found = visitor.post("/api/x", data={"name": "Ada"}, headers=browser)
    to_script = visitor.post("/api/x", data={"name": "Ada"}, headers={"Accept": "*/*"})

    assert (found.status_code, found.mimetype) == (409, "text/html")
    assert "<h1>Conflict</h1>" in found.text
    assert "&lt;b&gt;Taken&lt;/b&gt;, dear Ada" in found.text
    assert found.headers["Content-Security-Policy"].startswith("sandbox ")
    assert "<script" not in found.text  # none of ours could run in the sandbox
    assert to_script.mimetype == "application/problem+json"


def test_a_mistake_is_told_whole_to_administrators_only(publish: Callable[..., int], owner: Caller, visitor: Caller) -> None:
    endpoint_id = publish("print('before')\nx = [1]\nreturn x[7]")

    to_owner, to_visitor = owner.get("/api/x"), visitor.get("/api/x", headers={"X-Request-ID": "find-me"})

    assert (to_owner.status_code, to_owner.json["code"], to_owner.json["position"]["line"]) == (502, "script_failed", 4)
    assert "return x[7]" in to_owner.json["errors"][0]["message"]
    assert to_visitor.status_code == 502
    assert to_visitor.json["detail"] == "The script failed."
    assert "errors" not in to_visitor.json
    assert "position" not in to_visitor.json
    (last, _first) = runs(owner, endpoint_id)
    assert (last["request_id"], last["prints"][0]["text"], last["error"]["line"]) == ("find-me", "before", 4)


def test_a_refused_statement_is_forbidden_in_the_guards_words(publish: Callable[..., int], owner: Caller, visitor: Caller) -> None:
    owner.sql("CREATE TABLE secrets (x)")
    publish("return db.query('SELECT * FROM secrets')")

    found = visitor.get("/api/x")

    assert (found.status_code, found.json["code"], found.json["detail"]) == (403, "table_forbidden", "no such table: secrets")


def test_a_constraint_is_told(publish: Callable[..., int], owner: Caller) -> None:
    owner.sql("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    publish("db.batch([['INSERT INTO t VALUES (1)', []], ['INSERT INTO t VALUES (1)', []]])")

    found = owner.post("/api/x")

    assert (found.status_code, found.json["code"]) == (422, "constraint")
    assert owner.sql("SELECT * FROM t")["rows"] == []


def test_wrong_sql_is_the_scripts_mistake(publish: Callable[..., int], owner: Caller, visitor: Caller) -> None:
    publish("\nreturn db.query('SELEC 1')")

    to_owner = owner.get("/api/x")

    assert (to_owner.status_code, to_owner.json["code"], to_owner.json["position"]["line"]) == (502, "script_failed", 3)
    assert "SELEC" in to_owner.json["detail"]
    assert visitor.get("/api/x").json["detail"] == "A statement of the script failed."


def test_a_script_that_takes_too_long_is_ended(publish: Callable[..., int], owner: Caller) -> None:
    owner.put("/admin/config", {"script_timeout_seconds": 1})
    publish("for i in range(1000000000):\n    pass")

    found = owner.get("/api/x")

    assert (found.status_code, found.json["code"]) == (504, "script_timeout")


def test_a_script_that_wants_too_much_memory_is_ended(publish: Callable[..., int], owner: Caller) -> None:
    publish("x = [0]\nfor i in range(40):\n    x = x + x\nreturn len(x)")

    found = owner.get("/api/x")

    assert (found.status_code, found.json["code"]) == (502, "script_failed")
    assert "memory" in found.json["detail"]


def test_a_script_that_cannot_be_read_is_refused_when_it_is_saved(owner: Caller) -> None:
    found = owner.post("/admin/endpoints", {"method": "GET", "path": "/x", "script": "def handler(request):\n    return ("})

    assert (found.status_code, found.json["code"]) == (422, "script_error")
    assert found.json["position"]["line"] >= 2
    assert found.json["errors"][0]["field"] == "script"


# Data


def test_a_call_is_one_transaction(publish: Callable[..., int], owner: Caller) -> None:
    owner.sql("CREATE TABLE t (x)")
    publish("db.execute('INSERT INTO t VALUES (1)')\ndb.execute('INSERT INTO t VALUES (2)')\nreturn 1 // len(db.query('SELECT 1 WHERE 0'))")

    assert owner.post("/api/x").status_code == 502
    assert owner.sql("SELECT * FROM t")["rows"] == []


def test_policies_hold_in_scripts(publish: Callable[..., int], owner: Caller, invite: Callable[..., Caller]) -> None:
    owner.sql("CREATE TABLE notes (owner TEXT, text TEXT)")
    owner.sql("INSERT INTO notes VALUES ('anna', 'hers'), ('owner', 'his')")
    anna = invite("anna", "viewer")
    owner.post("/admin/permissions", {"user_id": anna.user_id, "table_name": "notes", "can_read": True})
    owner.post("/admin/policies", {"table_name": "notes", "policy_type": "read", "sql_condition": "owner = $username"})
    publish("return [row.text for row in db.query('SELECT text FROM notes')]", access="user")

    assert anna.get("/api/x").json == ["hers"]
    assert owner.get("/api/x").json == ["hers", "his"]


def test_a_trial_shows_everything_and_leaves_nothing(owner: Caller) -> None:
    owner.sql("CREATE TABLE t (x)")
    insert = "db.execute('INSERT INTO t VALUES (?)', [request.json['x']])"
    script = f"def handler(request):\n    print('tried')\n    {insert}\n    return {{'ok': True}}\n"

    found = owner.post("/admin/endpoints/test", {"script": script, "request": {"method": "POST", "json": {"x": 7}}})

    assert found.status_code == 200, found.text
    assert (found.json["status"], found.json["body"], found.json["prints"][0]["text"]) == (200, '{"ok":true}', "tried")
    assert [item["sql"] for item in found.json["queries"]] == ["INSERT INTO t VALUES (?)"]
    assert owner.sql("SELECT * FROM t")["rows"] == []
