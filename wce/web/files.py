"""Answers that are files: sent block by block from the disk, never held in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import Response
from werkzeug.wsgi import wrap_file

from wce.errors import WceError
from wce.store.folder import Folder
from wce.web import current

# Copies of one cenv that each process may be sending at once, and more while all of them together are no larger than that.
_MOST_SENT: Final = 4
_MOST_BYTES: Final = 512 * 1024 * 1024
_BLOCK_BYTES: Final = 64 * 1024  # for servers that have no way of their own to send a file


def require_few(folder: Folder, cenv: str) -> None:
    """Raise `busy` while too many copies of the cenv are on their way: each is on the disk until whoever asked for it has it."""
    sent = folder.lent(cenv)
    if len(sent) >= _MOST_SENT and sum(sent) > _MOST_BYTES:
        raise WceError("busy", f"{len(sent)} downloads of this cenv are already under way.", retry_after=30)


def attachment(path: Path, name: str, mimetype: str) -> Response:
    """The file, to be kept under `name`. It is open from here on, so the caller may remove it."""
    file = path.open("rb")
    size = path.stat().st_size
    response = Response(wrap_file(current.request().environ, file, _BLOCK_BYTES), mimetype=mimetype, direct_passthrough=True)
    response.content_length = size
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.call_on_close(file.close)
    return response
