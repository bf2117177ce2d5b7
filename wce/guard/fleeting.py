"""What makes a statement answer differently although nobody has committed anything: chance, the time, and what SQLite tells of itself."""

from __future__ import annotations

from typing import Final

from wce.guard.plan import Plan

RANDOM: Final = frozenset({"random", "randomblob", "current_date", "current_time", "current_timestamp"})
TIMES: Final = frozenset({"date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff"})
# What SQLite takes for the time of the moment where a time is expected; newer ones than 3.41 also without a time before it.
NOW: Final = frozenset({"now", "subsec", "subsecond"})
# What makes a text of parts in which no such word has to stand.
MAKERS: Final = frozenset(
    """
    -> ->> char concat concat_ws format group_concat highlight json_each json_extract json_tree jsonb_extract ltrim printf replace rtrim
    snippet string_agg substr substring trim unhex unistr
    """.split()  # noqa: SIM905 - as names
)
PRAGMA: Final = "pragma_"  # a pragma as a table; what it tells may belong to the connection
_TEMPORARY: Final = "sqlite_temp"


def may_change(plan: Plan) -> bool:
    """Whether the statement, which has run, could answer something else by itself. Functions of time count even with a fixed time."""
    twin = plan.strict_twin
    called = plan.called if twin is None else plan.called | twin.called
    if plan.kind not in ("SELECT", "VALUES") or plan.writes or plan.stateful or not called.isdisjoint(RANDOM | TIMES):
        return True
    named = plan.read | plan.names if twin is None else plan.read | plan.names | twin.read
    return any(name.startswith((PRAGMA, _TEMPORARY)) for name in named)
