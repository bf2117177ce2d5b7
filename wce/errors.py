"""The one error family: a stable code, a sentence that is safe to show, and evidence for the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# code → title. HTTP statuses stand in `wce.web.statuses`, prose in docs/errors.md; a test holds the three together.
TITLES: Final[dict[str, str]] = {
    "malformed": "The request could not be read",
    "not_signed_in": "Sign in first",
    "bad_credentials": "Wrong user name or password",
    "totp_required": "A code of the second factor is needed",
    "bad_token": "The token is not valid",
    "forbidden": "Not allowed",
    "csrf": "The request does not prove that it comes from our own page",
    "table_forbidden": "No permission on this table",
    "row_policy": "A row policy refused this",
    "statement_forbidden": "Only administrators may run this statement",
    "not_found": "Not found",
    "no_such_cenv": "No such cenv",
    "no_such_table": "No such table",
    "method_not_allowed": "Method not allowed",
    "name_taken": "The name is taken",
    "changed_meanwhile": "Somebody else has changed it meanwhile",
    "last_owner": "The owner cannot be removed, disabled or demoted",
    "newer_schema": "The file is newer than this server",
    "idempotency_mismatch": "The idempotency key was used for another request",
    "too_large": "Too large",
    "unsupported_media_type": "Unsupported media type",
    "wrong_host": "This server does not answer for that host",
    "validation": "A field is not valid",
    "sql_error": "The SQL statement failed",
    "statement_not_allowed": "This kind of statement is not allowed",
    "multiple_statements": "Only one statement is allowed",
    "syntax_error": "The SQL could not be read",
    "function_not_allowed": "This function is not allowed",
    "bad_policy": "The policy condition is not valid",
    "bad_file": "The file cannot be imported",
    "constraint": "A constraint of the table refused this",
    "script_error": "The script cannot be saved",
    "template_error": "The template cannot be saved",
    "max_users": "The cenv has as many users as it may have",
    "rate_limited": "Too many requests",
    "internal": "Internal error",
    "script_failed": "The script failed",
    "template_failed": "The page could not be made",
    "busy": "Busy, try again",
    "cenv_damaged": "The file of this cenv is damaged",
    "not_ready": "The server is not ready",
    "guard_disabled": "The start-up self-test of the guard failed",
    "script_timeout": "The script took too long",
    "query_timeout": "The query took too long",
    "quota_exceeded": "The quota of this cenv is used up",
    "disk_full": "The server's disk is full",
    "storage_read_only": "The server cannot write at the moment",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that broke a rule; `field` is a dotted path into the body, such as `statements.2.sql`."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the client's own text; both count from 1."""

    line: int
    column: int


class WceError(Exception):
    """Everything that may be told to a client.

    `detail` is safe to show. `statement` is the index of the failing statement of a transaction.
    `retry_after` is in seconds. `evidence` is logged, never sent.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: tuple[FieldError, ...] = (),
        position: Position | None = None,
        statement: int | None = None,
        retry_after: int | None = None,
        evidence: str = "",
    ) -> None:
        super().__init__(detail or TITLES[code])
        self.code = code
        self.title = TITLES[code]
        self.detail = detail or self.title
        self.errors = errors
        self.position = position
        self.statement = statement
        self.retry_after = retry_after
        self.evidence = evidence


def invalid(field: str, message: str) -> WceError:
    """A `validation` error about one field."""
    return WceError("validation", f"{field}: {message}", errors=(FieldError(field, message),))
