"""The rules for administrators, who run on the file itself: no policies, but WCE's own tables and the server stay out of reach."""

from __future__ import annotations

from collections.abc import Iterable

from wce.errors import WceError
from wce.guard import ddl
from wce.guard.catalogue import Catalogue
from wce.guard.definitions import names_in
from wce.guard.expansion import check_arguments, definitions
from wce.guard.faults import Faults
from wce.guard.functions import STATEFUL
from wce.guard.head import Head, parse
from wce.guard.link import Link
from wce.guard.overseer import OWN_TABLES, SECRETS, WITH_SECRETS, Overseer, is_closed
from wce.guard.params import layout
from wce.guard.plan import MAX_SQL, Plan
from wce.guard.settle import settle
from wce.guard.silent import merges, through
from wce.guard.swelling import Swelling
from wce.guard.tokens import NAMES, Token, emit, nest, place, scan
from wce.guard.weights import weigh
from wce.store.sqlite import fold


class AdminRules:
    """Only the authorizer and what the text may not say; all data is the administrators'."""

    def __init__(self, link: Link, catalogue: Catalogue) -> None:
        self._link = link
        self._catalogue = catalogue
        self._overseer = Overseer(catalogue)
        self._swelling = Swelling(catalogue.views)
        self._faults = Faults(link.explain, link.hidden.all[:2], frank=True)
        self._known_functions: frozenset[str] | None = None

    @property
    def principal(self) -> None:
        return None

    def plan(self, sql: str) -> Plan:
        tokens = self._read(sql)
        brief = check_arguments(sql, tokens)
        found = definitions(tokens)
        weigh(tokens, found, self._catalogue.weights)
        self._swelling.check(tokens, found)
        outline = ddl.outline(sql, tokens)
        plan = Plan(sql, "EXPLAIN" if outline.explains else outline.kind)
        plan.layout = layout(tokens, brief)
        plan.names = names_in(tokens)
        plan.ctes = frozenset(part.name for part in found)
        plan.ddl = outline.changes_schema
        self._refuse_silent(plan, tokens)
        plan.sql = f"/*{next(self._link.numbers)}*/{sql if plan.ddl else emit(tokens)}"
        if outline.kind in ddl.SCHEMA_KINDS:
            self._check_schema(plan, sql, tokens, outline)
        elif outline.kind != "PRAGMA":
            self._check_data(plan, parse(sql, _part(sql, tokens, outline.start)), explains=outline.explains)
        return plan

    def strict(self, plan: Plan) -> Plan:
        return plan

    def expect(self, plan: Plan, deadline: float) -> None:
        self._overseer.expect(plan, deadline)

    def authorize(self, action: int, first: str | None, second: str | None, database: str | None, context: str | None) -> int:
        return self._overseer(action, first, second, database, context)

    def ready(self, plan: Plan) -> bool:  # noqa: ARG002  # nothing guards administrators' rows
        return False

    def undone(self) -> None:
        """Nothing was made."""

    def refuse(self, reason: WceError) -> None:
        self._overseer.denied = reason

    def settle(self, plan: Plan, before: Catalogue, after: Catalogue) -> None:
        settle(self._link, plan, before, after)

    def fault(self, error: Exception, plan: Plan) -> WceError:
        return self._faults.of(error, plan, self._overseer.denied)

    def close(self) -> None:
        """Nothing was made."""

    def _read(self, sql: str) -> list[Token]:
        if len(sql) > MAX_SQL:
            raise WceError("too_large", f"a statement may have at most {MAX_SQL} characters")
        if self._link.hidden.own in fold(sql):
            raise WceError("no_such_table", "no such table")
        return scan(sql)

    def _refuse_silent(self, plan: Plan, tokens: list[Token]) -> None:
        """What SQLite does not ask about must not touch what may not be read."""
        catalogue = self._catalogue
        virtual = any(token.keyword == "VIRTUAL" for token in tokens[:2])  # its USING is no join
        secret = any(token.keyword == "NATURAL" or token.name in SECRETS for token in tokens)
        for token in tokens if merges(tokens) and not virtual else ():
            name = token.name or ""
            if token.kind in NAMES and is_closed(name) and (secret or name not in WITH_SECRETS):
                raise WceError("table_forbidden", f"{token.spelled} can only be joined with ON", position=place(plan.text, token.offset))
        self._refuse_behind(inner for _, inner in through(plan.names, catalogue.views))

    def _refuse_triggers(self, target: str) -> None:
        """The same for triggers that a write to `target` may fire. UPDATE … FROM of a view ends the process where a rowid is asked for."""
        catalogue = self._catalogue
        for name in catalogue.reached(target)[1]:
            trigger = catalogue.triggers[name]
            if trigger.names is None:
                raise WceError("table_forbidden", f"permission denied: the trigger {trigger.name} could not be read")
            if not trigger.joined.isdisjoint(catalogue.views):
                raise WceError("statement_not_allowed", f"the trigger {trigger.name} writes to a view by UPDATE … FROM: use sub-selects")
            self._refuse_behind([trigger.names] if trigger.silent else [])
            self._refuse_behind(inner for _, inner in through(trigger.names, catalogue.views))

    def _refuse_behind(self, bodies: Iterable[frozenset[str]]) -> None:
        for names in bodies:
            if any(is_closed(name) or name.startswith(OWN_TABLES) for name in names):
                raise WceError("table_forbidden", "permission denied: a view or trigger joins a table that cannot be read")

    def _check_schema(self, plan: Plan, sql: str, tokens: list[Token], outline: ddl.Outline) -> None:
        ddl.check_schema_text(sql, tokens, self._catalogue, self._functions())
        name = ddl.object_name(tokens, outline.start)
        plan.writes = plan.ddl
        plan.renamed = ddl.renaming(tokens)
        if outline.kind == "CREATE":
            ddl.check_object(sql, name)
        if plan.renamed is not None:
            ddl.check_object(sql, tokens[-1])

    def _check_data(self, plan: Plan, head: Head, *, explains: bool) -> None:
        plan.returning, plan.upserts = head.returning is not None, bool(head.upserts)
        plan.writes = head.target is not None and not explains
        if not explains:
            plan.kind = head.kind
        name = head.target
        if name is None:
            plan.stateful = bool(plan.names & STATEFUL) or self._catalogue.stateful
            return
        if name in self._catalogue.shadows:
            token = head.tokens[head.target_end - 1]
            detail = f"{token.spelled} belongs to a virtual table"
            raise WceError("table_forbidden", detail, position=place(head.sql, token.offset))
        if head.conflict == "ROLLBACK":
            raise WceError("statement_not_allowed", "OR ROLLBACK is not allowed")
        if name in self._catalogue.views and head.kind == "UPDATE" and head.source is not None:
            raise WceError("statement_not_allowed", "UPDATE … FROM cannot write to a view: use sub-selects")
        self._refuse_triggers(name)
        if head.kind == "INSERT" and head.with_at is None:
            plan.sql = _never_copied(plan.sql, self._link.hidden.own)
        plan.target_name = name
        table = self._catalogue.tables.get(name)
        plan.target = table.name if table is not None else None
        plan.has_rowid = table is not None and not table.without_rowid
        plan.stateful = True

    def _functions(self) -> frozenset[str]:
        if self._known_functions is None:
            rows = self._link.ask("SELECT DISTINCT name FROM pragma_function_list")
            self._known_functions = frozenset(fold(name) for (name,) in rows)
        return self._known_functions


def _never_copied(sql: str, own: str) -> str:
    """With any WITH in front SQLite compiles the SELECT of an INSERT, and so asks what it may read."""
    number, _, statement = sql.partition("*/")
    return f'{number}*/WITH "{own}x" AS (SELECT 1) {statement}'


def _part(sql: str, tokens: list[Token], start: int) -> list[Token]:
    """The statement behind EXPLAIN."""
    part = tokens[start:]
    if start:
        nest(sql, part)
    return part
