"""What a guarded connection asks of the rules that it runs under, and the rules for everybody but administrators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from wce.errors import WceError
from wce.guard.authorizer import Authorizer
from wce.guard.catalogue import Catalogue
from wce.guard.faults import Faults
from wce.guard.link import Link
from wce.guard.net import Net
from wce.guard.plan import Plan
from wce.guard.principal import Principal
from wce.guard.rewrite import Rewriter
from wce.model import Grants
from wce.store.sqlite import sqlite3


class Rules(Protocol):
    """The rules of one principal for one schema."""

    def plan(self, sql: str) -> Plan:
        """What SQLite gets instead; raises WceError for what may not run."""

    def strict(self, plan: Plan) -> Plan:
        """The same statement with the barrier."""

    def expect(self, plan: Plan, deadline: float) -> None:
        """This plan is prepared and run next."""

    def authorize(self, action: int, first: str | None, second: str | None, database: str | None, context: str | None) -> int:
        """The answer to SQLite while that plan is prepared or run."""

    def ready(self, plan: Plan) -> bool:
        """Make what a write needs before it runs; True when trusted SQL ran for that."""

    def undone(self) -> None:
        """A transaction was rolled back, and with it what `ready` may have made in it."""

    def refuse(self, reason: WceError) -> None:
        """Remember why a function of ours is about to raise."""

    def fault(self, error: Exception, plan: Plan) -> WceError:
        """What to tell the client about an exception."""

    def settle(self, plan: Plan, before: Catalogue, after: Catalogue) -> None:
        """The plan has changed the schema; raises WceError to undo that."""

    def close(self) -> None:
        """Remove what `ready` made."""

    @property
    def principal(self) -> Principal | None:
        """Whose rights are looked up; None for administrators, who have all."""


Build = Callable[[Link, Catalogue], Rules]  # those for one connection, and for the schema as it is


class PrincipalRules:
    """Rewriting, authorizer and trigger net for one principal."""

    def __init__(self, grants: Grants, link: Link, catalogue: Catalogue) -> None:
        hidden = link.hidden
        self._principal = Principal(grants, catalogue, hidden)
        self._rewriter = Rewriter(self._principal, link.numbers)
        self._authorizer = Authorizer(self._principal)
        self._net = Net(self._principal, link.ask)
        unseen = {name for name in (*catalogue.tables, *catalogue.views) if not self._principal.sees(name)}
        unseen |= {*catalogue.shadows, *catalogue.triggers}
        self._faults = Faults(link.explain, {*hidden.all, *unseen}, self._principal.sees, schema=hidden.schema)

    @property
    def principal(self) -> Principal:
        return self._principal

    def authorize(self, action: int, first: str | None, second: str | None, database: str | None, context: str | None) -> int:
        return self._authorizer(action, first, second, database, context)

    def plan(self, sql: str) -> Plan:
        return self._rewriter.plan(sql)

    def strict(self, plan: Plan) -> Plan:
        if plan.strict_twin is None:
            plan.strict_twin = self._rewriter.plan(plan.text, strict=True)
        return plan.strict_twin

    def expect(self, plan: Plan, deadline: float) -> None:
        self._authorizer.expect(plan, deadline)

    def ready(self, plan: Plan) -> bool:
        try:
            return plan.target_name is not None and self._net.ensure(plan.target_name)
        except sqlite3.Error:  # only what came with a file from elsewhere, for no more is taken here than can stand together
            raise WceError("sql_error", "the policies of a table that this statement writes are too many to be applied together") from None

    def undone(self) -> None:
        self._net.forget_version()

    def refuse(self, reason: WceError) -> None:
        self._authorizer.denied = reason

    def fault(self, error: Exception, plan: Plan) -> WceError:
        return self._faults.of(error, plan, self._authorizer.denied)

    def settle(self, plan: Plan, before: Catalogue, after: Catalogue) -> None:  # noqa: ARG002  # no plan of this kind is made
        raise RuntimeError("only administrators change the schema")

    def close(self) -> None:
        self._net.drop()
