"""The ids of backups, which tell when each was made and why."""

from __future__ import annotations

import re
import secrets
import time
from typing import Final

BY_CLOCK: Final = "schedule"
KINDS: Final = ("manual", BY_CLOCK, "import", "restore")
LABEL: Final = re.compile(rf"([0-9]{{8}}T[0-9]{{6}}Z)-({'|'.join(KINDS)})-[0-9a-f]{{8}}")


def make(now: float, kind: str) -> str:
    """A new one; its last digits begin with the part of the second, so that two of one second have an order."""
    return f"{stamp(now)}-{kind}-{int(now % 1 * 0x10000):04x}{secrets.token_hex(2)}"


def stamp(at: float) -> str:
    """A time as one begins with it; of two the earlier one is the lesser text."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))


def when(label: str) -> tuple[str, str]:
    """What puts them in order: the second, and the part of it."""
    at, _, digits = label.split("-")
    return at, digits


def is_by_clock(label: str) -> bool:
    """Whether the clock has made it."""
    return f"-{BY_CLOCK}-" in label
