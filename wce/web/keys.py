"""A user's own API keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response

from wce.core import keys, tables
from wce.core.keys import ApiKey
from wce.model import Scope
from wce.store.sqlite import fold
from wce.web import account_bodies, bodies, responses
from wce.web.access import access
from wce.web.context import actor, grants
from wce.web.services import services

bp = Blueprint("keys", __name__, url_prefix="/<cenv:cenv_id>/keys")


@bp.get("")
@access("user")
def list_keys(cenv_id: str) -> Response:
    """Your own API keys, without their texts."""
    app = services()
    with app.store.session(cenv_id) as session:
        return responses.json({"keys": [_value(item) for item in keys.list_keys(session, actor(), app.traffic.noted(cenv_id))]})


@bp.post("")
@access("user")
def create_key(cenv_id: str) -> Response:
    """Make an API key, whose text is given here and nowhere else."""
    body = bodies.read(account_bodies.NewKey)
    app, scope = services(), _scope(body.scope)
    seen = {fold(table.name) for table in tables.list_tables(app.guard.catalogue(cenv_id), grants())} if scope.tables else ()
    with app.store.session(cenv_id) as session:
        made, text = keys.create_key(
            session, app.passwords, actor(), body.name, scope, seen=seen, days=body.expires_in_days, password=body.password
        )
    return responses.json(_value(made) | {"key": text}, 201)


@bp.delete("/<id:key_id>")
@access("user")
def delete_key(cenv_id: str, key_id: int) -> Response:
    """Revoke one of your own API keys."""
    with services().store.session(cenv_id) as session:
        keys.delete_key(session, actor(), key_id)
    return responses.no_content()


def _scope(given: account_bodies.Scope) -> Scope:
    return Scope(
        given.read_only,
        given.administration,
        None if given.tables is None else tuple(given.tables),
        None if given.endpoints is None else tuple(given.endpoints),
    )


def _value(item: ApiKey) -> dict[str, Any]:
    return asdict(item) | {"scope": keys.plain(item.scope)}
