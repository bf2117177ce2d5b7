"""The description of one cenv: what every cenv answers, its endpoints, and the rows of its tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from wce.core.paths import ANY, METHODS, parse
from wce.core.scripts import Endpoint
from wce.core.tables import TableInfo
from wce.guard.catalogue import Column
from wce.model import Role

PREFIX: Final = "/{cenv}"
_TAG: Final = "Endpoints of this cenv"
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")
_CELL: Final = {"$ref": "#/components/schemas/Cell"}
# Which values a declared type is made for (https://sqlite.org/datatype3.html, 3.1). Only STRICT tables hold their columns to it.
_AFFINITIES: Final[tuple[tuple[tuple[str, ...], Any], ...]] = (
    (("INT",), {"type": ["integer", "null"]}),
    (("CHAR", "CLOB", "TEXT"), {"type": ["string", "null"]}),
    (("BLOB",), _CELL),
    (("REAL", "FLOA", "DOUB"), {"type": ["number", "null"]}),
)
_OPEN: Final = {"public": Role.PUBLIC, "user": Role.VIEWER, "admin": Role.ADMIN}


class Template:
    """What all cenvs have in common, encoded once."""

    def __init__(self, server: Mapping[str, Any]) -> None:
        self._info = server["info"]
        own = {path.removeprefix(PREFIX): item for path, item in server["paths"].items() if path.startswith(PREFIX + "/")}
        self._paths = {path: _encoded(_without_cenv(item)) for path, item in own.items() if path != "/api/{path}"}
        self._schemas = {name: _encoded(schema) for name, schema in server["components"]["schemas"].items()}
        self._components = {name: _encoded(part) for name, part in server["components"].items() if name != "schemas"}

    def fill(self, cenv_id: str, role: Role, endpoints: Iterable[Endpoint], tables: Iterable[TableInfo]) -> bytes:
        """The description for somebody of this role, who sees these tables."""
        open_to_him = [item for item in endpoints if item.enabled and role.rank >= _OPEN.get(item.access, Role.ADMIN).rank]
        value = {
            "openapi": "3.1.0",
            "info": self._info | {"title": f"WCE: cenv {cenv_id}"},
            "servers": [{"url": f"/{cenv_id}"}],
            "paths": self._paths | _paths(open_to_him),
            "components": self._components | {"schemas": self._schemas | dict(_rows(tables))},
        }
        return orjson.dumps(value)


def _encoded(value: Any) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(value))


def _without_cenv(item: Mapping[str, Any]) -> dict[str, Any]:
    def trim(operation: Mapping[str, Any]) -> dict[str, Any]:
        return {**operation, "parameters": [found for found in operation["parameters"] if found["name"] != "cenv"]}

    return {method: trim(operation) for method, operation in item.items()}


def _paths(endpoints: Iterable[Endpoint]) -> dict[str, dict[str, Any]]:
    """One entry for each shape of path, for OpenAPI takes /a/{x} and /a/{y} for the same; an exact method goes before `*`."""
    by_shape: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = {}
    found: dict[str, dict[str, Any]] = {}
    for endpoint in sorted(endpoints, key=lambda item: item.method == ANY):
        pattern = parse(endpoint.path)
        shape = tuple("{}" if segment == "{...}" else segment for segment in pattern.shape)
        path, names = by_shape.setdefault(shape, ("/api" + endpoint.path.replace("...}", "}"), pattern.names))
        for method in METHODS if endpoint.method == ANY else (endpoint.method,):
            found.setdefault(path, {}).setdefault(method.lower(), _operation(endpoint, method, names))
    return found


def _operation(endpoint: Endpoint, method: str, names: tuple[str, ...]) -> dict[str, Any]:
    """What is known of a script from outside: its path, who may call it, and what its author says of it."""
    operation: dict[str, Any] = {
        "operationId": f"endpoint_{endpoint.id}_{method.lower()}",
        "tags": [_TAG],
        "summary": endpoint.description.split("\n", 1)[0] or f"{endpoint.method} {endpoint.path}",
        "description": endpoint.description,
        "security": [{}] if endpoint.access == "public" else [{"bearer": []}, {"cookie": []}],
        "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names],
        "responses": {
            "default": {"description": "Whatever the script answers, or a problem.", "content": {"*/*": {}}},
        },
    }
    if method != "GET":
        operation["requestBody"] = {"content": {"*/*": {}}}
    return operation


def _rows(tables: Iterable[TableInfo]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema for the rows of each table, as /query answers them; two names that look alike in it are told apart by a number."""
    taken: set[str] = set()
    for table in tables:
        plain = name = "row." + _ODD.sub("_", table.name)
        while name in taken:
            name = f"{plain}.{len(taken)}"
        taken.add(name)
        yield name, _row(table)


def _row(table: TableInfo) -> dict[str, Any]:
    rights = [
        word
        for word, may in (("read", table.rights.can_read), ("write", table.rights.can_write), ("delete", table.rights.can_delete))
        if may
    ]
    return {
        "title": table.name,
        "description": f"A row of the {table.type} {table.name}. You may {', '.join(rights) or 'pass it on only'}.",
        "type": "object",
        "properties": {column.name: _column(column) for column in table.columns},
    }


def _column(column: Column) -> dict[str, Any]:
    declared = column.type.upper()
    schema = next((schema for words, schema in _AFFINITIES if any(word in declared for word in words)), _CELL)
    return schema | ({"description": column.type} if column.type else {})
