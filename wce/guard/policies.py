"""Row policies: from the condition that an administrator wrote to the SQL that stands in every statement."""

from __future__ import annotations

import itertools
import math
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wce.errors import WceError
from wce.guard.actions import FUNCTION, READ, RECURSIVE, SELECT
from wce.guard.catalogue import OWN, Catalogue, Table
from wce.guard.definitions import names_in, unqualified
from wce.guard.expansion import check_arguments, definitions
from wce.guard.functions import IN_POLICIES, TABLE_FUNCTIONS
from wce.guard.swelling import Swelling
from wce.guard.tokens import IDENTIFIERS, NAMES, Token, place, tokenize
from wce.guard.weights import weigh
from wce.model import RowPolicy, Value
from wce.store.sqlite import fold, quote, sqlite3

# The names that a condition may use; a validation stands something in for each.
VARIABLES: Final[Mapping[str, Value]] = {"user_id": 1, "username": "someone", "role": "viewer"}
_ROWIDS: Final = frozenset({"rowid", "oid", "_rowid_"})
_ROOM: Final = "NOT " * 8  # the levels that are left for the ANDs between a hundred policies
# Prepares a statement and returns the authorizer's arguments: (sql) → events.
Event = tuple[int, str | None, str | None, str | None, str | None]
Probe = Callable[[str], list[Event]]


@dataclass(frozen=True, slots=True)
class Conditions:
    """The SQL for one table, each "" where nothing is restricted.

    `read` holds for rows that may be seen, `update` and `delete` for rows that may be changed or removed, and `check` for rows as
    they are after an INSERT or UPDATE. `alone` is `check` where that looks into the table itself, by its bare name: there the row that is
    written must not stand, or it would vouch for itself. NULL counts as false.
    """

    read: str = ""
    update: str = ""
    delete: str = ""
    check: str = ""
    alone: str = ""


FREE: Final = Conditions()


def bad(detail: str) -> WceError:
    return WceError("bad_policy", detail)


def literal(value: Value) -> str:
    """A value as SQL text."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, str):
        if "\x00" in value:
            raise bad("a text with a zero character cannot stand in a policy")
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float) and not math.isfinite(value):
        raise bad("an infinite number cannot stand in a policy")
    return repr(int(value) if isinstance(value, bool) else value)


def translate(
    condition: str, catalogue: Catalogue, schema: str, variables: Mapping[str, Value], *, exact: bool = False, bare: str | None = None
) -> str:
    """A condition with values for its variables, and with every table after FROM or JOIN bound to the file itself.

    So sub-selects of a policy read the real tables, whatever the principal may read, and no WITH of his can stand in for them.
    `bare` is a table that is not bound. `exact`: "x" is a name, while SQLite takes it for a text as soon as no column is called so
    any more.
    """
    tokens = _read(condition)
    # SQLite tells the authorizer the name of a CTE that reads; this one says that it is ours.
    dotted = {token.name for before, token in itertools.pairwise(tokens) if before.keyword == "."}
    inner = {part.name for part in definitions(tokens)} - catalogue.words - IN_POLICIES - dotted
    parts = []
    for index, token in enumerate(tokens):
        if token.kind in IDENTIFIERS and token.name in inner and (not index or tokens[index - 1].keyword != "."):
            parts.append(quote(f"{schema}_{token.name}"))
        elif token.kind == "var":
            if token.text[0] != "$" or token.text[1:] not in variables:
                raise bad(f"there is no variable {token.text}")
            parts.append(literal(variables[token.text[1:]]))
        elif _is_source(tokens, index) and token.name in catalogue.tables:
            parts.append(quote(token.spelled) if token.name == bare else f"{quote(schema)}.{quote(token.spelled)}")
        elif _is_source(tokens, index) and token.name in catalogue.views:
            raise bad(f"{token.spelled} is a view: a policy names tables")  # a view is opened with the rights of who reads
        elif token.kind in NAMES and token.name in TABLE_FUNCTIONS and (_follows_from(tokens, index) or _is_called(tokens, index)):
            parts.append(f"{quote(schema)}.{token.name}")
        elif exact and token.text[0] == '"':
            parts.append(f"`{token.spelled.replace('`', '``')}`")
        else:
            parts.append(token.text)
    return " ".join(parts)


def _read(condition: str) -> list[Token]:
    if "--" in condition or "/*" in condition:
        raise bad("a condition may not contain a comment")
    try:
        tokens = tokenize(condition)
        _refuse_qualifiers(condition, tokens)
        tokens = unqualified(tokens) or []
    except WceError as error:
        raise WceError("bad_policy", error.detail, position=error.position) from None
    if not tokens:
        raise bad("only tables of the cenv itself may be named")
    for token in tokens:
        if token.kind in NAMES and (token.name or "").startswith((*OWN, "pragma_")):
            raise WceError("bad_policy", f"{token.spelled} may not be used in a policy", position=place(condition, token.offset))
        if token.keyword in ("USING", "NATURAL"):
            # SQLite does not say which tables and columns such a join reads.
            raise WceError("bad_policy", f"write ON instead of {token.text}", position=place(condition, token.offset))
    return tokens


def _refuse_qualifiers(condition: str, tokens: Sequence[Token]) -> None:
    """`main.` only before a table: anywhere else it could also be a table or alias of that name, which means other rows."""
    for index, token in enumerate(tokens[:-1]):
        if token.name == "main" and tokens[index + 1].keyword == "." and not _follows_from(tokens, index):
            raise WceError("bad_policy", "leave out main.", position=place(condition, token.offset))


def _is_source(tokens: Sequence[Token], index: int) -> bool:
    """Whether a name stands directly after FROM or JOIN; IS DISTINCT FROM is no such FROM, and name(…) is a function."""
    return tokens[index].kind in NAMES and not _is_called(tokens, index) and _follows_from(tokens, index)


def _is_called(tokens: Sequence[Token], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].keyword == "("


def _follows_from(tokens: Sequence[Token], index: int) -> bool:
    before = tokens[index - 1].keyword if index else None
    return before in ("FROM", "JOIN") and not (index > 1 and tokens[index - 2].keyword == "DISTINCT")


def weight(condition: str, catalogue: Catalogue) -> int:
    """What it costs SQLite to prepare a condition once, see `weights`."""
    tokens = tokenize(condition)
    return 3 + weigh(tokens, definitions(tokens), catalogue.weights)


def compile_table(
    table: str, policies: Iterable[RowPolicy], catalogue: Catalogue, schema: str, variables: Mapping[str, Value]
) -> Conditions:
    """All policies on a table, joined; raises WceError `bad_policy` when one of them cannot be used."""
    parts: dict[str, list[str]] = {"read": [], "write": [], "delete": []}
    alone = []
    for policy in policies:
        if policy.policy_type not in parts:
            raise bad(f"policy {policy.id} is of no known type")
        parts[policy.policy_type].append(f"({translate(policy.sql_condition, catalogue, schema, variables)})")
        if policy.policy_type == "write":
            alone.append(f"({translate(policy.sql_condition, catalogue, schema, variables, bare=table)})")
    conditions = Conditions(
        read=_all(parts["read"]),
        update=_all(parts["read"] + parts["write"]),
        delete=_all(parts["read"] + parts["delete"]),
        check=_all(parts["write"]),
        alone=_all(alone) if alone != parts["write"] else "",
    )
    if conditions != FREE:
        restrictable(catalogue, table)
    return conditions


def _all(conditions: Sequence[str]) -> str:
    """That all of them hold, in pairs of pairs: in a row each would be a level of its own, and SQLite takes 200."""
    joined = list(conditions)
    while len(joined) > 1:
        pairs = [joined[at : at + 2] for at in range(0, len(joined), 2)]
        joined = [f"({' AND '.join(pair)})" if len(pair) == 2 else pair[0] for pair in pairs]
    return joined[0] if joined else ""


def restrictable(catalogue: Catalogue, table: str) -> Table:
    """The table that a policy may stand on; raises WceError `bad_policy` or `no_such_table`."""
    found = catalogue.tables.get(table)
    if found is None:
        if table in catalogue.views:
            raise bad("a policy goes on a table, not on a view; the policies of its tables hold in the view, too")
        raise WceError("no_such_table", f"no such table: {table}")
    if found.module:
        raise bad("a virtual table cannot have policies")
    if found.rowid is None and not found.without_rowid:
        raise bad("a table with columns named rowid, oid and _rowid_ cannot have policies")
    if table in catalogue.unreadable:
        raise bad("the definition of the table could not be read")
    return found


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
            raise bad("every table in a sub-select must stand directly after FROM or JOIN") from None
        raise bad(_reason(str(error).replace(f"{schema}.", ""), tokens)) from None
    for event in events:
        _check(event, catalogue, schema)
    if room:
        _require_room(probe, f"WITH {stand_ins} SELECT NOT EXISTS(SELECT 1 FROM {rows} WHERE {_ROOM}({sql}))")


def _require_room(probe: Probe, sql: str) -> None:
    """In the triggers of the net a condition stands in an EXISTS, and SQLite counts its levels twice there."""
    try:
        probe(f"EXPLAIN {sql}")
    except sqlite3.Error:
        raise bad("it has too many levels; in place of OR after OR write IN (…), or put the values into a table") from None


def shifted(condition: str, changed: Mapping[str, Collection[str]]) -> str | None:
    """A name that could have come to mean another column; `changed` are the columns that tables gained or lost.

    A column of a sub-select that has gone is looked for in the table of the policy, and one of that is hidden by a new one.
    """
    tokens = tokenize(condition)
    sources = {token.name for index, token in enumerate(tokens) if _is_source(tokens, index)}
    moved = set[str]().union(*(columns for table, columns in changed.items() if table in sources))
    for index, token in enumerate(tokens):
        if token.kind in IDENTIFIERS and token.name in moved and _is_bare_column(tokens, index):
            return token.spelled
    return None


def _is_bare_column(tokens: Sequence[Token], index: int) -> bool:
    """Whether a name may be that of a column of any table: it is no table, qualifier or function, and has no qualifier."""
    qualified = index > 0 and tokens[index - 1].keyword == "."
    qualifies = index + 1 < len(tokens) and tokens[index + 1].keyword == "."
    return not (qualified or qualifies or _is_called(tokens, index) or _is_source(tokens, index))


def _reason(message: str, tokens: Sequence[Token]) -> str:
    """What SQLite says, and what to do about a text in the quotes of names."""
    for token in tokens:
        if token.text[0] == '"' and message == f"no such column: {token.spelled}":
            return f"{message}; a text stands in single quotes"
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
