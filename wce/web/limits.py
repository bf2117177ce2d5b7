"""Rate limits: fixed windows per address, cenv and user in one step, and flask-limiter's on the addresses that cost most.

They come before a password is hashed and before a body is read. Headers: `RateLimit-Limit`, `RateLimit-Remaining` and
`RateLimit-Reset` (seconds) of the window that has least left, and `Retry-After` with a 429.
"""

from __future__ import annotations

import functools
import ipaddress
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from flask import Flask, request
from flask_limiter import Limiter, RequestLimit
from limits import parse
from werkzeug import Response

from wce.config import Settings, window
from wce.core.settings import CenvSettings
from wce.counters import Counters
from wce.errors import WceError
from wce.model import PUBLIC_ID
from wce.web import current
from wce.web.counter_storage import CounterStorage
from wce.web.headers import MORE_KEY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_IPV6_NETWORK: Final = 64  # one customer's line; single addresses in it cost nothing
NEW: Final = "landing.create"
# Views that hash a password or make a file, and the setting that bounds each per address.
_COSTLY: Final = {
    "auth.login": "rate_limit_login",
    "auth.register": "rate_limit_login",
    "auth.password": "rate_limit_login",
    "keys.create_key": "rate_limit_login",
    "totp.begin": "rate_limit_login",
    "totp.renew_codes": "rate_limit_login",
    "totp.switch_off": "rate_limit_login",
    "admin_backups.restore": "rate_limit_login",
    "admin_users.hand_over": "rate_limit_login",
    "deletion.delete": "rate_limit_login",
    "deletion.undelete": "rate_limit_login",
    NEW: "rate_limit_new",
}
PAID_KEY: Final = "wce.paid"  # set where the server counted the request before it took the body in
_SHUT_SECONDS: Final = 10.0  # a limit that is raised acts within that on large bodies, too


@functools.lru_cache(maxsize=4096)
def network(address: str) -> str:
    """What counts as one visitor: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(mapped or ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))


def spend(
    counters: Counters,
    settings: CenvSettings,
    cenv: str,
    address: str,
    user_id: int = PUBLIC_ID,
    *,
    environ: WSGIEnvironment | None = None,
) -> None:
    """Count this request against its address, its cenv and its user; WceError `rate_limited` when one of them is used up.

    What is refused for its address counts for no more than that: one who asks without an end would use up what the cenv may be asked.
    """
    rates = (settings.rate_limit_ip, settings.rate_limit_cenv, settings.rate_limit_user)
    asked = counters.prepare((cenv, address, user_id, rates), lambda: _asked(rates, cenv, address, user_id))
    now = counters.now()
    least = retry_at = 0.0
    shown = (0, 0, 0.0)
    counted = counters.count(asked.windows, asked.places, limits=asked.limits)
    for limit, (hits, ends_at) in zip(asked.limits, counted):  # noqa: B905  # the last ones may not have been counted
        left = limit - hits
        if not shown[0] or left < least:
            least, shown = left, (limit, hits, ends_at)
        if left < 0 and ends_at > retry_at:
            retry_at = ends_at
    _show(*shown, now, environ)
    if retry_at:
        counters.hit([(_shut(cenv, address), math.ceil(min(_SHUT_SECONDS, retry_at - now)))])
        raise exceeded(retry_at - now)


def require_open(counters: Counters, cenv: str, address: str) -> None:
    """Raise `rate_limited` where the cenv has just refused the address for that, so that no large body is taken in for nothing."""
    hits, ends_at = counters.read(_shut(cenv, address))
    if hits:
        raise exceeded(ends_at - counters.now())


def pay(counters: Counters, view: str, rate: str, address: str) -> None:
    """Count a request against the limit of its view, in the window that flask-limiter counts in; raises `rate_limited`."""
    item = parse(rate)
    hits, ends_at = counters.hit([(item.key_for(network(address), view), item.get_expiry())])[0]
    if hits > item.amount:
        raise exceeded(ends_at - counters.now())


def _shut(cenv: str, address: str) -> str:
    return f"shut {cenv} {network(address)}"


def _asked(rates: tuple[str, str, str], cenv: str, address: str, user_id: int) -> list[tuple[str, int, int]]:
    """(key, limit, seconds) of every window that a request counts in."""
    keys = [f"ip {cenv} {network(address)}", f"cenv {cenv}"] + ([] if user_id == PUBLIC_ID else [f"user {cenv} {user_id}"])
    return [(key, *window(rate)) for key, rate in zip(keys, rates, strict=False)]


def exceeded(seconds: float) -> WceError:
    """The error for a window that has so many seconds left."""
    wait = max(1, math.ceil(seconds))
    return WceError("rate_limited", f"Too many requests; try again in {wait} s.", retry_after=wait)


def install(app: Flask, settings: Settings, counters: Counters) -> Limiter:
    """Put flask-limiter before the costly views."""
    limiter = Limiter(
        key_func=lambda: network(request.remote_addr or ""),
        strategy="fixed-window",
        storage_uri=f"{CounterStorage.STORAGE_SCHEME[0]}://",
        storage_options=cast(dict[str, str | int], {"counters": counters}),  # handed to our own storage as they are
        on_breach=partial(_refuse, counters.now),
    )
    # Known beforehand, the application gets no hooks of the extension, which would cost each request 150 µs to find no limit.
    app.extensions["limiter"] = {limiter}
    limiter.init_app(app)
    for endpoint, field in _COSTLY.items():
        limit = limiter.limit(getattr(settings, field), methods=["POST", "DELETE"], exempt_when=_is_paid)
        app.view_functions[endpoint] = cast(Callable[..., Response], limit(app.view_functions[endpoint]))
    return limiter


def _is_paid() -> bool:
    return bool(current.request().environ.get(PAID_KEY))


def _refuse(now: Callable[[], float], breached: RequestLimit) -> None:
    _show(breached.limit.amount, breached.limit.amount, breached.window.reset_time, now())
    raise exceeded(breached.window.reset_time - now())


def _show(limit: int, hits: int, ends_at: float, now: float, environ: WSGIEnvironment | None = None) -> None:
    """Put what is left of a window on the answer; `ends_at` is in Unix seconds."""
    environ = current.request().environ if environ is None else environ
    more = environ.get(MORE_KEY)
    others = [pair for pair in more if not pair[0].startswith("RateLimit-")] if more else ()
    environ[MORE_KEY] = [
        *others,
        ("RateLimit-Limit", str(limit)),
        ("RateLimit-Remaining", str(max(0, limit - hits))),
        ("RateLimit-Reset", str(max(0, math.ceil(ends_at - now)))),
    ]
