"""What is decided about a request when its headers are there, before anything of its body is taken in.

waitress gathers a body before it calls the application, so that limits of the application would come when the disk has it already.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from wce.config import Settings
from wce.core import assets
from wce.core.tokens import Tokens
from wce.errors import WceError
from wce.web import cookies, limits
from wce.web.counters import Counters
from wce.web.uploads import FORM_BYTES, MULTIPART

_MIB: Final = 1024 * 1024
_SMALL_BYTES: Final = 64 * 1024  # more than bodies of a name and a password may have, so that our own answer says what was too large
_TAKES: Final = re.compile(r"/([0-9a-f-]{36})/admin/(import|tables/import|assets)(?:/.*)?")
_CENV: Final = re.compile(r"/([0-9a-f-]{36})/")
_ACCOUNTS: Final = re.compile(r"/new|/undelete|/[0-9a-f-]{36}/(?:login|register)")


class Names(Protocol):
    """Headers by their names in capitals with underscores."""

    def get(self, name: str, default: str = "", /) -> str: ...


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body."""

    method: str
    path: str
    headers: Names
    address: str

    @property
    def is_form(self) -> bool:
        return self.headers.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() == MULTIPART

    @property
    def is_large(self) -> bool:
        """Whether its body is large or does not say how large it is."""
        length = self.headers.get("CONTENT_LENGTH", "")
        return int(length) > _SMALL_BYTES if length.isascii() and length.isdigit() else self.is_form


@dataclass(frozen=True, slots=True)
class Admitted:
    """How large the body may be, and whether the request has been counted against the limit of its view."""

    most_bytes: int
    paid: bool = False


class Admission:
    """Lets bodies in: large ones only of who brings a token that we signed, or has just paid for a new cenv.

    Whether the session still holds is found out later, as for every request; this keeps strangers from filling the disk.
    """

    def __init__(self, settings: Settings, tokens: Tokens, counters: Counters) -> None:
        self._settings = settings
        self._tokens = tokens
        self._counters = counters

    def admit(self, usual: int, head: Head) -> Admitted:
        """Raises `rate_limited` where the sender has used up what he may send."""
        if head.method == "POST" and head.path == "/new" and head.is_form and self._settings.allow_new_cenvs:
            limits.pay(self._counters, limits.NEW, self._settings.rate_limit_new, head.address)
            return Admitted(self._file(usual, self._settings.max_import_mb * _MIB), paid=True)
        if _ACCOUNTS.fullmatch(head.path):
            return Admitted(min(usual, _SMALL_BYTES))
        found = _TAKES.fullmatch(head.path)
        if found is not None and self._signed(found[1], head.headers):
            return Admitted(self._file(usual, assets.MAX_BYTES if found[2] == "assets" else self._settings.max_import_mb * _MIB))
        cenv = _CENV.match(head.path)
        if cenv is not None and head.is_large:
            limits.require_open(self._counters, cenv[1], head.address)
        return Admitted(usual)

    def _file(self, usual: int, size: int) -> int:
        """Room for a file, where the disk has it."""
        most = size + FORM_BYTES
        room = shutil.disk_usage(tempfile.gettempdir()).free - self._settings.min_free_mb * _MIB
        return most if usual < most <= room else usual

    def _signed(self, cenv: str, headers: Names) -> bool:
        token = headers.get("AUTHORIZATION", "").partition(" ")[2].strip()
        if not token:
            token = cookies.read(headers.get("COOKIE", "")).get(cookies.name(cenv), "")
        try:
            self._tokens.read(token, cenv, self._counters.now())
        except WceError:
            return False
        return True


AdmitCall = Callable[[int, Head], Admitted]
