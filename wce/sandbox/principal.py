"""Whose rights a script runs with: nobody lends his own to a stranger's script, and no script is given more than its author has.

A script runs with what its author and its caller both may do. One that its author marked `definer` runs with the author's rights,
while he administers the cenv.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from wce.cache import Cache
from wce.core.authoring import CALLER, DEFINER
from wce.core.permissions import GrantsCache, weight
from wce.errors import WceError
from wce.guard.policies import literal
from wce.guard.tokens import tokenize
from wce.model import Grants, Rights, Role, RowPolicy, Scope, Value
from wce.store.store import Store

_ATTEMPTS: Final = 3
_BYTES: Final = 16 * 1024 * 1024  # over all cenvs of this process
_NOTHING: Final = Rights()
_READING: Final = Scope(read_only=True)


@dataclass(frozen=True, slots=True)
class Parties:
    """Who wrote a script and who calls it. `author` is None where his account is gone, `scope` is that of the caller's API key."""

    author: int | None
    caller: int
    run_as: str
    scope: Scope | None = None


class Principals:
    """The grants of scripts, right while the counter of their cenv stands still."""

    def __init__(self, store: Store, grants: GrantsCache) -> None:
        self._store = store
        self._grants = grants
        self._cached: Cache[tuple[str, int, Parties], Grants] = Cache(_BYTES, cost=weight)

    def grants(self, cenv: str, parties: Parties, version: int) -> tuple[Grants, int]:
        """What a call may touch, and the counter that it belongs to; `version` is State.grants, negative for that of the file.

        Raises `forbidden` where the author may do nothing any more, and `bad_token` where the caller's account is gone.
        """
        found = self._cached.get((cenv, version, parties))
        if found is not None:
            return found, version
        if parties.author is None:
            raise WceError("forbidden", "The author of this script no longer has an account.")
        author, caller, version = self._both(cenv, parties.author, parties.caller, version, parties.scope)
        definer = parties.run_as == DEFINER and author.role.administers
        if definer and parties.scope is not None and parties.scope.read_only:
            author, version = self._of(cenv, parties.author, version, _READING)
        made = author if definer else intersect(author, caller)
        if parties.scope is not None:
            return made, version  # what a key of an administrator opens moves with the schema, and not with the counter
        return self._cached.put((cenv, version, parties), made), version

    def administers(self, cenv: str, author: int | None, version: int) -> bool:
        """Whether the author of a template does, so that what he wrote is bound by nothing but the parties of whoever uses it."""
        if author is None:
            return False
        try:
            return self.grants(cenv, Parties(author, author, CALLER), version)[0].role.administers
        except WceError:
            return False

    def _both(self, cenv: str, author: int, caller: int, version: int, scope: Scope | None) -> tuple[Grants, Grants, int]:
        """The grants of both at one moment: rights of one and policies of another could open what was never open."""
        for _ in range(_ATTEMPTS):
            theirs, first = self._of(cenv, caller, version, scope)
            try:
                ours, version = (theirs, first) if author == caller and scope is None else self._of(cenv, author, first, None)
            except WceError as error:
                if error.code != "bad_token":
                    raise
                raise WceError("forbidden", "The author of this script is disabled or no longer has an account.") from error
            if version == first:
                return ours, theirs, version
        raise WceError("busy", "Permissions are being changed.", retry_after=1)

    def _of(self, cenv: str, user_id: int, version: int, scope: Scope | None) -> tuple[Grants, int]:
        known = self._grants.known(cenv, user_id, version, scope)
        if known is not None:
            return known, version
        with self._store.session(cenv) as session:
            return self._grants.get(session, user_id, version, scope)


def intersect(author: Grants, caller: Grants) -> Grants:
    """What both may do. Policies do not bind who administers, so there are none of his."""
    if author.role.administers or author is caller:
        return caller
    if caller.role.administers:
        return author
    rights = {name: _of_both(held, caller.rights.get(name, _NOTHING)) for name, held in author.rights.items()}
    # The text of each holds its own `$user_id`, so the author's is written out and the caller's stays a variable.
    policies = (*caller.policies, *(bound(policy, author.variables) for policy in author.policies))
    role = min(author.role, caller.role, key=lambda role: role.rank)
    return _seal(role, {name: held for name, held in rights.items() if any(astuple(held))}, tuple(dict.fromkeys(policies)), caller)


def bound(policy: RowPolicy, variables: Mapping[str, Value]) -> RowPolicy:
    """The policy with values in place of its variables; one that cannot be read stays, and closes its table when it is compiled."""
    try:
        tokens = tokenize(policy.sql_condition)
    except WceError:
        return policy
    if not any(token.kind == "var" for token in tokens):
        return policy
    # Apart from each other, or two texts side by side would become one.
    return replace(policy, sql_condition=" ".join(_text(token.kind, token.text, variables) for token in tokens))


def _text(kind: str, text: str, variables: Mapping[str, Value]) -> str:
    if kind != "var" or text[0] != "$" or text[1:] not in variables:
        return text
    return literal(variables[text[1:]])


def _of_both(one: Rights, other: Rights) -> Rights:
    return Rights(*(left and right for left, right in zip(astuple(one), astuple(other), strict=True)))


def _seal(role: Role, rights: dict[str, Rights], policies: tuple[RowPolicy, ...], caller: Grants) -> Grants:
    """The grants with a fingerprint that no user's own can have."""
    told: list[Any] = ["script", role, sorted((name, astuple(held)) for name, held in rights.items())]
    told += [[astuple(policy) for policy in policies], dict(caller.variables), sorted(caller.definer_triggers)]
    fingerprint = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return Grants(role, MappingProxyType(rights), policies, caller.variables, caller.definer_triggers, fingerprint)
