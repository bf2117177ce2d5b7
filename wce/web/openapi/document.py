"""The whole description, from the URL map, the declarations of access, the docstrings of views, and the tables beside this file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from werkzeug.routing import Map, Rule

from wce.web.access import Access, declared
from wce.web.headers import ResponseClass
from wce.web.openapi import refusals, schemas
from wce.web.openapi.administration import ACCESS, AUDIT, CONFIG, FILES, USERS
from wce.web.openapi.authoring import SCRIPTS
from wce.web.openapi.basics import ACCOUNT, SERVER, SQL
from wce.web.openapi.credentials import CREDENTIALS
from wce.web.openapi.interface import INTERFACE
from wce.web.openapi.operation import HTML, JSON, Operation
from wce.web.openapi.paging import ASSETS, PAGES, TEMPLATES
from wce.web.screens import is_screen

OPERATIONS: Final[Mapping[str, Operation]] = {
    **SERVER,
    **ACCOUNT,
    **INTERFACE,
    **CREDENTIALS,
    **SQL,
    **USERS,
    **ACCESS,
    **SCRIPTS,
    **TEMPLATES,
    **ASSETS,
    **PAGES,
    **CONFIG,
    **AUDIT,
    **FILES,
}
VERSION: Final = "1"
_GOOD: Final = Path(__file__).with_name("good.json")
_PAGE: Final = Operation({200: HTML})
_AUTOMATIC: Final = frozenset({"HEAD", "OPTIONS"})
_VARIABLE: Final = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
_NEEDS: Final = {"user": "Needs a session.", "admin": "For admins and the owner.", "owner": "For the owner."}
_SIGNED: Final[list[Any]] = [{"bearer": []}, {"cookie": []}]
_SIGNING: Final[Mapping[str, list[Any]]] = {"public": [], "anyone": [{}, *_SIGNED]}
_TAGS: Final = {
    **dict.fromkeys(("ops", "landing", "assets", "description", "manual"), "Server"),
    "auth": "Account",
    "totp": "Account",
    "page_tokens": "Account",
    "overview": "Account",
    "keys": "API keys",
    "query": "SQL",
    "endpoints": "Endpoints of a cenv",
    **dict.fromkeys(("pages", "page_assets"), "Pages of a cenv"),
    "admin_access": "Permissions and policies",
}
_KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "cenv": {"type": "string", "format": "uuid", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
    "id": {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
}
_INTRODUCTION: Final = """\
Every error has the shape of `Problem`; programs look at its `code`, which [the manual](/docs/errors) explains. Times are Unix seconds.
Programs sign in with `POST /{cenv}/login` and send the token as `Authorization: Bearer`. Browsers get the same session as a cookie;
what changes something then needs the `csrf_token` of `/{cenv}/me` as `X-CSRF-Token`. `HEAD` goes where `GET` does, `OPTIONS` everywhere.
"""
Views = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one path, with its view's name and what is known of it."""

    method: str
    path: str
    endpoint: str
    rule: Rule
    access: Access
    operation: Operation
    summary: str
    screen: bool  # a browser gets a page


class UndescribedError(LookupError):
    """A route that nothing describes."""


def calls(url_map: Map, views: Views) -> Iterator[Call]:
    """Every method of every route; raises UndescribedError for one that has no description. A page is described by its docstring."""
    for rule in url_map.iter_rules():
        view = views[rule.endpoint]
        access = declared(view)
        operation = OPERATIONS.get(rule.endpoint, _PAGE if access.response is ResponseClass.UI else None)
        if operation is None:
            raise UndescribedError(f"{rule.endpoint} ({rule.rule}) has no entry in the tables of wce/web/openapi")
        summary = operation.summary or (view.__doc__ or "").strip().split("\n", 1)[0]
        for method in sorted(set(rule.methods or ()) - _AUTOMATIC):
            yield Call(method, path_of(rule), rule.endpoint, rule, access, operation, summary, is_screen(view))


def path_of(rule: Rule) -> str:
    """The path as OpenAPI writes it."""
    return _VARIABLE.sub(lambda found: "{" + _name(found[2]) + "}", rule.rule)


def build(url_map: Map, views: Views) -> dict[str, Any]:
    """The description of the server."""
    every = list(calls(url_map, views))
    known, components = schemas.of(call.operation for call in every)
    paths: dict[str, dict[str, Any]] = {}
    ids: set[str] = set()
    shared: dict[str, Any] = {}
    for call in every:
        paths.setdefault(call.path, {})[call.method.lower()] = {"operationId": _id(call, ids), **_operation(call, known, shared)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "WCE", "version": VERSION, "description": _INTRODUCTION, "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(call) for call in every)],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "responses": dict(sorted(shared.items())),
            "examples": refusals.examples(),
            "headers": {"Retry-After": {"description": "Seconds after which another try makes sense.", "schema": {"type": "integer"}}},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The token of a login."},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "wce_00000000",
                    "description": "Set by a login, for pages of this server; its name ends with the first eight digits of the cenv.",
                },
            },
        },
    }


def _operation(call: Call, known: Mapping[int, Any], shared: dict[str, Any]) -> dict[str, Any]:
    operation, in_cenv = call.operation, call.path.startswith("/{cenv}")
    told = [_NEEDS.get(call.access.who, ""), operation.more]
    found: dict[str, Any] = {"tags": [_tag(call)], "summary": call.summary.rstrip("."), "description": " ".join(filter(None, told))}
    found["security"] = _SIGNING.get(call.access.who, _SIGNED)
    asked = ({"name": item.name, "in": item.place, "description": item.description, "schema": item.schema} for item in operation.parameters)
    found["parameters"] = [*_in_path(call.rule), *asked]
    bodies: dict[str, Any] = {kind: {"schema": schema} for kind, schema in operation.sent.items()}
    if operation.body is not None:
        content = {"schema": known[id(operation.body)], **({"example": operation.example} if operation.example else {})}
        bodies = {JSON: content, **bodies}
    if bodies:
        found["requestBody"] = {"required": True, "content": bodies}
    good = {str(status): _answer(call, status, value, known) for status, value in operation.answers.items()}
    if call.screen:
        good["200"]["content"][HTML] = {}
    if call.screen or call.access.views:
        good["303"] = {"description": "For a browser without a session: to the page for signing in."}
    codes = refusals.codes(call.method, call.access, operation, in_cenv=in_cenv)
    if call.rule.arguments - {"cenv_id"}:
        codes.add("not_found")
    found["responses"] = good | refusals.responses(codes, shared)
    return found


def _answer(call: Call, status: int, value: Any, known: Mapping[int, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": {201: "Made.", 204: "Done; no body.", 304: "Not changed.", 308: "It is a folder."}.get(status, "Done.")
    }
    if call.operation.headers:
        answer["headers"] = {name: {"description": text, "schema": {"type": "string"}} for name, text in call.operation.headers.items()}
    if schemas.is_media_type(value):
        answer["content"] = {value: {}}
    elif value is not None:
        name = f"{call.method} {call.path} {status}"
        example = {"example": _examples()[name]} if name in _examples() else {}
        forms: dict[str, Any] = {form: {"schema": {"type": "string"}} for form in call.operation.also}
        answer["content"] = {JSON: {"schema": known[id(value)], **example}} | forms
    return answer


@cache
def _examples() -> dict[str, Any]:
    """A good answer of a real server for each call and status."""
    found: dict[str, Any] = json.loads(_GOOD.read_text(encoding="utf-8"))
    return found


def _in_path(rule: Rule) -> Iterator[dict[str, Any]]:
    for kind, name in _VARIABLE.findall(rule.rule):
        schema = _KINDS.get(kind, {"type": "string", "minLength": 1})
        more = {"description": "May hold slashes."} if kind in ("path", "file") else {}
        yield {"name": _name(name), "in": "path", "required": True, "schema": schema, **more}


def _name(variable: str) -> str:
    return "cenv" if variable == "cenv_id" else variable


def _tag(call: Call) -> str:
    blueprint = call.endpoint.partition(".")[0]
    return _TAGS.get(blueprint, blueprint.removeprefix("admin_").replace("_", " ").capitalize())


def _id(call: Call, taken: set[str]) -> str:
    """A name for generated clients, the same in every version."""
    plain = call.endpoint.replace(".", "_")
    wanted = (plain, f"{plain}_{call.method.lower()}", f"{plain}_{call.path.rpartition('/')[2]}")
    found = next(name for name in wanted if name not in taken)
    taken.add(found)
    return found
