"""WCE's own rows of a cenv from elsewhere: users, rights, policies, settings, scripts and the log, each looked at before it is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from wce.core import assets, audit, paths, schedules
from wce.core.authoring import CALLER, DEFINER, Check, check_name
from wce.core.hooks import EVERY_TABLE
from wce.core.importing import parts
from wce.core.importing.foreign import Foreign, Undecodable
from wce.core.importing.header import FATAL, bad
from wce.core.importing.parts import Part
from wce.core.importing.report import Report, printable
from wce.core.passwords import MAX_ROUNDS, rounds_of
from wce.core.settings import check_stored
from wce.errors import WceError
from wce.guard.builder import Builder
from wce.model import PUBLIC_ID, Role
from wce.store.sqlite import fold, quote, sqlite3

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns what a file without an owner becomes."""

    username: str
    password_hash: str
    email: str | None = None


@dataclass(slots=True)
class System:
    """One import's way from the file to the draft. `least_rounds` is the weakest bcrypt that is taken."""

    foreign: Foreign
    builder: Builder
    report: Report
    check: Check
    least_rounds: int
    now: int
    users: dict[int, bool] = field(default_factory=dict)  # whether each may have scripts run with his own rights

    def take(self, owner: Owner | None) -> None:
        """All of it. Raises `bad_file` for accounts and policies that are wrong: without them the rest would mean something else."""
        self._take_users(owner)
        if self.foreign.header.is_cenv:
            self._take(parts.CONFIG, self._config)
            self._take(parts.PERMISSIONS, self._permission)
            self._take(parts.POLICIES, self._policy)
            self._take(parts.ENDPOINTS, self._endpoint)
            self._take(parts.TEMPLATES, self._definer)
            self._take(parts.ASSETS, assets.described)
            self._take(parts.HOOKS, self._hook)
            self._take(parts.SCHEDULES, self._schedule)
            self._take(parts.VERSIONS, lambda row: row)
            self._take(parts.TRIGGERS, self._trigger)
            self._take(parts.HISTORY, lambda row: row)
            self._take(parts.SAVED, lambda row: row)
            self._take(parts.FACTORS, lambda row: row)
            self._take(parts.CODES, lambda row: row)
            self._take_log()

    def _take_users(self, owner: Owner | None) -> None:
        rows = self._read_users() if self.foreign.header.is_cenv else []
        owners = [row for row in rows if row["role"] == Role.OWNER]
        if len(owners) > 1:
            raise bad("It has more than one owner.")
        if not owners and owner is None:
            raise bad("It has no owner: give the username and password of one.")
        for row in rows:
            self.users[row["user_id"]] = Role(row["role"]).administers and bool(row["enabled"])
        for row in rows:
            row["invited_by"] = row["invited_by"] if row["invited_by"] in self.users else None
            if row["user_id"] != PUBLIC_ID:
                self._insert(parts.USERS, row)
        self.report.owner = owners[0]["username"] if owners else self._add_owner(owner, rows)
        self.report.system["users"] = len([row for row in rows if row["user_id"] != PUBLIC_ID]) + (not owners)

    def _add_owner(self, owner: Owner | None, rows: list[Row]) -> str:
        if owner is None or fold(owner.username) in {fold(row["username"]) for row in rows}:
            raise bad("It has no owner, and another user has the name that the new one would have.")
        self.builder.run(
            "INSERT INTO _wce_users (username, password_hash, role, email, created_at) VALUES (?, ?, 'owner', ?, ?)",
            (owner.username, owner.password_hash, owner.email, self.now),
        )
        return owner.username

    def _read_users(self) -> list[Row]:
        rows: list[Row] = []
        names: set[str] = set()
        for row, error in self._rows(parts.USERS):
            told = printable(row.get("username"))
            wrong = error or self._wrong_user(row, names)
            if wrong is not None:
                raise bad(f"The user {told}: {wrong}")
            rows.append(row)
        return rows

    def _wrong_user(self, row: Row, names: set[str]) -> str | None:
        if (row["user_id"] == PUBLIC_ID) != (row["role"] == Role.PUBLIC):
            return "the public principal is user 0 and nobody else"
        if row["user_id"] == PUBLIC_ID:
            return None
        folded = fold(row["username"])
        if folded in names or folded == Role.PUBLIC:
            return "username is taken"
        names.add(folded)
        stored = row["password_hash"]
        rounds = rounds_of(stored)
        if (stored is not None or row["role"] == Role.OWNER) and (rounds is None or not self.least_rounds <= rounds <= MAX_ROUNDS):
            return f"password_hash must be a bcrypt hash of cost {self.least_rounds} to {MAX_ROUNDS}"
        if row["role"] == Role.OWNER and not row["enabled"]:
            return "the owner must be enabled"
        return None

    def _take(self, part: Part, accept: Callable[[Row], Row]) -> None:
        kind, taken = part.table.removeprefix("_wce_"), 0
        for row, error in self._rows(part):
            told = row.get("name") or row.get("path") or row.get("table_name") or row.get("key") or row.get("id")
            try:
                if error is not None:
                    raise ValueError(error)
                self._insert(part, accept(self._with_users(part, row)))
                taken += 1
            except (ValueError, WceError) as broken:
                self._refuse(part, printable(told), broken)
        self.report.system |= {kind: taken} if taken else {}

    def _refuse(self, part: Part, told: str, broken: ValueError | WceError) -> None:
        """A row that is wrong stays behind. Not so a policy: without it, rows would be seen that were hidden."""
        if isinstance(broken, WceError) and broken.code in FATAL:
            raise broken
        detail = broken.detail if isinstance(broken, WceError) else str(broken)
        if part is parts.POLICIES and not (isinstance(broken, WceError) and broken.code in ("no_such_table", "not_found")):
            raise bad(f"A policy on {told} does not work here: {detail}") from broken
        if part is parts.FACTORS:
            raise bad(f"A second factor is not valid: {detail}") from broken
        self.report.drop(part.table.removeprefix("_wce_"), told, detail)

    def _with_users(self, part: Part, row: Row) -> Row:
        for name in part.bound:
            if row[name] is not None and row[name] not in self.users and row[name] != PUBLIC_ID:
                raise WceError("not_found", f"there is no user {row[name]}")
        gone = {name: None for name in part.users if row[name] not in self.users}
        return row | gone

    def _rows(self, part: Part) -> Iterator[tuple[Row, str | None]]:
        """Each row of the columns that the file has, and what is wrong with it."""
        if not self.foreign.has(part.table):
            return
        names = list(part.columns)
        lacking = set(names) - set(self.foreign.columns(part.table))
        if lacking:
            raise bad(f"Its table {part.table} has no {', '.join(sorted(lacking))}.")
        sql = f"SELECT {', '.join(map(quote, names))} FROM {quote(part.table)} NOT INDEXED LIMIT {part.most + 1}"
        with self.foreign.lenient():  # a replacement character breaks the rules of what matters, and harms nothing elsewhere
            for number, values in enumerate(self.foreign.rows(sql)):
                row = dict(zip(names, values, strict=True))
                yield (row, f"a cenv has at most {part.most}") if number >= part.most else self._judge(part, row)

    def _judge(self, part: Part, row: Row) -> tuple[Row, str | None]:
        self.builder.in_time()
        for name, value in row.items():
            try:
                row[name] = part.columns[name](value)
            except ValueError as error:
                return row, f"{name} {error}"
        return row, None

    def _insert(self, part: Part, row: Row) -> None:
        columns = ", ".join(map(quote, row))
        with self.builder.undoing():
            try:
                self.builder.fill(f"INSERT INTO {part.table} ({columns}) VALUES ({', '.join('?' * len(row))})", [tuple(row.values())])
            except sqlite3.IntegrityError as error:
                raise ValueError(f"does not fit the others: {error}") from error

    def _config(self, row: Row) -> Row:
        check_stored(row["key"], row["value"])
        return row

    def _object(self, name: str) -> str:
        found = self.builder.catalogue.tables.get(fold(name)) or self.builder.catalogue.views.get(fold(name))
        if found is None:
            raise WceError("no_such_table", f"there is no table {printable(name)}")
        return found.name

    def _permission(self, row: Row) -> Row:
        return row | {"table_name": self._object(row["table_name"])}

    def _policy(self, row: Row) -> Row:
        name = self._object(row["table_name"])
        self.builder.validate_policy(name, row["sql_condition"])
        return row | {"table_name": name}

    def _endpoint(self, row: Row) -> Row:
        paths.parse(row["path"])
        self.check(row["script"])
        return self._definer(row)

    def _hook(self, row: Row) -> Row:
        check_name(row["name"])
        self.check(row["script"])
        name = row["table_name"]
        return self._definer(row) | {"table_name": name if name == EVERY_TABLE else self._object(name)}

    def _schedule(self, row: Row) -> Row:
        check_name(row["name"])
        self.check(row["script"])
        following = schedules.next_time(row["cron"], row["timezone"], self.now)
        return row | {"next_at": following if row["enabled"] else None}

    def _definer(self, row: Row) -> Row:
        """The mark stands only where its maker may give away his own rights."""
        if row["run_as"] != DEFINER or self.users.get(row["modified_by"] or 0):
            return row
        self.report.note(f"{printable(row.get('name') or row.get('path'))}: now runs as its caller, as its author is not an administrator")
        return row | {"run_as": CALLER}

    def _trigger(self, row: Row) -> Row:
        if fold(row["name"]) not in self.builder.catalogue.triggers:
            raise ValueError("there is no such trigger")
        if row["definer"] and not self.users.get(row["created_by"] or 0):
            raise ValueError("its definer is not an administrator")
        return row

    def _take_log(self) -> None:
        """The audit log whole, or not at all where its chain is broken: half of it would prove nothing."""
        try:
            with self.foreign.told():
                found = audit.verify(self.foreign)
        except (WceError, Undecodable, ValueError, TypeError) as error:
            self.builder.in_time()
            self.report.note(f"the audit log could not be read and starts anew ({printable(error)})")
            return
        if not found.ok:
            self.report.note(f"the chain of the audit log is broken at {found.first_bad_id or 'its end'}, so it starts anew")
            return
        try:
            with self.builder.undoing():
                for part in (parts.AUDIT, parts.TOMBSTONES):
                    self._take_all(part)
                self.builder.run("UPDATE _wce_state SET audit_hash = ?", self._end())
        except ValueError as error:
            self.report.note(f"the audit log has an invalid entry ({error}), so it starts anew")

    def _take_all(self, part: Part) -> None:
        columns = list(part.columns)
        into = f"INSERT INTO {part.table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"

        def good() -> Iterator[tuple[Any, ...]]:
            for row, error in self._rows(part):
                if error is not None:
                    raise ValueError(error)
                yield tuple(row.values())

        self.report.system[part.table.removeprefix("_wce_")] = self.builder.fill(into, good())

    def _end(self) -> tuple[str]:
        (link,) = self.foreign.one("SELECT audit_hash FROM _wce_state WHERE id = 1") or ("",)
        return (str(link),)


def left_behind(foreign: Foreign) -> list[str]:
    """Tables that look like WCE's own and that nobody here knows how to check."""
    named = {part.table for part in parts.KNOWN} | parts.LEFT
    there = [name for (name,) in foreign.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [name for name in there if isinstance(name, str) and fold(name).startswith("_wce_") and fold(name) not in named]
