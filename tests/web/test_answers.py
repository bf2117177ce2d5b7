"""The short way to an answer that a public script has given before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.web.callers import PASSWORD, Caller, Clock, sign_in
from tests.web.test_endpoints import owner, publish, runs, site, visitor

__all__ = ["owner", "publish", "site", "visitor"]
READ = "return db.query_one('SELECT max(n) AS n FROM t WHERE n < ?', [int(request.params['below'])])"


def from_memory(site: Flask) -> float:
    found: float | None = site.extensions["wce"].metrics.registry.get_sample_value("wce_answers_total", {"cache": "hit"})
    return found or 0.0


@pytest.fixture
def numbers(owner: Caller, publish: Callable[..., int]) -> Caller:
    owner.sql("CREATE TABLE t (n INTEGER)")
    owner.sql("INSERT INTO t VALUES (1), (5)")
    publish(READ, path="/below/{below}", run_as="definer")
    return owner


def test_a_commit_is_in_the_very_next_answer(site: Flask, numbers: Caller, visitor: Caller) -> None:
    before = from_memory(site)

    for n in range(6, 16):
        assert [visitor.get("/api/below/100").json for _ in range(3)] == [{"n": n - 1}] * 3
        numbers.sql("INSERT INTO t VALUES (?)", [n])
        assert visitor.get("/api/below/5").json == {"n": 1}

    assert from_memory(site) - before == 20


def test_the_short_answer_is_the_long_one_word_for_word(site: Flask, publish: Callable[..., int], visitor: Caller) -> None:
    publish("return response('é', status=203, headers={'X-Own': 'a', 'Set-Cookie': 'x=1', 'Cache-Control': 'public, max-age=60'})")
    before = from_memory(site)

    long, first, short, head = *(visitor.get("/api/x") for _ in range(3)), visitor.send("HEAD", "/api/x")

    def told(answer: Any) -> dict[str, str]:
        return {name: text for name, text in answer.headers if name not in ("X-Request-ID", "RateLimit-Remaining", "RateLimit-Reset")}

    assert from_memory(site) - before == 3
    assert (short.status, short.data, told(short)) == (first.status, first.data, told(first)) == (long.status, long.data, told(long))
    assert (head.status, head.data, told(head)) == (long.status, b"", told(long))
    assert int(short.headers["RateLimit-Remaining"]) == int(long.headers["RateLimit-Remaining"]) - 2
    assert short.headers["Content-Security-Policy"].startswith("sandbox ")


def test_who_has_an_answer_already_gets_nothing_but_its_tag(numbers: Caller, publish: Callable[..., int], visitor: Caller) -> None:
    answer = "response(db.query('SELECT max(n) AS n FROM t'), headers={'Cache-Control': 'public, no-cache'})"
    publish(f"return {answer}", run_as="definer")
    tag = visitor.get("/api/x").headers["ETag"]

    asked = [(visitor, "GET"), (visitor, "GET"), (visitor, "HEAD"), (numbers, "GET")]
    found = [who.send(method, "/api/x", headers={"If-None-Match": f'"other", {tag}'}) for who, method in asked]
    numbers.sql("INSERT INTO t VALUES (77)")
    after = visitor.get("/api/x", headers={"If-None-Match": tag})

    assert [(item.status_code, item.data, item.headers["ETag"]) for item in found] == [(304, b"", tag)] * 4
    assert [item.headers.get("Content-Type") for item in found] == [None] * 4
    assert [item.headers["Cache-Control"] for item in found] == ["public, no-cache"] * 3 + ["no-store"]
    assert (after.status_code, after.json, after.headers["ETag"] != tag) == (200, [{"n": 77}], True)


@pytest.mark.parametrize(
    ("handler", "method", "tag"),
    [
        ("return response('x', headers={'etag': '\"own\"'})", "GET", '"own"'),
        ("return [time.now(), response][:0] or response('x', headers={'etag': 'W/\"own\"'})", "GET", 'W/"own"'),
        ("return response('x', 404)", "GET", None),
        ("return 'x'", "POST", None),
        ("return [time.now()]", "GET", None),
    ],
)
def test_a_tag_is_the_scripts_own_or_that_of_a_kept_answer(
    publish: Callable[..., int], visitor: Caller, handler: str, method: str, tag: str | None
) -> None:
    publish(handler, method=method)
    for _ in range(3):
        found, held = visitor.send(method, "/api/x"), visitor.send(method, "/api/x", headers={"If-None-Match": '"own"'})
        assert (found.headers.get("ETag"), found.status_code == 304, held.status_code == 304) == (tag, False, tag is not None)


def test_an_answer_ends_with_its_endpoint(numbers: Caller, publish: Callable[..., int], visitor: Caller) -> None:
    endpoint = publish("return 'first'")
    assert [visitor.get("/api/x").text for _ in range(3)] == ["first"] * 3

    publish("return 'second'")
    assert [visitor.get("/api/x").text for _ in range(3)] == ["second"] * 3
    numbers.put(f"/admin/endpoints/{endpoint}", {"access": "user"})
    assert visitor.get("/api/x").status_code == 401
    numbers.put(f"/admin/endpoints/{endpoint}", {"access": "public", "enabled": False})
    assert visitor.get("/api/x").status_code == 404


def test_what_looks_at_more_than_its_path_is_asked_the_long_way(site: Flask, publish: Callable[..., int], visitor: Caller) -> None:
    publish("return [request.query.get('q'), request.headers.get('x-a'), request.user]")
    before = from_memory(site)

    asked = [visitor.get(f"/api/x?q={q}", headers={"X-A": a}).json[:2] for q in "ab" for a in "cd"]
    again = visitor.get("/api/x?q=a", headers={"X-A": "c"}).json[:2]

    assert asked == [["a", "c"], ["a", "d"], ["b", "c"], ["b", "d"]]
    assert (again, from_memory(site) - before) == (["a", "c"], 1)


def test_nobody_gets_an_answer_that_was_made_for_somebody_else(publish: Callable[..., int], owner: Caller, visitor: Caller) -> None:
    publish("return request.user")

    assert [(owner.get("/api/x").json["username"], visitor.get("/api/x").status_code) for _ in range(2)] == [("owner", 204)] * 2


def test_a_redirect_an_error_and_a_rendered_template_are_as_they_were(publish: Callable[..., int], owner: Caller, visitor: Caller) -> None:
    publish("return redirect('/ä b')", path="/redirect")
    publish("abort(409, 'no')", path="/abort")
    publish("return 1 // 0", path="/fail")
    publish("return html(render('greeting', {'name': 'Ann'}))", path="/render")
    owner.post("/admin/templates", {"name": "greeting", "syntax": "jinja", "content": "Hello {{ name }}"})

    def answers() -> list[tuple[int, str | None, str]]:
        found = [visitor.get(f"/api/{path}") for path in ("redirect", "abort", "fail", "render")]
        return [(answer.status_code, answer.headers.get("Location"), answer.text[:9]) for answer in found]

    assert answers()[0] == answers()[0]
    assert [status for status, _, _ in answers()] == [302, 409, 502, 200]
    owner.post("/admin/templates", {"name": "greeting", "syntax": "jinja", "content": "Goodbye {{ name }}"})
    assert answers()[3][2] == "Goodbye A"


def test_every_answer_is_counted_limited_and_noted(make_app: Callable[..., Flask], clock: Clock) -> None:
    app = make_app(sandbox_workers=1)
    client = app.test_client(use_cookies=False)
    cenv = client.post("/new", json={"username": "owner", "password": PASSWORD}).json["cenv_id"]
    owner, visitor = sign_in(client, cenv, "owner"), Caller(client, cenv)
    script = "def handler(request):\n    print('hello')\n    return 1\n"
    endpoint = owner.post("/admin/endpoints", {"method": "GET", "path": "/x", "access": "public", "script": script}).json["id"]
    owner.put("/admin/config", {"rate_limit_ip": "7 per minute"})
    clock.seconds += 120

    answers = [visitor.get("/api/x", headers={"X-Request-ID": f"asked-{number}"}) for number in range(9)]

    assert [answer.status_code for answer in answers] == [200] * 7 + [429] * 2
    assert answers[-1].json["code"] == "rate_limited"
    assert (
        'wce_requests_total{method="GET",route="/<cenv:cenv_id>/api/<path:path>",status="200"} 7.0'
        in app.extensions["wce"].metrics.text().decode()
    )
    clock.seconds += 120
    noted = runs(owner, endpoint)
    assert [run["request_id"] for run in noted] == [f"asked-{number}" for number in range(6, -1, -1)]
    assert noted[0]["prints"][0]["text"] == "hello"


def test_whatever_is_kept_counts_once(publish: Callable[..., int], visitor: Caller) -> None:
    publish("return redirect('/elsewhere')", path="/redirect")
    publish("return 1", path="/plain")

    left = [int(visitor.get(f"/api/{path}").headers["RateLimit-Remaining"]) for path in ("redirect", "plain") for _ in range(3)]

    assert left == list(range(left[0], left[0] - 6, -1))
