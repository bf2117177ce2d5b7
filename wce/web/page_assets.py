"""The files of a cenv, as its pages load them."""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, Response

from wce.core import assets
from wce.errors import WceError
from wce.web import conditional, cors, current, responses
from wce.web.access import access
from wce.web.headers import ResponseClass
from wce.web.services import services

_VERSION: Final = re.compile(r"v-([0-9a-f]{64})/(.+)", re.DOTALL)
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK: Final = "public, no-cache"  # keep it, and ask each time whether it still holds

bp = Blueprint("page_assets", __name__, url_prefix="/<cenv:cenv_id>/pages/assets")


@bp.get("/<path:path>")
@access("public", ResponseClass.CONTENT)
def answer(cenv_id: str, path: str) -> Response:
    """One file; under an address with its hash it may be kept for ever."""
    environ = current.request().environ
    found = _VERSION.fullmatch(path)
    wanted, name = (found[1], found[2]) if found else (current.request().args.get("v", ""), path)
    zipped = conditional.takes_gzip(environ)
    with services().store.session(cenv_id) as session:
        asset = None if "\0" in name else assets.find_asset(session, name)
        if asset is None:
            raise WceError("not_found", "No file has this path.")
        etag = asset.hash[:32]
        fresh = conditional.fresh(environ, etag, 0, 0)
        read = (b"", False) if fresh else assets.read_asset(session, asset, zipped=zipped)
    if read is None:
        raise WceError("busy", "The file is being replaced.", retry_after=1)
    content, zipped = read
    # A page stands in a sandbox without an origin, and fonts and modules are only given to origins that may have them.
    cors.share(environ)
    headers = [
        ("ETag", f'"{etag}{conditional.ZIPPED if zipped else ""}"'),
        ("Vary", "Accept-Encoding"),
        ("Cache-Control", _FOREVER if wanted == asset.hash else _ASK),
    ]
    if fresh:
        return responses.Ready(b"", 304, headers)
    headers += [("Content-Type", asset.content_type), ("Content-Length", str(len(content)))]
    return responses.Ready(content, 200, [*headers, *([("Content-Encoding", "gzip")] if zipped else [])])
