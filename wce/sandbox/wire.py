"""Frames on the socket between server and worker: two lengths, a JSON object, raw bytes.

Request and reply alternate strictly, so at most one frame is under way and one read gets most of them whole.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

_LENGTHS: Final = struct.Struct(">II")
_READ_BYTES: Final = 65_536
_MOST_READ_BYTES: Final = 1 << 20
_LONG: Final = 100_000
META_BYTES: Final = 16 << 20
BODY_BYTES: Final = 64 << 20


class WireError(Exception):
    """The other side does not keep to the form, and is not to be talked to any more."""


class OversizedError(WireError):
    """A raw part longer than it may be."""


class UnsentError(WireError):
    """More than one frame takes; nothing of it was sent, so that the other side can still be talked to."""


def frame(meta: Mapping[str, Any], body: bytes = b"") -> bytes:
    """One frame; raises WireError where `meta` has no JSON form, and UnsentError where that is too long."""
    head = _encode(meta)
    if len(head) > META_BYTES:
        raise UnsentError(f"meta of {len(head)} bytes")
    return b"".join((_LENGTHS.pack(len(head), len(body)), head, body))


def receive(sock: socket.socket, body_bytes: int = BODY_BYTES, before: Callable[[], None] | None = None) -> tuple[dict[str, Any], bytes]:
    """The next frame; raises EOFError where the other side is gone. `before` is called ahead of every wait."""
    data = _read(sock, before, _READ_BYTES)
    while len(data) < _LENGTHS.size:
        data += _read(sock, before, _READ_BYTES)
    meta_length, body_length = _LENGTHS.unpack_from(data)
    if body_length > body_bytes:
        raise OversizedError(f"{body_length} bytes")
    if meta_length > META_BYTES:
        raise WireError(f"meta of {meta_length} bytes")
    split = _LENGTHS.size + meta_length
    missing = split + body_length - len(data)
    if missing > 0:
        pieces = [data]
        while missing > 0:
            pieces.append(_read(sock, before, min(missing, _MOST_READ_BYTES)))
            missing -= len(pieces[-1])
        data = b"".join(pieces)
    if missing < 0:
        raise WireError("more than one frame")
    return _decode(data[_LENGTHS.size : split]), data[split:]


def _read(sock: socket.socket, before: Callable[[], None] | None, most: int) -> bytes:
    if before is not None:
        before()
    piece = sock.recv(most)
    if not piece:
        raise EOFError
    return piece


def _encode(meta: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(meta)
    except TypeError:
        # Half a surrogate pair becomes a question mark; integers beyond 64 bits stay.
        try:
            return json.dumps(meta, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        except (TypeError, ValueError, RecursionError) as error:
            raise WireError(str(error)) from error


def _decode(text: bytes) -> dict[str, Any]:
    try:
        meta = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise WireError("meta is not JSON") from error
    if not isinstance(meta, dict):
        raise WireError("meta is no object")
    return meta


def long(text: str) -> Any:
    """The text for a message, where it may be long: orjson would ask for eight times its memory, and die where it does not get it."""
    return text if len(text) < _LONG else orjson.Fragment(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace"))


def timeval(seconds: float) -> bytes:
    """A time to wait, as the options of a socket want it."""
    # All zero would mean to wait for ever.
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6) or 1)
