"""Who guesses the password of somebody waits longer after each failure: per address and name, so that nobody can lock another out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from flask import Flask, Response

from wce.counters import Counters
from wce.errors import WceError
from wce.store.sqlite import fold
from wce.web.context import actor, current
from wce.web.limits import exceeded, network

View = Callable[..., Response]

FREE: Final = 3  # failures, which happen to everybody
LONGEST_SECONDS: Final = 300
_MEMORY_SECONDS: Final = 3600  # until failures are forgotten
_MAX_NAME: Final = 64
_MAX_CENV: Final = 36
_ASKING: Final = (
    "auth.password",
    "keys.create_key",
    "totp.begin",
    "totp.renew_codes",
    "totp.switch_off",
    "admin_backups.restore",
    "admin_users.hand_over",
    "deletion.delete",
)


def install(app: Flask, counters: Counters) -> None:
    """Put the wait before the views that ask somebody who is signed in for his password, which is guessed there as well."""
    for endpoint in _ASKING:
        app.view_functions[endpoint] = _patient(cast(View, app.view_functions[endpoint]), counters)


def _patient(view: View, counters: Counters) -> View:
    @functools.wraps(view)
    def answer(cenv_id: str, **given: Any) -> Response:
        with guessing(counters, cenv_id, current().ip_address, actor().username):
            return view(cenv_id=cenv_id, **given)

    return answer


@contextmanager
def guessing(counters: Counters, cenv: str, address: str, username: str) -> Iterator[None]:
    """`with` what looks at a password: refused while the address has to wait, counted where the password is wrong."""
    require_patience(counters, cenv, address, username)
    try:
        yield
    except WceError as error:
        if error.code == "bad_credentials":
            failed(counters, cenv, address, username)
        raise


def require_patience(counters: Counters, cenv: str, address: str, username: str) -> None:
    """Raise `rate_limited` while this address has to wait for its next guess at this name; nothing is counted."""
    hits, ends_at = counters.read(_key("wait", cenv, address, username))
    left = ends_at - counters.now()
    if hits and left <= LONGEST_SECONDS:  # else it began by a clock that was ahead
        raise exceeded(left)


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
    return f"{kind} {cenv[:_MAX_CENV]} {network(address)} {fold(username[:_MAX_NAME])}"
