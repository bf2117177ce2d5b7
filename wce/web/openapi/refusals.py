"""Which errors a call may answer, and how a description tells them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from wce.errors import TITLES
from wce.web.access import Access
from wce.web.openapi.operation import Operation
from wce.web.statuses import STATUSES

PROBLEM: Final = "application/problem+json"
_SAFE: Final = ("GET", "HEAD")
_EVERYWHERE: Final = ("malformed", "too_large", "wrong_host", "internal")  # the server refuses large bodies wherever they are sent
_IN_CENVS: Final = ("no_such_cenv", "newer_schema", "cenv_damaged", "busy", "rate_limited")
_OF_BODIES: Final = ("unsupported_media_type", "validation")
_OF_WRITES: Final = ("disk_full", "quota_exceeded", "storage_read_only")


def codes(method: str, rule: Access, operation: Operation, *, in_cenv: bool) -> set[str]:
    """Every code that this call may answer with."""
    found = {*_EVERYWHERE, *operation.errors}
    if in_cenv:
        found.update(_IN_CENVS)
        if rule.looks_at_credentials:
            found.add("bad_token")
        if method not in _SAFE:
            found.update(_OF_WRITES)
    if rule.who in ("user", "admin", "owner"):
        found.add("not_signed_in")
    if method == "GET":
        found.add("forbidden")  # for a browser that wants a service worker
    if rule.looks_at_credentials:
        found.add("forbidden")  # for a lower role, or an API key whose scope does not reach so far
    if rule.looks_at_credentials and method not in _SAFE:
        found.add("csrf")
    if operation.body is not None:
        found.update(_OF_BODIES)
    return found


def responses(found: Iterable[str], shared: dict[str, Any]) -> dict[str, Any]:
    """The part of an operation's `responses` for these codes, one entry for each status; `shared` collects what they refer to."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(found):
        by_status.setdefault(STATUSES[code], []).append(code)
    told = {}
    for status in sorted(by_status):
        name = ".".join([str(status), *by_status[status]])
        shared.setdefault(name, _response(status, by_status[status]))
        told[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return told


def _response(status: int, found: list[str]) -> dict[str, Any]:
    headers = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}} if status in (429, 503) else {}
    return {
        "description": "; ".join(f"`{code}`: {TITLES[code]}" for code in found),
        **({"headers": headers} if headers else {}),
        "content": {
            PROBLEM: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in found},
            }
        },
    }


def examples() -> Mapping[str, Any]:
    """One problem for each code there is."""
    return {code: {"summary": title, "value": _example(code, title)} for code, title in sorted(TITLES.items())}


def _example(code: str, title: str) -> dict[str, Any]:
    value = {"type": f"/docs/errors#{code}", "title": title, "status": STATUSES[code], "code": code, "detail": title}
    value["request_id"] = "5e0c0f1d3a6b4d27"
    if code == "validation":
        value |= {"detail": "password: Field required", "errors": [{"field": "password", "message": "Field required"}]}
    if code in ("malformed", "syntax_error", "script_error"):
        value["position"] = {"line": 1, "column": 12}
    return value
