"""Pages as answers: what a visit is made of, and the headers that say what was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from flask import Response

from wce.core.authoring import CALLER, check_script
from wce.core.pages import Page
from wce.core.templates import Site, Template
from wce.sandbox.answers import PRIVATE
from wce.sandbox.render import Visit
from wce.web import conditional, current, incoming, responses
from wce.web.context import actor, cenv_settings, make_template, who
from wce.web.headers import Headers
from wce.web.services import services
from wce.web.template_bodies import Preview

_VARY: Final = "Accept-Encoding, Authorization, Cookie"


def site_of(cenv_id: str) -> Site:
    app, version = services(), who().state.templates
    known = app.sites.known(cenv_id, version)
    if known is not None:
        return known
    with app.store.session(cenv_id) as session:
        return app.sites.get(session, version)


def visit_of(cenv_id: str, site: Site, template: Template, path: str, params: Mapping[str, str]) -> Visit:
    return Visit(cenv_id, who(), cenv_settings(), site, template, path, incoming.page(path, params), incoming.user(actor()))


def send(page: Page, cache: str, *, public: bool) -> Response:
    """The page as this client takes it, or 304 where it has it already."""
    environ, now = current.request().environ, services().now()
    headers, zipped = describe(environ, page, cache, now, public=public)
    if conditional.fresh(environ, page.etag, page.changed_at, now):
        return responses.Ready(b"", 304, headers)
    body = page.zipped if zipped and page.zipped is not None else page.body
    return responses.Ready(body, 200, [*headers, ("Content-Type", page.content_type), ("Content-Length", str(len(body)))])


def describe(environ: Mapping[str, Any], page: Page, cache: str, now: float, *, public: bool) -> tuple[Headers, bool]:
    """The headers that say what the page is, and whether it goes out zipped."""
    zipped = page.zipped is not None and conditional.takes_gzip(environ)
    changed_at = page.changed_at if page.changed_at <= now else 0
    return list(_described(page.etag, changed_at, cache, zipped, public)), zipped


@lru_cache(maxsize=4096)
def _described(etag: str, changed_at: int, cache: str, zipped: bool, public: bool) -> tuple[tuple[str, str], ...]:
    headers = [("ETag", f'"{etag}{conditional.ZIPPED if zipped else ""}"'), ("Vary", _VARY), ("X-Cache", cache)]
    if public and cache != PRIVATE:
        headers.append(("Cache-Control", "public, no-cache"))  # keep it, and ask each time whether it still holds
    if zipped:
        headers.append(("Content-Encoding", "gzip"))
    changed = conditional.last_modified(changed_at, changed_at)
    if changed is not None:
        headers.append(("Last-Modified", changed))
    return tuple(headers)


def plain(page: Page, status: int = 200) -> Response:
    return responses.Ready(page.body, status, [("Content-Type", page.content_type), ("Content-Length", str(len(page.body)))])


def preview(cenv_id: str, body: Preview) -> Response:
    """What a text would be as a page, seen by its author."""
    app, author = services(), actor()
    check_script(author, body.content, lambda text: _check(text, body.syntax), "content")
    site = site_of(cenv_id)
    held = site.by_name.get(body.name)
    blank = Template(0, body.name, "", "", body.syntax, "", None, False, "admin", CALLER, 0, 0, None, None)
    # Who looks at what somebody else has saved lends that no rights of his own: it does what it would do as a page.
    theirs = held is not None and (held.syntax, held.content) == (body.syntax, body.content)
    writer = held.modified_by if held is not None and theirs else author.user_id
    template = replace(held or blank, syntax=body.syntax, content=body.content, rendered=None, run_as=CALLER, modified_by=writer)
    path = "/" + body.name
    request = incoming.page(path, body.params) | {"query": body.query}
    visit = Visit(cenv_id, who(), cenv_settings(), site, template, path, request, incoming.user(author))
    return plain(app.renderer.preview(visit))


def _check(content: str, syntax: str) -> None:
    make_template(content, syntax)
