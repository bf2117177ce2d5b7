"""Which host a request may name; and where there is a host of its own for what tenants wrote, the two are kept apart."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from flask import Request
from werkzeug.routing import RequestRedirect

from wce.errors import WceError
from wce.web.access import Access
from wce.web.headers import ResponseClass

# A name or an address, or nothing (HTTP/1.0); what our own pages and links repeat must be no more than that.
_HOST: Final = re.compile(r"((?:[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,20}\.?|\[[0-9A-Fa-f:.]{2,45}\])?)(?::[0-9]{0,5})?")

_PORT: Final = re.compile(r":[0-9]*$")


class Elsewhere(RequestRedirect):
    """The same address on the other host; it stays where it is, so nobody may remember this for long."""

    code = 307


def without_port(host: str) -> str:
    """The name or address alone, to be compared."""
    return _PORT.sub("", host).lower()


def names(said: str, host: str) -> bool:
    """Whether a Host header, well-formed or not, names this host, if there is one."""
    return bool(host) and without_port(said) == without_port(host)


@lru_cache(maxsize=1024)
def is_content_host(said: str, allowed: tuple[str, ...], content_host: str) -> bool:
    """Whether the Host header names the host of tenants' content; raises `malformed`, or `wrong_host` for one that is not ours."""
    host = _HOST.fullmatch(said)
    if host is None:
        raise WceError("malformed", "The Host header is not a host name.")
    name = host[1].lower()
    if content_host and name == without_port(content_host):
        return True
    if allowed and name not in {item.lower() for item in allowed}:
        raise WceError("wrong_host")
    return False


def place(path: str, query: str) -> str:
    """An address without its host, as a client sends it; the query has been sent so."""
    return f"{quote(path)}{'?' if query else ''}{query}"


def keep_apart(incoming: Request, declaration: Access, content_host: str, *, here: bool, ticket: str = "") -> None:
    """Raise unless the answer belongs on the host that was asked; `here` is whether that is the one for content.

    A browser that asks for content on our own host is sent to the other one, with a `ticket` by which it is known there. What
    only administrators may ask for, such as a preview, is for our own pages.
    """
    content = declaration.response is ResponseClass.CONTENT and declaration.who in ("public", "anyone")
    if incoming.url_rule is None or here == content:
        return
    if here or incoming.method not in ("GET", "HEAD"):
        raise WceError("wrong_host", f"This address is on {'the main host' if here else content_host}.")
    asked = "&".join(part for part in (incoming.query_string.decode("latin-1"), f"view={ticket}" if ticket else "") if part)
    raise Elsewhere(f"{incoming.scheme}://{content_host}{place(incoming.path, asked)}")
