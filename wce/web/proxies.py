"""Behind proxies: who asks, and whether by HTTPS, is what the last of them says, where it is one that is believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from wce.peers import Peer, among
from wce.web.headers import PASSED_ON_KEY, InPlace, refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

UNREADABLE: Final = "X-Forwarded-For is empty or not ASCII."
_UNTRUSTED: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_BY")
_FOR: Final = "HTTP_X_FORWARDED_FOR"
_PROTO: Final = "HTTP_X_FORWARDED_PROTO"
_SAID: Final = (*_UNTRUSTED, _FOR, _PROTO)


def believe(environ: WSGIEnvironment, trusted: tuple[Peer, ...]) -> bool:
    """Take address and scheme of the visitor from the headers of a trusted proxy, never the host.

    Nobody else's headers stay. False where the proxy has named somebody and it cannot be read whom, as where granian does not
    say it: without that, he would pass for the proxy.
    """
    known = among(environ.get("REMOTE_ADDR") or "", trusted)
    gone = [environ.pop(name) for name in (_UNTRUSTED if known else _SAID) if name in environ]
    if gone:
        environ[PASSED_ON_KEY] = True  # by somebody, who may be a proxy that nobody has named
    if not known:
        return True
    if environ.get(_FOR) == "":
        return False
    # The last one is what the proxy saw; those before it are what the visitor said, also where they look like another proxy.
    address = _address(environ.get(_FOR, "").rpartition(",")[2].strip())
    if address:
        environ["REMOTE_ADDR"] = address
    scheme = environ.get(_PROTO, "").rpartition(",")[2].strip().lower()
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme
    return True


def behind(application: WSGIApplication, trusted: tuple[Peer, ...]) -> WSGIApplication:
    """The application as it is asked through these proxies; without any, whatever a visitor says of himself stays, unread."""

    def asked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if believe(environ, trusted):
            return application(environ, start_response)
        _, headers, body = refusal("malformed", 400, UNREADABLE)
        start_response("400 Bad Request", headers)
        return [body]

    return asked if trusted else application


def behind_in_place(in_place: InPlace, trusted: tuple[Peer, ...]) -> InPlace:
    """The same for an application that may leave a request to others: what is refused is left to them."""

    def asked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes] | None:
        return in_place(environ, start_response) if believe(environ, trusted) else None

    return asked if trusted else in_place


def _address(text: str) -> str:
    """The address in `1.2.3.4`, `1.2.3.4:80`, `::1` or `[::1]:80`; empty when it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ""
    # As a proxy spells IPv4 that listens for both; Python would write it ::ffff:c000:207, which nobody finds in the log.
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
