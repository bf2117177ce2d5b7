"""Whether a condition may become a row policy, and whether a change of the schema leaves it its meaning."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from wce.errors import WceError
from wce.guard.actions import FUNCTION, READ, RECURSIVE, SELECT
from wce.guard.catalogue import OWN, Catalogue, Table
from wce.guard.definitions import names_in
from wce.guard.expansion import check_arguments, definitions
from wce.guard.functions import IN_POLICIES, TABLE_FUNCTIONS
from wce.guard.policies import bad, is_called, is_source, restrictable, translate
from wce.guard.swelling import Swelling
from wce.guard.tokens import IDENTIFIERS, Token, place, tokenize
from wce.guard.weights import weigh
from wce.model import Value
from wce.store.sqlite import fold, quote, sqlite3

# The names that a condition may use; a validation stands something in for each.
VARIABLES: Final[Mapping[str, Value]] = {"user_id": 1, "username": "someone", "role": "viewer"}
_ROWIDS: Final = frozenset({"rowid", "oid", "_rowid_"})
# What is left for the triggers of the net and for the ANDs between a hundred policies: levels of SQLite's parser, which takes 100, and of
# the expression, which may have 200.
_PARSED: Final = 26
_NESTED: Final = 8
# Prepares a statement and returns the authorizer's arguments: (sql) → events.
Event = tuple[int, str | None, str | None, str | None, str | None]
Probe = Callable[[str], list[Event]]


def validate(probe: Probe, catalogue: Catalogue, schema: str, table: str, condition: str, *, room: bool = False) -> None:
    """Raise WceError `bad_policy` unless the condition is one boolean expression over rows of the table that is surely safe.

    It is prepared where the name of a table that `translate` did not bind means a stand-in that cannot be prepared. With `room`
    it must also be so flat that it holds for writes, together with others.
    """
    target = restrictable(catalogue, fold(table))
    sql = translate(condition, catalogue, schema, VARIABLES, exact=True)
    tokens = tokenize(condition)
    _refuse_rowid(condition, tokens, target)
    inner = definitions(tokens)
    for part in inner:
        if part.name in catalogue.tables or part.name in catalogue.views or part.name in TABLE_FUNCTIONS:
            raise bad(f"{part.name} is a table: choose another name in WITH")  # `translate` takes it for the table
        if room and part.name in catalogue.words:
            raise bad(f"{part.name} is a column, too: choose another name in WITH")
    try:
        check_arguments(condition, tokens)
        weigh(tokens, inner, catalogue.weights)
        Swelling(catalogue.views).check(tokens, inner)
    except WceError as error:
        raise WceError("bad_policy", error.detail, position=error.position) from None
    named = names_in(tokens)
    names = [table.name for name, table in catalogue.tables.items() if name in named]
    names += [view.name for name, view in catalogue.views.items() if name in named]
    marker = f"unbound{secrets.token_hex(8)}"
    stand_ins = ",".join(f"{quote(name)} AS (SELECT 1 FROM {quote(marker)})" for name in (marker + "x", *names))
    columns = ",".join(quote(column.name) for column in target.columns)
    rows = f"(SELECT {columns} FROM {quote(schema)}.{quote(target.name)} LIMIT 1) AS {quote(target.name)}"
    try:
        events = probe(f"EXPLAIN WITH {stand_ins} SELECT 1 FROM {rows} WHERE ({sql})")
    except sqlite3.Error as error:
        if marker in str(error):
            raise bad("every table in a sub-select must come directly after FROM or JOIN") from None
        raise bad(_reason(str(error).replace(f"{schema}.", ""), tokens)) from None
    for event in events:
        _check(event, catalogue, schema)
    if room:
        deep = f"{'(' * _PARSED}{'NOT ' * _NESTED}({sql}){')' * _PARSED}"
        _require_room(probe, f"WITH {stand_ins} SELECT NOT EXISTS(SELECT 1 FROM {rows} WHERE {deep})")


def _require_room(probe: Probe, sql: str) -> None:
    """In the triggers of the net a condition stands in an EXISTS, and SQLite counts its levels twice there."""
    try:
        probe(f"EXPLAIN {sql}")
    except sqlite3.Error:
        raise bad("it has too many levels; nest it less, write IN (…) instead of OR after OR, or put the values into a table") from None


def shifted(condition: str, changed: Mapping[str, Collection[str]]) -> str | None:
    """A name that could have come to mean another column; `changed` are the columns that tables gained or lost.

    A column of a sub-select that has gone is looked for in the table of the policy, and one of that is hidden by a new one.
    """
    tokens = tokenize(condition)
    sources = {token.name for index, token in enumerate(tokens) if is_source(tokens, index)}
    moved = set[str]().union(*(columns for table, columns in changed.items() if table in sources))
    for index, token in enumerate(tokens):
        if token.kind in IDENTIFIERS and token.name in moved and _is_bare_column(tokens, index):
            return token.spelled
    return None


def _is_bare_column(tokens: Sequence[Token], index: int) -> bool:
    """Whether a name may be that of a column of any table: it is no table, qualifier or function, and has no qualifier."""
    qualified = index > 0 and tokens[index - 1].keyword == "."
    qualifies = index + 1 < len(tokens) and tokens[index + 1].keyword == "."
    return not (qualified or qualifies or is_called(tokens, index) or is_source(tokens, index))


def _reason(message: str, tokens: Sequence[Token]) -> str:
    """What SQLite says, and what to do about a text in the quotes of names."""
    for token in tokens:
        if token.text[0] == '"' and message == f"no such column: {token.spelled}":
            return f"{message}; text goes in single quotes"
    return message


def _refuse_rowid(condition: str, tokens: Sequence[Token], table: Table) -> None:
    """A rowid that is no column is no part of the row: it may become another one when the file is copied."""
    columns = {fold(column.name) for column in table.columns}
    for token in tokens:
        if token.kind in IDENTIFIERS and token.name in _ROWIDS and token.name not in columns:
            raise WceError("bad_policy", f"{token.spelled} may not be used in a policy", position=place(condition, token.offset))


def _check(event: Event, catalogue: Catalogue, schema: str) -> None:
    action, first, second, database, _ = event
    name = fold(first or "")
    if action not in (SELECT, READ, FUNCTION, RECURSIVE):
        raise bad("only a condition is allowed")
    if action == FUNCTION and fold(second or "") not in IN_POLICIES:
        raise bad(f"the function {second} may not be used in a policy")
    if action != READ or name in TABLE_FUNCTIONS:
        return
    if name.startswith(OWN) or name in catalogue.shadows:
        raise bad(f"{first} may not be used in a policy")
    if database not in (schema, None) or (database is None and name not in catalogue.tables and name not in catalogue.views):
        raise bad(f"{first} may not be used in a policy")
