"""Values as JSON, in the form of the contract, for everybody who answers with them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import orjson


def encode(value: Any) -> bytes:
    """JSON as the contract wants it: infinities become null, bytes become {"$base64": …}."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        return orjson.dumps(_mended(value), default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _mended(value: Any) -> Any:
    """The same value without unpaired surrogates, which a database file from elsewhere may hold and JSON cannot."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return value


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """The names with `_2`, `_3`… on later duplicates, so that an object per row loses no column."""
    taken = set(names)
    seen: set[str] = set()
    found = []
    for name in names:
        fresh, count = name, 1
        while fresh in seen or (count > 1 and fresh in taken):
            count += 1
            fresh = f"{name}_{count}"
        seen.add(fresh)
        found.append(fresh)
    return tuple(found)
