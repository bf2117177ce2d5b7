"""What holds for every route, taken from the application's own map."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.callers import PASSWORD, Caller, Clock, sign_in
from tests.web.conftest import applications, usual
from wce.config import Settings
from wce.model import Role
from wce.web.access import CLOSED, declared
from wce.web.factory import create_app
from wce.web.headers import POLICIES, ResponseClass

VALUES = {"cenv_id": "00000000-0000-4000-8000-000000000000", "digest": "000000000000", "name": "css/app.css"}


@dataclass(frozen=True)
class Route:
    """One method of one address, and who may call it."""

    endpoint: str
    method: str
    who: str
    in_cenv: bool

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"

    @property
    def lowest(self) -> Role:
        return {"user": Role.VIEWER, "admin": Role.ADMIN, "owner": Role.OWNER}.get(self.who, Role.PUBLIC)


def every_route() -> list[Route]:
    """Read once, from an application that is closed at once."""
    with TemporaryDirectory() as folder:
        app = create_app(Settings(storage_dir=Path(folder), jwt_secret="k" * 32), bcrypt_rounds=4)
        app.extensions["wce"].close()
    return [
        Route(rule.endpoint, method, declared(app.view_functions[rule.endpoint]).who, "<cenv:" in rule.rule)
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]


ROUTES = every_route()
VIEWS = list({route.endpoint: route for route in ROUTES if route.method != "OPTIONS"}.values())
# Their methods are not known before the cenv is.
FIXED = [route for route in VIEWS if route.endpoint != "endpoints.answer"]
CLOSED_TO = [
    (route, role) for route in ROUTES for role in Role if route.in_cenv and route.method != "OPTIONS" and role.rank < route.lowest.rank
]


def path_of(app: Flask, route: Route, cenv: str = VALUES["cenv_id"]) -> str:
    rule = next(rule for rule in app.url_map.iter_rules(route.endpoint) if route.method in (rule.methods or ()))
    known = VALUES | {"cenv_id": cenv}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known.get(found[1], "7"), rule.rule)


# One application and one cenv for all tests here: what they ask for is refused or changes nothing.


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    freely = dict.fromkeys(("rate_limit_ip", "rate_limit_cenv", "rate_limit_user"), "1000000 per minute")
    with applications(usual(tmp_path_factory.mktemp("routes")), Clock()) as make:
        yield make(cenv_overrides=freely)


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


@pytest.fixture(scope="module")
def owner(client: FlaskClient) -> Caller:
    owner = sign_in(client, client.post("/new", json={"username": "owner", "password": PASSWORD}).json["cenv_id"], "owner")
    owner.sql("CREATE TABLE notes (text TEXT)")
    owner.post("/admin/endpoints", {"path": "/notes", "method": "GET", "script": "def handler(request):\n    return 1\n"})
    return owner


@pytest.fixture(scope="module")
def someone(owner: Caller) -> Callable[[Role], Caller]:
    """Call it with a role for somebody of that role."""
    known = {Role.OWNER: owner, Role.PUBLIC: Caller(owner.client, owner.cenv)}

    def find(role: Role) -> Caller:
        if role not in known:
            name = f"an_{role}"
            owner.post("/admin/users", {"username": name, "password": PASSWORD, "role": role.value})
            known[role] = sign_in(owner.client, owner.cenv, name)
        return known[role]

    return find


@pytest.mark.parametrize("route", VIEWS, ids=str)
def test_every_view_says_who_may_call_it(app: Flask, route: Route) -> None:
    assert declared(app.view_functions[route.endpoint]) is not CLOSED


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_every_answer_has_the_headers_of_its_class(client: FlaskClient, app: Flask, route: Route) -> None:
    path = path_of(app, route)

    answer = client.open(path, method=route.method)

    reached, _ = app.url_map.bind("localhost").match(path, route.method)  # OPTIONS of two views on one path goes to the first
    kind = declared(app.view_functions[reached]).response
    boxed = kind is ResponseClass.CONTENT or answer.status_code < 400
    assert answer.headers["Content-Security-Policy"] == POLICIES[kind if boxed else ResponseClass.API]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cache-Control"] == "no-store" or "public" in answer.headers["Cache-Control"]
    assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_every_error_is_a_problem_or_a_page(client: FlaskClient, app: Flask, route: Route) -> None:
    path = path_of(app, route)

    for accept, expected in (("*/*", "application/problem+json"), ("text/html", "text/html")):
        answer = client.open(path, method=route.method, headers={"Accept": accept})
        if answer.status_code >= 400:
            assert answer.mimetype == expected
            kind = ResponseClass.UI if expected == "text/html" else ResponseClass.API
            if declared(app.view_functions[route.endpoint]).response is ResponseClass.CONTENT:
                kind = ResponseClass.CONTENT
            assert answer.headers["Content-Security-Policy"] == POLICIES[kind]


@pytest.mark.parametrize(("route", "role"), CLOSED_TO, ids=str)
def test_every_route_is_closed_to_lower_roles(app: Flask, someone: Callable[[Role], Caller], route: Route, role: Role) -> None:
    caller = someone(role)

    answer = replace(caller, cenv="").send(route.method, path_of(app, route, caller.cenv)[1:])

    assert answer.status_code == (401 if role is Role.PUBLIC else 403)


# What each kind of credential of an owner opens, beside what is open to everybody.
TO_ALL = {"auth.login", "auth.register", "page_assets.answer"}
TO_NOBODY_KNOWN = {"auth.how_to_log_in", "auth.logout", "endpoints.answer", "pages.answer", "pages.start"}
SQL = {"query.query", "query.transaction", "query.explain", "query.list_tables", "query.find_table", "data.list_tables", "data.show_table"}
ADMINISTRATION = ("admin_", "deletion.", "totp.reset", "editors.")
KEYS: dict[str, tuple[dict[str, object], set[str]]] = {
    "a key": ({}, {"auth.me", "endpoints.answer"} | SQL),
    "a key that reads": ({"read_only": True}, {"auth.me", "endpoints.answer"} | SQL),
    "a key for tables": ({"tables": ["notes"]}, {"auth.me"} | SQL),
    "a key for endpoints": ({"endpoints": ["/notes"]}, {"auth.me", "endpoints.answer"}),
    "a key for both": ({"tables": ["notes"], "endpoints": ["/notes"]}, {"auth.me", "endpoints.answer"} | SQL),
    "a key that administers": ({"administration": True}, {"auth.me", "endpoints.answer"} | SQL),
    "a key that administers and reads": ({"administration": True, "read_only": True}, {"auth.me", "endpoints.answer"} | SQL),
}
KINDS = [*KEYS, "a page's token", "a cookie on another site", "a cookie without its proof", "a view cookie"]


def headers_of(kind: str, owner: Caller) -> dict[str, str]:
    """What a request with such a credential has."""
    if kind in KEYS:
        asked = {"name": kind, "scope": KEYS[kind][0], "password": PASSWORD}
        return {"Authorization": f"Bearer {owner.post('/keys', asked).json['key']}"}
    if kind == "a page's token":
        return {"Authorization": f"Bearer {owner.post('/pages/token', {'page': 'index'}).json['token']}"}
    known = owner.post("/login", {"username": "owner", "password": PASSWORD}).headers.getlist("Set-Cookie")
    pairs = [text.partition(";")[0] for text in known if ("_view_" in text) == (kind == "a view cookie")]
    return {"Cookie": "; ".join(pairs), "Sec-Fetch-Site": "cross-site" if "another site" in kind else "same-origin"}


def opens(kind: str, route: Route) -> bool:
    """Whether it is let in there; what is told here is read from no declaration."""
    if route.endpoint in TO_ALL:
        return route.method == "GET" or "another site" not in kind
    if kind == "a page's token":
        return route.endpoint == "endpoints.answer"
    if kind == "a cookie without its proof":
        return route.method == "GET"
    if kind not in KEYS:
        return route.endpoint in TO_NOBODY_KNOWN
    scope, opened = KEYS[kind]
    administers = "administration" in scope and route.endpoint.startswith(ADMINISTRATION)
    return route.endpoint in opened or (administers and (route.method == "GET" or "read_only" not in scope))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_credential_opens_what_it_is_for(app: Flask, owner: Caller, kind: str) -> None:
    headers, wrong = headers_of(kind, owner), []

    for route in ROUTES:
        if route.in_cenv and route.method not in ("HEAD", "OPTIONS"):
            with owner.client.open(path_of(app, route, owner.cenv), method=route.method, headers=headers) as answer:
                if (answer.status_code not in (401, 403)) != opens(kind, route):
                    wrong.append(f"{route}: {answer.status_code}")

    assert wrong == []


@pytest.mark.parametrize("route", FIXED, ids=str)
def test_another_method_is_refused_with_those_that_there_are(client: FlaskClient, app: Flask, route: Route, owner: Caller) -> None:
    for unknown in ("PATCH", "BREW"):
        answer = client.open(path_of(app, route, owner.cenv), method=unknown)
        assert answer.status_code == 405
        assert answer.json["code"] == "method_not_allowed"
        assert route.method in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("route", FIXED, ids=str)
def test_options_lists_the_methods_to_anybody(client: FlaskClient, app: Flask, route: Route, owner: Caller) -> None:
    answer = client.open(path_of(app, route, owner.cenv), method="OPTIONS")

    assert answer.status_code == 200
    assert "OPTIONS" in answer.headers["Allow"]
    assert answer.data == b""


@pytest.mark.parametrize("route", VIEWS, ids=str)
def test_an_address_has_one_spelling(client: FlaskClient, app: Flask, route: Route, owner: Caller) -> None:
    path = path_of(app, route, owner.cenv)

    for other in {path + "/", path[0] + path[1:].replace("/", "//", 1)} - {path, "//"}:
        # Below /pages/ every path may be a page, which is there to be read only.
        refused = {404, 405} if "/pages/" in path else {404}
        assert client.open(other, method=route.method).status_code in refused


def test_a_view_that_declares_nothing_answers_nobody(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.add_url_rule("/forgotten", view_func=lambda: "secret")
    app.add_url_rule("/<cenv:cenv_id>/forgotten", endpoint="inside", view_func=lambda cenv_id: "secret")
    client = app.test_client()
    made = client.post("/new", json={"username": "owner", "password": "correct horse"}).json["cenv_id"]
    token = client.post(f"/{made}/login", json={"username": "owner", "password": "correct horse"}).json["token"]

    for path in ("/forgotten", f"/{made}/forgotten"):
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 403
        assert "secret" not in answer.text
        assert answer.headers["Content-Security-Policy"] == POLICIES[ResponseClass.CONTENT]


@pytest.fixture
def broken(make_app: Callable[..., Flask]) -> FlaskClient:
    """A client of an application with a bug."""
    app = make_app()

    def bug() -> str:
        raise RuntimeError("secret of the inside")

    bug.wce_access = declared(app.view_functions["ops.live"])  # type: ignore[attr-defined]
    app.add_url_rule("/bug", view_func=bug)
    return app.test_client()


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_bug_tells_nothing_and_is_logged_once(broken: FlaskClient, caplog: pytest.LogCaptureFixture, accept: str) -> None:
    answer = broken.get("/bug", headers={"Accept": accept, "X-Request-ID": "find-me"})

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "find-me" in answer.text
    (logged,) = [record for record in caplog.records if record.exc_info]
    assert (logged.getMessage(), logged.request_id) == ("internal_error", "find-me")  # type: ignore[attr-defined]


def test_a_full_disk_is_told_as_such_where_no_database_meets_it(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    def write() -> str:
        return str(Path("/dev/full").write_bytes(b"x"))

    write.wce_access = declared(app.view_functions["ops.live"])  # type: ignore[attr-defined]
    app.add_url_rule("/write", view_func=write)

    answer = app.test_client().get("/write")

    assert (answer.status_code, answer.json["code"]) == (507, "disk_full")  # type: ignore[index]


def test_an_address_can_be_built_from_its_route(app: Flask) -> None:
    with app.test_request_context():
        built = app.url_for("admin_users.find_user", cenv_id="0" * 8 + "-0000" * 3 + "-" + "0" * 12, user_id=7, more="x y")

    assert built == "/00000000-0000-0000-0000-000000000000/admin/users/7?more=x+y"
