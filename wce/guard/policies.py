"""Row policies: from the condition that an administrator wrote to the SQL that stands in every statement."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wce.errors import WceError
from wce.guard.catalogue import OWN, Catalogue, Table
from wce.guard.definitions import unqualified
from wce.guard.expansion import definitions
from wce.guard.functions import IN_POLICIES, TABLE_FUNCTIONS
from wce.guard.tokens import IDENTIFIERS, NAMES, Token, place, tokenize
from wce.guard.weights import weigh
from wce.model import RowPolicy, Value
from wce.store.sqlite import quote


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
            raise bad("a policy cannot contain text with a NUL character")
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float) and not math.isfinite(value):
        raise bad("a policy cannot contain an infinite number")
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
        elif is_source(tokens, index) and token.name in catalogue.tables:
            parts.append(quote(token.spelled) if token.name == bare else f"{quote(schema)}.{quote(token.spelled)}")
        elif is_source(tokens, index) and token.name in catalogue.views:
            raise bad(f"{token.spelled} is a view: a policy names tables")  # a view is opened with the rights of who reads
        elif token.kind in NAMES and token.name in TABLE_FUNCTIONS and (_follows_from(tokens, index) or is_called(tokens, index)):
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


def is_source(tokens: Sequence[Token], index: int) -> bool:
    """Whether a name stands directly after FROM or JOIN; IS DISTINCT FROM is no such FROM, and name(…) is a function."""
    return tokens[index].kind in NAMES and not is_called(tokens, index) and _follows_from(tokens, index)


def is_called(tokens: Sequence[Token], index: int) -> bool:
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
            raise bad("a policy is for a table, not for a view; the policies of its tables apply in the view, too")
        raise WceError("no_such_table", f"no such table: {table}")
    if found.module:
        raise bad("a virtual table cannot have policies")
    if found.rowid is None and not found.without_rowid:
        raise bad("a table with columns named rowid, oid and _rowid_ cannot have policies")
    if table in catalogue.unreadable:
        raise bad("the definition of the table could not be read")
    return found
