"""What the client of a script is told when it fails."""

from __future__ import annotations

import json

import pytest

from wce.errors import FieldError, Position, WceError
from wce.sandbox import faults
from wce.sandbox.messages import Fault, Print


def fault(kind: str = "runtime", message: str = "index out of range", **values: object) -> Fault:
    return Fault(kind, message, 3, 5, "    x[7]\n    ^", **values)  # type: ignore[arg-type]


def test_administrators_are_told_message_place_and_line() -> None:
    error = faults.told(fault(), None, frank=True)

    assert (error.code, error.detail) == ("script_failed", "The script failed. index out of range")
    assert error.position == Position(3, 5)
    assert error.errors == (FieldError("script", "index out of range\n    x[7]\n    ^"),)


def test_everybody_else_is_told_a_sentence() -> None:
    error = faults.told(fault(), None, frank=False)

    assert (error.code, error.detail, error.position, error.errors) == ("script_failed", "The script failed.", None, ())


@pytest.mark.parametrize("kind", ["memory", "output", "limit", "result", "crash", "runtime"])
@pytest.mark.parametrize("frank", [True, False])
def test_each_kind_has_words_of_its_own(kind: str, frank: bool) -> None:
    others = {faults.told(fault(other), None, frank=False).detail for other in ("memory", "output", "limit", "result", "crash", "runtime")}

    error = faults.told(fault(kind, ""), None, frank=frank)

    assert error.code == "script_failed"
    assert error.detail in others
    assert len(others) == 6


def test_too_much_time_is_a_timeout() -> None:
    assert faults.told(fault("time"), None, frank=False).code == "script_timeout"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("table_forbidden", "table_forbidden"),
        ("row_policy", "row_policy"),
        ("statement_forbidden", "statement_forbidden"),
        ("constraint", "constraint"),
        ("quota_exceeded", "quota_exceeded"),
        ("disk_full", "disk_full"),
        ("busy", "busy"),
        ("no_such_table", "table_forbidden"),
        ("query_timeout", "script_timeout"),
        ("script_timeout", "script_timeout"),
        ("sql_error", "script_failed"),
        ("syntax_error", "script_failed"),
        ("validation", "script_failed"),
        ("statement_not_allowed", "script_failed"),
        ("internal", "script_failed"),
    ],
)
def test_a_refused_statement_keeps_what_the_client_can_use(code: str, expected: str) -> None:
    error = faults.told(fault("refused", "the guard's words"), WceError(code, "the guard's words", position=Position(1, 1)), frank=False)

    assert error.code == expected
    assert error.position is None
    assert ("the guard's words" in error.detail) == (expected not in ("script_failed", "script_timeout"))


def test_a_table_that_is_not_there_is_an_administrators_own_mistake() -> None:
    error = faults.told(fault("refused"), WceError("no_such_table", "no such table: x"), frank=True)

    assert (error.code, error.position) == ("script_failed", Position(3, 5))
    assert "no such table: x" in error.detail


def test_when_to_come_again_is_told() -> None:
    assert faults.told(fault("refused"), WceError("busy", retry_after=7), frank=False).retry_after == 7


def test_a_script_that_cannot_be_read_is_told_with_its_line() -> None:
    error = faults.of_syntax(fault("syntax", "got newline, want ')'"))

    assert (error.code, error.detail, error.position) == ("script_error", "got newline, want ')'", Position(3, 5))
    assert error.errors[0].field == "script"
    assert "^" in error.errors[0].message


def test_an_abort_is_a_problem_of_its_status() -> None:
    printed = (Print("print", "x", 1),)

    reply = faults.aborted(fault("abort", "Taken.", status=409, prints=printed), "abc")

    assert (reply.status, reply.headers, reply.prints) == (409, (("Content-Type", "application/problem+json"),), printed)
    told = {"type": "about:blank", "title": "Conflict", "status": 409, "code": "aborted", "detail": "Taken.", "request_id": "abc"}
    assert json.loads(reply.body) == told


def test_an_abort_without_words_says_what_its_status_means() -> None:
    assert json.loads(faults.aborted(fault("abort", "", status=404), "").body)["detail"] == "Not Found"
    assert json.loads(faults.aborted(fault("abort", "", status=599), "").body)["title"] == "Aborted"


def test_the_log_keeps_what_is_known() -> None:
    assert faults.noted(fault("refused", ""), WceError("row_policy", "no")) == {
        "kind": "refused",
        "message": "no",
        "line": 3,
        "column": 5,
        "excerpt": "    x[7]\n    ^",
    }
    assert faults.noted(Fault("crash", "gone")) == {"kind": "crash", "message": "gone"}


@pytest.mark.parametrize("frank", [True, False])
def test_a_long_message_of_sqlite_is_told_and_logged_in_part(frank: bool) -> None:
    refusal = WceError("sql_error", "x" * 100_000)

    error = faults.told(fault("refused"), refusal, frank=frank)

    assert len(error.detail) + len(error.evidence) < 5_000
    assert len(faults.noted(fault("refused"), refusal)["message"]) == 4_001
