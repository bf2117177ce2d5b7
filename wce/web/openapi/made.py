"""The description of one application, made at the first call and kept with it."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from flask import Flask

from wce.web.openapi import document
from wce.web.openapi.cenv import Template

_KEY: Final = "wce.description"


@dataclass(frozen=True, slots=True)
class Description:
    """Sent as it is."""

    value: dict[str, Any]
    plain: bytes
    zipped: bytes
    etag: str
    template: Template


def of(app: Flask) -> Description:
    """That of the application."""
    found = app.extensions.get(_KEY)
    if found is None:
        value = document.build(app.url_map, app.view_functions)
        plain = orjson.dumps(value)
        etag = f'"{hashlib.sha256(plain).hexdigest()[:16]}"'
        found = app.extensions[_KEY] = Description(value, plain, gzip.compress(plain, 9, mtime=0), etag, Template(value))
    return cast(Description, found)
