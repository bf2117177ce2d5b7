"""Which of WCE's own tables come along with a cenv, column by column. What is not named here stays behind: sessions above all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wce.core.assets import MAX_BYTES as MAX_ASSET
from wce.core.assets import MAX_FILES as MAX_ASSETS
from wce.core.authoring import ACCESS, MAX_DESCRIPTION, MAX_SCRIPT, RUN_AS
from wce.core.console import MAX_NAME, MAX_SQL
from wce.core.importing.fields import (
    FLAG,
    ID,
    NAME,
    PRINCIPAL,
    TIME,
    Field,
    blob,
    choice,
    digest,
    integer,
    json_object,
    matching,
    maybe,
    real,
    text,
)
from wce.core.policies import TYPES
from wce.core.scripts import METHODS
from wce.core.templates import SYNTAXES
from wce.guard.plan import MAX_SQL as MAX_STATEMENT
from wce.model import Role

_OBJECT: Final = text(MAX_STATEMENT)  # SQLite takes any name that a statement has room for, and one without a letter
_SCRIPT: Final = text(MAX_SCRIPT)
_DESCRIPTION: Final = text(MAX_DESCRIPTION)
_ORIGIN: Final = {"created_at": TIME, "modified_at": TIME, "created_by": maybe(ID), "modified_by": maybe(ID)}
_ACCESS: Final = choice(*ACCESS)
_RUN_AS: Final = choice(*RUN_AS)
_SECRET: Final = maybe(matching(r"[A-Z2-7=]{16,200}", "must be a secret in base32"))
_ADDRESS: Final = text(300)


@dataclass(frozen=True, slots=True)
class Part:
    """One table. `users` are columns that name a user and become NULL where he is not there; in `bound` his absence drops the row."""

    table: str
    columns: Mapping[str, Field]
    order: str = "id"
    most: int = 100_000
    users: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()


USERS: Final = Part(
    "_wce_users",
    {
        "user_id": PRINCIPAL,
        "username": matching(r"[A-Za-z0-9_]{3,32}", "must have 3 to 32 letters from A to Z, digits or underscores"),
        "password_hash": maybe(text(200)),
        "role": choice(*(role.value for role in Role)),
        "email": maybe(text(254)),
        "created_at": TIME,
        "invited_by": maybe(PRINCIPAL),
        "last_login": maybe(TIME),
        "enabled": FLAG,
    },
    order="user_id",
)
CONFIG: Final = Part(
    "_wce_config", {"key": NAME, "value": text(100_000), "updated_at": TIME, "updated_by": maybe(ID)}, order="key", users=("updated_by",)
)
PERMISSIONS: Final = Part(
    "_wce_table_permissions",
    {
        "id": ID,
        "table_name": _OBJECT,
        "user_id": PRINCIPAL,
        "can_read": FLAG,
        "can_write": FLAG,
        "can_delete": FLAG,
        "can_grant": FLAG,
        "granted_at": TIME,
        "granted_by": maybe(ID),
    },
    users=("granted_by",),
    bound=("user_id",),
)
POLICIES: Final = Part(
    "_wce_row_policies",
    {
        "id": ID,
        "table_name": _OBJECT,
        "user_id": maybe(PRINCIPAL),
        "policy_type": choice(*TYPES),
        "sql_condition": text(10_000, least=1),
        "created_at": TIME,
        "created_by": maybe(ID),
    },
    users=("created_by",),
    bound=("user_id",),
)
ENDPOINTS: Final = Part(
    "_wce_endpoints",
    {
        "id": ID,
        "path": NAME,
        "method": choice(*METHODS),
        "script": _SCRIPT,
        "description": _DESCRIPTION,
        "access": _ACCESS,
        "run_as": _RUN_AS,
        "enabled": FLAG,
    }
    | _ORIGIN,
    most=1_000,
    users=("created_by", "modified_by"),
)
TEMPLATES: Final = Part(
    "_wce_templates",
    {
        "id": ID,
        "name": text(200, least=1),
        "title": text(1_000),
        "description": _DESCRIPTION,
        "syntax": choice(*SYNTAXES),
        "content": text(1_000_000),
        "published": FLAG,
        "access": _ACCESS,
        "run_as": _RUN_AS,
    }
    | _ORIGIN,
    most=1_000,
    users=("created_by", "modified_by"),
)
ASSETS: Final = Part(
    "_wce_assets",
    {
        "id": ID,
        "path": NAME,
        "created_at": TIME,
        "modified_at": TIME,
        "modified_by": maybe(ID),
        "content": blob(MAX_ASSET),
    },
    most=MAX_ASSETS,
    users=("modified_by",),
)
HOOKS: Final = Part(
    "_wce_hooks",
    {"id": ID, "name": NAME, "table_name": _OBJECT, "script": _SCRIPT, "description": _DESCRIPTION, "run_as": _RUN_AS, "enabled": FLAG}
    | _ORIGIN,
    most=100,
    users=("created_by", "modified_by"),
)
SCHEDULES: Final = Part(
    "_wce_schedules",
    {
        "id": ID,
        "name": NAME,
        "cron": text(100),
        "timezone": text(100),
        "script": _SCRIPT,
        "description": _DESCRIPTION,
        "enabled": FLAG,
        "next_at": maybe(TIME),
    }
    | _ORIGIN,
    most=100,
    users=("created_by", "modified_by"),
)
VERSIONS: Final = Part(
    "_wce_versions",
    {
        "id": ID,
        "kind": choice("endpoint", "template", "hook", "schedule"),
        "item_id": ID,
        "content": text(1_000_000),
        "created_at": TIME,
        "created_by": maybe(ID),
    },
    users=("created_by",),
)
TRIGGERS: Final = Part(
    "_wce_triggers", {"name": _OBJECT, "definer": FLAG, "created_by": maybe(ID), "created_at": TIME}, order="name", users=("created_by",)
)
HISTORY: Final = Part(
    "_wce_query_history",
    {
        "id": ID,
        "user_id": ID,
        "sql": text(MAX_SQL),
        "created_at": TIME,
        "duration_ms": maybe(real),
        "row_count": maybe(integer(0, 2**53)),
        "error": maybe(text(10_000)),
    },
    bound=("user_id",),
)
SAVED: Final = Part(
    "_wce_saved_queries",
    {"id": ID, "user_id": ID, "name": text(MAX_NAME, least=1), "sql": text(MAX_SQL, least=1), "modified_at": TIME},
    bound=("user_id",),
)
FACTORS: Final = Part(
    "_wce_second_factors",
    {
        "user_id": ID,
        "totp_secret": _SECRET,
        "pending_secret": _SECRET,
        "confirmed_at": maybe(TIME),
        "last_step": TIME,
        "failures": integer(0, 10**6),
        "retry_at": TIME,
    },
    order="user_id",
    bound=("user_id",),
)
CODES: Final = Part("_wce_recovery_codes", {"user_id": ID, "code_hash": text(200, least=1)}, order="user_id", bound=("user_id",))
AUDIT: Final = Part(
    "_wce_audit_log",
    {
        "id": ID,
        "timestamp": TIME,
        "user_id": PRINCIPAL,
        "username": text(100),
        "action": text(100),
        "resource_type": text(100),
        "resource_id": _OBJECT,
        "details": json_object,
        "ip_address": _ADDRESS,
        "user_agent": _ADDRESS,
        "hash": digest,
    },
    most=10_000_000,
)
TOMBSTONES: Final = Part(
    "_wce_audit_tombstones", {"last_id": ID, "hash": digest, "removed": integer(0, 2**53), "at": TIME}, order="last_id"
)
# What only has a meaning where it was written, is made anew, or would let somebody in.
LEFT: Final = frozenset(
    {
        "_wce_sessions",
        "_wce_revoked_tokens",
        "_wce_idempotency",
        "_wce_jobs",
        "_wce_api_keys",
        "_wce_script_runs",
        "_wce_page_cache",
        "_wce_page_dependencies",
        "_wce_page_templates",
        "_wce_page_tables",
        "_wce_state",
        "_wce_traffic",
    }
)
KNOWN: Final = (
    USERS,
    CONFIG,
    PERMISSIONS,
    POLICIES,
    ENDPOINTS,
    TEMPLATES,
    ASSETS,
    HOOKS,
    SCHEDULES,
    VERSIONS,
    TRIGGERS,
    HISTORY,
    SAVED,
    FACTORS,
    CODES,
    AUDIT,
    TOMBSTONES,
)
