"""The start page, and new cenvs."""

from __future__ import annotations

from flask import Blueprint, Response, request

from wce.core import examples
from wce.core.cenvs import FIRST_ID, create_cenv
from wce.core.importing.system import Owner
from wce.errors import WceError
from wce.model import Actor, Role
from wce.web import bodies, responses, uploads
from wce.web.access import access
from wce.web.context import current, public_url
from wce.web.headers import ResponseClass
from wce.web.services import services
from wce.web.shares import NEWCOMERS

bp = Blueprint("landing", __name__)
_THEMES = ("auto", "light", "dark")


@bp.app_template_global()
def theme() -> str:
    """The visitor's choice of light or dark; the browser's own where he has made none."""
    chosen = request.cookies.get("theme", "auto")
    return chosen if chosen in _THEMES else "auto"


@bp.app_context_processor
def _for_every_page() -> dict[str, object]:
    return {"allow_new": services().settings.allow_new_cenvs, "address": public_url(), "examples": examples.list_examples}


@bp.get("/")
@access("public", ResponseClass.UI)
def start() -> Response:
    """What this is, and the first five minutes."""
    return responses.page("landing.html")


@bp.get("/new")
@access("public", ResponseClass.UI)
def how_to_create() -> Response:
    """How to make a cenv."""
    return responses.page("new.html")


@bp.post("/new")
@access("public")
def create() -> Response:
    """Make a cenv and its owner."""
    app = services()
    if not app.settings.allow_new_cenvs:
        raise WceError("forbidden", "This server does not let visitors create cenvs: ask its operator, who can with `python -m wce new`.")
    if request.mimetype == uploads.MULTIPART:
        return _create_from_file()
    body = bodies.read(bodies.NewCenv, bodies.LOGIN_BYTES)
    example = None if body.example is None else examples.find_example(body.example)
    context = current()
    made = create_cenv(app.store, app.passwords, body.username, body.password, context.ip_address, context.user_agent)
    url = f"{public_url()}/{made}/"
    value: dict[str, object] = {"cenv_id": made, "cenv_url": url}
    if example is not None:
        owner = Actor(FIRST_ID, body.username, Role.OWNER, None, context.ip_address, context.user_agent)
        tools = examples.Tools(app.store, app.guard, app.queries, app.passwords, app.config)
        value["users"] = examples.install(tools, made, owner, example)
    return responses.json(value, 201, location=url)


def _create_from_file() -> Response:
    """A cenv out of a file; the form's user owns what has no owner."""
    app, context = services(), current()
    with uploads.received(app.store.folder, app.max_import_bytes) as upload, app.copying(NEWCOMERS):
        owner = None
        uploads.require_known(upload.fields, "username", "password")
        if upload.fields:
            new = bodies.validate(bodies.NewAccount, dict(upload.fields))
            owner = Owner(new.username, app.passwords.hash(new.password))
        made, report = app.importer.create(
            upload.file, owner, max_bytes=app.max_import_bytes, ip_address=context.ip_address, user_agent=context.user_agent
        )
    url = f"{public_url()}/{made}/"
    return responses.json({"cenv_id": made, "cenv_url": url, "report": report.value()}, 201, location=url)
