"""Templates over HTTP: saved, changed, looked at, and their versions and runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.web.callers import Caller, Clock

BROKEN = "<p>\n{{ 1 + }}"


def template(**changes: Any) -> dict[str, Any]:
    return {"name": "index", "syntax": "html", "content": "<h1>Hello</h1>"} | changes


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application whose first worker is up: on a busy machine that takes longer than anybody would wait for a page."""
    made = make_app(sandbox_workers=1)
    pool = made.extensions["wce"].pool
    pool.start()
    until(lambda: pool.state().idle > 0)
    return made


def save(caller: Caller, **changes: Any) -> dict[str, Any]:
    answer = caller.post("/admin/templates", template(**changes))
    assert answer.status_code in (200, 201), answer.text
    return answer.json


def test_a_template_is_made_replaced_read_changed_and_removed(owner: Caller, clock: Clock) -> None:
    made = owner.post("/admin/templates", template(title="Home", access="public", published=True))
    assert made.status_code == 201
    assert made.headers["Location"] == f"/{owner.cenv}/admin/templates/{made.json['id']}"
    assert made.json == template() | {
        "id": made.json["id"],
        "title": "Home",
        "description": "",
        "rendered": "<h1>Hello</h1>",
        "published": True,
        "access": "public",
        "run_as": "caller",
        "created_at": int(clock.seconds),
        "modified_at": int(clock.seconds),
        "created_by": owner.user_id,
        "modified_by": owner.user_id,
    }

    again = owner.post("/admin/templates", template(run_as="definer"))
    assert (again.status_code, again.json["id"], again.json["published"], again.json["run_as"]) == (200, made.json["id"], False, "definer")

    address = f"/admin/templates/{made.json['id']}"
    changed = owner.put(address, {"published": True, "content": "<h1>New</h1>"})
    assert (changed.status_code, changed.json["rendered"], changed.json["published"]) == (200, "<h1>New</h1>", True)
    assert owner.get(address).json == changed.json
    assert owner.get("/admin/templates").json == {"templates": [{k: v for k, v in changed.json.items() if k != "rendered"}]}

    assert owner.delete(address).status_code == 204
    assert owner.get(address).status_code == owner.put(address, {}).status_code == owner.delete(address).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "/index"}, "name"),
        ({"name": "assets/x"}, "name"),
        ({"name": 5}, "name"),
        ({"syntax": "php"}, "syntax"),
        ({"access": "everyone"}, "access"),
        ({"run_as": "root"}, "run_as"),
        ({"published": "yes"}, "published"),
        ({"content": None}, "content"),
        ({"content": "a\0b"}, "content"),
        ({"title": "x" * 201}, "title"),
        ({"rendered": "x"}, "rendered"),
    ],
)
def test_what_breaks_a_rule_names_its_field(owner: Caller, changes: dict[str, Any], field: str) -> None:
    answer = owner.post("/admin/templates", template(**changes))

    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_a_template_with_a_mistake_is_not_saved_and_the_place_is_told(owner: Caller) -> None:
    made = save(owner)
    wrong = {"syntax": "jinja", "content": BROKEN}

    for answer in (
        owner.post("/admin/templates", template(name="other") | wrong),
        owner.put(f"/admin/templates/{made['id']}", wrong),
        owner.post("/admin/templates/preview", wrong),
    ):
        assert (answer.status_code, answer.json["code"]) == (422, "template_error")
        assert answer.json["position"]["line"] == 2
        assert answer.json["position"]["column"] >= 1
        assert answer.json["errors"][0]["field"] == "content"
    assert [item["name"] for item in owner.get("/admin/templates").json["templates"]] == ["index"]


def test_versions_differ_and_come_back(owner: Caller) -> None:
    made = save(owner, content="<p>\none\n</p>")
    address = f"/admin/templates/{made['id']}"
    owner.put(address, {"content": "<p>\ntwo\n</p>"})
    new, old = (item["id"] for item in owner.get(f"{address}/versions").json["versions"])

    assert owner.get(f"{address}/versions/{old}").json["content"] == "<p>\none\n</p>"
    told = owner.get(f"{address}/versions/{old}/diff/{new}")
    assert told.json == {
        "from": old,
        "to": new,
        "diff": f"--- version {old}\n+++ version {new}\n@@ -1,3 +1,3 @@\n <p>\n-one\n+two\n </p>\n",
    }

    restored = owner.post(f"{address}/versions/{old}/restore")
    assert (restored.status_code, restored.json["content"], restored.json["rendered"]) == (200, "<p>\none\n</p>", "<p>\none\n</p>")
    assert owner.get(f"{address}/versions/999").status_code == 404
    assert owner.get(f"{address}/versions/{old}/diff/999").status_code == 404


def test_only_administrators_get_there(owner: Caller, invite: Callable[..., Caller], visitor: Caller) -> None:
    made = save(owner)
    editor = invite("edith", "editor")

    for caller, status in ((editor, 403), (visitor, 401)):
        assert caller.get("/admin/templates").status_code == status
        assert caller.post("/admin/templates", template()).status_code == status
        assert caller.post("/admin/templates/preview", {"syntax": "html", "content": "x"}).status_code == status
        assert caller.delete(f"/admin/templates/{made['id']}").status_code == status


def test_a_preview_is_a_page_of_which_nothing_is_kept(owner: Caller) -> None:
    save(owner, name="layouts/base", content="<main>{% block body %}{% endblock %}</main>", syntax="jinja")
    content = (
        '{% extends "layouts/base" %}{% block body %}{{ request.params.slug }} {{ request.query.q }} {{ user.username }}{% endblock %}'
    )

    answer = owner.post(
        "/admin/templates/preview",
        {"syntax": "jinja", "content": content, "name": "posts/{slug}", "params": {"slug": "<x>"}, "query": {"q": "1"}},
    )

    assert (answer.status_code, answer.text) == (200, "<main>&lt;x&gt; 1 owner</main>")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox ")
    assert len(owner.get("/admin/templates").json["templates"]) == 1


def test_a_preview_of_what_somebody_else_has_saved_does_no_more_than_its_page(owner: Caller, invite: Callable[..., Caller]) -> None:
    owner.sql("CREATE TABLE salaries (sum INTEGER)")
    owner.sql("INSERT INTO salaries VALUES (4711)")
    adam = invite("adam", "admin")
    text = {"name": "index", "syntax": "jinja", "content": '{{ query_one("SELECT sum FROM salaries").sum }}'}
    save(adam, **text)

    def previewed(**changes: str) -> tuple[int, bool]:
        answer = owner.post("/admin/templates/preview", text | changes)
        return answer.status_code, "4711" in answer.text

    assert previewed() == (200, True)
    owner.put(f"/admin/users/{adam.user_id}", {"role": "viewer"})
    assert previewed() == (502, False)
    owner.put(f"/admin/users/{adam.user_id}", {"enabled": False})
    assert previewed() == (403, False)
    owner.delete(f"/admin/users/{adam.user_id}")
    assert previewed() == (403, False)
    assert previewed(content=text["content"] + "!") == (200, True), "what one writes is one's own"


def test_a_preview_that_fails_tells_its_author_why(owner: Caller) -> None:
    answer = owner.post("/admin/templates/preview", {"syntax": "jinja", "content": '\n{{ query("SELECT x FROM no_table") }}', "name": "a"})

    assert (answer.status_code, answer.json["code"], answer.json["position"]["line"]) == (502, "template_failed", 2)
    assert "no such table: no_table" in answer.json["detail"]
    assert [item["field"] for item in answer.json["errors"]] == ["template", "data"]
