"""From the statement that a client wrote to the statement that SQLite gets."""

from __future__ import annotations

import itertools
from typing import Final

from wce.errors import WceError
from wce.guard import pushdown, shadows
from wce.guard.classify import leakproof, length_sensitive
from wce.guard.definitions import names_in, unqualified
from wce.guard.expansion import check_arguments, definitions
from wce.guard.functions import STATEFUL, TABLE_FUNCTIONS
from wce.guard.head import Head, parse
from wce.guard.params import layout
from wce.guard.plan import MAX_SQL, Plan
from wce.guard.principal import Principal
from wce.guard.swelling import Swelling
from wce.guard.tokens import IDENTIFIERS, NAMES, Token, misplaced, nest, place, tokenize
from wce.guard.weights import MAX_WEIGHT, too_complex, weigh
from wce.store.sqlite import fold, quote

_CATALOGUES: Final = frozenset({"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"})
_RESERVED: Final = ("_wce_", "pragma_")


class Rewriter:
    """Makes the plans of one principal."""

    def __init__(self, principal: Principal, numbers: itertools.count[int]) -> None:
        self._principal = principal
        self._numbers = numbers
        self._swelling = Swelling(principal.catalogue.views)

    def plan(self, sql: str, *, strict: bool = False) -> Plan:
        """Raises WceError for what the principal may not run. `strict` puts the barrier in place whatever the text."""
        principal = self._principal
        tokens, tables_of_main = self._read(sql)
        brief = check_arguments(sql, tokens)
        found = definitions(tokens)
        weight = weigh(tokens, found, principal.weights)
        self._swelling.check(tokens, found)
        head = parse(sql, tokens)
        if head.target is not None and weight + principal.catalogue.trigger_weight > MAX_WEIGHT:
            raise too_complex()
        names = names_in(tokens)
        self._refuse_names(sql, tokens, names)
        self._refuse_indexes(head)
        plan = Plan(sql, head.kind, names=names, ctes=frozenset(part.name for part in found), returning=head.returning is not None)
        plan.layout = layout(tokens, brief)
        if head.target is not None:
            check_target(head, principal)
            plan.writes, plan.upserts = True, bool(head.upserts)
            plan.target_name = head.target
            table = principal.table(head.target)
            plan.target, plan.has_rowid = table.name, not table.without_rowid
        views = shadows.view_closure(principal, names)
        plan.inner_names = plan.ctes.union(*(principal.view(view).names for view in views))
        named = names.union(*(principal.view(view).names for view in views))
        tables = set(named & principal.restricted)
        self._refuse_capture(plan, views)
        _refuse_hiding(head, plan, tables_of_main)
        self._refuse_silent(plan)
        plan.strict = bool(tables) and (strict or not self._leakproof(head, named, views))
        plan.length_sensitive = bool(tables) and not plan.strict and length_sensitive(tokens)
        plan.stateful = _is_stateful(head, principal, names)
        plan.sql = f"/*{next(self._numbers)}*/" + self._text(head, plan, tables, views)
        return plan

    def _read(self, sql: str) -> tuple[list[Token], list[Token]]:
        """The tokens without `main.`, and those of them that stood after one."""
        if len(sql) > MAX_SQL:
            raise WceError("too_large", f"a statement may have at most {MAX_SQL} characters")
        folded = fold(sql)
        if any(secret in folded for secret in self._principal.hidden.all):
            raise WceError("no_such_table", "no such table")
        tokens = tokenize(sql)
        kept = unqualified(tokens)
        if kept is None:
            raise _bad_qualifier(sql, tokens)
        if len(kept) == len(tokens):
            return kept, []
        nest(sql, kept)
        return kept, [
            token for main, dot, token in zip(tokens, tokens[1:], tokens[2:], strict=False) if main.name == "main" and dot.text == "."
        ]

    def _refuse_names(self, sql: str, tokens: list[Token], names: frozenset[str]) -> None:
        """Names that never mean anything to a client, refused before SQLite could find a meaning."""
        inner = names & self._principal.open_shadows
        outer = {name for name in names if name.startswith(_RESERVED) or name in _CATALOGUES}
        if not inner and not outer:
            return
        for token in tokens:
            if (token.kind in NAMES and token.name in inner) or (token.kind in IDENTIFIERS and token.name in outer):
                raise no_table(token.spelled, sql, token)

    def _refuse_indexes(self, head: Head) -> None:
        """INDEXED BY on a stand-in has an error of its own, which would tell that there is something behind the name."""
        for index, token in enumerate(head.tokens):
            if token.keyword == "INDEXED" and head.keyword(index + 1) == "BY":
                table = _indexed_table(head.tokens, index)
                if table is not None and self._principal.is_unreadable(table.name or ""):
                    raise no_table(table.spelled, head.sql, table)

    def _refuse_capture(self, plan: Plan, views: set[str]) -> None:
        """A WITH name of the client must not get into the body of a view, or a policy, that stands in the same statement."""
        principal = self._principal
        for name in plan.ctes & TABLE_FUNCTIONS:
            raise WceError("sql_error", f"{name} is one of SQLite's functions: choose another name in WITH")
        for view in map(principal.view, views):
            if any(name in view.names and principal.sees(name) for name in plan.ctes):
                raise WceError("sql_error", f"a name in WITH is also used by the view {view.name}: choose another")
        # What stands in for a table that he cannot see would tell that the view names it: the same answer as without.
        for name in filter(principal.is_unreadable, plan.ctes):
            over = shadows.view_over(principal, views, name)
            if over is not None:
                raise view_refused(over)

    def _refuse_silent(self, plan: Plan) -> None:
        """Views and triggers that read what SQLite does not ask about."""
        view = self._principal.silent_view(plan.names)
        if view is not None:
            raise view_refused(view)
        if plan.target_name is not None and self._principal.silent_trigger(plan.target_name):
            raise WceError("table_forbidden", "permission denied: a trigger of the table needs more rights")

    def _leakproof(self, head: Head, named: frozenset[str], views: set[str]) -> bool:
        principal = self._principal
        if views & principal.leaky_views or any(principal.table(name).computes for name in named if principal.may_read(name)):
            return False
        return leakproof(head)

    def _text(self, head: Head, plan: Plan, tables: set[str], views: set[str]) -> str:
        principal = self._principal
        hidden = sorted(name for name in plan.names if principal.is_unreadable(name))
        markers = {f"{principal.hidden.own}m{number}": name for number, name in enumerate(hidden)}
        named = set() if _only_targets(head, tables, views) else shadows.named(principal, tables, plan.names, views, head.tokens)
        wanted = shadows.Wanted(named, views, markers, head.ctes, plan.strict, head.target)
        before: list[str] = []
        if plan.strict:
            pushdown.number_parameters(head.tokens)
            wanted.pushed = pushdown.of_select(head, principal, tables, views)
            before = pushdown.of_target(head, principal)
        insertions = self._insertions(head, wanted, before)
        if markers:
            spelled = {token.name: token.spelled for token in reversed(head.tokens) if token.kind in NAMES}
            plan.missing = {marker: spelled[name] for marker, name in markers.items()}
        ours = ",".join(shadows.prefix(principal, wanted))
        pieces = []
        skipped = range(head.target_start, head.target_end)
        for index, token in enumerate(head.tokens):
            if ours and index == head.with_at:
                pieces.append(f" {ours}, ")
            if index in insertions:
                pieces.append(f" {insertions[index]} ")
            if index not in skipped:
                pieces.append(token.gap + token.text)
        if len(head.tokens) in insertions:
            pieces.append(" " + insertions[len(head.tokens)])
        lead = f"WITH {ours} " if ours and head.with_at is None else ""
        return lead + "".join(pieces)

    def _insertions(self, head: Head, wanted: shadows.Wanted, before: list[str]) -> dict[int, str]:
        """What goes in front of which token: the bound target and the guards of its rows."""
        if head.target is None:
            return {}
        principal = self._principal
        table = principal.table(head.target)
        schema = quote(principal.hidden.schema)
        texts = {head.target_start: f"{schema}.{quote(table.name)}"}
        # With the schema it is the target: in UPDATE … FROM something else may be called so, too, and have a column called rowid.
        reference = f"{schema}.{quote(head.alias.spelled if head.alias else table.name)}"
        conditions = principal.condition(head.target)
        kind = {"UPDATE": "update", "DELETE": "delete"}.get(head.kind)
        if kind and (conditions.update if kind == "update" else conditions.delete):
            wanted.guards.add(kind)
            guard = shadows.guarded(principal, head.target, kind, reference)
            texts |= _guarded_where(head, guard, strict=wanted.strict, before=[f"{reference}.{term}" for term in before])
        if head.upserts and conditions.update:
            wanted.guards.add("update")
            guard = shadows.guarded(principal, head.target, "update", reference)
            for where, end in head.upserts:
                texts |= _guarded_upsert(head, where, end, guard, quote(principal.hidden.own + "deny"))
        return texts


def _refuse_hiding(head: Head, plan: Plan, tables_of_main: list[Token]) -> None:
    """By `main.x` the client means the table x even where a WITH of his has that name; without the qualifier it would not."""
    for token in tables_of_main:
        if token.name in plan.ctes and (head.target is None or token is not head.tokens[head.target_end - 1]):
            detail = f"{token.spelled} is a table here and a name in WITH: choose another name there"
            raise WceError("sql_error", detail, position=place(head.sql, token.offset))


def _only_targets(head: Head, tables: set[str], views: set[str]) -> bool:
    """Whether the one name of a table is the target of an INSERT, which no stand-in is for: the text stays shorter without."""
    if head.kind != "INSERT" or head.upserts or views or tables != {head.target}:
        return False
    return sum(token.kind in NAMES and token.name == head.target for token in head.tokens) == 1


def _guarded_where(head: Head, guard: str, *, strict: bool, before: list[str]) -> dict[int, str]:
    if head.where is None:
        return {head.end: f"WHERE {guard}"}
    if head.where + 1 >= head.end:
        raise head.misplaced(head.where + 1)
    if not strict:
        return {head.where + 1: f"{guard} AND (", head.end: ")"}
    # CASE fixes the order. The first guard comes before the arguments of a table-valued function in FROM, too.
    lead = "".join(f"{term} AND " for term in before)
    return {head.where + 1: f"{lead}{guard} AND CASE WHEN {guard} THEN (", head.end: ") END"}


def _guarded_upsert(head: Head, where: int | None, end: int, guard: str, deny: str) -> dict[int, str]:
    """A conflict with a hidden row is an error before the client's WHERE or SET sees the row."""
    if where is None:
        return {end: f"WHERE CASE WHEN {guard} THEN 1 ELSE {deny}(1) END"}
    if where + 1 >= end:
        raise head.misplaced(where + 1)
    return {where + 1: f"CASE WHEN {guard} THEN (", end: f") ELSE {deny}(1) END"}


def no_table(name: str, sql: str = "", token: Token | None = None) -> WceError:
    """The answer for a table that does not exist, and for one that must look so."""
    position = place(sql, token.offset) if token else None
    return WceError("no_such_table", f"no such table: {name}", position=position)


def view_refused(name: str) -> WceError:
    """The answer where a view that is granted looks at something that is not."""
    return WceError("table_forbidden", f"permission denied: the view {name} needs more rights")


def check_target(head: Head, principal: Principal) -> None:
    """Whether the principal may write in this way to the table that the statement names."""
    name = head.target or ""
    token = head.tokens[head.target_end - 1]
    if head.qualifier is not None:
        raise no_table(f"{head.tokens[head.target_start].spelled}.{token.spelled}", head.sql, token)
    if not principal.sees(name):
        raise no_table(token.spelled, head.sql, token)
    position = place(head.sql, token.offset)
    if name in principal.catalogue.views:
        raise WceError("table_forbidden", f"{token.spelled} is a view: views are read-only", position=position)
    right = principal.right(name)
    allowed = {
        "INSERT": right.can_write and (right.can_read or not head.upserts),
        "UPDATE": right.can_write and right.can_read,
        "DELETE": right.can_delete and right.can_read,
    }[head.kind]
    if not allowed or (not right.can_delete and _removes_unseen(head, principal)):
        raise WceError("table_forbidden", f"permission denied: {head.kind} on {token.spelled}", position=position)
    if head.conflict == "ROLLBACK":
        raise WceError("statement_not_allowed", "OR ROLLBACK is not allowed", position=position)
    # SQLite hands the clause on to what triggers write, in place of their own: what a definer relies on would be passed over.
    if head.conflict and principal.definers & principal.catalogue.reached(name)[1]:
        raise WceError("statement_not_allowed", f"OR {head.conflict} applies to triggers, too; ON CONFLICT does not", position=position)


def _indexed_table(tokens: list[Token], index: int) -> Token | None:
    """The table in `table [[AS] alias] INDEXED`."""
    before = [token for token in tokens[max(0, index - 3) : index] if token.kind in NAMES]
    if len(before) == 3 and before[1].keyword == "AS":
        return before[0]
    # Without an alias, what comes before the table is a word like FROM or JOIN, or an operator.
    if len(before) > 1 and before[-2].keyword not in ("FROM", "JOIN", "UPDATE", "INTO"):
        return before[-2]
    return before[-1] if before else None


def _removes_unseen(head: Head, principal: Principal) -> bool:
    """Whether it may remove rows of a virtual table, where no trigger can stand: by REPLACE, or by a full-text table as its own column."""
    name = head.target or ""
    if not principal.table(name).module or head.conflict == "REPLACE":
        return bool(principal.table(name).module)
    opening = head.target_end + (2 if head.alias else 0)
    if head.kind != "INSERT" or head.keyword(opening) != "(":
        return False
    return any(token.name == name for token in head.tokens[opening : head.tokens[opening].match])


def _is_stateful(head: Head, principal: Principal, names: frozenset[str]) -> bool:
    """Whether the answer could depend on the last rowid or count of an earlier statement."""
    if names & STATEFUL or (principal.catalogue.stateful and (head.target is not None or names & set(principal.views))):
        return True
    if head.kind != "INSERT" or head.target is None:
        return False
    return bool(head.upserts or head.conflict or principal.table(head.target).rowid is None)


def _bad_qualifier(sql: str, tokens: list[Token]) -> WceError:
    for token, following in itertools.pairwise(tokens):
        if token.kind in NAMES and token.name == "temp" and following.keyword == ".":
            return no_table("temp", sql, token)
    return next(
        (misplaced(sql, token) for token, dot in itertools.pairwise(tokens) if token.name == "main" and dot.keyword == "."),
        misplaced(sql, None),
    )
