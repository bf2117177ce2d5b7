"""Why a statement may run or not, and how SQLite would run it, told without anything that its principal may not know."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from wce.errors import Position, WceError
from wce.guard.catalogue import OWN
from wce.guard.definitions import names_in
from wce.guard.functions import RESERVED
from wce.guard.head import Head, parse
from wce.guard.plan import Plan
from wce.guard.principal import Principal
from wce.guard.session import LIMITS, GuardedSession
from wce.guard.tokens import Token, scanned, tokenize
from wce.model import Limits, Params, Role
from wce.store.sqlite import fold, quote, sqlite3

_RIGHTS: Final = {"INSERT": ("write",), "UPDATE": ("write", "read"), "DELETE": ("delete", "read")}  # on the target
_READ: Final = ("read",)
_WORD: Final = re.compile(r"[A-Za-z0-9_$\x80-\U0010ffff]+")
_BEHIND: Final = "(what a policy looks up)"
_READS: Final = re.compile(
    r"(?:SCAN|SEARCH|MATERIALIZE|CO-ROUTINE|BLOOM FILTER ON|RIGHT-JOIN) (?!\(|SUBQUERY |[0-9]|CONSTANT )(?P<named>.+)", re.S
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason for a verdict: `rule` is role, permission or policy, `id` that of a policy."""

    rule: str
    allowed: bool
    reason: str
    id: int | None = None


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table or view that the statement names: `right` is read, write or delete; to write or delete by a condition needs read, too."""

    table: str
    right: str
    columns: tuple[str, ...]
    allowed: bool
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One row of EXPLAIN QUERY PLAN; `parent` is the `id` of the row that it belongs under, or 0."""

    id: int
    parent: int
    detail: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`reason`, `code` and `position` are those of the refusal, or empty. `plan` is empty where the statement may not run."""

    kind: str
    allowed: bool
    reason: str
    code: str
    position: Position | None
    tables: tuple[TableUse, ...]
    plan: tuple[PlanRow, ...]


def explain(session: GuardedSession, sql: str, params: Params | None = None, *, frank: bool = False) -> Explanation:
    """Explain a statement without running it, in the session's open transaction.

    `frank` also quotes the conditions of policies, which is for administrators.
    """
    refusal: WceError | None = None
    rows: tuple[PlanRow, ...] = ()
    plan: Plan | None = None
    try:
        plan = session.plan(sql)
        rows = _ask(session, plan, params)
    except WceError as error:
        refusal = error
    tokens = scanned(sql)
    return Explanation(
        kind=plan.kind if plan else (tokens[0].keyword or "") if tokens else "",
        allowed=refusal is None,
        reason=_reason(refusal, frank=frank) if refusal else "",
        code=refusal.code if refusal else "",
        position=refusal.position if refusal else None,
        tables=_uses(session, sql, tokens, hidden=frank and refusal is not None, frank=frank),
        plan=rows,
    )


def _reason(refusal: WceError, *, frank: bool) -> str:
    return f"{refusal.detail}: {refusal.evidence}" if frank and refusal.evidence else refusal.detail


def _ask(session: GuardedSession, plan: Plan, params: Params | None) -> tuple[PlanRow, ...]:
    """EXPLAIN QUERY PLAN under the principal's own rules; values that are not given are NULL.

    A pragma, an EXPLAIN and a change of the schema have no such plan, but may be refused as they are compiled.
    """
    link, rules = session.link, session.rules
    if params is not None:
        plan.layout.check(params)
    empty: Params = dict.fromkeys(plan.layout.names) if plan.layout.names else (None,) * plan.layout.count
    planned = plan.kind not in ("EXPLAIN", "PRAGMA") and not plan.ddl
    asks = "EXPLAIN QUERY PLAN " if planned else "" if plan.kind == "EXPLAIN" else "EXPLAIN "
    limits = Limits(timeout_seconds=min(5.0, LIMITS.timeout_seconds))
    deadline = session.watch.start(limits.timeout_seconds)
    rules.expect(plan, deadline)
    try:
        found = link.connection.execute(asks + plan.sql, params or empty).fetchall()
    except (sqlite3.Error, sqlite3.Warning, MemoryError, UnicodeError) as error:
        raise rules.fault(error, plan) from None
    finally:
        session.watch.stop()
    if not planned:
        return ()
    scrub = _Scrub(session, plan)
    return tuple(PlanRow(number, parent, scrub(detail)) for number, parent, _, detail in found)


class _Scrub:
    """Our own names in a plan become words; rows about tables that are no business of the principal's say no more than that."""

    def __init__(self, session: GuardedSession, plan: Plan) -> None:
        self._hidden = session.link.hidden
        principal = session.rules.principal
        self._unseen: set[str] = set()
        self._told: set[str] | None = None  # None: everything may be
        if principal is None:
            return
        catalogue = principal.catalogue
        self._unseen = {name for name in (*catalogue.tables, *catalogue.views) if not principal.sees(name)}
        schema = quote(self._hidden.schema)
        indexes = session.link.ask(f"SELECT name, tbl_name FROM {schema}.sqlite_master WHERE type = 'index'")
        self._unseen |= {fold(name) for name, table in indexes if not principal.sees(fold(table))}
        self._unseen -= plan.names  # here they mean something of the client's own
        # A policy may call what it looks up by another name, beside which its columns would stand.
        self._told = {*plan.names, *principal.rights, *plan.inner_names}

    def __call__(self, detail: str) -> str:
        if any(fold(word) in self._unseen for word in _WORD.findall(detail)) or not self._is_told(detail):
            return _BEHIND
        own = self._hidden.own
        text = re.sub(re.escape(own) + r"r_(.+?)(?= |$)", r"\1 (rows allowed by policy)", detail)
        text = re.sub(re.escape(own) + r"(?:s|update|delete)\b", "(rows that may be changed)", text)
        text = text.replace(self._hidden.view, "")
        return _BEHIND if own in text else text

    def _is_told(self, detail: str) -> bool:
        """Whether what a row reads is called by a name that the client knows."""
        read = _READS.match(detail)
        if read is None or self._told is None:
            return True
        named = fold(read["named"])
        own = named.startswith((self._hidden.own, self._hidden.view))
        return own or any(named == name or named.startswith(name + " ") for name in self._told)


def _uses(session: GuardedSession, sql: str, tokens: list[Token], *, hidden: bool, frank: bool) -> tuple[TableUse, ...]:
    """What the statement does with each table that it names and that the principal may know of; with `hidden` with the others, too."""
    catalogue = session.catalogue
    principal = session.rules.principal
    names = names_in([token for token in tokens if token.keyword not in RESERVED])
    head = _head(sql)
    touched = _columns(session, names, tokens)
    uses = []
    for name in sorted(names):
        known = catalogue.tables.get(name) or catalogue.views.get(name)
        if known is None or (principal is not None and not principal.sees(name) and (not hidden or name.startswith(OWN))):
            continue
        rights = _needs(head) if head is not None and name == head.target else _READ
        rules = _rules(principal, name, known.name, rights, frank)
        uses.append(TableUse(known.name, rights[0], touched[name], all(rule.allowed for rule in rules), rules))
    return tuple(uses)


def _head(sql: str) -> Head | None:
    """The outline of a statement, also of one that is refused; None where it cannot be read."""
    try:
        return parse(sql, tokenize(sql))
    except WceError:
        return None


def _needs(head: Head) -> tuple[str, ...]:
    """The rights on its target, the one that it is about first."""
    return (*_RIGHTS[head.kind], "read") if head.kind == "INSERT" and (head.upserts or head.returning) else _RIGHTS[head.kind]


def _columns(session: GuardedSession, names: frozenset[str], tokens: list[Token]) -> dict[str, tuple[str, ...]]:
    """The columns that the text names, all of them where it has a star that is not count(*)."""
    catalogue = session.catalogue
    star = any(
        token.keyword == "*" and (before.keyword in ("SELECT", "ALL", "DISTINCT", ",", ".", "RETURNING"))
        for before, token in itertools.pairwise(tokens)
    )
    touched: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for name in names:
        found = catalogue.tables.get(name) or catalogue.views.get(name)
        if found is not None:
            touched[name] = tuple(column.name for column in found.columns if star or fold(column.name) in names)
    return touched


def _rules(principal: Principal | None, name: str, spelled: str, rights: tuple[str, ...], frank: bool) -> tuple[Rule, ...]:
    if principal is None:
        return (Rule("role", True, "administrators may do everything with every table"),)
    role = principal.grants.role
    if rights != _READ and role is not Role.EDITOR:
        return (Rule("role", False, f"the role {role} only reads, whatever was granted"),)
    held = principal.right(name)
    has = {"read": held.can_read, "write": held.can_write, "delete": held.can_delete}
    rules = [Rule("role", True, f"the role {role} has the permissions that were granted")]
    rules += [
        Rule("permission", has[right], f"can_{right} on {spelled} is {'granted' if has[right] else 'not granted'}") for right in rights
    ]
    wanted = {"read", *rights}
    for policy in principal.grants.policies:
        if fold(policy.table_name) == name and policy.policy_type in wanted:
            condition = f": {policy.sql_condition}" if frank else ""
            rules.append(Rule("policy", True, f"only rows that its condition allows to {policy.policy_type}{condition}", policy.id))
    return tuple(rules)
