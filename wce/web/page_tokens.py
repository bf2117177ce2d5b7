"""Short tokens with which a private page, which has no origin of its own, calls private endpoints."""

from __future__ import annotations

from flask import Blueprint, Response

from wce.core import passes
from wce.errors import invalid
from wce.web import account_bodies, bodies, responses
from wce.web.access import access
from wce.web.context import actor
from wce.web.services import services

bp = Blueprint("page_tokens", __name__, url_prefix="/<cenv:cenv_id>/pages")


@bp.post("/token")
@access("user")
def create(cenv_id: str) -> Response:
    """A bearer token for one page, for ten minutes."""
    body = bodies.read(account_bodies.Page, bodies.LOGIN_BYTES)
    if not 1 <= len(body.page) <= passes.MAX_PAGE:
        raise invalid("page", f"must have 1 to {passes.MAX_PAGE} characters")
    app = services()
    token, ends_at = passes.issue_page(app.tokens, cenv_id, actor(), body.page, app.now())
    return responses.json({"token": token, "expires_at": ends_at}, 201)
