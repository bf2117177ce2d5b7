"""The second factor of one's own logins, and its reset by administrators."""

from __future__ import annotations

import io
from dataclasses import asdict

import segno
from flask import Blueprint, Response

from wce.core import totp
from wce.web import account_bodies, bodies, responses
from wce.web.access import access
from wce.web.context import actor
from wce.web.services import services

bp = Blueprint("totp", __name__, url_prefix="/<cenv:cenv_id>")


@bp.get("/totp")
@access("user")
def show(cenv_id: str) -> Response:
    """Whether your own logins ask for a code."""
    with services().store.session(cenv_id) as session:
        return responses.json(asdict(totp.status(session, actor())))


@bp.post("/totp")
@access("user")
def begin(cenv_id: str) -> Response:
    """A secret for a device, as text, as address and as picture; it counts from the first code on."""
    body = bodies.read(bodies.Confirmation, bodies.LOGIN_BYTES)
    app = services()
    with app.store.session(cenv_id) as session:
        made = totp.begin(session, app.passwords, actor(), body.password)
    picture = io.BytesIO()
    # With its namespace, which browsers want of a picture by itself.
    segno.make(made.uri, error="m", micro=False).save(picture, kind="svg", xmldecl=False, nl=False, scale=4, dark="#000", light="#fff")
    return responses.json(asdict(made) | {"qr_svg": picture.getvalue().decode()}, 201)


@bp.delete("/totp")
@access("user")
def switch_off(cenv_id: str) -> Response:
    """Switch off the second factor."""
    body = bodies.read(bodies.Confirmation, bodies.LOGIN_BYTES)
    app = services()
    with app.store.session(cenv_id) as session:
        totp.switch_off(session, app.passwords, actor(), body.password)
    return responses.no_content()


@bp.post("/totp/confirm")
@access("user")
def confirm(cenv_id: str) -> Response:
    """Confirm with the device's first code; the answer is the recovery codes."""
    body = bodies.read(account_bodies.Code, bodies.LOGIN_BYTES)
    with services().store.session(cenv_id) as session:
        return responses.json({"recovery_codes": totp.confirm(session, actor(), body.totp)})


@bp.post("/totp/recovery-codes")
@access("user")
def renew_codes(cenv_id: str) -> Response:
    """Make new recovery codes, which replace the old ones."""
    body = bodies.read(bodies.Confirmation, bodies.LOGIN_BYTES)
    app = services()
    with app.store.session(cenv_id) as session:
        return responses.json({"recovery_codes": totp.renew_codes(session, app.passwords, actor(), body.password)})


@bp.delete("/admin/users/<id:user_id>/totp")
@access("admin")
def reset(cenv_id: str, user_id: int) -> Response:
    """Remove the second factor of somebody who has lost their device."""
    with services().store.session(cenv_id) as session:
        totp.reset(session, actor(), user_id)
    return responses.no_content()
