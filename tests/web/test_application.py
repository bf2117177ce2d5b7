"""Flask's own order of things holds in the shortened one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Blueprint, Flask, Response, after_this_request, current_app, g, jsonify, request, session, url_for
from flask.testing import FlaskClient

from wce.web.application import Application


@pytest.fixture
def plain() -> Application:
    return Application("plain", static_folder=None)


@pytest.fixture
def steps() -> list[str]:
    return []


def noting(steps: list[str], step: str) -> Callable[..., Response | None]:
    """A hook that notes when it is called."""

    def hook(response: Response | None = None) -> Response | None:
        steps.append(step)
        return response

    return hook


def test_hooks_run_from_the_outside_in_and_back(plain: Application, steps: list[str]) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    for name, place in (("app", plain), ("outer", outer), ("inner", inner)):
        place.before_request(noting(steps, f"before {name}"))
        place.after_request(noting(steps, f"after {name}"))
    inner.get("/")(lambda: after_this_request(noting(steps, "after this one")) and "view")
    outer.register_blueprint(inner)
    plain.register_blueprint(outer)

    assert plain.test_client().get("/").text == "view"
    assert steps == [
        *("before app", "before outer", "before inner", "after this one", "after inner", "after outer", "after app"),
    ]


def test_a_hook_that_answers_is_the_last_before_the_view(plain: Application, steps: list[str]) -> None:
    plain.before_request(lambda: "no")
    plain.before_request(noting(steps, "second"))
    plain.get("/")(noting(steps, "view"))

    assert plain.test_client().get("/").text == "no"
    assert steps == []


def test_the_proxies_know_the_request(plain: Application) -> None:
    @plain.get("/<int:number>")
    def view(number: int) -> Response:
        g.number = number
        told = [current_app.name, g.number, request.path, request.query_string.decode(), request.host, request.remote_addr, request.scheme]
        return jsonify([*told, request.headers["X-One"], request.args["a"], url_for("view", number=8), bool(session)])

    answer = plain.test_client().get("/7?a=b", headers={"X-One": "1"})

    assert answer.json == ["plain", 7, "/7", "a=b", "localhost", "127.0.0.1", "http", "1", "b", "/8", False]


def test_a_request_tells_its_server(plain: Application) -> None:
    with plain.test_request_context("/", base_url="http://example.org:81"):
        assert request.server == ("example.org", 81)
        del request.server, request.environ["SERVER_PORT"]
        assert request.server == ("example.org", None)
        del request.server, request.environ["SERVER_NAME"]
        assert request.server is None


@pytest.mark.parametrize(("path", "seen"), [("/é", "/é"), ("//a", "/a"), ("", "/")])
def test_odd_paths_are_read_as_by_flask(plain: Application, path: str, seen: str) -> None:
    plain.get("/")(lambda: request.path)
    plain.get("/<path:rest>", endpoint="rest")(lambda rest: request.path)

    environ = plain.test_request_context("/").request.environ | {"PATH_INFO": path.encode().decode("latin1")}
    assert b"".join(plain(environ, lambda *_: lambda _: None)).decode() == seen


def test_an_address_that_nobody_has_is_not_found(plain: Application) -> None:
    assert plain.test_client().get("/x").status_code == 404


def test_options_are_told_by_flask(plain: Application) -> None:
    plain.get("/")(lambda: "x")

    assert sorted(plain.test_client().options("/").allow) == ["GET", "HEAD", "OPTIONS"]


def test_an_error_after_the_view_is_the_last_nets(plain: Application) -> None:
    def broken(response: Response) -> Response:
        raise LookupError

    plain.get("/")(lambda: "x")
    plain.after_request(broken)

    assert plain.test_client().get("/").status_code == 500


def test_a_test_client_may_look_back(plain: Application) -> None:
    plain.get("/")(lambda: "x")

    with plain.test_client() as client:
        client.get("/")
        assert request.path == "/"


def test_uploaded_files_are_closed(plain: Application) -> None:
    kept = []
    plain.post("/")(lambda: kept.append(request.files["f"].stream) or "x")

    plain.test_client().post("/", data={"f": (open(__file__, "rb"), "f")})  # noqa: SIM115  # the client closes it

    assert kept[0].closed


@pytest.mark.parametrize("register", ["teardown_request", "teardown_appcontext", "url_value_preprocessor"])
def test_what_would_not_be_called_cannot_be_registered_unnoticed(plain: Application, register: str) -> None:
    plain.testing = True
    getattr(plain, register)(lambda *_: None)
    plain.get("/")(lambda: "x")

    with pytest.raises(RuntimeError, match="knows no"):
        plain.test_client().get("/")


def test_the_same_request_class_serves_the_whole_application(app: Flask, client: FlaskClient) -> None:
    assert isinstance(app, Application)
    assert client.get("/").status_code == 200
