"""From a file to a cenv: checked as hostile, built anew as a draft, then published or put in the place of another one's content."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wce.core import audit
from wce.core.authoring import Check
from wce.core.digests import sha256
from wce.core.exports import require_owner
from wce.core.importing.data import Data
from wce.core.importing.foreign import Foreign, Undecodable
from wce.core.importing.header import bad, read_header
from wce.core.importing.report import Report
from wce.core.importing.system import Owner, System, left_behind
from wce.core.replacing import put_in_place, tell_of
from wce.errors import WceError
from wce.guard.builder import Builder
from wce.guard.guard import Guard
from wce.model import PUBLIC_ID, Actor, AuditEntry, Role
from wce.store.migrate import newest
from wce.store.session import Session
from wce.store.sqlite import connect
from wce.store.store import Draft, Store

SECONDS: Final = 300.0  # for all of one file
# `with` the name of a copy of what is about to be replaced, and the session that keeps writers out.
Replacing = Callable[[], AbstractContextManager[tuple[str, Session]]]


@dataclass(frozen=True, slots=True)
class Importer:
    """`least_rounds` is the weakest bcrypt that is taken over; `check` tells whether a text is a script."""

    store: Store
    guard: Guard
    check: Check
    least_rounds: int = 10
    seconds: float = SECONDS

    def create(self, path: Path, owner: Owner | None, *, max_bytes: int, ip_address: str = "", user_agent: str = "") -> tuple[str, Report]:
        """A new cenv; `owner` is for a file that has none. Raises `bad_file`, `too_large`, `newer_schema`, `quota_exceeded`."""
        name = owner.username if owner else ""
        actor = Actor(PUBLIC_ID, name, Role.OWNER, None, ip_address, user_agent)
        with self.store.draft(actor) as draft:
            report = self._build(draft, path, owner, max_bytes, actor)
            self._record(draft, actor, report.brief())
            made = self.store.publish(draft)
            tell_of(self.store, made)
            return made, report

    def replace(self, session: Session, path: Path, actor: Actor, replacing: Replacing, *, max_bytes: int) -> Report:
        """Put what the file holds in the place of all that the cenv holds."""
        with session.transaction(actor) as transaction:
            require_owner(transaction, actor)
        owner = _present_owner(session)
        with self.store.draft(actor) as draft:
            report = self._build(draft, path, owner, max_bytes, actor)
            with replacing() as (kept, holder):
                require_owner(session, actor)
                if _present_owner(session) != owner:  # whose password would be the old one again
                    raise WceError("forbidden", "The owner's name, password or address has changed in the meantime: import the file again.")
                self._record(draft, actor, report.brief() | {"kept": kept})
                put_in_place(self.store, session, holder, draft.path)
        return report

    def _record(self, draft: Draft, actor: Actor, details: dict[str, Any]) -> None:
        """The entry of the import, at the end of the log that the file may have brought."""
        with closing(connect(draft.path)) as connection:
            session = Session(draft.cenv, connection, self.store.drafting, self.store.explain)
            with session.transaction(actor) as transaction:
                audit.record(transaction, AuditEntry("cenv.import", "cenv", draft.cenv, details))

    def _build(self, draft: Draft, path: Path, owner: Owner | None, max_bytes: int, actor: Actor) -> Report:
        header = read_header(path, max_bytes=max_bytes, newest_schema=newest())
        report = Report("cenv" if header.is_cenv else "data", bytes=header.size, sha256=sha256(path))
        deadline = time.monotonic() + self.seconds
        with Foreign(path, header, deadline) as foreign, _decoded():
            foreign.check()
            builder = self.guard.builder(draft.cenv, draft.path, max_bytes=2 * max_bytes, seconds=self.seconds)
            with builder, self.store.drafting(builder.link, actor) as transaction:
                self._take(foreign, builder, report, owner, transaction.at)
        return report

    def _take(self, foreign: Foreign, builder: Builder, report: Report, owner: Owner | None, now: int) -> None:
        Data(foreign, builder, report).take()
        System(foreign, builder, report, self.check, self.least_rounds, now).take(owner)
        for name in left_behind(foreign):
            report.drop("table", name, "not known to this server")


@contextmanager
def _decoded() -> Iterator[None]:
    """`with` what reads names and definitions, which SQLite also repeats where it says what is wrong with them."""
    try:
        yield
    except Undecodable as error:
        raise bad("A name or a definition in it is not UTF-8.") from error


def _present_owner(session: Session) -> Owner:
    row = session.one("SELECT username, password_hash, email FROM _wce_users WHERE role = 'owner'")
    if row is None:
        raise WceError("forbidden", "This cenv has no owner.")
    return Owner(*row)
