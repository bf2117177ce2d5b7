"""docs/starlark.md names what scripts can call and what they are given, and its examples run."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from wce.sandbox import api
from wce.sandbox.messages import Budget, Fault, Job, Reply
from wce.sandbox.starlark import Runtime

DOC = (Path(__file__).resolve().parents[2] / "docs/starlark.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"^```python\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)
REQUEST = {
    "method": "GET",
    "path": "/notes",
    "params": {"name": "world"},
    "query": {},
    "headers": {},
    "form": {},
    "files": [],
    "user": {"user_id": 1, "username": "ada", "role": "editor"},
    "ip": "127.0.0.1",
}


def answer(message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    if message["do"] in ("query", "query_one"):
        return {"ok": True}, orjson.dumps({"columns": ["id", "title"], "rows": [[1, "a"]]})
    changed = {"changes": 1, "last_row_id": 7}
    return {"ok": True}, orjson.dumps(changed if message["do"] == "execute" else [changed] * len(message["statements"]))


def run(script: str, body: bytes = b"", **request: Any) -> Reply:
    """Call a script once, in a thread that is not the main one, as in a worker."""

    def work() -> Reply:
        runtime = Runtime(answer)
        runtime.check(script)
        runtime.load("key", script)
        return runtime.call(Job(script, "key", REQUEST | request, budget=Budget()).to_meta(), body)

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work).result()


@pytest.mark.parametrize("entry", api.TABLE, ids=lambda entry: entry.name)
def test_every_name_of_the_api_stands_in_the_docs_with_its_signature(entry: api.Entry) -> None:
    assert f"| `{entry.name}{entry.signature}` | {entry.does} |" in DOC


@pytest.mark.parametrize("field", api.REQUEST)
def test_every_field_of_a_request_stands_in_the_docs(field: str) -> None:
    assert f"| `request.{field}` | {api.REQUEST[field]} |" in DOC


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_of_the_docs_runs(script: str) -> None:
    assert run(script, b'{"at": "2026-01-31"}').status == 200


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        (b"", {}, 400),
        (b"[", {}, 400),
        (b"[1]", {}, 400),
        (b"{}", {}, 422),
        (b'{"at": 5}', {}, 422),
        (b'{"at": "tomorrow"}', {}, 422),
        (b'{"at": "2026-01-31"}', {"limit": "x"}, 422),
        (b'{"at": "2026-01-31"}', {"limit": "\u0663"}, 422),
        (b'{"at": "2026-01-31"}', {"limit": "101"}, 422),
    ],
)
def test_the_example_of_what_a_client_sends_tells_him_what_is_wrong(body: bytes, query: dict[str, str], status: int) -> None:
    (script,) = [item for item in SCRIPTS if "given.get" in item]

    with pytest.raises(Fault) as caught:
        run(script, body, query=query)

    assert (caught.value.kind, caught.value.status) == ("abort", status)


def test_a_default_stands_for_what_cannot_be_read_and_for_nothing_else() -> None:
    calls = ("json.decode('[1]', 5)", "json.decode('null', 5)", "json.decode('NaN', default=[5])", "base64.decode_text('/w==', 5)")

    script = f"def handler(request):\n    return [{', '.join(calls)}, base64.decode(None, 5)]"

    assert orjson.loads(run(script).body) == [[1], None, [5], 5, 5]


def test_the_long_example_answers_in_each_of_its_ways() -> None:
    (script,) = [item for item in SCRIPTS if "db.batch" in item]
    json = {"content-type": "application/json"}

    made = run(script, b'{"title": "x"}', method="POST", headers=json)
    page, moved = run(script, query={"format": "html"}), run(script, query={"format": "old"})

    assert (made.status, made.body, dict(made.headers)["X-Note"], made.queries) == (201, b'{"id":7}', "7", 3)
    assert (page.body, dict(page.headers)["content-type"]) == (b"<ul><li>note 1</li></ul>", "text/html; charset=utf-8")
    assert (moved.status, dict(moved.headers)["location"]) == (301, "/elsewhere")
