"""The settings of a cenv: one table that says what there is, and how it is read, shown and changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

from wce.cache import Cache
from wce.config import SettingError, boolean, rate
from wce.core import audit
from wce.core.roles import require_administrator
from wce.errors import FieldError, WceError
from wce.model import Actor, AuditEntry, Limits
from wce.store.session import Session

_MAX_ORIGINS: Final = 50
_MAX_ORIGIN: Final = 300  # characters: the longest name of a host has 253
_MAX_TITLE: Final = 60
_CACHED: Final = 4_096
_MIB: Final = 1024 * 1024


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _integer(low: int, high: int) -> Callable[[object], int]:
    def cast(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number")
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high}")
        return value

    return cast


def _choice(*allowed: str) -> Callable[[object], str]:
    def cast(value: object) -> str:
        if value not in allowed or not isinstance(value, str):
            raise ValueError("must be one of " + ", ".join(allowed))
        return value

    return cast


def _rate(value: object) -> str:
    return rate(value if isinstance(value, str) else "")


def _title(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TITLE or not value.isprintable() or value != value.strip():
        raise ValueError(f"must be at most {_MAX_TITLE} printable characters, without space around them")
    return value


def _origin(value: object) -> str:
    """An exact web origin as browsers send it: no pattern, no `null`, no path (RFC 6454, 6.2)."""
    rule = "must be an exact origin such as https://app.example.org"
    if not isinstance(value, str) or len(value) > _MAX_ORIGIN or not re.fullmatch(r"https?://[a-z0-9.:\[\]-]+", value):
        raise ValueError(rule)
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(rule) from error
    default = {"http": 80, "https": 443}[parts.scheme]
    host = parts.hostname or ""
    exact = f"{parts.scheme}://" + (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
    if not host or exact != value or port == default:
        raise ValueError(rule)
    return value


def _origins(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > _MAX_ORIGINS:
        raise ValueError(f"must be a list of at most {_MAX_ORIGINS} origins")
    return tuple(dict.fromkeys(_origin(item) for item in value))


def _number(default: int, low: int, high: int, description: str) -> Any:
    return _setting(default, "integer", _integer(low, high), f"{description} From {low} to {high}.")


def _setting(default: Any, kind: str, cast: Callable[[object], Any], description: str) -> Any:
    return dataclass_field(default=default, metadata={"type": kind, "cast": cast, "description": description})


@dataclass(frozen=True)
class CenvSettings:
    """How one cenv runs. Every field is a key of `_wce_config`; a row exists only for what was set."""

    title: str = _setting("", "string", _title, f"What people call this cenv, at most {_MAX_TITLE} characters.")
    session_timeout_hours: int = _number(24, 1, 8760, "Hours until a session ends.")
    allow_registration: bool = _setting(False, "boolean", _boolean, "Whether visitors may create their own account.")
    registration_role: str = _setting(
        "viewer", "string", _choice("viewer", "editor"), "Role of accounts that visitors create: viewer or editor."
    )
    max_sessions: int = _number(20, 1, 1000, "Maximum number of sessions per user; a new one ends the oldest.")
    max_users: int = _number(10, 1, 100_000, "Maximum number of accounts, including the owner's.")
    rate_limit_ip: str = _setting("100 per minute", "rate", _rate, "Requests from one address: a number per second, minute, hour or day.")
    rate_limit_cenv: str = _setting("6000 per minute", "rate", _rate, "Requests to this cenv: a number per second, minute, hour or day.")
    rate_limit_user: str = _setting("600 per minute", "rate", _rate, "Requests of one user: a number per second, minute, hour or day.")
    cors_origins: tuple[str, ...] = _setting((), "list", _origins, f"Web origins whose scripts may read answers, at most {_MAX_ORIGINS}.")
    max_database_mb: int = _number(100, 1, 100_000, "Size to which statements may grow the file, in MiB.")
    query_timeout_seconds: int = _number(30, 1, 300, "Time limit for one statement or one transaction.")
    query_max_rows: int = _number(10_000, 1, 1_000_000, "Maximum number of rows in one result; the rest is cut off.")
    script_timeout_seconds: int = _number(5, 1, 60, "Time limit for one script or page.")
    script_memory_mb: int = _number(128, 16, 1024, "Memory limit for one script or page, in MiB.")
    max_connections: int = _number(5, 1, 100, "Statements that users may run at the same time.")
    audit_retention_days: int = _number(365, 1, 36_500, "Days until an audit entry is removed.")
    backup_interval_hours: int = _number(0, 0, 8760, "Hours between two scheduled backups; 0: none.")
    backup_keep: int = _number(7, 1, 365, "Number of scheduled backups to keep.")
    max_assets_mb: int = _number(20, 0, 10_000, "Maximum size of all files under /pages/assets together, in MiB.")
    page_cache: bool = _setting(
        True, "boolean", _boolean, "Whether to cache rendered pages, and answers of endpoints that change only with the data."
    )

    @cached_property
    def limits(self) -> Limits:
        """The bounds of one statement."""
        return Limits(
            timeout_seconds=float(self.query_timeout_seconds),
            max_rows=self.query_max_rows,
            max_database_bytes=self.max_database_mb * _MIB,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting as administrators see it; `source` is default, cenv or environment (which locks it)."""

    value: Any
    default: Any
    type: str
    description: str
    source: str


_FIELDS: Final = {item.name: item for item in fields(CenvSettings)}


def describe() -> list[tuple[str, str, Any, str]]:
    """Key, type, default and description of every setting, for the docs."""
    return [(name, item.metadata["type"], _plain(item.default), item.metadata["description"]) for name, item in _FIELDS.items()]


def check_stored(key: str, text: str) -> None:
    """Raise ValueError unless a row of `_wce_config` from elsewhere is a setting with a value that it may have."""
    if key not in _FIELDS:
        raise ValueError("is not a setting")
    _read(key, text)


class Config:
    """Reads and changes the settings of cenvs, under what the server's environment fixes for all of them."""

    def __init__(self, overrides: Mapping[str, str]) -> None:
        """`overrides` are texts by key, as `WCE_CENV_<KEY>` gave them; raises SettingError with every broken one."""
        self._fixed = _parse_overrides(overrides)
        self._cached: Cache[tuple[str, int], CenvSettings] = Cache(_CACHED)

    def read(self, session: Session, version: int) -> CenvSettings:
        """The settings in force; `version` is State.settings, as read with the request."""
        return self._cached.get_or((session.cenv, version), lambda: CenvSettings(**(_stored(session) | self._fixed)))

    def list(self, session: Session) -> dict[str, Entry]:
        """Every setting with where its value comes from."""
        stored = _stored(session)
        return {name: self._entry(name, stored) for name in _FIELDS}

    def update(self, session: Session, actor: Actor, changes: Mapping[str, object]) -> dict[str, Entry]:
        """Set all of `changes` or none; None goes back to the default. Raises `validation` with every bad field."""
        texts = self._validate(changes)
        with session.transaction(actor) as transaction:
            require_administrator(transaction, actor)
            for name, text in texts.items():
                if text is None:
                    transaction.execute("DELETE FROM _wce_config WHERE key = ?", (name,))
                    continue
                transaction.execute(
                    "INSERT INTO _wce_config (key, value, updated_at, updated_by) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at,"
                    " updated_by = excluded.updated_by",
                    (name, text, transaction.at, actor.user_id),
                )
            transaction.touch("_wce_config", len(texts))
            audit.record(transaction, AuditEntry("config.update", "config", "", dict(changes)))
            return self.list(session)

    def _entry(self, name: str, stored: Mapping[str, Any]) -> Entry:
        item = _FIELDS[name]
        source = "environment" if name in self._fixed else "cenv" if name in stored else "default"
        value = (dict(stored) | self._fixed).get(name, item.default)
        return Entry(_plain(value), _plain(item.default), item.metadata["type"], item.metadata["description"], source)

    def _validate(self, changes: Mapping[str, object]) -> dict[str, str | None]:
        texts: dict[str, str | None] = {}
        errors: list[FieldError] = []
        for name, value in changes.items():
            try:
                if name not in _FIELDS:
                    raise ValueError("is not a setting")
                if name in self._fixed:
                    raise ValueError("is fixed by the server's environment")
                texts[name] = None if value is None else json.dumps(_plain(_FIELDS[name].metadata["cast"](value)))
            except ValueError as error:
                errors.append(FieldError(name, str(error)))
        if errors:
            raise WceError("validation", "; ".join(f"{item.field}: {item.message}" for item in errors), errors=tuple(errors))
        return texts


def _stored(session: Session) -> dict[str, Any]:
    """What the cenv itself sets. A value that this version cannot read counts as not set, so that no file locks its owner out."""
    values: dict[str, Any] = {}
    for name, text in session.all("SELECT key, value FROM _wce_config"):
        if name in _FIELDS:
            try:
                values[name] = _read(name, text)
            except ValueError:
                continue
    return values


def _read(name: str, text: str) -> Any:
    try:
        return _FIELDS[name].metadata["cast"](json.loads(text))
    except RecursionError as error:
        raise ValueError("has too many levels") from error


def _parse_overrides(overrides: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    broken: list[str] = []
    for name, text in overrides.items():
        try:
            if name not in _FIELDS:
                raise ValueError("is not a setting")
            item = _FIELDS[name]
            values[name] = item.metadata["cast"](_from_text(text, item.metadata["type"]))
        except ValueError as error:
            broken.append(f"WCE_CENV_{name.upper()} {error}")
    if broken:
        raise SettingError("; ".join(broken))
    return values


def _from_text(text: str, kind: str) -> object:
    """What the text of an environment variable stands for; what fits no kind is left for the caster to refuse, or raises ValueError."""
    if kind == "boolean":
        return boolean(text)
    if kind == "integer":
        return int(text) if re.fullmatch(r" *-?[0-9]{1,18} *", text) else text
    if kind == "list":
        return [word.strip() for word in text.split(",") if word.strip()]
    return text


def _plain(value: Any) -> Any:
    """A value as JSON knows it."""
    return list(value) if isinstance(value, tuple) else value
