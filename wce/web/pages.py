"""The pages of a cenv: templates of its administrators, at addresses of their own."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from flask import Blueprint, Response

from wce.core.templates import Site
from wce.errors import WceError
from wce.log import LOGGER
from wce.web import current, visits
from wce.web.access import Access, access, require
from wce.web.context import actor, note_refusal
from wce.web.headers import ResponseClass
from wce.web.services import services
from wce.web.statuses import STATUSES

_ACCESS: Final = {"public": Access("anyone"), "user": Access("user"), "admin": Access("admin")}
_OURS: Final = frozenset({"template_failed", "script_timeout"})  # what a template does wrong, and no visitor

bp = Blueprint("pages", __name__, url_prefix="/<cenv:cenv_id>/pages")


@bp.get("/")
@access("anyone", ResponseClass.CONTENT, views=True)
def start(cenv_id: str) -> Response:
    """The page of the template `index`."""
    return _answer(cenv_id, "/")


@bp.get("/<path:path>")
@access("anyone", ResponseClass.CONTENT, views=True)
def answer(cenv_id: str, path: str) -> Response:
    """The page of the template whose name matches."""
    return _answer(cenv_id, "/" + path)


def _answer(cenv_id: str, path: str) -> Response:
    site = visits.site_of(cenv_id)
    found = None if "\0" in path else site.match(path)
    if found is None:
        if not path.endswith("/") and "\0" not in path and site.match(path + "/") is not None:
            return _to_folder(cenv_id, path)
        return _error(cenv_id, site, path, WceError("not_found", "No page has this path."))
    template, params = found
    require(_ACCESS.get(template.access, _ACCESS["admin"]), actor(), current.request().method)
    visit = visits.visit_of(cenv_id, site, template, path, params)
    try:
        served = services().pages.serve(visit)
    except WceError as error:
        if error.code == "not_found" or (error.code in _OURS and not actor().role.administers):
            return _error(cenv_id, site, path, error)
        raise
    return visits.send(served.page, served.cache, public=template.access == "public")


def _error(cenv_id: str, site: Site, path: str, error: WceError) -> Response:
    """The cenv's own page for an error; ours where it has none, or that fails too."""
    status = STATUSES[error.code]
    template = site.error("404" if status == 404 else "500")
    if template is None or current.request().method not in ("GET", "HEAD"):
        raise error
    try:
        page = services().renderer.render(visits.visit_of(cenv_id, site, template, path, {"status": str(status)})).page
    except WceError as failure:
        LOGGER.warning("error page failed", extra={"cenv": cenv_id, "code": failure.code, "reason": failure.evidence})
        raise error from failure
    note_refusal(error)
    services().metrics.refusals.labels(error.code).inc()
    return visits.plain(page, status)


def _to_folder(cenv_id: str, path: str) -> Response:
    """Links on the page of a folder are meant from inside of it."""
    asked = current.request().environ.get("QUERY_STRING", "")
    return Response(status=308, headers={"Location": f"/{cenv_id}/pages{quote(path)}/{'?' if asked else ''}{asked}"})
