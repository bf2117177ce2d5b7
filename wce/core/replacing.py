"""All content of a cenv replaced by another file's, for every process at the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wce.core.jobs import TABLE
from wce.model import HOUSEKEEPER, JUMP, Commit
from wce.store.copies import overwrite
from wce.store.session import Session
from wce.store.sqlite import Connection
from wce.store.store import Store

_GIVEN: Final = "SELECT seq FROM sqlite_sequence WHERE name = '_wce_users'"
_FACTORS: Final = "SELECT user_id, totp_secret FROM _wce_second_factors WHERE totp_secret IS NOT NULL"
COUNTERS: Final = ("grants", "settings", "endpoints", "templates", "commits", "people")


def put_in_place(store: Store, session: Session, holder: Session, draft: Path) -> None:
    """Make the draft's content that of the session's cenv, whose writers `holder` keeps out. It goes into the log, then into the file."""
    store.require_space(2 * draft.stat().st_size)
    held = session.one(f"SELECT {', '.join(COUNTERS)} FROM _wce_state WHERE id = 1") or (0,) * len(COUNTERS)
    (given,) = session.one(_GIVEN) or (0,)

    def prepare(connection: Connection) -> None:
        move_on(connection, held)
        # Rows that are brought back later, and other programs, know users by ids, which would be those of somebody else.
        connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = '_wce_users'", (given,))

    overwrite(session, holder, draft, prepare)
    tell_of(store, session.cenv)


def tell_of(store: Store, cenv: str) -> None:
    """Have whoever waits for commits look at a cenv whose whole content is new, as it may bring jobs and schedules that are due."""
    store.announce(Commit(cenv, HOUSEKEEPER, {TABLE: 0}, int(store.now())))


def move_on(connection: Connection, held: Sequence[int]) -> None:
    """Have the draft's counters go on from beyond its own and these, so that nothing that any process has cached is right by accident."""
    sets = ", ".join(f"{name} = max({name}, ?) + {JUMP}" for name in COUNTERS)
    connection.execute(f"UPDATE _wce_state SET {sets}", tuple(held))


def drop_revoked(draft: Session, now: Session) -> None:
    """A key that was taken back since then must not open the door again, nor a recovery code that was used or replaced."""
    held = {row[0] for row in now.all("SELECT key_hash FROM _wce_api_keys")}
    for (key_hash,) in draft.all("SELECT key_hash FROM _wce_api_keys"):
        if key_hash not in held:
            draft.execute("DELETE FROM _wce_api_keys WHERE key_hash = ?", (key_hash,))
    codes = set(now.all("SELECT user_id, code_hash FROM _wce_recovery_codes"))
    same = set(now.all(_FACTORS)) & set(draft.all(_FACTORS))  # those of another device are all that is left of it
    for user_id, _ in same:
        for (code,) in draft.all("SELECT code_hash FROM _wce_recovery_codes WHERE user_id = ?", (user_id,)):
            if (user_id, code) not in codes:
                draft.execute("DELETE FROM _wce_recovery_codes WHERE user_id = ? AND code_hash = ?", (user_id, code))
