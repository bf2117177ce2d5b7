"""Pages over HTTP: who sees which, from where it comes, and that it is never older than what was written."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from tests.web.callers import Caller, Clock
from tests.web.test_admin_templates import app, save

__all__ = ["app"]

LIST = '{% for note in query("SELECT text FROM notes ORDER BY id") %}[{{ note.text }}]{% endfor %}'


@pytest.fixture
def notes(owner: Caller) -> Caller:
    """The owner of a cenv whose notes everybody may read."""
    owner.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    owner.sql("INSERT INTO notes (text) VALUES ('one')")
    assert owner.post("/admin/permissions", {"user_id": "public", "table_name": "notes", "can_read": True}).status_code == 201
    return owner


def publish(caller: Caller, name: str, content: str, **changes: Any) -> dict[str, Any]:
    return save(caller, **{"name": name, "content": content, "syntax": "jinja", "published": True, "access": "public"} | changes)


def seen(caller: Caller, path: str, **options: Any) -> tuple[str, str]:
    answer = caller.get(f"/pages{path}", **options)
    assert answer.status_code == 200, answer.text
    return answer.text, answer.headers["X-Cache"]


def test_a_page_is_html_in_a_sandbox(owner: Caller, visitor: Caller) -> None:
    publish(owner, "index", "<h1>Hello</h1>", syntax="html")

    answer = visitor.get("/pages/")

    assert (answer.status_code, answer.text, answer.headers["Content-Type"]) == (200, "<h1>Hello</h1>", "text/html; charset=utf-8")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox ")
    assert "allow-same-origin" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert "RateLimit-Limit" in answer.headers
    assert visitor.get("/pages?a=%2F").headers["Location"] == f"/{visitor.cenv}/pages/?a=%2F"
    assert visitor.get("", headers={"Host": "evil.example"}).headers["Location"] == f"/{visitor.cenv}/"


def test_a_page_that_nobody_changed_is_not_made_again(notes: Caller, visitor: Caller) -> None:
    publish(notes, "list", LIST)

    assert seen(visitor, "/list") == ("[one]", "miss")
    assert seen(visitor, "/list") == seen(visitor, "/list?any=thing") == ("[one]", "hit")


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO notes (text) VALUES ('two')",
        "UPDATE notes SET text = 'two'",
        "DELETE FROM notes",
        "INSERT INTO other VALUES (1)",
        "ALTER TABLE notes RENAME COLUMN text TO body",
        "DROP TABLE notes",
    ],
)
def test_the_next_visitor_sees_what_was_written(notes: Caller, visitor: Caller, write: str) -> None:
    notes.sql("CREATE TABLE other (x)")
    notes.sql("CREATE TRIGGER told AFTER INSERT ON other BEGIN INSERT INTO notes (text) VALUES ('by a trigger'); END")
    publish(notes, "list", LIST)
    for _ in range(3):
        visitor.get("/pages/list")
    assert seen(visitor, "/list")[1] == "hit"

    notes.sql(write)

    assert visitor.get("/pages/list").text != "[one]"  # made for him, or between the commit and his coming


def test_a_write_to_another_table_leaves_a_page_alone(notes: Caller, visitor: Caller) -> None:
    notes.sql("CREATE TABLE other (x)")
    publish(notes, "list", LIST)
    for _ in range(2):
        visitor.get("/pages/list")

    notes.sql("INSERT INTO other VALUES (1)")

    assert seen(visitor, "/list") == ("[one]", "hit")


def test_a_layout_that_changes_changes_the_pages_in_it(notes: Caller, visitor: Caller) -> None:
    layout = publish(notes, "layouts/base", "old {% block b %}{% endblock %}", published=False)
    publish(notes, "index", '{% extends "layouts/base" %}{% block b %}page{% endblock %}')
    for _ in range(2):
        visitor.get("/pages/")
    assert seen(visitor, "/") == ("old page", "hit")

    notes.put(f"/admin/templates/{layout['id']}", {"content": "new {% block b %}{% endblock %}"})

    assert seen(visitor, "/") == ("new page", "miss")


def test_a_new_description_is_in_the_page_at_once(owner: Caller, visitor: Caller) -> None:
    made = publish(owner, "about", "{{ page.title }}: {{ page.description }}", title="Us", description="before")
    for _ in range(2):
        visitor.get("/pages/about")

    owner.put(f"/admin/templates/{made['id']}", {"description": "after"})

    assert seen(visitor, "/about") == ("Us: after", "miss")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{{ url_for_page('index') }}", "/CENV/pages/"),
        ("{{ request.path }}", "/about/us"),
        ("{{ request.params.who is defined }}", "True"),
        ("{% for name in request %}{% if loop.first %}{{ name }}{% endif %}{% endfor %}", "id"),
    ],
)
def test_a_markdown_page_is_made_where_it_stands(owner: Caller, visitor: Caller, content: str, text: str) -> None:
    publish(owner, "about/{who}", content, syntax="markdown")

    assert seen(visitor, "/about/us")[0] == f"<p>{text}</p>\n".replace("CENV", visitor.cenv)


@pytest.mark.parametrize("content", ["{{ query('SELECT json_extract(\\'{}\\', ?)', ['$' ~ 'x' * 9000]) }}", "{{ not_found('x' * 9000) }}"])
def test_a_page_fills_no_log_with_its_errors(owner: Caller, visitor: Caller, content: str) -> None:
    made = publish(owner, "long", content)

    assert visitor.get("/pages/long").status_code in (404, 502)

    (run,) = owner.get(f"/admin/templates/{made['id']}/runs").json["runs"]
    assert 4_000 < len(run["error"]["message"]) < 5_000


def test_a_permission_that_is_taken_away_acts_on_pages_at_once(notes: Caller, visitor: Caller) -> None:
    publish(notes, "list", LIST)
    for _ in range(3):
        visitor.get("/pages/list")
    held = notes.get("/admin/permissions").json["permissions"][0]["id"]

    assert notes.delete(f"/admin/permissions/{held}").status_code == 204

    assert visitor.get("/pages/list").status_code == 502


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{{ user.username if user else 'nobody' }}", "nobody"),
        ("{{ request.query.q }}", "1"),
        ("{{ request.headers['x-a'] }}", "b"),
        ('{{ query_one("SELECT 1 + abs(random() % 1) AS n").n }}', "1"),
        ("{{ query_one(\"SELECT length(datetime('now')) AS n\").n }}", "19"),
        ("{{ query_one(\"SELECT length(datetime(?)) AS n\", ['now']).n }}", "19"),
    ],
)
def test_what_depends_on_the_viewer_or_the_moment_is_nobody_elses(owner: Caller, visitor: Caller, content: str, text: str) -> None:
    publish(owner, "x", content)

    for _ in range(3):
        assert seen(visitor, "/x?q=1", headers={"X-A": "b"}) == (text, "private")
    assert "Cache-Control" not in visitor.get("/pages/x").headers or visitor.get("/pages/x").headers["Cache-Control"] == "no-store"


def test_who_is_signed_in_sees_his_own_rows_and_visitors_share_theirs(
    notes: Caller, visitor: Caller, invite: Callable[..., Caller]
) -> None:
    editor = invite("edith", "editor")
    assert notes.post("/admin/permissions", {"user_id": editor.user_id, "table_name": "notes", "can_read": True}).status_code == 201
    notes.post("/admin/policies", {"table_name": "notes", "user_id": "public", "policy_type": "read", "sql_condition": "id < 0"})
    publish(notes, "list", LIST)

    for _ in range(3):
        visitor.get("/pages/list")
    assert seen(visitor, "/list") == ("", "hit")
    assert seen(editor, "/list") == seen(notes, "/list") == ("[one]", "private")
    assert seen(visitor, "/list") == ("", "hit")


def test_a_page_of_its_definer_is_one_for_all_who_may_see_it(notes: Caller, visitor: Caller, invite: Callable[..., Caller]) -> None:
    viewer = invite("vera", "viewer")
    publish(notes, "list", LIST, run_as="definer", access="user")

    assert visitor.get("/pages/list").status_code == 401
    for _ in range(2):
        viewer.get("/pages/list")
    assert seen(viewer, "/list") == seen(notes, "/list") == ("[one]", "hit")
    assert visitor.get("/pages/list").status_code == 401
    assert viewer.get("/pages/list").headers["Cache-Control"] == "no-store"


def test_access_says_who_sees_a_page(owner: Caller, visitor: Caller, invite: Callable[..., Caller]) -> None:
    editor = invite("edith", "editor")
    for access in ("public", "user", "admin"):
        publish(owner, access, access, syntax="html", access=access)

    statuses = {
        access: [caller.get(f"/pages/{access}").status_code for caller in (visitor, editor, owner)]
        for access in ("public", "user", "admin")
    }

    assert statuses == {"public": [200, 200, 200], "user": [401, 200, 200], "admin": [401, 403, 200]}


def test_a_browser_without_a_session_is_led_to_a_private_page_by_the_login(owner: Caller, visitor: Caller) -> None:
    publish(owner, "für/uns", "x", syntax="html", access="user")

    answer = visitor.get("/pages/f%C3%BCr/uns?x=1", headers={"Accept": "text/html,*/*;q=0.8"})

    assert (answer.status_code, urlsplit(answer.headers["Location"]).path) == (303, f"/{owner.cenv}/login")
    assert parse_qs(urlsplit(answer.headers["Location"]).query) == {"next": [f"/{owner.cenv}/pages/f%C3%BCr/uns?x=1"]}
    assert visitor.get("/pages/f%C3%BCr/uns", headers={"Accept": "*/*"}).status_code == 401


def test_what_is_not_published_is_not_there(owner: Caller, visitor: Caller) -> None:
    made = publish(owner, "draft", "x", published=False)
    for caller in (owner, visitor):
        assert caller.get("/pages/draft").status_code == 404

    owner.put(f"/admin/templates/{made['id']}", {"published": True})
    assert seen(visitor, "/draft")[0] == "x"

    owner.put(f"/admin/templates/{made['id']}", {"published": False})
    assert visitor.get("/pages/draft").status_code == 404


def test_placeholders_are_in_the_request(owner: Caller, visitor: Caller) -> None:
    publish(owner, "posts/{slug}", "{{ request.params.slug }} at {{ request.path }}")
    publish(owner, "posts/new", "literal")

    assert seen(visitor, "/posts/a-b")[0] == "a-b at /posts/a-b"
    assert seen(visitor, "/posts/%3Cx%3E")[0] == "&lt;x&gt; at /posts/&lt;x&gt;"
    assert seen(visitor, "/posts/new")[0] == "literal"
    assert seen(visitor, "/posts/a-b") == ("a-b at /posts/a-b", "hit")
    assert visitor.get("/pages/posts/a%00b").status_code == 404


def test_a_folder_is_reached_with_and_without_its_slash(owner: Caller, visitor: Caller) -> None:
    publish(owner, "blog/index", "the blog", syntax="html")

    assert seen(visitor, "/blog/")[0] == "the blog"
    answer = visitor.get("/pages/blog?page=2")
    assert (answer.status_code, answer.headers["Location"]) == (308, f"/{owner.cenv}/pages/blog/?page=2")


def test_the_ending_of_the_name_says_what_is_sent(owner: Caller, visitor: Caller) -> None:
    publish(owner, "feed.xml", "<rss>{{ '<' }}</rss>")

    answer = visitor.get("/pages/feed.xml")

    assert (answer.headers["Content-Type"], answer.text) == ("application/xml; charset=utf-8", "<rss>&lt;</rss>")


def test_a_client_that_has_the_page_is_told_so(owner: Caller, visitor: Caller) -> None:
    made = publish(owner, "index", "x" * 1_000, syntax="html")
    first = visitor.get("/pages/")
    tag, changed = first.headers["ETag"], first.headers["Last-Modified"]

    for headers in ({"If-None-Match": tag}, {"If-None-Match": f'"a", W/{tag}'}, {"If-None-Match": "*"}, {"If-Modified-Since": changed}):
        answer = visitor.get("/pages/", headers=headers)
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
    for headers in ({"If-None-Match": '"other"'}, {"If-Modified-Since": "Thu, 01 Jan 2015 00:00:00 GMT"}, {"If-Modified-Since": "soon"}):
        assert visitor.get("/pages/", headers=headers).status_code == 200

    owner.put(f"/admin/templates/{made['id']}", {"content": "new"})
    for headers in ({"If-None-Match": tag}, {"If-Modified-Since": changed}):  # of the same second
        assert visitor.get("/pages/", headers=headers).text == "new"


def test_the_time_of_a_change_is_told_when_it_has_come(owner: Caller, visitor: Caller, clock: Clock) -> None:
    made = publish(owner, "index", "one", syntax="html")
    visitor.get("/pages/")
    owner.put(f"/admin/templates/{made['id']}", {"content": "two"})
    visitor.get("/pages/")

    assert "Last-Modified" not in visitor.get("/pages/").headers
    clock.seconds += 1
    assert "Last-Modified" in visitor.get("/pages/").headers


def test_head_is_get_without_a_body(owner: Caller, visitor: Caller) -> None:
    publish(owner, "index", "<p>hello</p>", syntax="html")
    visitor.get("/pages/")

    head = visitor.send("HEAD", "/pages/")

    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", "12")
    assert head.headers["ETag"] == visitor.get("/pages/").headers["ETag"]
    assert visitor.post("/pages/").status_code == 405


def test_a_large_page_goes_out_zipped_to_who_reads_it(owner: Caller, visitor: Caller) -> None:
    publish(owner, "index", "<p>again</p>" * 200, syntax="html")

    for _ in range(2):
        answer = visitor.get("/pages/", headers={"Accept-Encoding": "br, gzip;q=0.8"})
        assert (answer.headers["Content-Encoding"], gzip.decompress(answer.data)) == ("gzip", b"<p>again</p>" * 200)
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert visitor.get("/pages/", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    for sent in ("", "br", "gzip;q=0", "gzip;q=0.0"):
        assert "Content-Encoding" not in visitor.get("/pages/", headers={"Accept-Encoding": sent}).headers


def test_a_cenv_has_error_pages_of_its_own(owner: Caller, visitor: Caller) -> None:
    assert visitor.get("/pages/nothing").json["code"] == "not_found"
    publish(owner, "errors/404", "<p>{{ request.path }} is lost</p>")
    publish(owner, "posts/{slug}", '{{ not_found("no such post") }}')

    for path in ("/nothing", "/posts/nothing"):
        answer = visitor.get(f"/pages{path}")
        assert (answer.status_code, answer.text) == (404, f"<p>{path} is lost</p>")
    assert visitor.get("/pages/errors/404").status_code == 404


def test_a_failing_page_tells_administrators_why_and_others_that(owner: Caller, visitor: Caller) -> None:
    made = publish(owner, "bad", '\n{{ query("SELECT secret FROM no_table") }}', run_as="definer")

    shown, told = visitor.get("/pages/bad"), owner.get("/pages/bad")
    assert (shown.status_code, shown.json["code"]) == (told.status_code, told.json["code"]) == (502, "template_failed")
    assert "no_table" not in shown.text
    assert "position" not in shown.json
    assert told.json["position"]["line"] == 2
    assert "no such table: no_table" in told.json["detail"]
    assert '"path": "/bad"' in told.json["errors"][1]["message"]

    runs = owner.get(f"/admin/templates/{made['id']}/runs").json["runs"]
    assert len(runs) == 2
    assert "no such table: no_table" in runs[0]["error"]["message"]

    publish(owner, "errors/500", "<p>Sorry</p>", syntax="html")
    assert (visitor.get("/pages/bad").status_code, visitor.get("/pages/bad").text) == (502, "<p>Sorry</p>")
    publish(owner, "errors/500", "{{ nothing() }}")
    assert visitor.get("/pages/bad").json["code"] == "template_failed"


def test_a_template_reads_and_never_writes(notes: Caller) -> None:
    publish(notes, "w", "{{ query(\"INSERT INTO notes (text) VALUES ('x') RETURNING id\") }}", run_as="definer")

    assert notes.get("/pages/w").status_code == 502
    assert notes.sql("SELECT count(*) AS n FROM notes")["rows"] == [{"n": 1}]


def test_a_page_without_its_author_answers_nobody(owner: Caller, visitor: Caller, invite: Callable[..., Caller]) -> None:
    admin = invite("adam", "admin")
    publish(admin, "index", "<p>x</p>", syntax="html")
    assert seen(visitor, "/")[0] == "<p>x</p>"

    owner.put(f"/admin/users/{admin.user_id}", {"enabled": False})

    assert visitor.get("/pages/").status_code == 403


def test_a_part_by_somebody_who_administers_no_more_is_not_used(owner: Caller, visitor: Caller, invite: Callable[..., Caller]) -> None:
    admin = invite("adam", "admin")
    publish(admin, "part", "part", published=False)
    publish(owner, "index", '{% include "part" ignore missing %}.', run_as="definer")
    for _ in range(2):
        assert seen(visitor, "/")[0] == "part."

    owner.put(f"/admin/users/{admin.user_id}", {"role": "viewer"})

    assert seen(visitor, "/") == (".", "miss")


def test_the_cache_can_be_switched_off(notes: Caller, visitor: Caller) -> None:
    publish(notes, "list", LIST)
    notes.put("/admin/config", {"page_cache": False})

    assert [seen(visitor, "/list") for _ in range(3)] == [("[one]", "miss")] * 3
    assert seen(notes, "/list") == ("[one]", "private")
    assert "public" not in notes.get("/pages/list").headers["Cache-Control"]
    assert notes.sql("SELECT count(*) AS n FROM _wce_page_cache")["rows"] == [{"n": 0}]


def test_where_pages_come_from_is_counted(app: Flask, owner: Caller, visitor: Caller) -> None:
    publish(owner, "index", "<p>x</p>", syntax="html")
    publish(owner, "who", "{{ user }}")
    for path in ("/", "/", "/", "/who"):
        visitor.get(f"/pages{path}")

    text = app.extensions["wce"].metrics.text().decode()

    for cache, count in (("hit", 2), ("miss", 1), ("private", 1)):
        assert f'wce_pages_total{{cache="{cache}"}} {count}.0' in text
