"""The files of a cenv that its pages show and load: kept in the cenv, public, each under a path."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from typing import Any, Final

from wce.core import audit, paths
from wce.core.roles import require_administrator
from wce.core.settings import CenvSettings
from wce.errors import WceError, invalid
from wce.model import Actor, AuditEntry
from wce.store.session import Session
from wce.store.transaction import Transaction

MAX_BYTES: Final = 10 * 1024 * 1024  # of one file
MAX_FILES: Final = 5_000
_MIB: Final = 1024 * 1024
_UNKNOWN: Final = "application/octet-stream"
# By the ending of the path and by nothing else: neither a client nor the content says what a browser takes a file for.
TYPES: Final = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "css": "text/css; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "gif": "image/gif",
    "htm": "text/html; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "map": "application/json",
    "md": "text/markdown; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "ttf": "font/ttf",
    "txt": "text/plain; charset=utf-8",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xml": "application/xml",
}
_ZIPPED: Final = (
    "text/",
    "application/json",
    "application/xml",
    "application/manifest",
    "application/wasm",
    "image/svg",
    "font/ttf",
    "font/otf",
)
_COLUMNS: Final = "id, path, content_type, size, hash, created_at, modified_at, modified_by"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file without its content. `hash` is of the content; `modified_by` who put it there last."""

    id: int
    path: str
    content_type: str
    size: int
    hash: str
    created_at: int
    modified_at: int
    modified_by: int | None


def list_assets(session: Session) -> list[Asset]:
    """All by path."""
    return [Asset(*row) for row in session.all(f"SELECT {_COLUMNS} FROM _wce_assets ORDER BY path")]


def find_asset(session: Session, path: str) -> Asset | None:
    """One, or None."""
    row = session.one(f"SELECT {_COLUMNS} FROM _wce_assets WHERE path = ?", (path,))
    return None if row is None else Asset(*row)


def read_asset(session: Session, found: Asset, *, zipped: bool) -> tuple[bytes, bool] | None:
    """The content and whether it is zipped; None where the file is another one by now."""
    row = session.one(
        "SELECT CASE WHEN ? THEN zipped END, content FROM _wce_assets WHERE id = ? AND hash = ?", (zipped, found.id, found.hash)
    )
    if row is None:
        return None
    return (row[1], False) if row[0] is None else (row[0], True)


def save_asset(session: Session, config: CenvSettings, actor: Actor, path: str, content: bytes) -> tuple[Asset, bool]:
    """Keep a file, in the place of the one of the same path; the second value tells whether it is new."""
    _require_path(path)
    if len(content) > MAX_BYTES:
        raise WceError("too_large", f"A file may have at most {MAX_BYTES // _MIB} MiB.")
    kind = content_type(path)
    zipped = gzip.compress(content, 6, mtime=0) if kind.startswith(_ZIPPED) else None
    if zipped is not None and len(zipped) >= len(content):
        zipped = None
    digest = hashlib.sha256(content).hexdigest()
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        held = transaction.execute("SELECT id, size FROM _wce_assets WHERE path = ?", (path,)).fetchone()
        _require_room(transaction, config, len(content), 0 if held is None else held[1], new=held is None)
        values = (kind, len(content), digest, transaction.at, actor.user_id, content, zipped)
        if held is None:
            transaction.execute(
                "INSERT INTO _wce_assets (content_type, size, hash, modified_at, modified_by, content, zipped, created_at, path)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, transaction.at, path),
            )
        else:
            transaction.execute(
                "UPDATE _wce_assets SET content_type = ?, size = ?, hash = ?, modified_at = ?, modified_by = ?, content = ?, zipped = ?"
                " WHERE id = ?",
                (*values, held[0]),
            )
        _record(transaction, "save", path, {"size": len(content), "sha256": digest})
        row: tuple[Any, ...] = transaction.execute(f"SELECT {_COLUMNS} FROM _wce_assets WHERE path = ?", (path,)).fetchone()
    return Asset(*row), held is None


def delete_asset(session: Session, actor: Actor, path: str) -> None:
    """Remove a file; raises `not_found`."""
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        if transaction.execute("DELETE FROM _wce_assets WHERE path = ?", (path,)).rowcount != 1:
            raise WceError("not_found", "No such file.")
        _record(transaction, "delete", path, {})


def described(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a file from elsewhere, with what its content and its path say of themselves; raises `validation` for a bad path."""
    _require_path(row["path"])
    content = row["content"]
    return row | {"content_type": content_type(row["path"]), "size": len(content), "hash": hashlib.sha256(content).hexdigest()}


def content_type(path: str) -> str:
    """What a browser is told that the file is."""
    _, dot, ending = path.rpartition("/")[2].rpartition(".")
    return TYPES.get(ending.lower(), _UNKNOWN) if dot else _UNKNOWN


def _require_path(path: str) -> None:
    try:
        pattern = paths.parse("/" + path)
    except WceError as error:
        raise invalid("path", error.errors[0].message) from error
    if pattern.names:
        raise invalid("path", "must not have placeholders")
    if path.startswith("v-"):
        raise invalid("path", "must not begin with v-, which is kept for versions")


def _require_room(transaction: Transaction, config: CenvSettings, size: int, instead_of: int, *, new: bool) -> None:
    count, held = transaction.execute("SELECT count(*), coalesce(sum(size), 0) FROM _wce_assets").fetchone()
    if count + new > MAX_FILES:
        raise WceError("quota_exceeded", f"A cenv may have at most {MAX_FILES} files.")
    if held + size - instead_of > config.max_assets_mb * _MIB:
        raise WceError("quota_exceeded", f"All files together may have at most {config.max_assets_mb} MiB (max_assets_mb).")


def _record(transaction: Transaction, action: str, path: str, details: dict[str, Any]) -> None:
    transaction.touch("_wce_assets", 1)
    audit.record(transaction, AuditEntry(f"asset.{action}", "asset", path, details))
