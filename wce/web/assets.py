"""The interface's own files, under an address that changes whenever one of them does."""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache
from os.path import normpath
from pathlib import Path
from typing import Final

from flask import Blueprint, Response

from wce.errors import WceError
from wce.web import conditional, current
from wce.web.access import access
from wce.web.headers import ResponseClass

FOLDER: Final = Path(__file__).resolve().parents[2] / "static"
# Said here and not by the machine, which may know fewer.
_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
_PACKED: Final = (".woff2",)  # compressed already
_IMPORT: Final = re.compile(r"""^(?:import|export)\b[^'"(]*'(\.[^']+)'""", re.MULTILINE)
_YEAR: Final = "public, max-age=31536000, immutable"

bp = Blueprint("assets", __name__)


@cache
def names() -> frozenset[str]:
    """Every file there is, as it stands in an address."""
    return frozenset(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())


@cache
def version() -> str:
    """A digest of every file, so that a browser may keep each of them for a year."""
    digest = hashlib.sha256()
    for name in sorted(names()):
        digest.update(name.encode() + b"\0" + _plain(name))
    return digest.hexdigest()[:12]


@bp.app_template_global()
def asset(name: str) -> str:
    """The address of one of our files, for templates."""
    return f"/static/v-{version()}/{name}"


@bp.app_template_global()
@cache
def imports(name: str) -> tuple[str, ...]:
    """What a module of ours imports, and what that imports: a browser that is told need not find out file by file."""
    found = [name]
    for module in found:  # which grows
        others = (normpath(Path(module).parent / target) for target in _IMPORT.findall(_plain(module).decode()))
        found += [other for other in dict.fromkeys(others) if other not in found]
    return tuple(found[1:])


@bp.get("/static/v-<digest>/<path:name>")
@access("public", ResponseClass.UI)
def file(digest: str, name: str) -> Response:
    """The version stands in the path, so that imports between modules carry it along."""
    if name not in names():
        raise WceError("not_found")
    fresh = digest == version()
    zipped = not name.endswith(_PACKED) and conditional.takes_gzip(current.request().environ)
    response = Response(_zipped(name) if zipped else _plain(name), mimetype=_TYPES.get(Path(name).suffix, "application/octet-stream"))
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = _YEAR if fresh else "public, max-age=0"
    response.headers["Vary"] = "Accept-Encoding"
    return response


@cache
def _plain(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


@cache
def _zipped(name: str) -> bytes:
    return gzip.compress(_plain(name), 9, mtime=0)
