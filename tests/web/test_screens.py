"""Browsers get a page where programs get JSON, and whoever is not signed in gets to the page for that."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from tests.web.callers import PASSWORD, Caller
from wce.web.screens import LINKS, is_screen

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
ROOT = Path(__file__).resolve().parents[2]


def with_cookie(caller: Caller) -> dict[str, str]:
    return {**BROWSER, "Cookie": f"wce_{caller.cenv[:8]}={caller.token}", "Sec-Fetch-Site": "same-origin", "Authorization": ""}


def browse(caller: Caller, path: str, **headers: str) -> object:
    sent = {name: text for name, text in (with_cookie(caller) | headers).items() if name != "Authorization"}
    return caller.client.get(f"/{caller.cenv}{path}", headers=sent)


def test_one_address_gives_a_page_to_browsers_and_json_to_programs(owner: Caller) -> None:
    page = owner.get("/sessions", headers=BROWSER)
    value = owner.get("/sessions")

    assert page.mimetype == "text/html"
    assert "Signed in on these devices" in page.text
    assert "trusted-types wce" in page.headers["Content-Security-Policy"]
    assert value.mimetype == "application/json"
    assert "Accept" in page.headers["Vary"]
    assert "Accept" in value.headers["Vary"]


def test_a_page_carries_the_token_that_its_requests_need(owner: Caller) -> None:
    answer = browse(owner, "/me")

    (token,) = re.findall(r'data-csrf="([^"]+)"', answer.text)
    assert owner.client.post(f"/{owner.cenv}/query", json={"sql": "SELECT 1"}, headers=with_cookie_and(owner, token)).status_code == 200


def with_cookie_and(caller: Caller, csrf: str) -> dict[str, str]:
    return {name: text for name, text in with_cookie(caller).items() if name != "Authorization"} | {"X-CSRF-Token": csrf, "Accept": "*/*"}


def test_without_a_cookie_there_is_no_token_to_give(owner: Caller) -> None:
    assert 'data-csrf=""' in owner.get("/me", headers=BROWSER).text


@pytest.mark.parametrize("path", ["/", "/me", "/sessions", "/data/St%C3%B6rung%20%221%22"])
def test_a_browser_without_a_session_is_sent_to_the_login_and_knows_the_way_back(visitor: Caller, path: str) -> None:
    answer = visitor.get(path + "?page=2", headers=BROWSER)

    assert answer.status_code == 303
    target = urlsplit(answer.headers["Location"])
    assert target.path == f"/{visitor.cenv}/login"
    assert parse_qs(target.query) == {"next": [f"/{visitor.cenv}{path}?page=2"]}
    page = visitor.client.get(answer.headers["Location"], headers=BROWSER)
    assert f'data-next="/{visitor.cenv}{path}?page=2"' in page.text


def test_a_program_without_a_session_gets_an_error(visitor: Caller) -> None:
    assert visitor.get("/sessions").status_code == 401
    assert visitor.get("/sessions").json["code"] == "not_signed_in"


def test_the_login_goes_on_for_whoever_is_signed_in(owner: Caller) -> None:
    answer = browse(owner, f"/login?next=/{owner.cenv}/sessions")

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/{owner.cenv}/sessions")


@pytest.mark.parametrize(
    "asked",
    [
        "https://evil.example/",
        "//evil.example/{cenv}/",
        "/{cenv}/../00000000-0000-4000-8000-000000000000/",
        "/{cenv}/%2e%2e/x",
        "/{cenv}/%5C..",
        "/{cenv}/\\evil",
        "/{cenv}evil/",
        "/00000000-0000-4000-8000-000000000000/",
        "javascript:alert(1)",
        "/{cenv}/\r\nSet-Cookie: a=b",
        '/{cenv}/"><script>',
        "",
    ],
)
def test_the_login_leads_to_places_of_its_own_cenv_only(owner: Caller, visitor: Caller, asked: str) -> None:
    query = {"next": asked.replace("{cenv}", owner.cenv)}

    signed_in = owner.client.get(f"/{owner.cenv}/login", query_string=query, headers={k: v for k, v in with_cookie(owner).items() if v})
    page = visitor.get("/login", query_string=query, headers=BROWSER)

    assert signed_in.headers["Location"] == f"/{owner.cenv}/"
    assert f'data-next="/{owner.cenv}/"' in page.text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("asked", ["/api/pay", "/api%2Fpay", "/./api/pay", "/admin/export", "/admin/backups/x", "/nowhere"])
def test_somebody_elses_link_leads_through_the_login_to_no_script_and_no_file(visitor: Caller, asked: str, site: str) -> None:
    query = {"next": f"/{visitor.cenv}{asked}"}

    answer = visitor.get("/login", query_string=query, headers=BROWSER | {"Sec-Fetch-Site": site})
    own = visitor.get("/login", query_string=query, headers=BROWSER | {"Sec-Fetch-Site": "same-origin"})

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/{visitor.cenv}/login")
    assert f'data-next="/{visitor.cenv}{asked}"' in own.text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("asked", ["/", "/sessions?page=2", "/data/a%2Fb", "/pages/", "/pages/posts/1"])
def test_somebody_elses_link_leads_through_the_login_to_screens_and_pages(visitor: Caller, asked: str, site: str) -> None:
    answer = visitor.get("/login", query_string={"next": f"/{visitor.cenv}{asked}"}, headers=BROWSER | {"Sec-Fetch-Site": site})

    assert f'data-next="/{visitor.cenv}{asked}" data-foreign' in answer.text


def test_the_login_says_whether_one_may_register(owner: Caller, visitor: Caller) -> None:
    owner.put("/admin/config", {"title": "Acme", "allow_registration": True})

    assert visitor.get("/login").json == {"title": "Acme", "allow_registration": True}
    assert 'data-form="register"' in visitor.get("/login", headers=BROWSER).text
    owner.put("/admin/config", {"allow_registration": False})
    assert 'data-form="register"' not in visitor.get("/login", headers=BROWSER).text


def test_a_title_cannot_break_out_of_the_page(owner: Caller) -> None:
    owner.put("/admin/config", {"title": '"><script>alert(1)</script>'})

    for path in ("/me", "/"):
        assert "<script>" not in owner.get(path, headers=BROWSER).text


@pytest.mark.parametrize("title", ["a\nb", " a", "x" * 61, 5])
def test_a_title_is_one_short_line(owner: Caller, title: object) -> None:
    assert owner.put("/admin/config", {"title": title}).status_code == 422


def test_pages_go_out_zipped_to_who_understands_it(owner: Caller) -> None:
    plain = owner.get("/me", headers=BROWSER)
    zipped = owner.get("/me", headers=BROWSER | {"Accept-Encoding": "gzip, br"})

    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert "Accept-Encoding" in zipped.headers["Vary"]


def test_a_format_in_the_query_wins_over_what_a_browser_likes(owner: Caller) -> None:
    assert owner.get("/sessions?format=json", headers=BROWSER).mimetype == "application/json"


def test_the_sidebar_has_what_the_role_may_open_and_all_of_it_opens(owner: Caller, invite: Callable[..., Caller], app: Flask) -> None:
    for caller in (owner, invite("looker", "viewer")):
        page = caller.get("/", headers=BROWSER).text
        for path in re.findall(rf'<li><a href="/{owner.cenv}(/[^"]*)"', page):
            assert caller.get(path, headers=BROWSER).status_code == 200, path
    assert len(re.findall("aria-current", page)) == 1


def test_every_link_is_a_screen(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")

    for link in LINKS:
        endpoint, _ = adapter.match(f"/00000000-0000-4000-8000-000000000000{link.path}", "GET")
        assert is_screen(app.view_functions[endpoint]), link


def test_no_template_has_inline_style_or_script() -> None:
    for path in (ROOT / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        if path.name == "boxed.html":  # sent in the class of tenants' content, which lets a style in
            text = text.replace("<style>", "")
        assert not re.search(r"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=|javascript:", text), path
        assert path.name.startswith("docs") or not re.search(r"\|\s*safe", text), path  # the manual is our own text


def test_the_overview_counts_what_the_caller_may_see(owner: Caller, invite: Callable[..., Caller]) -> None:
    owner.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT)")
    owner.sql("INSERT INTO notes (owner) VALUES ('grace'), ('grace'), ('ada')")
    owner.sql("CREATE VIEW shown AS SELECT * FROM notes")
    grace = invite("grace", "viewer")
    owner.post("/admin/permissions", {"user_id": grace.user_id, "table_name": "notes", "can_read": True})
    owner.post("/admin/policies", {"table_name": "notes", "policy_type": "read", "sql_condition": "owner = $username"})

    hers, mine = grace.get("/").json, owner.get("/").json

    assert hers["tables"] == [{"name": "notes", "type": "table", "rows": 2}]
    assert hers.keys() == {"title", "tables"}
    assert mine["tables"] == [{"name": "notes", "type": "table", "rows": 3}, {"name": "shown", "type": "view", "rows": None}]
    assert mine["setup"] == {"users": 1, "permissions": 1, "policies": 1, "endpoints": 0, "templates": 0}
    assert 0 < mine["size"]["used_bytes"] < mine["size"]["max_bytes"] == 100 * 1024 * 1024
    assert mine["sessions"] == 2
    assert mine["activity"][0]["action"] == "policy.create"
    assert mine["slowest"] == []
    assert sum(bucket["requests"] for bucket in mine["traffic"]) >= 8
    assert mine["traffic"][0]["p50_ms"] > 0


def test_the_overview_names_what_is_slow(owner: Caller) -> None:
    owner.post("/console/history", {"sql": "SELECT 1", "duration_ms": 2})
    owner.post("/console/history", {"sql": "SELECT 1", "duration_ms": 4})
    owner.post("/console/history", {"sql": "SELECT broken", "error": "no"})

    assert owner.get("/").json["slowest"] == [{"what": "SELECT 1", "source": "console", "username": "owner", "count": 2, "mean_ms": 3.0}]


def test_the_overview_stands_without_figures_where_counting_fails(owner: Caller, invite: Callable[..., Caller]) -> None:
    owner.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, facts TEXT)")
    owner.sql("INSERT INTO notes (facts) VALUES ('no JSON')")
    grace = invite("grace", "viewer")
    owner.post("/admin/permissions", {"user_id": grace.user_id, "table_name": "notes", "can_read": True})
    owner.post("/admin/policies", {"table_name": "notes", "policy_type": "read", "sql_condition": "json_extract(facts, '$.a') = 1"})

    assert grace.get("/").json["tables"] == [{"name": "notes", "type": "table", "rows": None}]


def test_a_new_cenv_is_signed_in_to_with_what_made_it(owner: Caller) -> None:
    assert owner.client.post(f"/{owner.cenv}/login", json={"username": "owner", "password": PASSWORD}).status_code == 200
