"""The tables of a cenv with how they are built: for programs as JSON, in a browser as its data to look at and to edit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from flask import Blueprint, Response

from wce.core import tables
from wce.core.structure import structure
from wce.guard.catalogue import Catalogue
from wce.model import Grants
from wce.store.session import Session
from wce.web import responses
from wce.web.access import access
from wce.web.context import grants
from wce.web.screens import screen
from wce.web.services import services

_COLUMN: Final = ("name", "type", "not_null", "default", "generated")

bp = Blueprint("data", __name__, url_prefix="/<cenv:cenv_id>/data")


@bp.get("")
@screen("tables.html")
@access("user", keys="sql")
def list_tables(cenv_id: str) -> Response:
    """All tables and views that the caller may see, with their keys and references."""
    catalogue, held = services().guard.catalogue(cenv_id), grants()
    with services().store.session(cenv_id) as session:
        found = [_table(session, catalogue, held, table) for table in tables.list_tables(catalogue, held)]
    return responses.json({"tables": found})


@bp.get("/<file:table_name>")
@screen("table.html")
@access("user", keys="sql")
def show_table(cenv_id: str, table_name: str) -> Response:
    """One of them."""
    catalogue, held = services().guard.catalogue(cenv_id), grants()
    with services().store.session(cenv_id) as session:
        return responses.json(_table(session, catalogue, held, tables.find_table(catalogue, held, table_name)))


def _table(session: Session, catalogue: Catalogue, held: Grants, table: tables.TableInfo) -> dict[str, Any]:
    built = structure(session, catalogue, held, table.name)
    columns = [{name: getattr(column, name) for name in _COLUMN} | {"primary_key": bool(column.primary_key)} for column in table.columns]
    return {"name": table.name, "type": table.type, "columns": columns, **asdict(table.rights), **asdict(built)}
