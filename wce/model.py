"""The values that cross layers, all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

# What SQLite stores and what a client may bind.
Value = None | int | float | str | bytes
Params = tuple[Value, ...] | dict[str, Value]

PUBLIC_ID: Final = 0  # the row of `_wce_users` that stands for everyone who is not signed in


class Role(StrEnum):
    """What a user may do at most, lowest first; grants never lift anyone above the role."""

    PUBLIC = "public"
    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def administers(self) -> bool:
        """Whether the role bypasses table permissions and row policies."""
        return self in (Role.ADMIN, Role.OWNER)


_RANKS: Final = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Scope:
    """What an API key leaves of its user's rights; it only ever narrows.

    `tables` and `endpoints` (paths as saved) are None for all; where one of the two is given, the other one is closed unless it is
    given, too. Without `administration` a key of an administrator is one of an editor who may use every table.
    """

    read_only: bool = False
    administration: bool = False
    tables: tuple[str, ...] | None = None
    endpoints: tuple[str, ...] | None = None

    def lower(self, role: Role) -> Role:
        """The role that the key's user acts in."""
        if role.administers:
            return role if self.administration else Role.VIEWER if self.read_only else Role.EDITOR
        return Role.VIEWER if self.read_only and role is Role.EDITOR else role


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where; `user_id` is `PUBLIC_ID` for someone who is not signed in.

    `key_id` and `scope` are those of an API key, and then `role` is what the scope leaves of the user's.
    """

    user_id: int
    username: str
    role: Role
    session_id: str | None = None
    ip_address: str = ""
    user_agent: str = ""
    key_id: int | None = None
    scope: Scope | None = None
    page: str | None = None  # whose token brought him; it opens endpoints only


HOUSEKEEPER: Final = Actor(PUBLIC_ID, "", Role.PUBLIC)  # on whose behalf the server keeps queues, logs and pages


# By so many, as no request lasts, the counters go on where all that a cenv holds is replaced: then its ids are other people's.
JUMP: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class State:
    """The version counters of a cenv, read with every request; a cache is right while its counter is unchanged."""

    grants: int
    settings: int
    endpoints: int
    templates: int
    commits: int = 0  # write transactions so far; what a request read is at least as new as this one


@dataclass(frozen=True, slots=True)
class Rights:
    """What one principal may do with one table or view."""

    can_read: bool = False
    can_write: bool = False
    can_delete: bool = False
    can_grant: bool = False

    def __bool__(self) -> bool:
        return self.can_read or self.can_write or self.can_delete


@dataclass(frozen=True, slots=True)
class RowPolicy:
    """One condition on the rows of a table; `user_id` None holds for everybody."""

    id: int
    table_name: str
    user_id: int | None
    policy_type: str  # read, write or delete
    sql_condition: str


@dataclass(frozen=True, slots=True)
class Grants:
    """Everything that decides what a principal's SQL may touch.

    `rights` is keyed by ASCII-folded table name, already cut down to the role's ceiling. `variables` are the `$name`s of policies.
    `fingerprint` is equal for equal grants, so a guarded connection outlives changes that do not concern it.
    """

    role: Role
    rights: Mapping[str, Rights]
    policies: tuple[RowPolicy, ...]
    variables: Mapping[str, Value]
    definer_triggers: frozenset[str] = frozenset()
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one statement. A result with more rows is cut and marked; one with more bytes is refused."""

    timeout_seconds: float = 30.0
    max_rows: int = 10_000
    max_bytes: int = 16 * 1024 * 1024
    max_database_bytes: int = 100 * 1024 * 1024


class Result(NamedTuple):
    """What one statement answered. `changes` counts rows written by the statement itself, not by triggers; `size` is that of its rows.

    The bound on bytes counts that: 8 for each value, and the length of a text or blob.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]
    changes: int
    last_row_id: int | None
    truncated: bool
    duration_ms: float
    size: int = 0


class Commit(NamedTuple):
    """One write transaction that has been committed.

    `tables` maps each table that may have changed to the rows written by statements that name it; a table
    reached only through a trigger or a cascade stands there with 0. `at` is in Unix seconds.
    """

    cenv: str
    actor: Actor
    tables: Mapping[str, int]
    at: float
    number: int = 0


class AuditEntry(NamedTuple):
    """One act, before it has an id, a time and a hash."""

    action: str
    resource_type: str = ""
    resource_id: str = ""
    details: Mapping[str, Any] = MappingProxyType({})
