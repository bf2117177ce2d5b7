"""What both servers hold to: how much they take and how long they wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wce.web.bodies import JSON_BYTES

HEADER_BYTES: Final = 32 * 1024
# A little more than the largest body of any route, so that our own answer says what was too large.
BODY_BYTES: Final = 4 * JSON_BYTES
PIECE_BYTES: Final = 128 * 1024  # of a large answer


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server waits for the other side."""

    header_seconds: float = 20.0  # from the first byte of a request to the end of its headers
    request_seconds: float = 300.0  # from there to the end of its body
    idle_seconds: float = 120.0  # without a byte in either direction
    stop_seconds: float = 30.0  # for what runs when the stop comes


USUAL: Final = Patience()
