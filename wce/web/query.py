"""SQL over HTTP, and what there is to ask about."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from flask import Blueprint, Response

from wce.core import tables
from wce.web import responses
from wce.web.access import access
from wce.web.context import grants
from wce.web.services import services

_COLUMN: Final = ("name", "type", "not_null", "primary_key", "default")

bp = Blueprint("query", __name__, url_prefix="/<cenv:cenv_id>")


@bp.get("/tables")
@access("user")
def list_tables(cenv_id: str) -> Response:
    """The tables that the caller may see."""
    found = tables.list_tables(services().guard.catalogue(cenv_id), grants())
    return responses.json({"tables": [_table(table) for table in found]})


@bp.get("/tables/<table_name>")
@access("user")
def find_table(cenv_id: str, table_name: str) -> Response:
    """One table that the caller may see."""
    found = tables.find_table(services().guard.catalogue(cenv_id), grants(), table_name)
    return responses.json({"tables": [_table(found)]})


def _table(table: tables.TableInfo) -> dict[str, Any]:
    columns = [{name: getattr(column, name) for name in _COLUMN} for column in table.columns]
    return {"name": table.name, "type": table.type, "columns": columns, **asdict(table.rights)}
