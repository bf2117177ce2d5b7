"""Row policies: conditions that every row must meet which a principal's SQL reads, writes or deletes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from wce.core import audit
from wce.core.permissions import shown_id
from wce.core.roles import require_administrator
from wce.core.tables import Executes, find_object
from wce.errors import WceError, invalid
from wce.guard.catalogue import Catalogue
from wce.guard.guard import Guard
from wce.model import Actor, AuditEntry
from wce.store.session import Session
from wce.store.transaction import Transaction

TYPES: Final = ("read", "write", "delete")
_MAX_CONDITION: Final = 10_000
# Characters of conditions. All that hold for a user are compiled when a connection opens for him (0.3 s for 100,000), those of a table
# stand in one statement, several times, and all of a cenv are tried at each change of the schema (1.5 s for 500,000).
_MOST: Final = 10_000
_LONGEST: Final = 500_000
_LONGEST_FOR_USER: Final = 100_000
_MOST_ON_TABLE: Final = 100
_LONGEST_ON_TABLE: Final = 30_000
_COLUMNS: Final = "id, table_name, user_id, policy_type, sql_condition, created_at, created_by"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy as administrators see it; `user_id` None holds for everybody."""

    id: int
    table_name: str
    user_id: int | None
    policy_type: str
    sql_condition: str
    created_at: int
    created_by: int | None


@dataclass(frozen=True, slots=True)
class _Size:
    """How many policies somebody has, the length of their conditions, and the same on the one table."""

    count: int = 0
    length: int = 0
    here: int = 0
    length_here: int = 0


def list_policies(session: Session) -> list[Policy]:
    """All policies by table."""
    return [Policy(*row) for row in session.all(f"SELECT {_COLUMNS} FROM _wce_row_policies ORDER BY table_name, id")]


def find_policy(session: Session | Transaction, policy_id: int) -> Policy:
    """One policy; raises `not_found`."""
    row = session.execute(f"SELECT {_COLUMNS} FROM _wce_row_policies WHERE id = ?", (policy_id,)).fetchone()
    if row is None:
        raise WceError("not_found", "No such policy.")
    return Policy(*row)


def create_policy(
    session: Session, guard: Guard, actor: Actor, *, table_name: str, user_id: int | None, policy_type: str, sql_condition: str
) -> Policy:
    """Add a condition; raises `bad_policy` with what is wrong with it."""
    if policy_type not in TYPES:
        raise invalid("policy_type", "must be one of " + ", ".join(TYPES))
    if len(sql_condition) > _MAX_CONDITION:
        raise invalid("sql_condition", f"must have at most {_MAX_CONDITION} characters")
    if not actor.role.administers:
        raise WceError("forbidden", "Only administrators may do this.")
    catalogue = guard.catalogue(session.cenv)
    name = _require_table(session, catalogue, table_name)
    guard.validate_policy(session.cenv, name, sql_condition)
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        name = _require_table(transaction, catalogue, table_name)
        if user_id is not None and transaction.execute("SELECT 1 FROM _wce_users WHERE user_id = ?", (user_id,)).fetchone() is None:
            raise WceError("not_found", "No such user.")
        _require_room(transaction, name, user_id, len(sql_condition))
        cursor = transaction.execute(
            "INSERT INTO _wce_row_policies (table_name, user_id, policy_type, sql_condition, created_at, created_by)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (name, user_id, policy_type, sql_condition, transaction.at, actor.user_id),
        )
        policy = Policy(int(cursor.lastrowid or 0), name, user_id, policy_type, sql_condition, transaction.at, actor.user_id)
        transaction.touch("_wce_row_policies", 1)
        audit.record(transaction, AuditEntry("policy.create", "table", name, _shown(policy)))
        return policy


def delete_policy(session: Session, actor: Actor, policy_id: int) -> None:
    """Remove a condition."""
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        policy = find_policy(transaction, policy_id)
        transaction.execute("DELETE FROM _wce_row_policies WHERE id = ?", (policy_id,))
        transaction.touch("_wce_row_policies", 1)
        audit.record(transaction, AuditEntry("policy.delete", "table", policy.table_name, _shown(policy)))


def _require_table(executes: Executes, catalogue: Catalogue, table_name: str) -> str:
    found = find_object(executes, catalogue, table_name)
    if found is None:
        raise WceError("no_such_table", f"no such table: {table_name}")
    if found[1] != "table":
        raise WceError("bad_policy", "A policy applies to the rows of a table; views and virtual tables have none of their own.")
    return found[0]


def _require_room(transaction: Transaction, table: str, user_id: int | None, length: int) -> None:
    """Raise `validation` where one more is too much for the cenv, or for a user whom it binds: what is for everybody counts for each."""
    sizes: dict[int | None, _Size] = {
        row[0]: _Size(*row[1:])
        for row in transaction.execute(
            "SELECT user_id, count(*), sum(length(sql_condition)), sum(table_name = ?1), sum((table_name = ?1) * length(sql_condition))"
            " FROM _wce_row_policies GROUP BY user_id",
            (table,),
        )
    }
    everybody = sizes.get(None, _Size())
    bound = [size for holder, size in sizes.items() if holder is not None and user_id in (None, holder)] or [_Size()]
    for size, most, rule in (
        (1 + sum(size.count for size in sizes.values()), _MOST, "the cenv has {:,} policies, and may have no more"),
        (length + sum(size.length for size in sizes.values()), _LONGEST, "all policies of the cenv may have {:,} characters"),
        (
            length + everybody.length + max(size.length for size in bound),
            _LONGEST_FOR_USER,
            "those that bind one user may have {:,} characters",
        ),
        (1 + everybody.here + max(size.here for size in bound), _MOST_ON_TABLE, "{:,} policies on one table may bind one user"),
        (
            length + everybody.length_here + max(size.length_here for size in bound),
            _LONGEST_ON_TABLE,
            "those on one table that bind one user may have {:,} characters",
        ),
    ):
        if size > most:
            raise invalid("sql_condition", f"{rule.format(most)}: remove some, or write one instead of several")


def _shown(policy: Policy) -> dict[str, Any]:
    """What the log keeps: the condition is the rule itself, without it the entry would say nothing."""
    return {
        "policy_id": policy.id,
        "policy_type": policy.policy_type,
        "user_id": None if policy.user_id is None else shown_id(policy.user_id),
        "sql_condition": policy.sql_condition,
    }
