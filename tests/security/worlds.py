"""A world is one cenv in a known state; a statement is sent to a pair of them, and what must not differ is compared."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from tests.security.attack import Attack
from tests.security.tables import GROWS, POLICIES, RIGHTS, USER_IDS, Which, fill, grants
from wce.errors import Position, WceError
from wce.guard.guard import Guard
from wce.model import Actor, Grants, Limits, Params, Result, Role, Value
from wce.store.session import Session
from wce.store.sqlite import Connection, connect, quote
from wce.store.store import Store

Dump = dict[str, list[tuple[Any, ...]]]
QUOTA: Final = 20 * 1024 * 1024
SESSION: Final = "session_id, user_id, token_hash, created_at, expires_at, last_used"
PERMISSION: Final = "table_name, user_id, can_read, can_write, can_delete"
CREATOR: Final = Actor(1, "owner", Role.OWNER)


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a client can learn from one statement."""

    code: str
    detail: str = ""
    position: Position | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Value, ...], ...] = ()
    changes: int = 0
    last_row_id: int | None = None
    truncated: bool = False

    @classmethod
    def of(cls, result: Result) -> Outcome:
        """What a client learns from a result: everything but how long it took."""
        return cls("ok", "", None, result.columns, tuple(result.rows), result.changes, result.last_row_id, result.truncated)

    @classmethod
    def failed(cls, error: WceError) -> Outcome:
        """What a client learns from an error."""
        return cls(error.code, error.detail, error.position)


def limits(attack: Attack) -> Limits:
    """The bounds that an entry asks for."""
    return Limits(attack.timeout, attack.max_rows, attack.max_bytes, QUOTA)


class World:
    """One cenv. `pristine` is a copy of its file in memory, to which `restore` goes back."""

    def __init__(self, store: Store, guard: Guard, which: Which, salt: str = "") -> None:
        self.guard = guard
        self._store = store
        self.cenv = store.create(lambda session: _fill(session, which, salt or which), CREATOR)
        self.path = store.path(self.cenv)
        self.raw = connect(self.path)
        self.raw.text_factory = lambda found: found.decode(errors="surrogateescape")  # a text may hold what is no UTF-8
        self.pristine = connect("", mode="memory")
        self.raw.backup(self.pristine)
        self.before = self._last = dump(self.raw)
        self._seen = self._state()
        self._hidden_before: dict[tuple[str, str], list[tuple[Any, ...]]] = {}

    def __enter__(self) -> World:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.raw.close()
        self.pristine.close()

    def run(self, who: str, sql: str, params: Params = (), bounds: Limits | None = None) -> Outcome:
        """Send one statement as `who`, in a transaction of its own that is committed."""
        return self.run_as(grants(who), Actor(USER_IDS[who], who, grants(who).role), sql, params, bounds)

    def run_as(self, rights: Grants, actor: Actor, sql: str, params: Params = (), bounds: Limits | None = None) -> Outcome:
        """Send one statement with any rights."""
        bounds = bounds or Limits(max_database_bytes=QUOTA)
        try:
            with self.guard.open_session(self.cenv, rights, self.version(), bounds) as session:
                writes = session.plan(sql).writes
                with session.transaction(actor, write=writes):
                    return Outcome.of(session.run(sql, params, bounds))
        except WceError as error:
            return Outcome.failed(error)

    def version(self) -> int:
        """The counter that tells a guarded connection whether its grants are still right."""
        number: int = self.raw.execute("SELECT grants FROM _wce_state").fetchone()[0]
        return number

    def trusted(self, sql: str) -> list[tuple[Any, ...]]:
        """What is really in the file."""
        return self.raw.execute(sql).fetchall()

    def forget(self) -> None:
        """Close what is open of it, and with it what a connection may remember."""
        self._store.connections.close_cenv(self.cenv)

    def restore(self) -> None:
        """Put the file back as it was, unless it still is."""
        if self.now() != self.before:
            self.pristine.backup(self.raw)
            self._last, self._seen = self.before, self._state()

    def now(self) -> Dump:
        """All that is in the file, read again only when somebody has committed: most statements write nothing."""
        state = self._state()
        if state != self._seen:
            self._last, self._seen = dump(self.raw), state
        return self._last

    def _state(self) -> tuple[int, int]:
        """Differs after every commit of another connection, and after every change by this one."""
        return self.raw.execute("PRAGMA data_version").fetchone()[0], self.raw.total_changes

    def tampered(self, attack: Attack) -> dict[str, Any]:
        """Everything that the statement changed and should not have been able to."""
        after = self.now()
        if after is self.before:
            return {}
        if attack.who in ("admin", "owner"):
            found = differences(system_part(self.before), system_part(after))
            return {name: pair for name, pair in found.items() if name not in attack.writes}
        found = differences(self._protected(self.before, attack), self._protected(after, attack))
        if after["sqlite_master"] == self.before["sqlite_master"]:
            found |= self._lost_rows(attack.who)
        return found

    def _protected(self, whole: Dump, attack: Attack) -> Dump:
        """The tables on which `who` has no right but to read."""
        writable = {name for name, letters in RIGHTS[attack.who].items() if letters != "r"}
        own = writable | attack.writes | {"_wce_state", "sqlite_sequence"}
        return {name: rows for name, rows in whole.items() if name.lower() not in own}

    def _lost_rows(self, who: str) -> dict[str, Any]:
        """Rows that `who` cannot see and that are no longer there, or that appeared where nobody could have put them."""
        found = {}
        for name, letters in RIGHTS[who].items():
            if letters == "r" or name not in self.before:
                continue
            before, after = self._were_hidden(who, name), hidden_rows(self.raw, who, name)
            lost = [row for row in before if row not in after]
            new = [row for row in after if row not in before and name not in GROWS]
            if lost or new:
                found[name] = (lost, new)
        return found

    def _were_hidden(self, who: str, name: str) -> list[tuple[Any, ...]]:
        if (who, name) not in self._hidden_before:
            self._hidden_before[who, name] = hidden_rows(self.pristine, who, name)
        return self._hidden_before[who, name]


def _fill(session: Session, which: Which, salt: str) -> None:
    """Tables and rows, then users and sessions whose secrets come from `salt`."""
    for who, user_id in USER_IDS.items():
        if user_id:
            # In one world everybody has a hash of his own, in the other all have the same: a join of hashes would tell.
            row = (user_id, who, f"$2b$12${salt}{who if salt == 'one' else ''}", grants(who).role.value)
            session.execute("INSERT INTO _wce_users(user_id, username, password_hash, role, created_at) VALUES (?, ?, ?, ?, 0)", row)
            secret = (f"s{user_id}", user_id, f"hash {salt} {who}")
            session.execute(f"INSERT INTO _wce_sessions({SESSION}) VALUES (?, ?, ?, 0, 0, 0)", secret)
    session.execute("INSERT INTO _wce_revoked_tokens(token_hash, expires_at) VALUES (?, 0)", (salt,))
    for name, letters in RIGHTS["alice"].items():
        right = (name, USER_IDS["alice"], "r" in letters, "w" in letters, "d" in letters)
        session.execute(f"INSERT INTO _wce_table_permissions({PERMISSION}) VALUES (?, ?, ?, ?, ?)", right)
    session.execute("INSERT INTO _wce_triggers(name, definer, created_at) VALUES ('orders_definer', 1, 0)")
    session.execute("INSERT INTO _wce_config(key, value, updated_at) VALUES ('note', '1', 0)")
    fill(session.execute, which)


def dump(connection: Connection) -> Dump:
    """Every table with its rows, the catalogue among them, without the counters of commits."""
    found: Dump = {"sqlite_master": connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()}
    names = [name for kind, name, _, sql in found["sqlite_master"] if kind == "table" and "CREATE VIRTUAL" not in sql]
    for name in names:
        found[name] = connection.execute(f"SELECT * FROM {quote(name)}").fetchall()
    found["_wce_state"] = connection.execute("SELECT grants, settings, endpoints, templates, audit_hash FROM _wce_state").fetchall()
    return found


def system_part(whole: Dump) -> Dump:
    """WCE's own tables and what the catalogue says of them."""
    ours = {name: rows for name, rows in whole.items() if name.startswith("_wce_")}
    ours["sqlite_master"] = [row for row in whole["sqlite_master"] if row[2].startswith("_wce_")]
    return ours


def differences(before: Dump, after: Dump) -> dict[str, Any]:
    """The tables that are not equal, with what was and what is."""
    return {name: (before.get(name), after.get(name)) for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def hidden_rows(connection: Connection, who: str, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table that the read policies keep from `who`."""
    user_id = USER_IDS[who]
    mine = [f"({condition})" for name, user, kind, condition in POLICIES if name == table and kind == "read" and user in (None, user_id)]
    if "r" not in RIGHTS[who][table]:
        mine.append("0")
    if not mine:
        return []
    visible = " AND ".join(mine)
    return connection.execute(f"SELECT * FROM {quote(table)} WHERE NOT coalesce({visible}, 0)", {"user_id": user_id}).fetchall()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two worlds that must look alike to whoever sends the statements."""

    left: World
    right: World

    def run(self, who: str, sql: str, params: Params = (), bounds: Limits | None = None) -> tuple[Outcome, Outcome]:
        """The same statement in both."""
        return self.left.run(who, sql, params, bounds), self.right.run(who, sql, params, bounds)

    def forget(self) -> None:
        """Close what is open of both, and with it what a connection may remember."""
        self.left.forget()
        self.right.forget()

    def restore(self) -> None:
        """Both as they were."""
        self.left.restore()
        self.right.restore()
