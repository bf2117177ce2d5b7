"""What a client is told when SQLite refuses or fails; nothing in it depends on what he may not see."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

from wce.errors import Position, WceError
from wce.guard.definitions import names_in
from wce.guard.keeping import MESSAGE
from wce.guard.plan import Plan
from wce.guard.tokens import NAMES, Token, place, scanned
from wce.store.sqlite import fold, primary, sqlite3

_NO_TABLE: Final = re.compile(r"no such table: (?P<name>.+)", re.S)
_NO_FUNCTION: Final = re.compile(r"'(?P<name>.+)' is not a function", re.S)
_UNREAD: Final = re.compile(r'(?:near|unrecognized token:) "(?P<name>.*)"(?:: syntax error)?', re.S)
_NAMED: Final = re.compile(
    r"(?:no such (?:column|function|index|collation sequence|window|table-valued function|view)"
    r"|ambiguous column name|wrong number of arguments to function|misuse of (?:aliased )?(?:aggregate|window)(?: function)?)"
    r":? (?P<name>[^():]+)",
    re.S,
)
# SQLite tells of the target of an INSERT with its schema, whose name is ours; of that of a trigger's step without one.
_TARGET: Final = re.compile(r"table (?P<name>.+?) has (?:no column named |\d+ columns but )", re.S)
# Bounds that docs/sql.md tells of; a trigger that calls itself without an end is no matter of the statement's size.
_TOO_MUCH: Final = re.compile(
    r"too many (?:SQL variables|columns (?:in|on) |terms in |FROM clause terms|arguments on function )|Expression tree is too large"
    r"|parser stack overflow|at most \d+ tables in a join|LIKE or GLOB pattern too complex"
)
# What is quoted in these is a value, which may be any text, and never the name of something in the schema.
_OF_VALUE: Final = re.compile(r"(?:JSON path error|bad JSON path|fts5: |expected integer, got|unknown special query|parse error in rank)")
# SQLite from 3.46 on says which index, and by which name the file is attached.
_OF_INDEX: Final = re.compile(r"fts5: (?:missing row|corrupt|checksum)")
_STALE: Final = "a full-text index no longer matches its table: an administrator can rebuild it"
_DEEP: Final = "too many levels of trigger recursion"
_WAY_OUT: Final = "a trigger that changes its own table fires itself, unless it says UPDATE OF with the columns that others write"
_COLUMNS: Final = re.compile(r"(?:UNIQUE|NOT NULL) constraint failed: (?P<columns>.+)", re.S)
_WORD: Final = re.compile(r"[A-Za-z0-9_$\x80-\U0010ffff]+")
# What an error means for the state of the file or disk; None: the SQL is wrong.
Explain = Callable[[Exception], WceError | None]


class Faults:
    """`hidden` are the names that must not be said, `schema` is the one among them that stands before what the client named.

    `sees` tells whether a table's existence is no secret. `frank` is for administrators, who may know what is wrong with a view or trigger.
    """

    def __init__(
        self,
        explain: Explain,
        hidden: Collection[str] = (),
        sees: Callable[[str], bool] = lambda _: False,
        *,
        schema: str = "",
        frank: bool = False,
    ) -> None:
        self._schema = schema
        self._frank = frank
        self._explain = explain
        self._hidden = frozenset(hidden)
        self._sees = sees

    def of(self, error: Exception, plan: Plan, denied: WceError | None) -> WceError:
        """The answer for an exception of the sqlite3 module; `denied` is the authorizer's reason."""
        if denied is not None:
            return self._refusal(denied, plan)
        known = _state(error) or self._explain(error)
        if known is not None:
            return known
        if not isinstance(error, sqlite3.Error | sqlite3.Warning):
            raise error  # a mistake of ours
        message = str(error)
        if primary(error) == sqlite3.SQLITE_CONSTRAINT:
            return self._constraint(message, error)
        return self._missing(message, plan) or self._of_text(message, plan)

    def _refusal(self, denied: WceError, plan: Plan) -> WceError:
        """A refusal of the authorizer, with the name as the client wrote it."""
        if denied.code != "no_such_table":
            return denied
        name = denied.detail.removeprefix("no such table: ")
        return self._absent(name, plan) or WceError("table_forbidden", "permission denied")

    def _absent(self, name: str, plan: Plan) -> WceError | None:
        """No such table, if the client named it at all: the same for one that is hidden and for one that never was."""
        tokens = scanned(plan.text)
        wanted = fold(name)
        spelled = next((token for token in tokens if token.kind in NAMES and token.name == wanted), None)
        if spelled is None:
            return None
        position = place(plan.text, spelled.offset)
        if self._sees(wanted):
            return WceError("table_forbidden", f"permission denied: {plan.kind} on {spelled.spelled}", position=position)
        return WceError("no_such_table", f"no such table: {spelled.spelled}", position=position)

    def _constraint(self, message: str, error: Exception) -> WceError:
        if message == MESSAGE:
            return WceError("row_policy")
        # RAISE says what the author of the trigger wants to be said; everything else may name a table that a trigger writes.
        of_columns = _COLUMNS.fullmatch(message)
        tables = {fold(column.rpartition(".")[0]) for column in of_columns["columns"].split(", ")} if of_columns else set()
        known = bool(tables) and all(map(self._sees, tables))  # then its columns are, too, whatever else has their names
        raised = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_TRIGGER
        untold = not raised and not known and bool(self._said(message))
        return WceError("constraint", "" if untold else message)

    def _missing(self, message: str, plan: Plan) -> WceError | None:
        table = _NO_TABLE.fullmatch(message)
        called = _NO_FUNCTION.fullmatch(message)
        if called is not None and fold(called["name"]) in {fold(name) for name in plan.missing.values()}:
            return self._absent(called["name"], plan)
        if table is None:
            return None
        if table["name"] in plan.missing:
            return self._absent(plan.missing[table["name"]], plan) or self._broken(message)
        # This one is really not there; it may have been called by a schema that is not there either.
        tokens = scanned(plan.text)
        schema, _, name = table["name"].rpartition(".")
        if fold(name) not in names_in(tokens) or self._discloses(message, plan):
            return self._broken(message)
        lead = f"{schema}." if fold(schema) in names_in(tokens) else ""
        token = next(token for token in tokens if token.kind in NAMES and token.name == fold(name))
        return WceError("no_such_table", f"no such table: {lead}{token.spelled}", position=place(plan.text, token.offset))

    def _of_text(self, message: str, plan: Plan) -> WceError:
        if _OF_VALUE.match(message):
            return WceError("sql_error", _STALE if _OF_INDEX.match(message) and not self._frank else message)
        tokens = scanned(plan.text)
        names = names_in(tokens)
        target = _TARGET.match(message)
        spelled = target["name"].removeprefix(f"{self._schema}.") if target is not None else ""
        if target is not None:
            message = f"table {spelled}{message[target.end('name') :]}"
        # The client may have a name that is the same as one of a trigger by chance, or by guessing.
        disclosed = self._discloses(message, plan)
        if disclosed or (target is not None and fold(spelled) != plan.target_name):
            return self._broken("" if disclosed else message)
        if message == "incomplete input":
            return WceError("syntax_error", message, position=place(plan.text, len(plan.text.rstrip())))
        unread = _UNREAD.fullmatch(message)
        if unread is not None:
            return WceError("syntax_error", message, position=_find(unread["name"], plan.text, tokens))
        named = _NAMED.match(message)
        name = named["name"].strip().rpartition(".")[2].removesuffix("()").strip('"') if named is not None else ""
        if name and fold(name) not in names:
            return self._broken(message)
        code = "too_large" if _TOO_MUCH.match(message) else "sql_error"
        return WceError(code, message, position=_find(name, plan.text, tokens))

    def _discloses(self, message: str, plan: Plan) -> bool:
        """Whether a message contains a hidden name that the client's own text does not, in whatever quotes or amid other words."""
        return not self._said(message) <= self._said(plan.text) | names_in(scanned(plan.text))

    def _said(self, text: str) -> set[str]:
        """The hidden names that a text contains as words."""
        folded = fold(text)
        words = set(_WORD.findall(folded))
        return {name for name in self._hidden if name in words or (name in folded and not _WORD.fullmatch(name))}

    def _broken(self, message: str) -> WceError:
        """Something that the client did not write is wrong; what SQLite says of it would tell about it."""
        known = message if self._frank else ""
        return WceError("sql_error", known or "a view, trigger or policy that this statement needs does not work")


def _state(error: Exception) -> WceError | None:
    """Errors that are neither the file's nor the text's."""
    code = primary(error)
    if code == sqlite3.SQLITE_INTERRUPT:
        return WceError("query_timeout")
    if code == sqlite3.SQLITE_TOOBIG:
        return WceError("too_large", "a value, or the statement, is too large")
    if str(error) == _DEEP:
        return WceError("sql_error", f"{_DEEP}: {_WAY_OUT}")
    if isinstance(error, UnicodeError):
        return WceError("validation", "a string is not valid Unicode")
    # The module itself refuses a second statement.
    return WceError("multiple_statements") if isinstance(error, sqlite3.Warning) else None


def _find(name: str, text: str, tokens: list[Token]) -> Position | None:
    """Where a name or token stands; None when it stands in several places or nowhere."""
    wanted = fold(name)
    found = [token for token in tokens if wanted in (token.name, fold(token.text))]
    return place(text, found[0].offset) if len(found) == 1 else None
