"""The first screen of a cenv, and its figures for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from flask import Blueprint, Response

from wce.core import overview, tables, traffic
from wce.core.query import Statement
from wce.errors import WceError
from wce.model import Value
from wce.store.sqlite import quote
from wce.web import responses
from wce.web.access import access
from wce.web.context import actor, cenv_settings, grants, who
from wce.web.screens import screen
from wce.web.services import services

_MOST_COUNTED: Final = 60  # tables; a screen shows no more
bp = Blueprint("overview", __name__, url_prefix="/<cenv:cenv_id>")


@bp.get("/")
@screen("dashboard.html")
@access("user")
def overview_of(cenv_id: str) -> Response:
    """Tables with the rows that the caller may see, and for administrators what else there is."""
    app, config = services(), cenv_settings()
    found = tables.list_tables(app.guard.catalogue(cenv_id), grants())
    counts = _rows(cenv_id, [table for table in found if table.rights.can_read and table.type == "table"])
    value: dict[str, Any] = {
        "title": config.title,
        "tables": [{"name": table.name, "type": table.type, "rows": counts.get(table.name)} for table in found],
    }
    if actor().role.administers:
        with app.store.session(cenv_id) as session:
            value["size"] = asdict(overview.size(session, config))
            value["setup"] = asdict(overview.setup(session))
            value["sessions"] = overview.signed_in(session, app.now())
            value["slowest"] = [asdict(item) for item in overview.slowest(session)]
            value["traffic"] = [_bucket(item) for item in app.traffic.read(session)]
            value["activity"] = [asdict(entry) for entry in overview.activity(session)]
    return responses.json(value)


def _bucket(item: traffic.Bucket) -> dict[str, Any]:
    half, most = (traffic.quantile(item.durations, share) for share in (0.5, 0.95))
    counts = {"started_at": item.started_at, "requests": item.requests, "refused": item.refused, "failed": item.failed}
    return counts | {"p50_ms": half, "p95_ms": most}


def _rows(cenv_id: str, counted: Sequence[tables.TableInfo]) -> dict[str, Value]:
    """The rows of each table that the caller sees, asked as he would; none where that takes too long."""
    names = [table.name for table in counted[:_MOST_COUNTED]]
    if not names:
        return {}
    sql = "SELECT " + ", ".join(f"(SELECT count(*) FROM {quote(name)})" for name in names)
    try:
        answer = services().queries.run(cenv_id, who(), cenv_settings(), [Statement(sql)])
    except WceError:  # a screen without figures is better than none
        return {}
    return dict(zip(names, answer.results[0].rows[0], strict=True))
