"""What the editors ask the server for."""

from __future__ import annotations

from collections.abc import Callable

from tests.web.callers import Caller
from wce.web.headers import POLICIES, ResponseClass

SCRIPT = "def handler(request):\n    return 1\n"


def test_every_script_is_listed_with_what_scripts_can_use(owner: Caller) -> None:
    owner.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    owner.post("/admin/endpoints", {"path": "/one", "method": "GET", "script": SCRIPT})
    owner.post("/admin/hooks", {"name": "two", "table_name": "notes", "script": SCRIPT})
    owner.post("/admin/schedules", {"name": "three", "cron": "0 8 * * *", "script": SCRIPT})

    found = owner.get("/editor/scripts").json

    assert [item["path"] for item in found["endpoints"]] == ["/one"]
    assert [item["name"] for item in found["hooks"]] == ["two"]
    assert found["schedules"][0]["next_at"]
    assert {"name": "uuid", "signature": "()", "does": "A new random UUID."} in found["names"]
    assert "query" in found["request"]


def test_a_script_is_looked_at_and_not_saved(owner: Caller) -> None:
    good = owner.post("/editor/scripts/check", {"script": SCRIPT})
    bad = owner.post("/editor/scripts/check", {"script": "def handler(request):\n    return (\n"})

    assert (good.status_code, good.json) == (200, {"error": None})
    assert bad.status_code == 200
    assert bad.json["error"]["code"] == "script_error"
    assert bad.json["error"]["position"]["line"] >= 2
    assert owner.get("/editor/scripts").json["endpoints"] == []


def test_what_is_no_script_at_all_is_refused(owner: Caller) -> None:
    assert owner.post("/editor/scripts/check", {"script": "a\0b"}).status_code == 422
    assert owner.post("/editor/scripts/check", {"script": "#" * 300_000}).status_code == 413
    assert owner.post("/editor/scripts/check", {}).status_code == 422


def test_editors_are_for_administrators(invite: Callable[..., Caller]) -> None:
    editor = invite("grace", "editor")

    assert editor.get("/editor/scripts").status_code == 403
    assert editor.post("/editor/scripts/check", {"script": SCRIPT}).status_code == 403


def test_the_editor_of_pages_names_what_it_edits(owner: Caller) -> None:
    found = owner.get("/editor/templates").json

    assert owner.client.get(found["templates"], headers={"Authorization": f"Bearer {owner.token}"}).json == {"templates": []}
    assert owner.client.get(found["assets"], headers={"Authorization": f"Bearer {owner.token}"}).json["assets"] == []


def test_a_preview_is_written_into_the_box_of_pages(owner: Caller) -> None:
    answer = owner.get("/editor/templates/frame")

    assert answer.mimetype == "text/html"
    assert answer.headers["Content-Security-Policy"] == POLICIES[ResponseClass.CONTENT]
    assert "allow-same-origin" not in answer.headers["Content-Security-Policy"]
