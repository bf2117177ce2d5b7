"""The description of the API: whole, true to the models that validate, and cheap to send."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator.schemas import schema_v31
from pydantic import TypeAdapter

from tests.web.callers import Caller, Clock
from tests.web.conftest import applications, usual
from tests.web.described import closed, judge
from tests.web.test_routes import every_route
from wce.core.scripts import NewEndpoint, save_endpoint
from wce.core.users import check_username
from wce.errors import TITLES, WceError
from wce.model import Actor, Role
from wce.web import bodies
from wce.web.admin_tables import Form
from wce.web.headers import ResponseClass
from wce.web.openapi import document, schemas
from wce.web.openapi.operation import Operation

SHAPE = jsonschema_rs.validator_for(dict(schema_v31))  # without looking at references, which takes seconds
WITH_BODY = sorted(name for name, operation in document.OPERATIONS.items() if operation.body not in (None, dict[str, object]))


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a server says of itself, which is the same each time."""
    with applications(usual(tmp_path_factory.mktemp("described")), Clock()) as make:
        found: dict[str, Any] = make().test_client().get("/openapi.json").json
    return found


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_it_is_openapi_3_1(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


def test_it_has_every_route_of_the_map_and_nothing_else(app: Flask, described: dict[str, Any]) -> None:
    there = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).replace("{cenv_id}", "{cenv}"))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {(method, path) for method, path, _ in operations(described)} == there


def test_every_entry_of_its_tables_is_a_view_that_there_is() -> None:
    assert set(document.OPERATIONS) <= {route.endpoint for route in every_route()}


def test_a_route_without_a_description_is_found(app: Flask) -> None:
    app.add_url_rule("/forgotten", endpoint="forgotten", view_func=lambda: "")

    with pytest.raises(document.UndescribedError, match="forgotten"):
        document.build(app.url_map, app.view_functions)


def test_every_operation_has_a_name_of_its_own_a_summary_and_errors(described: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(set(ids)) == len(ids)

    for method, path, operation in operations(described):
        assert len(operation["summary"]) > 5, (method, path)
        assert {"400", "413", "500"} <= operation["responses"].keys(), (method, path)
        assert any(status.startswith("2") for status in operation["responses"])


def test_calls_that_take_a_file_say_so(described: dict[str, Any]) -> None:
    forms = {}
    for method, path, operation in operations(described):
        content = operation.get("requestBody", {"content": {}})["content"]
        if "multipart/form-data" in content:
            forms[f"{method} {path}"] = content["multipart/form-data"]["schema"]

    assert {name: (set(form["properties"]), form["required"]) for name, form in forms.items()} == {
        "POST /new": ({"file", "username", "password"}, ["file"]),
        "POST /{cenv}/admin/import": ({"file", "confirm"}, ["file", "confirm"]),
        "POST /{cenv}/admin/tables/import": ({"file", *Form.model_fields}, ["file", "table", "mode"]),
        "POST /{cenv}/admin/assets": ({"file", "path"}, ["file"]),
    }
    assert "application/json" in described["paths"]["/new"]["post"]["requestBody"]["content"]
    assert list(described["paths"]["/{cenv}/admin/assets/{path}"]["put"]["requestBody"]["content"]) == ["*/*"]


def test_headers_that_the_manual_lets_send_are_parameters(described: dict[str, Any]) -> None:
    for path in ("/{cenv}/query", "/{cenv}/transaction"):
        sent = {item["name"] for item in described["paths"][path]["post"]["parameters"] if item["in"] == "header"}
        assert sent == {"Idempotency-Key", "X-Query-ID"}


def test_every_error_code_has_an_example(described: dict[str, Any]) -> None:
    assert set(described["components"]["examples"]) == set(TITLES)
    problem = jsonschema_rs.Draft202012Validator(
        {"$ref": "#/components/schemas/Problem", "components": {"schemas": closed(described["components"]["schemas"])}}
    )
    assert all(problem.is_valid(example["value"]) for example in described["components"]["examples"].values())


def test_every_good_answer_has_an_example_that_is_as_described(described: dict[str, Any]) -> None:
    """Kept in wce/web/openapi/good.json: what a real server answered, cut short where it was long."""
    components = {"schemas": closed(described["components"]["schemas"])}
    wrong: list[str] = []
    for method, path, operation in operations(described):
        for status in {"200", "201"} & operation["responses"].keys():
            told = operation["responses"][status].get("content", {}).get("application/json", {})
            if "schema" in told and "example" not in told:
                wrong.append(f"{method} {path} {status}: no example")
            elif "schema" in told:
                validator = jsonschema_rs.Draft202012Validator(told["schema"] | {"components": components})
                wrong += [f"{method} {path} {status}: {error.message}" for error in validator.iter_errors(told["example"])]

    assert wrong == []


def test_no_example_is_of_a_call_that_is_gone(described: dict[str, Any]) -> None:
    there = {f"{method} {path} {status}" for method, path, operation in operations(described) for status in operation["responses"]}

    assert document._examples().keys() <= there


def test_codes_are_of_operations_that_exist() -> None:
    told = {code for operation in document.OPERATIONS.values() for code in operation.errors}

    assert told <= set(TITLES)


@pytest.mark.parametrize("name", WITH_BODY)
def test_every_body_has_an_example_that_the_model_takes(name: str) -> None:
    operation = document.OPERATIONS[name]

    assert operation.example
    TypeAdapter(operation.body).validate_python(dict(operation.example), strict=True)


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_view_reads_the_model_that_the_description_has(app: Flask, owner: Caller, name: str) -> None:
    """What a body lacks and what it has too much of is told by the model that really reads it."""
    operation: Operation = document.OPERATIONS[name]
    rule = next(rule for rule in app.url_map.iter_rules(name) if rule.methods and rule.methods & {"POST", "PUT", "PATCH", "DELETE"})
    (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    path = re.sub(r"<(?:\w+:)?(\w+)>", "1", rule.rule.replace("<cenv:cenv_id>", owner.cenv))

    owner.put("/admin/config", {"allow_registration": True})

    answer = owner.client.open(path, method=method, json={"no_such_field": 1}, headers={"Authorization": f"Bearer {owner.token}"})

    assert answer.status_code == 422, answer.text
    required = {field for field, info in operation.body.model_fields.items() if info.is_required()}
    assert {error["field"] for error in answer.json["errors"]} == required | {"no_such_field"}


def test_the_names_that_it_allows_are_those_that_may_be(described: dict[str, Any]) -> None:
    username = jsonschema_rs.Draft202012Validator(described["components"]["schemas"]["NewCenv"]["properties"]["username"])

    for name in ("ada", "Ada_1", "a" * 32):
        assert username.is_valid(check_username(name))
    for name in ("ab", "a" * 33, "a b", "é" * 5, ""):
        assert not username.is_valid(name)
        with pytest.raises(WceError):
            check_username(name)


def test_who_may_call_is_told(described: dict[str, Any]) -> None:
    paths = described["paths"]

    assert paths["/new"]["post"]["security"] == []
    assert paths["/{cenv}/me"]["get"]["security"] == [{"bearer": []}, {"cookie": []}]
    assert paths["/{cenv}/logout"]["post"]["security"][0] == {}
    assert "For admins" in paths["/{cenv}/admin/users"]["get"]["description"]
    assert "403" in paths["/{cenv}/admin/users"]["get"]["responses"]
    assert "401" not in paths["/new"]["post"]["responses"]


def test_an_answer_that_is_not_as_described_is_found(app: Flask, owner: Caller) -> None:
    answer = owner.get("/me")

    answer.set_data(orjson.dumps(answer.json | {"surprise": 1}))
    assert "surprise" in judge(app, "GET", "/{cenv}/me", answer)

    answer.status_code = 418
    assert "no such status" in judge(app, "GET", "/{cenv}/me", answer)


def test_it_is_sent_short_and_only_when_it_has_changed(client: FlaskClient) -> None:
    plain = client.get("/openapi.json")
    zipped = client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    tag = plain.headers["ETag"]
    again = client.get("/openapi.json", headers={"If-None-Match": tag})
    weakly, anyhow = (client.get("/openapi.json", headers={"If-None-Match": told}).status_code for told in (f"W/{tag}", "*"))

    assert gzip.decompress(zipped.data) == plain.data
    assert len(zipped.data) * 5 < len(plain.data)
    assert (again.status_code, again.data, weakly, anyhow) == (304, b"", 304, 304)
    assert plain.headers["Cache-Control"] == "public, no-cache"


def test_pages_are_described_by_their_class(described: dict[str, Any]) -> None:
    assert described["paths"]["/docs/search"]["get"]["responses"]["200"]["content"] == {"text/html": {}}
    assert document._PAGE.answers == {200: "text/html"}
    assert schemas.is_media_type("text/html")
    assert ResponseClass.UI == "ui"


# One cenv's own.


@pytest.fixture
def publish(app: Flask, owner: Caller) -> Callable[..., None]:
    """Call it with path, method and access for an endpoint of the owner's cenv; no worker reads its script."""
    store = app.extensions["wce"].store

    def save(path: str, method: str = "GET", access: str = "user", **more: Any) -> None:
        new = NewEndpoint(path, method, "def handler(request):\n    return 1\n", access=access, **more)
        with store.session(owner.cenv) as session:
            save_endpoint(session, lambda source: None, Actor(owner.user_id, "owner", Role.OWNER), new)

    return save


def of_cenv(caller: Caller) -> dict[str, Any]:
    answer = caller.get("/openapi.json")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    assert list(SHAPE.iter_errors(found)) == []
    return found


def test_a_cenv_describes_its_own_endpoints(owner: Caller, publish: Callable[..., None]) -> None:
    publish("/notes/{id}", description="One note.\nWith its text.", access="public")
    publish("/notes/{note}", "DELETE")
    publish("/files/{rest...}", "*")
    publish("/off", enabled=False)

    found = of_cenv(owner)

    assert found["servers"] == [{"url": f"/{owner.cenv}"}]
    own = {path: set(item) for path, item in found["paths"].items() if path.startswith("/api/")}
    assert own == {"/api/notes/{id}": {"get", "delete"}, "/api/files/{rest}": {"get", "post", "put", "patch", "delete"}}
    note = found["paths"]["/api/notes/{id}"]
    assert (note["get"]["summary"], note["get"]["security"]) == ("One note.", [{}])
    assert note["delete"]["parameters"] == [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    assert "cenv" not in str(found["paths"]["/query"]["post"]["parameters"])


def test_it_lists_what_the_caller_may_call_and_see(owner: Caller, invite: Callable[..., Caller], publish: Callable[..., None]) -> None:
    publish("/for/admins", access="admin")
    publish("/for/users")
    owner.sql("CREATE TABLE seen (id INTEGER PRIMARY KEY, note TEXT, price REAL, at DATE, raw BLOB)")
    owner.sql("CREATE TABLE hidden (id INTEGER)")
    viewer = invite("vera", "viewer")
    owner.post("/admin/permissions", {"user_id": viewer.user_id, "table_name": "seen", "can_read": True})

    his, hers = of_cenv(owner), of_cenv(viewer)

    assert {"/api/for/admins", "/api/for/users"} <= set(his["paths"])
    assert "/api/for/users" in hers["paths"]
    assert "/api/for/admins" not in hers["paths"]
    assert {"row.seen", "row.hidden"} <= set(his["components"]["schemas"])
    assert "row.hidden" not in hers["components"]["schemas"]
    row = hers["components"]["schemas"]["row.seen"]
    assert row["description"] == "A row of the table seen. You may read."
    assert row["properties"]["id"]["type"] == ["integer", "null"]
    assert row["properties"]["note"]["type"] == ["string", "null"]
    assert row["properties"]["price"]["type"] == ["number", "null"]
    assert row["properties"]["at"] == {"$ref": "#/components/schemas/Cell", "description": "DATE"}


def test_tables_with_odd_names_have_schemas_of_their_own(owner: Caller) -> None:
    for name in ("a b", "a-b", "a+b", "a_b"):
        owner.sql(f'CREATE TABLE "{name}" (x)')

    found = of_cenv(owner)

    rows = {name: schema["title"] for name, schema in found["components"]["schemas"].items() if name.startswith("row.")}
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []
    assert sorted(rows.values()) == ["a b", "a+b", "a-b", "a_b"]


def test_strangers_learn_nothing_of_a_cenv(visitor: Caller) -> None:
    assert visitor.get("/openapi.json").json["code"] == "not_signed_in"


def test_a_body_of_any_shape_is_told_as_such(described: dict[str, Any]) -> None:
    assert bodies.Body.model_config["extra"] == "forbid"
    schema = described["paths"]["/{cenv}/admin/config"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["type"] == "object"
