"""The manual: the files of docs/ as pages with navigation and search, and the description of the API for people."""

from __future__ import annotations

import mimetypes
import posixpath
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn

from flask import Blueprint, Response, render_template, request

from wce.errors import WceError
from wce.web import current, responses
from wce.web.access import access
from wce.web.headers import ResponseClass
from wce.web.markdown import Html, Page, Section, excerpt, render
from wce.web.openapi import made

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs"
_KEY: Final = "wce.manual.api"
_INDEX: Final = "index"
_API: Final = "http-api"  # where api.md is, for /docs/api shows the description
_ADDRESSES: Final = {_INDEX: "/docs", "api": f"/docs/{_API}"}
_ENTRY: Final = re.compile(r"^(?:## (?P<group>.+)|[-|].*?\[(?P<title>[^\]]+)\]\((?P<page>[a-z0-9-]+)\.md\))", re.MULTILINE)
_MAX_QUERY: Final = 100
_MOST_FOUND: Final = 40
_METHODS: Final = ("get", "post", "put", "patch", "delete")

bp = Blueprint("manual", __name__, url_prefix="/docs")


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that has every word that was asked for."""

    page: str
    section: Section
    address: str
    excerpt: Html


@cache
def names() -> frozenset[str]:
    """Every page there is."""
    return frozenset(path.stem for path in FOLDER.glob("*.md"))


@cache
def page(name: str) -> Page:
    """One page, rendered when it is first asked for."""
    return render((FOLDER / f"{name}.md").read_text(encoding="utf-8"), _resolve)


@cache
def contents() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """The groups of the navigation, each with its (title, address) entries, from the lists of index.md."""
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for found in _ENTRY.finditer((FOLDER / "index.md").read_text(encoding="utf-8")):
        if found["group"]:
            groups.append((found["group"], []))
        elif groups:
            groups[-1][1].append((found["title"], address_of(found["page"])))
    return tuple((group, tuple(entries)) for group, entries in groups)


def address_of(name: str) -> str:
    """Where a page of the manual is."""
    return _ADDRESSES.get(name, f"/docs/{name}")


def _resolve(target: str) -> str | None:
    """Where a link out of a page of docs/ leads: to another page, to a picture, or nowhere."""
    path, mark, anchor = target.partition("#")
    inside = posixpath.normpath(path)
    if inside.endswith(".md") and inside[:-3] in names():
        return address_of(inside[:-3]) + mark + anchor
    if inside.startswith("images/") and inside.partition("/")[2] in pictures():
        return f"/docs/{inside}"
    return target if target.startswith("/") else None


@cache
def pictures() -> frozenset[str]:
    """The names of the files that pages show."""
    return frozenset(path.name for path in (FOLDER / "images").glob("*.svg"))


@bp.get("")
@access("public", ResponseClass.UI)
def index() -> Response:
    """The manual's first page."""
    return _show(_INDEX)


@bp.get("/<title>")
@access("public", ResponseClass.UI)
def show(title: str) -> Response:
    """A page of the manual."""
    return _show("api" if title == _API else title) if title not in _ADDRESSES else _missing()


@bp.get("/images/<picture_name>")
@access("public", ResponseClass.UI)
def picture(picture_name: str) -> Response:
    """A picture in a page of the manual."""
    if picture_name not in pictures():
        _missing()
    content = (FOLDER / "images" / picture_name).read_bytes()
    return Response(content, mimetype=mimetypes.guess_type(picture_name)[0], headers={"Cache-Control": "public, max-age=3600"})


@bp.get("/search")
@access("public", ResponseClass.UI)
def search() -> Response:
    """The sections of the manual that have every word of `q`."""
    asked = request.args.get("q", "")[:_MAX_QUERY].strip()
    return responses.page("docs_search.html", query=asked, hits=find(asked), contents=contents())


@bp.get("/api")
@access("public", ResponseClass.UI)
def api() -> Response:
    """The description of the API, for people."""
    app = current.application()
    if _KEY not in app.extensions:
        value = made.of(app).value
        app.extensions[_KEY] = Html(render_template("_docs_api.html", api=value, groups=_by_tag(value)))
    return responses.page("docs_api.html", html=app.extensions[_KEY], here="/docs/api", contents=contents())


def find(asked: str) -> list[Hit]:
    """The sections that hold every word, those whose heading does first."""
    words = list(dict.fromkeys(asked.lower().split()))
    if not words:
        return []
    scored = []
    for name in sorted(names()):
        found = page(name)
        for section in found.sections:
            folded = section.heading.lower()
            body = section.text.lower()
            if all(word in folded or word in body for word in words):
                score = sum(20 * (word in folded) + min(body.count(word), 5) for word in words)
                address = address_of(name) + (f"#{section.anchor}" if section.level > 1 else "")
                scored.append((-score, name, Hit(found.title, section, address, excerpt(section.text, words))))
    scored.sort(key=lambda item: item[:2])
    return [hit for _, _, hit in scored[:_MOST_FOUND]]


def _show(name: str) -> Response:
    if name not in names():
        _missing()
    found = page(name)
    below = [section for section in found.sections if section.level == 2]
    here = address_of(name)
    return responses.page("docs.html", page=found, html=found.html, below=below, here=here, contents=contents())


def _missing() -> NoReturn:
    raise WceError("not_found", "The manual has no such page.")


def _by_tag(value: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """The operations as (method, path, operation) under the tag of each."""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {tag["name"]: [] for tag in value["tags"]}
    for path, item in value["paths"].items():
        for method in _METHODS:
            if method in item:
                groups[item[method]["tags"][0]].append((method.upper(), path, item[method]))
    return groups
