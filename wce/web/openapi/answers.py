"""The shapes of answers that no dataclass of the core has; a test holds real answers against them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from wce.core.audit import AuditRecord
from wce.core.settings import Entry
from wce.guard.explain import PlanRow, TableUse
from wce.model import Rights
from wce.sandbox.work import Ran

Principal = Annotated[int | Literal["public"], Field(description='The id of a user; "public" is everyone who is not signed in.')]
Seconds = Annotated[int, Field(description="Unix seconds.")]


class Answer(BaseModel):
    """What a view answers. A field with a default may be missing."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class FieldProblem(Answer):
    """One field that broke a rule."""

    field: str
    message: str


class Place(Answer):
    """A place in the text that was sent; both count from 1."""

    line: int
    column: int


class Problem(Answer):
    """Every error (RFC 9457). Programs look at `code`, people at `detail`. /docs/errors explains every code."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldProblem] = []
    position: Place = Place(line=1, column=1)
    statement: Annotated[int, Field(description="The index of the failing statement of a transaction, from 0.")] = 0
    failing: Annotated[list[str], Field(description="Of /health/ready only, as what follows: the checks that failed.")] = []
    checks: dict[str, str] = {}
    warnings: list[str] = []
    sqlite_version: str = ""
    sandbox: dict[str, Any] = {}


class Blob(Answer):
    """A BLOB, in both directions."""

    content: Annotated[str, Field(alias="$base64")]


class Cell(RootModel[None | int | float | str | Blob]):
    """A value of SQLite: NULL, INTEGER, REAL, TEXT or BLOB. An infinity is null."""


class Bound(RootModel[None | bool | int | float | str | Blob]):
    """A value for a parameter of a statement. True and false are 1 and 0."""


class LeftOut(Answer):
    """What was left out."""

    type: str
    name: str
    reason: str


class Report(Answer):
    """What became of a file. `tables` and `system` count rows, `objects` views, indexes, triggers and virtual tables."""

    kind: Literal["cenv", "data"]
    owner: str
    bytes: int
    sha256: str
    tables: dict[str, int]
    objects: dict[str, int]
    system: dict[str, int]
    dropped: list[LeftOut]
    notes: list[str]
    more_dropped: int


class MadeCenv(Answer):
    """Where the new cenv is."""

    cenv_id: str
    cenv_url: str
    users: Annotated[dict[str, str], Field(description="The passwords of the users that the example brings; given once.")] = {}
    report: Annotated[Report | None, Field(description="What became of the file that it was made of.")] = None


class Alive(Answer):
    """The process answers."""

    status: Literal["ok"]


class Ready(Answer):
    """Each check by name; "ok", or what is wrong."""

    status: Literal["ok"]
    checks: dict[str, str]
    warnings: list[str]
    sqlite_version: str
    sandbox: dict[str, Any]


class Token(Answer):
    """A session. The same token is set as an HttpOnly cookie."""

    token: str
    expires_at: Seconds


class Me(Answer):
    """Who you are. `csrf_token` is there if the request came with the cookie."""

    user_id: int
    username: str
    role: str
    cenv_id: str
    permissions: dict[str, Rights]
    csrf_token: str = ""
    key: Annotated[dict[str, Any], Field(description="The id and the scope of the API key that was sent.")] = {}


class Door(Answer):
    """What a visitor learns of a cenv."""

    title: str
    allow_registration: bool


class Overview(Answer):
    """What a first screen shows; all but title and tables is for administrators."""

    title: str
    tables: list[dict[str, Any]]
    size: dict[str, Any] = {}
    setup: dict[str, Any] = {}
    sessions: int = 0
    slowest: list[dict[str, Any]] = []
    traffic: Annotated[list[dict[str, Any]], Field(description="By quarters of an hour, of the last eight days.")] = []
    activity: list[dict[str, Any]] = []


class Result(Answer):
    """What a statement answered. Rows are objects by column, or arrays if `format` said so."""

    columns: list[str]
    rows: list[dict[str, Cell] | list[Cell]]
    row_count: int
    changes: int
    last_row_id: int | None
    truncated: Annotated[bool, Field(description="There were more rows than max_rows or query_max_rows.")]
    duration_ms: float


class Results(Answer):
    """The answer of each statement, in order."""

    results: list[Result]


class Explained(Answer):
    """What the statement would do, and what lets it through or stops it."""

    kind: str
    allowed: bool
    reason: str
    code: str
    position: Place | None
    tables: list[TableUse]
    plan: list[PlanRow]
    formatted: str


class Column(Answer):
    """A column; `default` is an SQL expression."""

    name: str
    type: str
    not_null: bool
    primary_key: bool
    default: str | None


class Table(Answer):
    """A table or view, and what the caller may do with it."""

    name: str
    type: Literal["table", "view", "virtual"]
    columns: list[Column]
    can_read: bool
    can_write: bool
    can_delete: bool
    can_grant: bool


class Tables(Answer):
    """Those that the caller may see."""

    tables: list[Table]


class Permission(Answer):
    """What one principal holds on one table."""

    id: int
    user_id: Principal
    username: str
    table_name: str
    can_read: bool
    can_write: bool
    can_delete: bool
    can_grant: bool


class Policy(Answer):
    """A condition on the rows of a table; without `user_id` it applies to everybody."""

    id: int
    table_name: str
    user_id: Principal | None
    policy_type: Literal["read", "write", "delete"]
    sql_condition: str
    created_at: Seconds
    created_by: int | None


class Settings(Answer):
    """Every setting of the cenv."""

    config: dict[str, Entry]


class AuditEntries(Answer):
    """One page, newest first."""

    entries: list[AuditRecord]
    next_cursor: str | None


class VersionEntry(Answer):
    """A version without its text."""

    id: int
    created_at: Seconds
    created_by: int | None
    username: str | None


class Run(Answer):
    """One run of a script."""

    id: int
    started_at: Seconds
    duration_ms: float
    status: int | None
    error: dict[str, Any] | None
    prints: list[dict[str, Any]]
    user_id: int | None
    request_id: str


class Tried(Answer):
    """What the script would answer. Nothing of what it did is kept."""

    status: int
    headers: dict[str, str]
    body: str | Blob
    prints: list[dict[str, Any]]
    duration_ms: float
    queries: list[Ran]
    error: Problem | None = None


class Imported(Answer):
    """A cenv after an import."""

    report: Report


class Returned(Answer):
    """A cenv that is back."""

    cenv_id: str
    cenv_url: str
