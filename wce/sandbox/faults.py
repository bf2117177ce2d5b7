"""What the client of a script is told when it fails: all of it to those who could read the script, one sentence to everybody else."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from wce import values
from wce.errors import FieldError, Position, WceError
from wce.sandbox.messages import Fault, Reply, shortened

ABORT: Final = "abort"
ABORTED: Final = (("Content-Type", "application/problem+json"),)  # of a problem that a script ended itself with, and of no other answer
_PHRASES: Final = {int(status): status.phrase for status in HTTPStatus}
_SENTENCES: Final = {
    "memory": "The script needed more memory than allowed.",
    "output": "The answer of the script is larger than allowed.",
    "limit": "The script exceeded one of its limits.",
    "result": "The script returned something that is not a valid answer.",
    "crash": "The process that ran the script died.",
    "refused": "A statement of the script failed.",
}
_FAILED: Final = "The script failed."
_TOO_LONG: Final = "The script took longer than allowed."
# What a statement of a script may fail with and the client can do something about, or wait for.
_TOLD: Final = frozenset(
    {
        "forbidden",
        "table_forbidden",
        "row_policy",
        "statement_forbidden",
        "constraint",
        "busy",
        "cenv_damaged",
        "guard_disabled",
        "quota_exceeded",
        "disk_full",
        "storage_read_only",
    }
)


def told(fault: Fault, refusal: WceError | None, *, frank: bool) -> WceError:
    """The error for a client; `refusal` is that of the statement at which the script ended, `frank` for one who administers."""
    if fault.kind == "refused" and refusal is not None:
        return _of_statement(fault, refusal, frank=frank)
    if fault.kind == "time":
        return _with_place(fault, "script_timeout", _TOO_LONG, fault.message, frank=frank)
    return _with_place(fault, "script_failed", _SENTENCES.get(fault.kind, _FAILED), fault.message, frank=frank)


def of_syntax(fault: Fault) -> WceError:
    """The error for the author of a script that cannot be read."""
    shown = "\n".join(part for part in (fault.message, fault.excerpt) if part)
    return WceError("script_error", fault.message, errors=(FieldError("script", shown),), position=position_of(fault))


def aborted(fault: Fault, request_id: str) -> Reply:
    """The problem that a script ended itself with."""
    status = int(fault.status or HTTPStatus.BAD_REQUEST)
    title = _PHRASES.get(status, "Aborted")
    problem = {"type": "about:blank", "title": title, "status": status, "code": "aborted", "detail": fault.message or title}
    body = values.encode(problem | {"request_id": request_id})
    return Reply(status, ABORTED, body, fault.prints, fault.queries)


def noted(fault: Fault, refusal: WceError | None = None) -> dict[str, Any]:
    """The error as the log of runs keeps it, for administrators."""
    message = fault.message if refusal is None else shortened(refusal.detail)
    found: dict[str, Any] = {"kind": fault.kind, "message": message, "line": fault.line, "column": fault.column}
    return {name: item for name, item in (found | {"excerpt": fault.excerpt}).items() if item is not None and item != ""}


def _of_statement(fault: Fault, refusal: WceError, *, frank: bool) -> WceError:
    if refusal.code in ("query_timeout", "script_timeout"):
        return _with_place(fault, "script_timeout", _TOO_LONG, refusal.detail, frank=frank)
    if refusal.code == "no_such_table" and not frank:
        return WceError("table_forbidden", refusal.detail)
    if refusal.code in _TOLD:
        return WceError(refusal.code, refusal.detail, position=position_of(fault) if frank else None, retry_after=refusal.retry_after)
    return _with_place(fault, "script_failed", _SENTENCES["refused"], shortened(refusal.detail), frank=frank)


def _with_place(fault: Fault, code: str, sentence: str, message: str, *, frank: bool) -> WceError:
    if not frank:
        return WceError(code, sentence, evidence=message)
    errors = (FieldError("script", f"{message}\n{fault.excerpt}"),) if fault.excerpt else ()
    return WceError(code, f"{sentence} {message}".strip(), errors=errors, position=position_of(fault))


def position_of(fault: Fault) -> Position | None:
    """Where in its script or template it happened."""
    return None if fault.line is None else Position(fault.line, fault.column or 1)
