"""Who guesses the password of somebody waits longer after each failure: per address and name, so that nobody can lock another out."""

from __future__ import annotations

from typing import Final

from wce.store.sqlite import fold
from wce.web.counters import Counters
from wce.web.limits import exceeded, network

FREE: Final = 3  # failures, which happen to everybody
LONGEST_SECONDS: Final = 300
_MEMORY_SECONDS: Final = 3600  # until failures are forgotten
_MAX_NAME: Final = 64


def require_patience(counters: Counters, cenv: str, address: str, username: str) -> None:
    """Raise `rate_limited` while this address has to wait for its next guess at this name; nothing is counted."""
    hits, ends_at = counters.read(_key("wait", cenv, address, username))
    if hits:
        raise exceeded(ends_at - counters.now())


def failed(counters: Counters, cenv: str, address: str, username: str) -> None:
    """Count a failure; from the fourth on the address waits 2, 4, 8, … seconds."""
    ((failures, _),) = counters.hit([(_key("fail", cenv, address, username), _MEMORY_SECONDS)])
    if failures > FREE:
        seconds = min(LONGEST_SECONDS, 2 ** min(failures - FREE, 16))
        counters.hit([(_key("wait", cenv, address, username), seconds)])


def succeeded(counters: Counters, cenv: str, address: str, username: str) -> None:
    """Forget the failures; whoever knows the password need not guess."""
    counters.forget(_key("fail", cenv, address, username))


def _key(kind: str, cenv: str, address: str, username: str) -> str:
    return f"{kind} {cenv} {network(address)} {fold(username[:_MAX_NAME])}"
