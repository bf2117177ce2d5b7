"""Screens: our pages for whoever is signed in.

A screen has the address of its resource: a browser that opens it gets the page, a program gets JSON. The page is a frame; what it
shows comes from the same address, and others of the API, by the scripts in `static/js`. So there is one way to every value, and
whoever may not have it does not get it through a page either.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote

from flask import Response
from werkzeug.exceptions import HTTPException

from wce.errors import WceError
from wce.model import Role
from wce.web import hosts, responses
from wce.web.access import declared
from wce.web.context import actor, cenv, cenv_settings, current, grants
from wce.web.current import application, request
from wce.web.services import services

View = TypeVar("View", bound=Callable[..., Response])
_ATTRIBUTE: Final = "wce_screen"
_PLACE: Final = re.compile(r"/[A-Za-z0-9._~/%?&=+@:,;-]*")
_CLIMBS: Final = re.compile(r"\.\.|%2e|%5c", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """One line of the sidebar and of the palette. `path` is within the cenv, `lowest` the least role that may open it.

    `passing`: it is also for whoever may pass on what he holds.
    """

    group: str
    title: str
    icon: str
    path: str
    lowest: Role = Role.VIEWER
    passing: bool = False


LINKS: Final = (
    Link("", "Dashboard", "layout-dashboard", "/"),
    Link("Build", "SQL console", "square-terminal", "/console"),
    Link("Build", "Data", "table-2", "/data"),
    Link("Build", "Scripts", "file-code-2", "/editor/scripts", Role.ADMIN),
    Link("Build", "Pages", "app-window", "/editor/templates", Role.ADMIN),
    Link("Access", "Users", "users", "/admin/users", Role.ADMIN),
    Link("Access", "Permissions", "key-round", "/admin/permissions", Role.ADMIN, passing=True),
    Link("Access", "Row policies", "shield-check", "/admin/policies", Role.ADMIN),
    Link("System", "Configuration", "settings-2", "/admin/config", Role.ADMIN),
    Link("System", "Backups", "archive", "/admin/backups", Role.ADMIN),
    Link("System", "Audit log", "scroll-text", "/admin/audit", Role.ADMIN),
    Link("Account", "Profile", "circle-user-round", "/me"),
    Link("Account", "Devices", "monitor", "/sessions"),
)


def screen(template: str) -> Callable[[View], View]:
    """Declare that browsers get this page from the view below; goes between the route's own decorator and `@access`.

    A query with `format` asks for the value in that form, whatever the browser says that it likes.
    """

    def mark(view: View) -> View:
        @functools.wraps(view)
        def answer(*args: Any, **values: Any) -> Response:
            shown = "format" not in request().args and responses.wanted(responses.JSON, responses.HTML) == responses.HTML
            response = show(template) if shown else view(*args, **values)
            response.headers["Vary"] = "Accept, Accept-Encoding"
            return response

        setattr(answer, _ATTRIBUTE, template)
        return answer  # type: ignore[return-value]  # it takes and gives what the view does

    return mark


def is_screen(view: Callable[..., Any] | None) -> bool:
    """Whether browsers get a page from this view."""
    return hasattr(view, _ATTRIBUTE)


def show(template: str) -> Response:
    """The page in its frame, with the links that the actor's role may open."""
    who, place = actor(), request().path.removeprefix(f"/{cenv()}")
    passes = any(rights.can_grant for rights in grants().rights.values())
    links = [link for link in LINKS if who.role.rank >= link.lowest.rank or (link.passing and passes)]
    here = max((link.path for link in links if place == link.path or place.startswith(link.path.rstrip("/") + "/")), key=len)
    csrf = services().tokens.csrf(who.session_id) if current().by_cookie and who.session_id else ""
    name = cenv_settings().title or f"cenv {cenv()[:8]}"
    return responses.page(template, who=who, links=links, here=here, csrf=csrf, cenv=cenv(), cenv_name=name)


def to_login() -> Response:
    """Where a browser goes that opens a screen or a page without a session."""
    return responses.see_other(login_place())


def login_place() -> str:
    """The page for signing in, which leads back here; empty on the host for content if nobody has said which the other is."""
    base = ""
    if _for_content():
        base = services().settings.base_url
        if not base:
            return ""
    asked = hosts.place(request().path, request().query_string.decode("latin-1"))
    return f"{base}/{cenv()}/login?next={quote(asked, safe='')}"


def _for_content() -> bool:
    """Whether this is the host that has nothing of ours."""
    settings = services().settings
    return hosts.is_content_host(request().environ.get("HTTP_HOST", ""), settings.hosts, settings.content_host)


def next_place(asked: str) -> str:
    """Where to go after signing in: a place of this cenv, and its first screen for anything else."""
    home = f"/{cenv()}/"
    inside = asked.startswith(home) and _PLACE.fullmatch(asked) and not _CLIMBS.search(asked)
    return asked if inside else home


def only_shows(place: str) -> bool:
    """Whether a place of this server is a screen or a page, and no script or file that is sent because somebody asks for it."""
    try:
        endpoint, _ = application().url_map.bind("").match(unquote(place.partition("?")[0]), "GET")
    except HTTPException:
        return False
    view = application().view_functions[endpoint]
    return is_screen(view) or declared(view).views


def wants_login(error: WceError, view: Callable[..., Any] | None) -> bool:
    """Whether this refusal of a browser is better answered by the page for signing in."""
    if error.code != "not_signed_in" or responses.wanted(responses.JSON, responses.HTML) != responses.HTML:
        return False
    # From the other host one would be sent back at once, and on and on in a browser that keeps no cookie for it.
    return is_screen(view) or (declared(view).views and not _for_content())
