"""Scripts of other origins: those that a cenv names read its answers with a bearer token, all others get nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.web.callers import Caller

APP = "https://app.example.org"
STRANGE = (
    "https://evil.example",
    "null",
    "https://app.example.org.evil.example",
    "https://APP.example.org",
    "http://app.example.org",
    "",
    "*",
)


def let_in(owner: Caller, *origins: str) -> None:
    assert owner.put("/admin/config", {"cors_origins": list(origins)}).status_code == 200


def allowed(answer: TestResponse) -> list[str]:
    return answer.headers.getlist("Access-Control-Allow-Origin")


def depends_on_the_origin(answer: TestResponse) -> bool:
    """Whether caches are told that another origin may get another answer."""
    return "Origin" in [word.strip() for text in answer.headers.getlist("Vary") for word in text.split(",")]


def preflight(caller: Caller, path: str, origin: str, method: str = "POST") -> TestResponse:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization, content-type"}
    return Caller(caller.client, caller.cenv).send("OPTIONS", path, headers=asked)


def test_without_the_setting_there_is_nothing(owner: Caller) -> None:
    answers = [owner.get("/me", headers={"Origin": APP}), preflight(owner, "/query", APP)]

    assert [allowed(answer) for answer in answers] == [[], []]
    assert not depends_on_the_origin(answers[0])


def test_a_named_origin_reads_the_answer_without_credentials(owner: Caller) -> None:
    let_in(owner, APP)

    answer = owner.get("/me", headers={"Origin": APP})

    assert allowed(answer) == [APP]
    assert depends_on_the_origin(answer)
    assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.headers.getlist("RateLimit-Limit") == ["100"]


@pytest.mark.parametrize("origin", STRANGE)
def test_another_origin_reads_nothing(owner: Caller, origin: str) -> None:
    let_in(owner, APP)

    for answer in (owner.get("/me", headers={"Origin": origin}), preflight(owner, "/query", origin)):
        assert allowed(answer) == []
        assert "Access-Control-Allow-Methods" not in answer.headers
        assert depends_on_the_origin(answer)


def test_caches_are_told_even_where_nobody_asked(owner: Caller) -> None:
    let_in(owner, APP)

    assert depends_on_the_origin(owner.get("/me"))


@pytest.mark.parametrize("origin", ["https://[::1]:8443", APP, "http://localhost:3000"])
def test_origins_are_texts_and_no_patterns(owner: Caller, origin: str) -> None:
    let_in(owner, origin)

    assert allowed(owner.get("/me", headers={"Origin": origin})) == [origin]
    for near in (origin + "0", origin.replace(".", "x"), "https://1", "https://::"):
        assert allowed(owner.get("/me", headers={"Origin": near})) == ([origin] if near == origin else [])


def test_a_preflight_is_answered_for_nobody_in_particular(owner: Caller) -> None:
    let_in(owner, APP)

    answer = preflight(owner, "/query", APP)

    assert answer.status_code == 200
    assert allowed(answer) == [APP]
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert answer.headers["Access-Control-Max-Age"] == "600"


def test_a_preflight_allows_no_header_that_is_not_listed(owner: Caller) -> None:
    let_in(owner, APP)
    asked = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-csrf-token"}

    answer = Caller(owner.client, owner.cenv).send("OPTIONS", "/query", headers=asked)

    assert "csrf" not in answer.headers.get("Access-Control-Allow-Headers", "").lower()


def test_errors_are_read_as_well(owner: Caller, visitor: Caller) -> None:
    let_in(owner, APP)
    owner.put("/admin/config", {"rate_limit_ip": "5 per hour"})

    answers = [visitor.get("/me", headers={"Origin": APP}) for _ in range(8)]

    assert {answer.status_code for answer in answers} == {401, 429}
    assert [allowed(answer) for answer in answers] == [[APP]] * 8


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/me", 405), ("POST", "/admin/nothing", 404)])
def test_what_is_not_there_is_read_as_well(owner: Caller, method: str, path: str, status: int) -> None:
    let_in(owner, APP)

    answers = [owner.send(method, path, headers={"Origin": origin}) for origin in (APP, "https://evil.example")]
    asked = [preflight(owner, path, origin, method) for origin in (APP, "https://evil.example")]

    assert [(answer.status_code, allowed(answer)) for answer in answers] == [(status, [APP]), (status, [])]
    assert (asked[0].status_code < 300, [allowed(answer) for answer in asked]) == (True, [[APP], []])
    assert depends_on_the_origin(answers[1])


def test_a_cookie_does_not_count_from_a_named_origin(owner: Caller) -> None:
    let_in(owner, APP)
    cookie = {"Cookie": f"wce_{owner.cenv[:8]}={owner.token}", "Origin": APP}

    for site in ("cross-site", "same-site", None):
        headers = cookie | ({"Sec-Fetch-Site": site} if site else {})
        assert Caller(owner.client, owner.cenv).get("/me", headers=headers).status_code == 401


def test_origins_of_one_cenv_are_nothing_to_another(owner: Caller, make_cenv: Callable[[], Caller]) -> None:
    let_in(owner, APP)

    assert allowed(make_cenv().get("/me", headers={"Origin": APP})) == []


def test_endpoints_have_one_answer_for_each_origin(owner: Caller) -> None:
    script = "def handler(request):\n    return 1\n"
    for path, access in (("/open", "public"), ("/closed", "user")):
        owner.post("/admin/endpoints", {"path": path, "method": "GET", "script": script, "access": access})
    let_in(owner, APP)

    told = {
        (path, origin): [
            allowed(owner.get(f"/api{path}", headers={"Origin": origin})),
            allowed(preflight(owner, f"/api{path}", origin, "GET")),
        ]
        for path in ("/open", "/closed")
        for origin in (APP, "https://evil.example")
    }

    assert told == {
        ("/open", APP): [[APP], [APP]],
        ("/open", "https://evil.example"): [["*"], ["*"]],
        ("/closed", APP): [[APP], [APP]],
        ("/closed", "https://evil.example"): [[], []],
    }


def test_files_of_pages_have_one_answer_for_each_origin(owner: Caller) -> None:
    owner.put("/admin/assets/data.json", data=b"{}")
    let_in(owner, APP)

    told = [allowed(owner.get("/pages/assets/data.json", headers={"Origin": origin})) for origin in (APP, "https://evil.example", "null")]

    assert told == [[APP], ["*"], ["*"]]


def test_caches_are_told_of_kept_pages_too(owner: Caller, visitor: Caller) -> None:
    page = {"name": "notes", "syntax": "markdown", "content": "# Notes", "access": "public", "run_as": "caller", "published": True}
    owner.post("/admin/templates", page)
    let_in(owner, APP)

    answers = [visitor.get("/pages/notes") for _ in range(3)]

    assert answers[-1].headers["X-Cache"] == "hit"
    assert all(depends_on_the_origin(answer) for answer in answers)


def test_a_preflight_into_no_cenv_is_not_found(owner: Caller) -> None:
    assert preflight(Caller(owner.client, "00000000-0000-4000-8000-000000000000"), "/query", APP).status_code == 404
