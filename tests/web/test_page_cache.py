"""One rendering for many who ask at once, and pages that are made anew before somebody asks."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from flask import Flask

from tests.web.callers import PASSWORD, Caller, Clock, sign_in
from tests.web.test_admin_templates import until
from tests.web.test_pages import LIST, app, notes, publish, seen
from wce.core import pages
from wce.errors import WceError

__all__ = ["app", "notes"]
SLOW = "{{ query_one('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) AS i FROM n').i }}"


def rendered(app: Flask) -> float:
    found: float | None = app.extensions["wce"].metrics.registry.get_sample_value(
        "wce_script_calls_total", {"kind": "template", "outcome": "ok"}
    )
    return found or 0.0


def test_what_many_ask_for_at_once_is_made_once(app: Flask, owner: Caller, visitor: Caller) -> None:
    publish(owner, "slow", SLOW)
    ready = threading.Barrier(6)

    def ask() -> str:
        ready.wait()
        return seen(visitor, "/slow")[0]

    with ThreadPoolExecutor(6) as threads:
        answers = [future.result() for future in [threads.submit(ask) for _ in range(6)]]

    assert answers == ["300000"] * 6
    assert rendered(app) == 1


def test_a_page_that_is_asked_for_often_is_there_again_before_somebody_asks(app: Flask, notes: Caller, visitor: Caller) -> None:
    publish(notes, "list", LIST)
    for _ in range(4):
        visitor.get("/pages/list")

    notes.sql("INSERT INTO notes (text) VALUES ('two')")

    until(lambda: notes.sql("SELECT count(*) AS n FROM _wce_page_cache")["rows"] == [{"n": 1}])
    assert seen(visitor, "/list") == ("[one][two]", "hit")


def test_a_page_that_fails_anew_stops_no_commit_and_is_told_to_who_asks(app: Flask, notes: Caller, visitor: Caller) -> None:
    made = publish(notes, "list", "{{ query_one('SELECT abs(min(id)) AS n FROM notes').n }}")
    for _ in range(4):
        assert visitor.get("/pages/list").text == "1"

    notes.sql("INSERT INTO notes (id) VALUES (-9223372036854775808)")

    until(lambda: bool(notes.get(f"/admin/templates/{made['id']}/runs").json["runs"][0]["error"]))
    assert visitor.get("/pages/list").status_code == 502


def test_a_page_does_not_outlive_its_server_as_other_programs_may_write_to_the_file_then(
    make_app: Callable[..., Flask], app: Flask, notes: Caller, visitor: Caller
) -> None:
    publish(notes, "list", LIST)
    seen(visitor, "/list")
    assert seen(visitor, "/list") == ("[one]", "hit")
    app.extensions["wce"].close()
    file = sqlite3.connect(app.extensions["wce"].settings.storage_dir / f"{notes.cenv}.db")
    with file:
        file.execute("UPDATE notes SET text = 'by hand'")
    file.close()

    later = replace(visitor, client=make_app(instance="another", sandbox_workers=1).test_client(use_cookies=False))

    assert [seen(later, "/list") for _ in range(2)] == [("[by hand]", "miss"), ("[by hand]", "hit")]


def test_a_page_is_sent_also_where_it_cannot_be_kept(owner: Caller, visitor: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(owner, "index", "<p>x</p>", syntax="html")

    def full(*_: object) -> None:
        raise WceError("disk_full")

    monkeypatch.setattr(pages, "keep", full)

    assert [seen(visitor, "/") for _ in range(2)] == [("<p>x</p>", "miss")] * 2


def test_the_short_way_keeps_the_limits_the_figures_and_the_headers(app: Flask, owner: Caller, visitor: Caller, clock: Clock) -> None:
    publish(owner, "index", "<p>x</p>", syntax="html")
    seen(visitor, "/")
    owner.put("/admin/config", {"rate_limit_ip": "7 per minute"})
    clock.seconds += 120
    visitor.get("/pages/")

    answers = [visitor.get("/pages/") for _ in range(8)]

    assert [answer.status_code for answer in answers] == [200] * 6 + [429] * 2
    first = answers[0]
    assert (first.headers["X-Cache"], first.headers["RateLimit-Remaining"]) == ("hit", "5")
    assert first.headers["Content-Security-Policy"].startswith("sandbox ")
    assert first.headers["X-Request-ID"]
    assert answers[-1].json["code"] == "rate_limited"
    assert "Retry-After" in answers[-1].headers
    text = app.extensions["wce"].metrics.text().decode()
    assert 'wce_requests_total{method="GET",route="/<cenv:cenv_id>/pages/",status="200"} 8.0' in text


def test_a_page_that_is_found_again_is_the_same_for_each_that_asks(owner: Caller, visitor: Caller) -> None:
    text = "<p>long enough to be zipped</p>" * 40
    made = publish(owner, "index", text, syntax="html")
    seen(visitor, "/")
    ways: list[dict[str, str]] = [{}, {"Accept-Encoding": "gzip"}, {"If-None-Match": "*"}, {"If-None-Match": '"other"'}]

    def told(headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        answer = visitor.get("/pages/", headers=headers)
        passing = ("X-Request-ID", "RateLimit-Remaining", "RateLimit-Reset")
        return answer.status_code, answer.data, {name: text for name, text in answer.headers if name not in passing}

    first, *others = [[told(headers) for headers in ways] for _ in range(4)]

    assert others == [first] * 3
    assert [status for status, _, _ in first] == [200, 200, 304, 200]
    assert [len(body) < len(text) for _, body, _ in first] == [False, True, True, False]
    owner.put(f"/admin/templates/{made['id']}", {"access": "user"})
    assert [told(headers)[0] for headers in ways] == [401] * 4


def test_only_who_is_surely_nobody_goes_the_short_way(owner: Caller, visitor: Caller) -> None:
    publish(owner, "index", "<p>x</p>", syntax="html")
    seen(visitor, "/")

    assert visitor.get("/pages/", headers={"Host": "a b"}).status_code == 400
    assert visitor.get("/pages/", headers={"Service-Worker": "script"}).status_code == 403
    assert visitor.get("/pages/", headers={"Authorization": "Bearer nonsense"}).status_code == 401
    assert visitor.get("/pages/", headers={"Cookie": f"wce_{owner.cenv[:8]}=nonsense"}).status_code == 200
    assert visitor.send("DELETE", "/pages/").status_code == 405


def test_the_short_way_is_only_on_the_host_of_contents_where_there_is_one(make_app: Callable[..., Flask]) -> None:
    client = make_app(sandbox_workers=1, content_host="pages.test").test_client(use_cookies=False)
    made = client.post("/new", json={"username": "owner", "password": PASSWORD}).json["cenv_id"]
    publish(sign_in(client, made, "owner"), "index", "<p>x</p>", syntax="html")

    there = [client.get(f"/{made}/pages/", headers={"Host": "pages.test"}) for _ in range(2)]
    here = client.get(f"/{made}/pages/")

    assert [answer.status_code for answer in there] == [200, 200]
    assert there[1].headers["X-Cache"] == "hit"
    assert here.status_code in (301, 302, 303, 307, 308)
    assert here.headers["Location"].startswith("http://pages.test/")
