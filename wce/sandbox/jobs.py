"""One job of a hook or a schedule, from the queue of its cenv to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from wce.core import hooks, jobs, keys, schedules, upkeep
from wce.core.authoring import CALLER, Shelf
from wce.core.jobs import Claim
from wce.core.logins import anonymous
from wce.core.settings import CenvSettings, Config
from wce.errors import WceError
from wce.log import LOGGER
from wce.model import HOUSEKEEPER, PUBLIC_ID, Actor, Role
from wce.sandbox.calls import Saved, Scripts, Task
from wce.store.session import Session
from wce.store.store import Store
from wce.store.transaction import Transaction

_SHELVES: Final[Mapping[str, Shelf[Any]]] = {"hook": hooks.SHELF, "schedule": schedules.SHELF}


@dataclass(frozen=True, slots=True)
class Jobs:
    """Runs what waits in the queues of cenvs. `now` is in Unix seconds."""

    store: Store
    config: Config
    scripts: Scripts
    now: Callable[[], float]

    def run_one(self, cenv: str) -> float | None:
        """Run the job that is due for longest; returns when to look again, in Unix seconds, None where nothing waits."""
        with self.store.session(cenv) as session:
            schedules.queue_due(session, self.now())
            held = jobs.claim(session, self.now())
            if held is not None:
                self._run(session, held)
            return jobs.next_due(session)

    def next_due(self, cenv: str) -> float | None:
        """When the cenv has something to do; what has expired in it goes on the way."""
        with self.store.session(cenv) as session:
            upkeep.sweep(session, HOUSEKEEPER, self._config(session), self.now())
            schedules.bring_forward(session, self.now())
            return jobs.next_due(session)

    def _config(self, session: Session) -> CenvSettings:
        return self.config.read(session, anonymous(session).state.settings)

    def _run(self, session: Session, held: Claim) -> None:
        item = _find(session, held)
        if item is None:
            jobs.drop(session, held)
            return
        settled = False

        def settle(transaction: Transaction) -> None:
            nonlocal settled
            jobs.finish(transaction, held)
            settled = True

        try:
            task = self._begun(session, held, item, settle)
            self.scripts.perform(session.cenv, self._config(session), task)
        except WceError as error:
            again = self._again(session, held, error)
            line = {"cenv": session.cenv, "kind": held.kind, "item": held.item_id, "attempt": held.attempt, "code": error.code}
            LOGGER.warning("job failed" if again is None else "job put off", extra=line)
        else:
            if not settled:  # it ended itself by abort: nothing of it stays, and that is how it is meant
                jobs.drop(session, held)

    def _begun(self, session: Session, held: Claim, item: Saved, settle: Callable[[Transaction], None]) -> Task:
        """What is to run; who finds nothing of it among the runs reads there why it did not."""
        try:
            return _task(session, held, item, settle)
        except WceError as error:
            with session.transaction(HOUSEKEEPER) as transaction:
                jobs.refuse(transaction, held.kind, held.item_id, error.detail)
            raise

    def _again(self, session: Session, held: Claim, error: WceError) -> int | None:
        """When the job is tried again. It did not fail where the server had no room for it, or its script is suspended."""
        waits = jobs.put_off(session, held, self.now(), error.retry_after or 1) if error.code == "busy" else None
        return jobs.fail(session, held, self.now()) if waits is None else waits


def _find(session: Session, held: Claim) -> Any | None:
    """The script of the job, unless it is gone or switched off meanwhile."""
    try:
        item = _SHELVES[held.kind].find(session, held.item_id)
    except WceError as error:
        if error.code != "not_found":
            raise
        return None
    return item if item.enabled else None


def _task(session: Session, held: Claim, item: Saved, settle: Callable[[Transaction], None]) -> Task:
    """A hook acts for whoever made the commit, a schedule for its author."""
    by_clock = held.kind == "schedule"
    user_id = item.modified_by if by_clock else held.payload.get("user_id", PUBLIC_ID)
    caller = _actor(session, user_id)
    told = dict(held.payload)
    if (scope := told.pop("scope", None)) is not None:  # who wrote with an API key causes no more than the key could
        caller = replace(caller, scope=keys.from_plain(scope))
    user = None if caller.user_id == PUBLIC_ID else {"user_id": caller.user_id, "username": caller.username, "role": caller.role.value}
    event: Mapping[str, Any] = {
        **told,
        "id": f"{held.kind}-{held.id}",
        "kind": held.kind,
        "name": getattr(item, "name", ""),
        "attempt": held.attempt,
        "user": user,
    }
    depth = held.payload.get("depth", 0)
    return Task(
        held.kind, item, getattr(item, "run_as", CALLER), caller, event, settle, depth if isinstance(depth, int) else hooks.MAX_DEPTH
    )


def _actor(session: Session, user_id: Any) -> Actor:
    row = session.one("SELECT user_id, username, role FROM _wce_users WHERE user_id IS ? AND enabled", (user_id,))
    if row is None:
        raise WceError("forbidden", "The user that the script acts for is disabled or no longer has an account.")
    return Actor(row[0], row[1], Role(row[2]))
