"""The operations that are not for administrators: the server, accounts, SQL, endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wce.core.logins import SessionInfo
from wce.web import account_bodies, bodies
from wce.web.openapi import answers, structures
from wce.web.openapi.operation import BINARY, HTML, TEXT, Operation, Parameter, form, listing
from wce.web.sheets import XLSX

CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
_PAGE: Final = Operation({200: HTML})
_ONCE: Final = Parameter(
    "Idempotency-Key",
    "The first answer to a write under this key is kept for a day and given again to the same user for the same body.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    "header",
)
_NAMED: Final = Parameter("X-Query-ID", "A name by which DELETE /query/{query_id} can stop it.", place="header")
_REPLAYED: Final = {"Idempotent-Replayed": "true where the answer is that of an earlier request with the same key."}
_SQL: Final = (
    *("sql_error", "syntax_error", "multiple_statements", "statement_not_allowed", "statement_forbidden", "function_not_allowed"),
    *("no_such_table", "table_forbidden", "row_policy", "constraint", "query_timeout", "quota_exceeded", "guard_disabled"),
)
_ADA: Final = {"username": "ada", "password": "correct horse"}

SERVER: Final[Mapping[str, Operation]] = {
    "landing.start": _PAGE,
    "landing.how_to_create": _PAGE,
    "landing.create": Operation(
        {201: answers.MadeCenv},
        bodies.NewCenv,
        _ADA,
        sent=form(username={"type": "string"}, password={"type": "string"}),
        headers={"Location": "The address of the new cenv."},
        errors=(
            "forbidden",
            "rate_limited",
            "busy",
            "disk_full",
            "storage_read_only",
            "bad_file",
            "newer_schema",
            "query_timeout",
            "quota_exceeded",
        ),
        more="Takes a form with a SQLite `file`, too. Whoever makes it is its owner."
        " The operator may have switched this off with ALLOW_NEW_CENVS.",
    ),
    "ops.live": Operation({200: answers.Alive}),
    "ops.ready": Operation({200: answers.Ready}, errors=("not_ready",)),
    "ops.metrics": Operation({200: TEXT}, errors=("bad_token", "forbidden"), more="For this machine, or the bearer of WCE_METRICS_TOKEN."),
    "description.server": Operation({200: dict[str, object], 304: None}),
    "assets.file": Operation({200: BINARY}, errors=("not_found",), summary="A file of the interface."),
}

ACCOUNT: Final[Mapping[str, Operation]] = {
    "auth.login": Operation(
        {200: answers.Token},
        account_bodies.Login,
        _ADA,
        errors=("bad_credentials", "totp_required", "forbidden", "busy"),
        summary="Sign in; the cookie is the same session.",
    ),
    "auth.how_to_log_in": Operation(
        {200: answers.Door, 303: None},
        also=("text/html",),
        summary="Whether visitors may register; for a browser the page for signing in.",
    ),
    "overview.overview_of": Operation({200: answers.Overview}, summary="What there is, for the first screen."),
    "auth.register": Operation(
        {200: answers.Token},
        bodies.Registration,
        {"username": "grace", "password": "battery staple", "email": "grace@example.org"},
        errors=("forbidden", "name_taken", "max_users", "busy"),
    ),
    "auth.logout": Operation({204: None}),
    "auth.me": Operation({200: answers.Me}),
    "auth.password": Operation(
        {200: answers.Token},
        bodies.NewPassword,
        {"current_password": "correct horse", "new_password": "correct horse battery"},
        errors=("bad_credentials", "busy"),
    ),
    "auth.list_sessions": Operation({200: listing("sessions", SessionInfo)}),
    "auth.delete_sessions": Operation({204: None}),
    "auth.delete_session": Operation({204: None}, errors=("not_found",)),
}

SQL: Final[Mapping[str, Operation]] = {
    "query.query": Operation(
        {200: answers.Result},
        bodies.Query,
        {"sql": "SELECT id, title FROM notes WHERE id = ?", "params": [1]},
        also=(CSV, NDJSON, XLSX),
        parameters=(_ONCE, _NAMED),
        headers={"X-Truncated": "As truncated, for formats that have no place for it."} | _REPLAYED,
        errors=("forbidden", "not_found", *_SQL, "idempotency_mismatch"),
        summary="Run one statement.",
    ),
    "query.transaction": Operation(
        {200: answers.Results},
        bodies.Transaction,
        {"statements": [{"sql": "UPDATE notes SET title = :title WHERE id = :id", "params": {"title": "Hello", "id": 1}}]},
        parameters=(_ONCE, _NAMED),
        headers=_REPLAYED,
        errors=(*_SQL, "idempotency_mismatch"),
        summary="Run many statements, all or nothing.",
    ),
    "query.explain": Operation(
        {200: answers.Explained},
        bodies.Explanation,
        {"sql": "DELETE FROM notes"},
        errors=("forbidden", "not_found", "guard_disabled", *_SQL),
    ),
    "query.list_tables": Operation({200: answers.Tables}),
    "query.find_table": Operation({200: answers.Tables}, errors=("no_such_table",)),
    "data.list_tables": Operation({200: structures.BuiltTables}),
    "data.show_table": Operation({200: structures.BuiltTable}, errors=("no_such_table",)),
    "description.of_cenv": Operation({200: dict[str, object]}),
    "endpoints.answer": Operation(
        {200: "*/*", 304: None},
        errors=(
            *("not_signed_in", "not_found", "method_not_allowed", "script_failed", "script_timeout", "too_large", "table_forbidden"),
            *("row_policy", "statement_forbidden", "constraint", "guard_disabled", "quota_exceeded", "disk_full", "storage_read_only"),
        ),
        summary="Call an endpoint of this cenv.",
        more="What it takes and answers is up to its script. /{cenv}/openapi.json lists the existing endpoints.",
    ),
}
