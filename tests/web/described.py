"""Holds every answer that a test gets against the description of the API, whose tables are in wce/web/openapi."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
from flask import Flask, Response, request

from wce.errors import TITLES
from wce.web.access import declared
from wce.web.headers import ResponseClass
from wce.web.openapi import document

JSON, PROBLEM = "application/json", "application/problem+json"
_MAPS: dict[frozenset[tuple[str, str]], Any] = {}


@dataclass
class Witness:
    """Watches an application; `objections` are the answers that its description does not allow."""

    app: Flask
    objections: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app.after_request(self._look)

    def _look(self, response: Response) -> Response:
        rule = request.url_rule
        if rule is not None and request.method not in ("HEAD", "OPTIONS") and not self._of_a_tenant(rule.endpoint, response):
            path = document.path_of(rule)
            objection = judge(self.app, request.method, path, response)
            if objection:
                self.objections.append(f"{request.method} {path} {response.status_code}: {objection}")
        return response

    def _of_a_tenant(self, endpoint: str, response: Response) -> bool:
        """Whether a script or template has said what is there; what is refused at its address is ours."""
        if declared(self.app.view_functions[endpoint]).response is not ResponseClass.CONTENT:
            return False
        return response.mimetype != PROBLEM or response.get_json()["code"] not in TITLES


@functools.cache
def _described(routes: frozenset[tuple[str, str]]) -> dict[str, Any]:
    """The description of an application with these routes; most tests' are alike, and making it takes a tenth of a second."""
    made: dict[str, Any] = document.build(*_MAPS[routes])
    made["schemas"] = closed(made["components"]["schemas"])
    return made


def judge(app: Flask, method: str, path: str, response: Response) -> str:
    """What is wrong with an answer; nothing for one that is as described."""
    routes = frozenset((rule.rule, rule.endpoint) for rule in app.url_map.iter_rules())
    _MAPS.setdefault(routes, (app.url_map, app.view_functions))
    try:
        return _judge(routes, method, path, response)
    except document.UndescribedError:
        return ""  # a test has added a route


def _judge(routes: frozenset[tuple[str, str]], method: str, path: str, response: Response) -> str:
    code = (response.get_json(silent=True) or {}).get("code", "") if response.mimetype == PROBLEM else ""
    operation = _described(routes)["paths"][path][method.lower()]
    told = operation["responses"].get(str(response.status_code))
    if told is None:
        return f"the description has no such status ({code})"
    if response.mimetype not in (JSON, PROBLEM) or response.headers.get("Content-Encoding"):
        return ""
    content = _content(routes, method, path, response.status_code)
    if response.mimetype not in content:
        return f"the description has no {response.mimetype}"
    if code and code not in content[PROBLEM]["examples"]:
        return f"the description has no {code}"
    validator = _validator(routes, method, path, response.status_code, response.mimetype)
    return "; ".join(f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(json.loads(response.get_data())))


def _content(routes: frozenset[tuple[str, str]], method: str, path: str, status: int) -> dict[str, Any]:
    described = _described(routes)
    told = described["paths"][path][method.lower()]["responses"][str(status)]
    reference = told.get("$ref")
    found = described["components"]["responses"][reference.rpartition("/")[2]] if reference else told
    content: dict[str, Any] = found.get("content", {})
    return content


@functools.cache
def _validator(routes: frozenset[tuple[str, str]], method: str, path: str, status: int, mimetype: str) -> Any:
    schema = _content(routes, method, path, status)[mimetype].get("schema", {})
    return jsonschema_rs.Draft202012Validator(schema | {"components": {"schemas": _described(routes)["schemas"]}})


def closed(value: Any) -> Any:
    """The schema with every object closed, so that a field that the description does not know is found, too."""
    if isinstance(value, list):
        return [closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: closed(item) for key, item in value.items()}
    return {"additionalProperties": False} | made if isinstance(made.get("properties"), dict) and made.get("type") == "object" else made
