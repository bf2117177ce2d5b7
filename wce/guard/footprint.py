"""What the answer of a statement rests on: everything whose change could change it, and whether time or chance do so by themselves.

What SQLite's authorizer was asked for while it compiled the statement, views and policies among it, and for the little that it is not
asked for (`wce.guard.silent`) every name in the text that is one of a table or view. Too much costs a page that is rendered again for
nothing; too little would be a page that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from wce.guard.catalogue import OWN, SCHEMA, Catalogue
from wce.guard.fleeting import MAKERS, NOW, PRAGMA, RANDOM, TIMES
from wce.guard.plan import Plan
from wce.guard.session import GuardedSession
from wce.guard.tokens import NAMES, Token, scanned
from wce.model import Params
from wce.store.sqlite import fold

# These depend on the schema alone, which every statement depends on.
_CATALOGUES: Final = frozenset({"sqlite_master", "sqlite_schema"})
# An R-tree looks there for its size when a connection opens it. Whoever else reads it has to name it, and no view can.
_OPENED: Final = frozenset({"sqlite_stat1"})


@dataclass(frozen=True, slots=True)
class Footprint:
    """`tables` are folded names of tables and views, and SCHEMA. `fleeting`: the answer may be another one without any commit."""

    tables: frozenset[str]
    fleeting: bool


def footprint(session: GuardedSession, plan: Plan, params: Params) -> Footprint:
    """That of a statement which has just run in the session's open transaction."""
    catalogue = session.catalogue
    read = plan.read if plan.strict_twin is None else plan.read | plan.strict_twin.read
    called = plan.called if plan.strict_twin is None else plan.called | plan.strict_twin.called
    named = _closure(read | plan.names, catalogue)
    tables = frozenset(name for name in named if name in catalogue.tables or name in catalogue.views)
    # Nobody notes when those of our own are written, nor what a pragma tells.
    own = any(name.startswith((*OWN, PRAGMA)) and name not in _CATALOGUES for name in (read - _OPENED) | plan.names)
    fleeting = own or plan.kind not in ("SELECT", "VALUES") or bool(called & RANDOM)
    if not fleeting and called & TIMES:
        made = not (called | named).isdisjoint(MAKERS)  # of parts, and so unseen
        fleeting = made or _has_now(params) or any(_moves(tokens) for tokens in _texts(session, plan, named))
    return Footprint(tables | {SCHEMA}, fleeting)


def _closure(names: Iterable[str], catalogue: Catalogue) -> set[str]:
    """The names and what stands behind them: in views, in the arguments of virtual tables, and the tables of those."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name in catalogue.views:
            waiting += catalogue.views[name].names
        if name in catalogue.tables:
            waiting += catalogue.tables[name].sources
        if name in catalogue.shadows:
            waiting.append(catalogue.shadows[name])
    return found


def _texts(session: GuardedSession, plan: Plan, named: set[str]) -> Iterable[Sequence[Token]]:
    """Every text that the statement was made of; no tokens for one that cannot be read."""
    yield scanned(plan.text)
    for name in named & set(session.catalogue.views):
        text = session.catalogue.views[name].text
        yield [] if text is None else text.body
    for policy in session.grants.policies:
        if fold(policy.table_name) in named:
            yield scanned(policy.sql_condition)


def _moves(tokens: Sequence[Token]) -> bool:
    """Whether a text may ask for the time of the moment; one that cannot be read may, and so does one that makes texts or has bytes."""
    if not tokens:
        return True
    for index, token in enumerate(tokens):
        if token.kind == "blob" or token.keyword == "||" or (token.kind in NAMES and _is_now(token.name or "")):
            return True
        if token.name in TIMES and index + 1 < len(tokens) and tokens[index + 1].keyword == "(":
            inside = tokens[index + 2 : tokens[index + 1].match]
            least = 2 if token.name == "strftime" else 1  # the first argument of that is a format
            if _arguments(inside) < least:
                return True
    return False


def _arguments(tokens: Sequence[Token]) -> int:
    return 1 + sum(token.keyword == "," and token.depth == tokens[0].depth for token in tokens) if tokens else 0


def _has_now(params: Params) -> bool:
    return any(
        isinstance(value, bytes) or (isinstance(value, str) and _is_now(value))
        for value in (params.values() if isinstance(params, dict) else params)
    )


def _is_now(text: str) -> bool:
    """Whether it is such a word; what follows a NUL is not looked at there."""
    return text.partition("\0")[0].strip().lower() in NOW
