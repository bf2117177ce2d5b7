"""The audit log, for a cenv's administrators."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from typing import Final

from flask import Blueprint, Response, request

from wce import values
from wce.core import audit
from wce.errors import invalid
from wce.web import responses
from wce.web.access import access
from wce.web.screens import screen
from wce.web.services import services

bp = Blueprint("admin_audit", __name__, url_prefix="/<cenv:cenv_id>/admin/audit")
_FORMS: Final = {"json": responses.JSON, "csv": responses.CSV, "ndjson": responses.NDJSON}
_COLUMNS: Final = tuple(item.name for item in fields(audit.AuditRecord))


@bp.get("")
@screen("audit.html")
@access("admin")
def find(cenv_id: str) -> Response:
    """One page of the log, newest first; as CSV and NDJSON the next page's cursor stands in X-Next-Cursor."""
    asked = request.args
    filters = audit.AuditFilters(
        user=asked.get("user", ""),
        action=asked.get("action", ""),
        resource=asked.get("resource", ""),
        since=_integer("from"),
        until=_integer("to"),
    )
    limit = _integer("limit")
    form = _form()
    with services().store.session(cenv_id) as session:
        found = audit.find(session, filters, limit=audit.DEFAULT_ENTRIES if limit is None else limit, cursor=asked.get("cursor", ""))
    if form == responses.JSON:
        return responses.json({"entries": [asdict(entry) for entry in found.entries], "next_cursor": found.next_cursor})
    return _page(found, form)


@bp.get("/verify")
@access("admin")
def verify(cenv_id: str) -> Response:
    """Whether every entry follows from the one before it."""
    with services().store.session(cenv_id) as session:
        return responses.json(asdict(audit.verify(session)))


def _page(found: audit.AuditPage, form: str) -> Response:
    entries = [asdict(entry) for entry in found.entries]
    if form == responses.CSV:
        entries = [entry | {"details": values.encode(entry["details"]).decode()} for entry in entries]
    response = responses.body(responses.table_body(_COLUMNS, [tuple(entry.values()) for entry in entries], form), form)
    if found.next_cursor is not None:
        response.headers["X-Next-Cursor"] = found.next_cursor
    return response


def _form() -> str:
    asked = request.args.get("format")
    if not asked:
        return responses.wanted(responses.JSON, responses.CSV, responses.NDJSON)
    if asked not in _FORMS:
        raise invalid("format", "must be one of " + ", ".join(_FORMS))
    return _FORMS[asked]


def _integer(name: str) -> int | None:
    text = request.args.get(name)
    if not text:
        return None  # forms send what nobody filled in, too
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise invalid(name, "must be a whole number")
    return int(text)
