"""Endpoints: scripts that answer requests, and where to find the one that answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any, Final

from wce.cache import Cache
from wce.core import paths
from wce.core.authoring import ACCESS, CALLER, RUN_AS, Check, Shelf, check_script, check_words, given_only
from wce.core.paths import Routes
from wce.core.roles import require_administrator
from wce.errors import FieldError, WceError, invalid
from wce.model import Actor
from wce.store.session import Session
from wce.store.transaction import Transaction

METHODS: Final = (*paths.METHODS, paths.ANY)
_MAX_ENDPOINTS: Final = 1_000
_CHOICES: Final = {"method": METHODS, "access": ACCESS, "run_as": RUN_AS}
_ROUTES_BYTES: Final = 64 * 1024 * 1024  # of scripts that one process keeps, over all cenvs
_ENTRY_BYTES: Final = 2_000  # of what an endpoint takes beside its script


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One script under one path and method.

    `modified_by` is its author: without one it runs with nobody's rights. `access` is the least that a caller must be.
    """

    id: int
    path: str
    method: str
    script: str
    description: str
    access: str
    run_as: str
    enabled: bool
    created_at: int
    modified_at: int
    created_by: int | None
    modified_by: int | None


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint as its author has it in mind."""

    path: str
    method: str
    script: str
    description: str = ""
    access: str = "user"
    run_as: str = CALLER
    enabled: bool = True
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointChanges:
    """What to change; None leaves as it is."""

    path: str | None = None
    method: str | None = None
    script: str | None = None
    description: str | None = None
    access: str | None = None
    run_as: str | None = None
    enabled: bool | None = None
    instead_of: str | None = None


SHELF: Final = Shelf("endpoint", "_wce_endpoints", Endpoint, "path, method", _MAX_ENDPOINTS)


def list_endpoints(session: Session) -> list[Endpoint]:
    """All by path."""
    return SHELF.list(session)


def find_endpoint(session: Session, endpoint_id: int) -> Endpoint:
    """One endpoint; raises `not_found`."""
    return SHELF.find(session, endpoint_id)


def save_endpoint(session: Session, check: Check, actor: Actor, new: NewEndpoint) -> tuple[Endpoint, bool]:
    """Make an endpoint, or put it in the place of the one of the same path and method; the second value tells whether it is new."""
    given = asdict(new)
    _require_good(given)
    check_script(actor, new.script, check)
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        held = SHELF.find_by(transaction, path=new.path, method=new.method)
        if held is not None:
            return SHELF.change(transaction, held, given), False
        _require_alone(transaction, new.path, new.method)
        return SHELF.add(transaction, given), True


def update_endpoint(session: Session, check: Check, actor: Actor, endpoint_id: int, changes: EndpointChanges) -> Endpoint:
    """Change some of it."""
    given = given_only(changes)
    _require_good(given)
    if changes.script is not None:
        check_script(actor, changes.script, check)
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        held = SHELF.find(transaction, endpoint_id)
        if changes.path is not None or changes.method is not None:
            _require_alone(transaction, changes.path or held.path, changes.method or held.method, endpoint_id)
        return SHELF.change(transaction, held, given)


def delete_endpoint(session: Session, actor: Actor, endpoint_id: int) -> None:
    """Remove an endpoint."""
    SHELF.delete(session, actor, endpoint_id)


class RoutesCache:
    """The enabled endpoints by cenv, right while the counter of their cenv stands still; bounded by the size of their scripts."""

    def __init__(self, size_bytes: int = _ROUTES_BYTES) -> None:
        self._cached: Cache[str, tuple[int, Routes[Endpoint], int]] = Cache(size_bytes, cost=itemgetter(2))  # version, routes, bytes

    def known(self, cenv: str, version: int) -> Routes[Endpoint] | None:
        """What is cached, without a look at the file; `version` is State.endpoints."""
        entry = self._cached.get(cenv)
        return None if entry is None or entry[0] != version else entry[1]

    def get(self, session: Session, version: int) -> Routes[Endpoint]:
        """The routes as of `version`, as read with the request, or of a later moment."""
        found = self.known(session.cenv, version)
        if found is not None:
            return found
        newer, endpoints = SHELF.at_once(session, "endpoints", "i.enabled")
        size = sum(4 * len(item.script) + _ENTRY_BYTES for item in endpoints)
        return self._cached.put(session.cenv, (newer, Routes(endpoints), size))[1]

    def __len__(self) -> int:
        return len(self._cached)


def _require_good(given: Mapping[str, Any]) -> None:
    check_words(given, _CHOICES)
    if "path" in given:
        paths.parse(given["path"])


def _require_alone(transaction: Transaction, path: str, method: str, own_id: int = 0) -> None:
    """Raise unless it is clear which of two endpoints answers, whether they are enabled or not."""
    rows = transaction.execute("SELECT path FROM _wce_endpoints WHERE method = ? AND id <> ?", (method, own_id)).fetchall()
    other = paths.ambiguous(paths.parse(path), (row[0] for row in rows))
    if other == path:
        detail = f"There is already an endpoint {method} {path}."
        raise WceError("name_taken", detail, errors=(FieldError("path", "is taken under this method"),))
    if other is not None:
        raise invalid("path", f"matches the same requests as {method} {other}")
