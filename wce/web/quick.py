"""The shortest way to an answer that is kept: one read of the file, the limits, the log, and nothing of Flask.

It answers only what is surely public and surely kept, to somebody who is surely not signed in. Everything else, each error among it,
goes the way of every other request.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from wce.cache import Cache
from wce.core.settings import CenvSettings
from wce.errors import WceError
from wce.store.entries import Entries
from wce.store.sqlite import sqlite3
from wce.web import observe
from wce.web.context import CENV_PATTERN
from wce.web.cookies import PREFIX
from wce.web.headers import ID_KEY, Headers
from wce.web.hosts import without_port
from wce.web.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOOKED_KEY: Final = "wce.looked"  # in the environ of a request for which nothing is kept
QUICK: Final = re.compile(r"/[0-9a-f-]{36}/(?:pages|api)/")  # where an answer may be at hand
_ADDRESS: Final = re.compile(f"/({CENV_PATTERN})/(pages|api)(/[!-~]*)")  # what needs no decoding
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,200}(?::[0-9]{1,5})?")
_SLOW_SECONDS: Final = 0.02
_REST_SECONDS: Final = 5.0  # for which a slow file is left to threads that may wait
_MOST_SLOW: Final = 1_000
_SHELF_BYTES: Final = 16 * 1024 * 1024
_FOUND_BYTES: Final = 4_000  # of an answer beside its body
_LONG_HEADERS: Final = 2_000  # characters of all of them
_LONG_KEY: Final = 300  # of a cenv and a path
_LARGE: Final = 64 * 1024  # such a body takes so long to send that the way to it does not count
_TELLING: Final = frozenset({"HTTP_AUTHORIZATION", "HTTP_ORIGIN", "HTTP_SERVICE_WORKER"})


class Answer(NamedTuple):
    """What is sent, with the rule of its route for the log; `status` is the whole line."""

    route: str
    status: str
    headers: Headers | tuple[tuple[str, str], ...]
    body: bytes


class Found(NamedTuple):
    """An answer that was found with the counters in `row`: as long as a file has the same ones, it is found again.

    `note` is told how many seconds it took to find, and the id of the request.
    """

    row: tuple[Any, ...]
    config: CenvSettings
    answer: Answer
    note: Callable[[float, str], None]


class Shelf:
    """What was found last, by cenv, path and whatever else of a request decides; it only saves the way, and keeps no answer right."""

    def __init__(self) -> None:
        self._found: Cache[tuple[Hashable, ...], Found] = Cache(_SHELF_BYTES, cost=lambda found: len(found.answer.body) + _FOUND_BYTES)

    def get(self, key: tuple[Hashable, ...], row: tuple[Any, ...]) -> Found | None:
        """What was found there with the same counters."""
        found = self._found.get(key)
        return found if found is not None and found.row == row else None

    def put(self, key: tuple[Hashable, ...], found: Found) -> None:
        """Keep it, unless what a tenant or a visitor chose of it is so long that an entry would take more memory than it is counted for."""
        headers = found.answer.headers
        if isinstance(headers, tuple) and len(found.answer.body) <= _LARGE and sum(len(str(part)) for part in key) <= _LONG_KEY:
            self._found.put(key, found)


def lasting(headers: Headers) -> Headers | tuple[tuple[str, str], ...]:
    """As a tuple, which says that the same ones will come again, so that what is made of them is kept; long ones are made anew."""
    return tuple(headers) if sum(len(name) + len(text) for name, text in headers) <= _LONG_HEADERS else headers


class Finder(Protocol):
    """Looks for a kept answer at a path of a cenv, and counts the request where it gives one; raises WceError where it cannot."""

    def find(self, environ: WSGIEnvironment, cenv: str, path: str) -> Answer | None: ...


class Quick:
    """WSGI middleware, inside of the one that puts the headers on."""

    def __init__(self, application: WSGIApplication, app: Services, pages: Finder, endpoints: Finder) -> None:
        self._application = application
        self._app = app
        content_host = without_port(app.settings.content_host)  # where there is one, pages are nowhere else
        self._hosts = frozenset(name.lower() for name in ((content_host,) if content_host else app.settings.hosts))
        self._alone = threading.Lock()
        self._entries: Entries = {}  # used under that lock
        self._slow: Cache[str, float] = Cache(_MOST_SLOW)  # when that was
        self._finders = {"pages": pages, "api": endpoints}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = None if LOOKED_KEY in environ else self._answer(environ, start_response, lambda _: True)
        return self._application(environ, start_response) if found is None else found

    def in_place(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes] | None:
        """The same for threads of a server that read from its connections and must not wait; None where they might have to.

        One at a time, over the same connections: two would only take the interpreter from each other.
        """
        if not self._alone.acquire(blocking=False):
            return None
        try:
            with self._app.store.connections.sharing(self._entries):
                return self._answer(environ, start_response, self._is_at_hand)
        finally:
            self._alone.release()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse, may: Callable[[str], bool]) -> list[bytes] | None:
        started = time.perf_counter()
        found = _ADDRESS.fullmatch(environ["PATH_INFO"])
        if found is None or not self._is_plain(environ) or not may(found[1]):
            return None
        cenv, kind, path = found.groups()
        try:
            answer = self._finders[kind].find(environ, cenv, path)
        except (WceError, sqlite3.Error):
            answer = None  # told, and counted, by whoever looks closer
        seconds = time.perf_counter() - started
        if seconds > _SLOW_SECONDS:
            self._slow.put(cenv, started)
        if answer is None:
            environ[LOOKED_KEY] = True
            return None
        start_response(answer.status, answer.headers)  # type: ignore[arg-type]  # see `lasting`
        method = environ["REQUEST_METHOD"]
        line = {
            "request_id": environ.get(ID_KEY),
            "cenv": cenv,
            "user": None,
            "method": method,
            "route": answer.route,
            "status": int(answer.status[:3]),
            "duration_ms": round(seconds * 1000, 3),
            "ip": environ.get("REMOTE_ADDR") or "",
        }
        observe.note(self._app, line, seconds, there=True)
        return [] if method == "HEAD" else [answer.body]

    def _is_at_hand(self, cenv: str) -> bool:
        """Whether nothing has to be waited for: the file is open, was not slow lately, as on a busy disk, and counting asks nobody."""
        slow = self._slow.get(cenv)
        rested = slow is None or time.perf_counter() - slow > _REST_SECONDS
        return rested and self._app.store.connections.holds(cenv) and not self._app.counters.waits

    def _is_plain(self, environ: WSGIEnvironment) -> bool:
        """Whether nothing about the request asks for a closer look."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or not _TELLING.isdisjoint(environ):
            return False
        if (environ.get("CONTENT_LENGTH") or "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
            return False
        if PREFIX in environ.get("HTTP_COOKIE", "") or environ.get("SCRIPT_NAME"):
            return False
        host = environ.get("HTTP_HOST", "")
        return _HOST.fullmatch(host) is not None and (not self._hosts or host.partition(":")[0].lower() in self._hosts)
