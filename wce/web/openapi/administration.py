"""The operations of a cenv's administrators but those about scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wce.core.audit import Verification
from wce.core.backups import Backup
from wce.core.deletion import Deleted
from wce.core.users import User
from wce.web import bodies, file_bodies
from wce.web.openapi import answers, page_answers
from wce.web.openapi.basics import CSV, NDJSON
from wce.web.openapi.operation import HTML, Operation, Parameter, form, listing

_INTEGER: Final = {"type": "integer", "format": "int64"}
_FORMAT: Final = {"type": "string", "enum": ["csv", "json", "ndjson"]}
_FLAG: Final = {"type": "string", "enum": ["true", "false"]}
_FORM: Final = ("unsupported_media_type", "too_large")
_CHANGE: Final = ("not_found", "last_owner")

USERS: Final[Mapping[str, Operation]] = {
    "admin_users.list_users": Operation({200: listing("users", User)}, summary="All accounts of the cenv."),
    "admin_users.create_user": Operation(
        {201: User},
        bodies.NewUser,
        {"username": "grace", "password": "battery staple", "role": "editor"},
        errors=("name_taken", "max_users", "busy"),
        summary="Make an account for somebody else.",
        more="The role must be below your own.",
    ),
    "admin_users.find_user": Operation({200: User}, errors=("not_found",)),
    "admin_users.update_user": Operation(
        {200: User},
        bodies.UserChanges,
        {"role": "viewer"},
        errors=(*_CHANGE, "busy"),
        more="A lower role, disabling and a new password end the user's sessions.",
    ),
    "admin_users.delete_user": Operation(
        {204: None}, errors=_CHANGE, more="Its permissions and policies go with it. Its id is never used again."
    ),
    "admin_users.hand_over": Operation(
        {200: User}, bodies.Confirmation, {"password": "correct horse"}, errors=(*_CHANGE, "bad_credentials", "busy")
    ),
}

ACCESS: Final[Mapping[str, Operation]] = {
    "admin_access.list_permissions": Operation(
        {200: listing("permissions", answers.Permission)}, more="Users who are not admins see those of the tables that they may pass on."
    ),
    "admin_access.grant": Operation(
        {201: answers.Permission, 200: answers.Permission},
        bodies.NewPermission,
        {"user_id": 2, "table_name": "notes", "can_read": True, "can_write": True},
        errors=("forbidden", "not_found", "no_such_table", "table_forbidden"),
    ),
    "admin_access.find_permission": Operation({200: answers.Permission}, errors=("not_found",), summary="One permission."),
    "admin_access.revoke": Operation({204: None}, errors=("forbidden", "not_found", "table_forbidden")),
    "admin_access.list_policies": Operation({200: listing("policies", answers.Policy)}, summary="All row policies."),
    "admin_access.create_policy": Operation(
        {201: answers.Policy},
        bodies.NewPolicy,
        {"table_name": "notes", "policy_type": "read", "sql_condition": "owner = $username"},
        errors=("bad_policy", "no_such_table", "not_found"),
        summary="Add a row policy.",
    ),
    "admin_access.find_policy": Operation({200: answers.Policy}, errors=("not_found",), summary="One row policy."),
    "admin_access.delete_policy": Operation({204: None}, errors=("not_found",), summary="Remove a row policy."),
}

CONFIG: Final[Mapping[str, Operation]] = {
    "admin_config.show": Operation({200: answers.Settings}),
    "admin_config.update": Operation({200: answers.Settings}, dict[str, object], {"max_users": 20, "allow_registration": False}),
}

FILES: Final[Mapping[str, Operation]] = {
    "admin_files.send": Operation(
        {200: "application/vnd.sqlite3"}, errors=("busy", "disk_full", "storage_read_only"), summary="Download the cenv as a file."
    ),
    "admin_files.replace": Operation(
        {200: answers.Imported},
        sent=form("confirm"),
        errors=(*_FORM, "validation", "bad_file", "query_timeout"),
        summary="Replace everything in the cenv with a file.",
        more="A form with `file` and `confirm`, the cenv's id. Its previous state is kept as a backup.",
    ),
    "admin_tables.load": Operation(
        {200: page_answers.TableImport | page_answers.TablePreview},
        sent=form("table", "mode", format=_FORMAT, preview=_FLAG, columns={"type": "string"}),
        errors=(
            *_FORM,
            "validation",
            "malformed",
            "name_taken",
            "no_such_table",
            "table_forbidden",
            "constraint",
            "query_timeout",
            "quota_exceeded",
            "busy",
        ),
        summary="Make a table from a CSV, JSON or NDJSON file, or add its rows to one.",
        more="A form with `file`, `table`, `mode` (create or append), and optionally `format`, `preview` and `columns`.",
    ),
    "admin_backups.list_backups": Operation({200: listing("backups", Backup)}, summary="All backups, newest first."),
    "admin_backups.create": Operation({201: Backup}, summary="Make a backup."),
    "admin_backups.download": Operation(
        {200: "application/vnd.sqlite3"}, errors=("not_found", "bad_file", "disk_full", "storage_read_only"), summary="A backup as a file."
    ),
    "admin_backups.restore": Operation(
        {200: Backup},
        bodies.Confirmation,
        {"password": "correct horse"},
        errors=("not_found", "bad_credentials", "bad_file"),
        summary="Restore the cenv from a backup.",
    ),
    "admin_backups.delete": Operation({204: None}, errors=("not_found",), summary="Remove a backup."),
    "deletion.delete": Operation(
        {200: Deleted},
        file_bodies.Deletion,
        {"password": "correct horse", "confirm": "00000000-0000-4000-8000-000000000000"},
        errors=("bad_credentials",),
        summary="Delete the cenv.",
    ),
    "deletion.how_to_undelete": Operation({200: HTML}),
    "deletion.undelete": Operation(
        {200: answers.Returned},
        file_bodies.Return,
        {"cenv_id": "00000000-0000-4000-8000-000000000000", "username": "ada", "password": "correct horse"},
        errors=("bad_credentials", "forbidden", "no_such_cenv", "cenv_damaged", "busy", "rate_limited", "disk_full", "storage_read_only"),
        summary="Bring a deleted cenv back.",
    ),
}

AUDIT: Final[Mapping[str, Operation]] = {
    "admin_audit.find": Operation(
        {200: answers.AuditEntries},
        also=(CSV, NDJSON),
        parameters=(
            Parameter("user", "The name or the id of who acted."),
            Parameter("action", "Exact, or a beginning with a star: `login.*`."),
            Parameter("resource", "A type, an id, or `type/id`."),
            Parameter("from", "Unix seconds, inclusive.", _INTEGER),
            Parameter("to", "Unix seconds, exclusive.", _INTEGER),
            Parameter("limit", "How many entries.", {"type": "integer", "minimum": 1, "maximum": 1000}),
            Parameter("cursor", "next_cursor of the previous page."),
            Parameter("format", "Instead of Accept.", {"type": "string", "enum": ["json", "csv", "ndjson"]}),
        ),
        headers={"X-Next-Cursor": "As next_cursor, for formats that have no place for it."},
        errors=("validation",),
        summary="Entries of the audit log, newest first.",
    ),
    "admin_audit.verify": Operation({200: Verification}, summary="Whether every entry of the audit log follows from the one before it."),
}
