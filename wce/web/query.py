"""SQL over HTTP, and what there is to ask about."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from flask import Blueprint, Response

from wce.core import keys, permissions, tables, users
from wce.core.layout import lay_out
from wce.core.once import Once
from wce.core.query import Answer, Statement
from wce.errors import WceError, invalid
from wce.model import Result
from wce.store.sqlite import fold
from wce.web import bodies, current, responses
from wce.web.access import access
from wce.web.context import cenv_settings, grants, who
from wce.web.services import services
from wce.web.sheets import XLSX

_COLUMN: Final = ("name", "type", "not_null", "primary_key", "default")
_KEY: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_QUERY_ID: Final = "HTTP_X_QUERY_ID"  # the header that names a statement, so that `cancel` can stop it
Encode = Callable[[Sequence[Result]], bytes]

bp = Blueprint("query", __name__, url_prefix="/<cenv:cenv_id>")


@bp.post("/query")
@access("user", keys="sql")
def query(cenv_id: str) -> Response:
    """One statement."""
    body = bodies.read(bodies.Query)
    form = responses.wanted(responses.JSON, responses.CSV, responses.NDJSON, XLSX)

    def encode(results: Sequence[Result]) -> bytes:
        return responses.result_body(results[0], form, body.format)

    statement = Statement(body.sql, bodies.parameters(body.params))
    if body.as_user is None:
        answer = _run(cenv_id, [statement], body.max_rows, form, encode, read_only=body.read_only)
    else:
        asked, name = (cenv_id, who(), cenv_settings(), statement), current.request().environ.get(_QUERY_ID)
        answer = services().queries.read_as(*asked, _user_id(cenv_id, body.as_user), max_rows=body.max_rows, name=name)
    response = _respond(answer, form, encode)
    if form != responses.JSON:
        truncated = answer.results[0].truncated if answer.kept is None else answer.kept.truncated
        response.headers[responses.TRUNCATED] = "true" if truncated else "false"
    return response


@bp.delete("/query/<query_id>")
@access("user")
def cancel(cenv_id: str, query_id: str) -> Response:
    """Stop a statement of your own that was sent with this X-Query-ID to this process."""
    return responses.json({"cancelled": services().queries.running.cancel(cenv_id, who().actor.user_id, query_id)})


@bp.post("/transaction")
@access("user", keys="sql")
def transaction(cenv_id: str) -> Response:
    """Many statements, all or nothing."""
    body = bodies.read(bodies.Transaction)

    def encode(results: Sequence[Result]) -> bytes:
        return b'{"results":[' + b",".join(responses.result_json(item, body.format) for item in results) + b"]}"

    try:
        statements = [_statement(index, item) for index, item in enumerate(body.statements)]
        answer = _run(cenv_id, statements, body.max_rows, responses.JSON, encode)
    except WceError as error:
        _place(error)
        raise
    return _respond(answer, responses.JSON, encode)


@bp.post("/query/explain")
@access("user", keys="sql")
def explain(cenv_id: str) -> Response:
    """What a statement would do, and what lets it through or stops it."""
    body = bodies.read(bodies.Explanation)
    statement = Statement(body.sql, bodies.parameters(body.params))
    as_user = None if body.as_user is None else _user_id(cenv_id, body.as_user)
    found = services().queries.explain(cenv_id, who(), cenv_settings(), statement, as_user=as_user)
    return responses.json(asdict(found) | {"formatted": lay_out(body.sql)})


@bp.get("/tables")
@access("user", keys="sql")
def list_tables(cenv_id: str) -> Response:
    """The tables that the caller may see."""
    found = tables.list_tables(services().guard.catalogue(cenv_id), grants())
    return responses.json({"tables": [_table(table) for table in found]})


@bp.get("/tables/<file:table_name>")
@access("user", keys="sql")
def find_table(cenv_id: str, table_name: str) -> Response:
    """One table that the caller may see."""
    found = tables.find_table(services().guard.catalogue(cenv_id), grants(), table_name)
    return responses.json({"tables": [_table(found)]})


def _statement(index: int, asked: bodies.Statement) -> Statement:
    """One of a transaction; an error says which."""
    try:
        return Statement(asked.sql, bodies.parameters(asked.params), index)
    except WceError as error:
        error.statement = index
        raise


def _place(error: WceError) -> None:
    """Name the fields of a statement by their paths into the body of the transaction."""
    if error.statement is not None and error.errors:
        error.errors = tuple(replace(item, field=f"statements.{error.statement}.{item.field}") for item in error.errors)
        error.detail = "; ".join(f"{item.field}: {item.message}" for item in error.errors)


def _user_id(cenv_id: str, named: int | str) -> int:
    """The id of a user whom an administrator names; nobody else learns which names there are."""
    if not who().actor.role.administers:
        raise WceError("forbidden", "Only administrators may ask on behalf of others.")
    if isinstance(named, int) or named == permissions.PUBLIC:
        return permissions.principal_id(named)
    with services().store.session(cenv_id) as session:
        found = next((user.user_id for user in users.list_users(session) if fold(user.username) == fold(named)), None)
    if found is None:
        raise WceError("not_found", "No such user.")
    return found


def _run(
    cenv_id: str, statements: Sequence[Statement], max_rows: int | None, form: str, encode: Encode, *, read_only: bool = False
) -> Answer:
    app = services()
    once, name = _once(form, encode), current.request().environ.get(_QUERY_ID)
    return app.queries.run(cenv_id, who(), cenv_settings(), statements, max_rows=max_rows, once=once, name=name, read_only=read_only)


def _once(form: str, encode: Encode) -> Once | None:
    """What makes a repeat of this request give the first answer again; None without an Idempotency-Key."""
    key = current.request().environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise invalid("Idempotency-Key", "must have 1 to 255 printable ASCII characters")
    if form == XLSX:
        raise invalid("Idempotency-Key", "works only with JSON, CSV and NDJSON, because the first answer is kept as text")
    scope = who().actor.scope
    power = "" if scope is None else json.dumps(keys.plain(scope))  # what one key was told, another one may not be told again
    digest = hashlib.sha256(f"{current.request().path}\n{form}{power}\n".encode() + bodies.raw(bodies.JSON_BYTES))
    return Once(key, digest.hexdigest(), lambda results: (200, encode(results).decode()))


def _respond(answer: Answer, form: str, encode: Encode) -> Response:
    if answer.kept is None:
        return responses.body(encode(answer.results), form)
    response = responses.body(answer.kept.body.encode(), form, answer.kept.status)
    if answer.kept.repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _table(table: tables.TableInfo) -> dict[str, Any]:
    columns = [{name: getattr(column, name) for name in _COLUMN} | {"primary_key": bool(column.primary_key)} for column in table.columns]
    return {"name": table.name, "type": table.type, "columns": columns, **asdict(table.rights)}
