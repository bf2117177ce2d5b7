"""Ready-made applications that a new cenv may begin with: folders of SQL, scripts, pages and a manifest, put in as an owner would."""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import sqlparse

from wce.core import audit, permissions, policies, scripts, templates, users
from wce.core.logins import Authenticated, anonymous
from wce.core.passwords import Passwords
from wce.core.query import Queries, Statement
from wce.core.settings import CenvSettings, Config
from wce.errors import invalid
from wce.guard.guard import Guard
from wce.model import PUBLIC_ID, Actor, AuditEntry, Rights, Role
from wce.store.session import Session
from wce.store.sqlite import fold
from wce.store.store import Store

FOLDER: Final = Path(__file__).resolve().parents[2] / "examples"
_MANIFEST: Final = "manifest.toml"
_SECRET_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Example:
    """One folder. `manifest` is what its manifest says, as docs/examples.md explains it."""

    name: str
    title: str
    description: str
    folder: Path
    manifest: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A file of the folder."""
        return (self.folder / name).read_text(encoding="utf-8")

    def part(self, name: str) -> list[dict[str, Any]]:
        """A list of the manifest, which may lack it."""
        return list(self.manifest.get(name, ()))


@dataclass(frozen=True, slots=True)
class Tools:
    """What putting an example in takes."""

    store: Store
    guard: Guard
    queries: Queries
    passwords: Passwords
    config: Config


@cache
def list_examples() -> tuple[Example, ...]:
    """All by name."""
    return tuple(_read(path.parent) for path in sorted(FOLDER.glob(f"*/{_MANIFEST}")))


def find_example(name: str) -> Example:
    """One; raises `validation` that names those that there are."""
    found = next((example for example in list_examples() if example.name == name), None)
    if found is None:
        raise invalid("example", "must be one of " + ", ".join(example.name for example in list_examples()))
    return found


def install(tools: Tools, cenv: str, owner: Actor, example: Example) -> dict[str, str]:
    """Fill a new cenv of this owner's; returns the passwords of the users that it brings. A cenv that cannot be filled is removed."""
    try:
        return _install(tools, cenv, owner, example)
    except BaseException:
        tools.store.remove(cenv)
        raise


def _install(tools: Tools, cenv: str, owner: Actor, example: Example) -> dict[str, str]:
    with tools.store.session(cenv) as session:
        _settle(tools, session, owner, example)
        state = anonymous(session).state
        config = tools.config.read(session, state.settings)
        made = dict(_users(tools, session, owner, config, example))
    tools.queries.run(cenv, Authenticated(owner, state), config, statements(example))
    catalogue = tools.guard.catalogue(cenv)
    with tools.store.session(cenv) as session:
        ids = {"public": PUBLIC_ID} | {fold(user.username): user.user_id for user in users.list_users(session)}
        for item in example.part("permissions"):
            rights = Rights(**{f"can_{right}": True for right in item["rights"]})
            for name in item["to"]:
                permissions.grant(session, catalogue, owner, ids[fold(name)], item["table"], rights)
        for item in example.part("policies"):
            _policy(tools, session, owner, item, ids)
        for item in example.part("endpoints"):
            scripts.save_endpoint(session, _no_check, owner, scripts.NewEndpoint(**item | {"script": example.text(item["script"])}))
        for item in example.part("pages"):
            page: dict[str, Any] = (
                {"syntax": "jinja", "published": True, "access": "public"} | item | {"content": example.text(item["content"])}
            )
            templates.save_template(session, _not_made, owner, templates.NewTemplate(**page))
        with session.transaction(owner) as transaction:
            audit.record(transaction, AuditEntry("cenv.example", "cenv", cenv, {"example": example.name}))
    return made


def _no_check(source: str) -> None:
    """The scripts came with this server and its tests have run them, so nobody waits for a worker to read them."""


def _not_made(_content: str, _syntax: str) -> None:
    """Templates came with this server too; each is made into a page when somebody asks for it."""


def _settle(tools: Tools, session: Session, owner: Actor, example: Example) -> None:
    """The settings that the example wants, but those that the server fixes."""
    fixed = {name for name, entry in tools.config.list(session).items() if entry.source == "environment"}
    wanted = {name: value for name, value in example.manifest.get("settings", {}).items() if name not in fixed}
    if wanted:
        tools.config.update(session, owner, wanted)


def _users(tools: Tools, session: Session, owner: Actor, config: CenvSettings, example: Example) -> Iterator[tuple[str, str]]:
    """Accounts under passwords that are told once, for one in a file is known to everybody. An owner of that name is that user."""
    for item in example.part("users"):
        name, password = item["username"], secrets.token_urlsafe(_SECRET_BYTES)
        if fold(name) != fold(owner.username):
            users.create_user(session, tools.passwords, config, owner, username=name, password=password, role=Role(item["role"]))
            yield name, password


def _policy(tools: Tools, session: Session, owner: Actor, item: Mapping[str, Any], ids: Mapping[str, int]) -> None:
    whom = ids[fold(item["for"])] if "for" in item else None
    policies.create_policy(
        session, tools.guard, owner, table_name=item["table"], user_id=whom, policy_type=item["type"], sql_condition=item["condition"]
    )


def statements(example: Example) -> list[Statement]:
    """Those of the example's schema.sql, in order."""
    return [Statement(sql) for sql in sqlparse.split(example.text("schema.sql"), strip_semicolon=True) if sql.strip()]


def _read(folder: Path) -> Example:
    manifest = tomllib.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    return Example(folder.name, manifest["title"], manifest["description"], folder, manifest)
