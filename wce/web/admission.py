"""What is decided about a request when its headers are there, before anything of its body is taken in.

waitress gathers a body before it calls the application, so that limits of the application would come when the disk has it already.
"""

from __future__ import annotations

import re
import shutil
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from wce.config import Settings
from wce.core import assets
from wce.core.tokens import Tokens
from wce.counters import Counters
from wce.errors import WceError
from wce.web import cookies, limits, scratch
from wce.web.uploads import FORM_BYTES, MULTIPART

_MIB: Final = 1024 * 1024
_SMALL_BYTES: Final = 64 * 1024  # more than bodies of a name and a password may have, so that our own answer says what was too large
_MOST_FILES: Final = 8  # of one cenv, or of one address that makes cenvs, on their way in at once: each is on the disk meanwhile
_TAKES: Final = re.compile(r"/([0-9a-f-]{36})/admin/(import|tables/import|assets)(?:/.*)?")
_NEW: Final = "/new"
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

    def exceeds(self, most: int) -> bool:
        """Whether its body has more bytes, or may have."""
        length = self.headers.get("CONTENT_LENGTH", "")
        return not (length.isascii() and length.isdigit()) or int(length) > most

    @property
    def is_large(self) -> bool:
        """Whether its body is large or does not say how large it is."""
        length = self.headers.get("CONTENT_LENGTH", "")
        return int(length) > _SMALL_BYTES if length.isascii() and length.isdigit() else self.is_form


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Admitted:
    """How large the body may be, and whether the request has been counted against the limit of its view.

    Whoever takes the body in keeps this for as long.
    """

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
        self._lock = threading.Lock()
        self._files: Counter[str] = Counter()  # that come in now, by whose they are
        self._ended: deque[str] = deque()

    def admit(self, usual: int, head: Head) -> Admitted:
        """Raises `rate_limited` where the sender has used up what he may send."""
        if head.is_large:
            scratch.folder()  # whoever takes the body in asks Python where to put it
        if head.method == "POST" and head.path == _NEW and head.is_form and self._settings.allow_new_cenvs:
            cookies.require_own_page(head.headers.get("SEC_FETCH_SITE"))
            limits.pay(self._counters, limits.NEW, self._settings.rate_limit_new, head.address)
            most = self._file(usual, self._settings.max_import_mb * _MIB)
            return self._held(usual, head, Admitted(most, paid=True), limits.network(head.address))
        if _ACCOUNTS.fullmatch(head.path):
            return Admitted(min(usual, _SMALL_BYTES))
        found = _TAKES.fullmatch(head.path)
        if found is not None and self._signed(found[1], head.headers):
            size = assets.MAX_BYTES if found[2] == "assets" else self._settings.max_import_mb * _MIB
            return self._held(usual, head, Admitted(self._file(usual, size)), found[1])
        cenv = _CENV.match(head.path)
        if cenv is not None and head.is_large:
            limits.require_open(self._counters, cenv[1], head.address)
        return Admitted(usual)

    def _held(self, usual: int, head: Head, admitted: Admitted, whose: str) -> Admitted:
        """The same, counted for as long as anybody has it; raises `busy` where too many files of theirs come in already."""
        if admitted.most_bytes == usual or not head.exceeds(usual):
            return admitted
        with self._lock:
            while self._ended:
                self._files[self._ended.popleft()] -= 1
            self._files += Counter()  # without those that are back at none
            if self._files[whose] >= _MOST_FILES:
                raise WceError("busy", f"{_MOST_FILES} files are already being uploaded from here.", retry_after=10)
            self._files[whose] += 1
        # Only noted: this may run in the middle of anything, of the lines above, too.
        weakref.finalize(admitted, self._ended.append, whose).atexit = False
        return admitted

    def _file(self, usual: int, size: int) -> int:
        """Room for a file, where the disk has it."""
        most = size + FORM_BYTES
        room = shutil.disk_usage(scratch.folder()).free - self._settings.min_free_mb * _MIB
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


def is_small(path: str, length: int | None) -> bool:
    """Whether a body of so many bytes is let in at every address, whoever sends it."""
    return length is not None and length <= _SMALL_BYTES and path != _NEW


AdmitCall = Callable[[int, Head], Admitted]
