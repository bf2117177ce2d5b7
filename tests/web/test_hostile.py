"""Whatever is sent to whatever route, the answer is never a bug of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.callers import PASSWORD, Caller, sign_in
from wce.config import Settings
from wce.web.factory import create_app

FIELDS = [
    "username", "password", "role", "email", "enabled", "example", "current_password", "new_password", "user_id", "table_name",
    "can_read", "can_write", "policy_type", "sql_condition", "sql", "params", "statements", "max_rows", "format", "as_user",
    "max_users", "cors_origins", "page_cache",
]  # fmt: skip
TELLING: list[Any] = [
    None, True, 0, 1, -1, 2**63, -(2**64), 1.5, "", "owner", "public", "editor", "note", "NOTE", "_wce_users", "read", "id = 1", PASSWORD,
    "SELECT 1", "SELECT ?", "SELECT * FROM note", "INSERT INTO note VALUES (1)", "\x00", "\ud800", "😀", "'", '"', "a" * 3000, [], {},
    {"$base64": "AA=="}, {"$base64": "?"}, [1], [{"sql": "SELECT 1"}], [{"sql": "SELECT :a", "params": {"a": 1}}],
]  # fmt: skip
VALUES = (
    st.sampled_from(TELLING) | st.text(max_size=20) | st.integers() | st.floats() | st.binary(max_size=8).map(lambda b: b.decode("latin-1"))
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES | st.lists(VALUES, max_size=3), max_size=6)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    plenty = dict.fromkeys(("rate_limit_ip", "rate_limit_user", "rate_limit_cenv"), "1000000 per minute")
    folder = tmp_path_factory.mktemp("hostile")
    made = create_app(
        Settings(
            storage_dir=folder,
            jwt_secret="k" * 32,
            min_free_mb=0,
            rate_limit_new="1000000 per minute",
            rate_limit_login="1000000 per minute",
            cenv_overrides=plenty,
        ),
        bcrypt_rounds=4,
    )
    yield made
    made.extensions["wce"].close()


@pytest.fixture(scope="module")
def owner(app: Flask) -> Caller:
    client = app.test_client(use_cookies=False)
    made = client.post("/new", json={"username": "owner", "password": PASSWORD})
    caller = sign_in(client, made.json["cenv_id"], "owner")
    caller.sql("CREATE TABLE note (id INTEGER PRIMARY KEY)")
    return caller


def addresses(app: Flask, owner: Caller) -> list[tuple[str, str]]:
    """Method and address of every route that takes a body."""
    known = {"cenv_id": owner.cenv, "session_id": "x", "table_name": "note"}
    return [
        (method, re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known.get(found[1], "1"), rule.rule))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) & {"POST", "PUT"})
        # These would end the session that the test asks with.
        if not rule.endpoint.endswith(("logout", "password", "hand_over"))
    ]


usual = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@usual
@given(body=BODIES, choice=st.integers(0, 1000))
def test_no_body_is_a_bug(app: Flask, owner: Caller, body: dict[str, Any], choice: int) -> None:
    routes = addresses(app, owner)
    method, path = routes[choice % len(routes)]
    data = json.dumps(body, allow_nan=True).encode()

    answer = owner.client.open(
        path, method=method, data=data, content_type="application/json", headers={"Authorization": f"Bearer {owner.token}"}
    )

    assert answer.status_code < 500, (method, path, body, answer.text)


@usual
@given(
    header=st.sampled_from(
        ["Accept", "Authorization", "Cookie", "Host", "Origin", "Sec-Fetch-Site", "X-CSRF-Token", "X-Request-ID", "User-Agent",
         "Idempotency-Key", "Content-Type", "Accept-Encoding", "Content-Length", "X-Forwarded-For", "Range", "If-None-Match", "Expect"]
    ),
    value=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=60),
    path=st.sampled_from(["/", "/new", "/nothing", "/health/ready", "/metrics", "/{}/me", "/{}/query", "/{}/tables", "/{}/nothing"]),
    method=st.sampled_from(["GET", "POST", "OPTIONS", "DELETE", "PATCH"]),
)  # fmt: skip
def test_no_header_is_a_bug(owner: Caller, header: str, value: str, path: str, method: str) -> None:
    environ = {"HTTP_" + header.upper().replace("-", "_"): value}
    if header in ("Content-Type", "Content-Length"):
        environ = {header.upper().replace("-", "_"): value}

    answer = owner.client.open(path.format(owner.cenv), method=method, environ_overrides=environ)

    assert answer.status_code < 500, (method, path, environ, answer.text)
    assert answer.headers["Content-Security-Policy"]


@usual
@given(tail=st.text(st.characters(max_codepoint=0x2FFF), max_size=20), query=st.text(max_size=20))
def test_no_address_is_a_bug(owner: Caller, tail: str, query: str) -> None:
    headers = {"Authorization": f"Bearer {owner.token}"}

    for path in (f"/{tail}", f"/{owner.cenv}/{tail}", f"/{owner.cenv}/tables/{tail}", f"/{owner.cenv}/admin/audit"):
        answer = owner.client.get(
            "/",
            headers=headers,
            environ_overrides={"PATH_INFO": path.encode().decode("latin-1"), "QUERY_STRING": query.encode().decode("latin-1")},
        )
        assert answer.status_code < 500, (path, query, answer.text)
