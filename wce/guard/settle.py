"""After a change of the schema: what was granted on a name must not pass to something else that comes to have that name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from wce.errors import WceError
from wce.guard import vetting
from wce.guard.catalogue import MAX_DEFINITIONS, Catalogue
from wce.guard.link import Link
from wce.guard.plan import Plan
from wce.guard.weights import MAX_WEIGHT
from wce.model import Params
from wce.store.sqlite import fold

_BY_TABLE: Final = ("_wce_table_permissions", "_wce_row_policies")
_RESCOPE: Final = (
    "UPDATE _wce_api_keys SET scope = json_set(scope, '$.tables', json((SELECT json_group_array("
    "CASE WHEN value = :old COLLATE NOCASE THEN :new ELSE value END) FROM json_each(scope, '$.tables'))))"
    " WHERE EXISTS (SELECT 1 FROM json_each(scope, '$.tables') WHERE value = :old COLLATE NOCASE)"
)


def settle(link: Link, plan: Plan, before: Catalogue, after: Catalogue) -> None:
    """Move or remove permissions, policies and marks of triggers; raises WceError when the change breaks a policy.

    Runs in the transaction of the change, so nobody ever sees one without the other.
    """
    _require_light(before, after)
    old = {*before.tables, *before.views}
    new = {*after.tables, *after.views}
    moved = plan.renamed
    if moved is not None and moved[0] in old - new and moved[1] in new - old:
        _forget(link, moved[1])
        names: Params = {"old": moved[0], "new": after.tables[moved[1]].name}
        for table in (*_BY_TABLE, "_wce_hooks"):
            link.execute(f"UPDATE {table} SET table_name = :new WHERE table_name = :old", names)
        link.execute(_RESCOPE, names)
    else:
        for name in old ^ new:
            _forget(link, name)
    for name in set(before.triggers) ^ set(after.triggers):
        link.execute("DELETE FROM _wce_triggers WHERE name = ?", (name,))
    _require_policies(link, after, _moved_columns(before, after, moved))


def _forget(link: Link, name: str) -> None:
    for table in _BY_TABLE:
        link.execute(f"DELETE FROM {table} WHERE table_name = ?", (name,))


def _require_light(before: Catalogue, catalogue: Catalogue) -> None:
    """Views over views can be built so that one mention of the last keeps SQLite busy for hours; and all definitions are read here."""
    if catalogue.length > max(MAX_DEFINITIONS, before.length):
        raise WceError("too_large", f"all definitions together may have at most {MAX_DEFINITIONS:,} characters")
    heavy = catalogue.too_heavy
    if heavy is not None:
        raise WceError("too_large", f"the view {heavy} is made of too many views")
    if catalogue.trigger_weight > MAX_WEIGHT:
        raise WceError("too_large", "the triggers use too many views")


def _moved_columns(before: Catalogue, after: Catalogue, renamed: tuple[str, str] | None) -> dict[str, set[str]]:
    """The columns that each table has gained or lost."""
    found = {}
    for name, table in after.tables.items():
        old = before.tables.get(renamed[0] if renamed is not None and name == renamed[1] else name)
        if old is not None and old.columns != table.columns:
            found[name] = {fold(column.name) for column in old.columns} ^ {fold(column.name) for column in table.columns}
    return found


def _require_policies(link: Link, catalogue: Catalogue, moved: Mapping[str, Collection[str]]) -> None:
    rows = link.ask("SELECT min(id), table_name, sql_condition FROM _wce_row_policies GROUP BY table_name, sql_condition")
    for number, table, condition in rows:
        try:
            vetting.validate(link.probe, catalogue, link.hidden.schema, table, condition)
        except WceError as error:
            raise WceError("bad_policy", f"policy {number} on {table} would no longer work: {error.detail}") from error
        column = vetting.shifted(condition, moved)
        if column is not None:
            detail = f"{column} in policy {number} on {table} could come to mean another column: write table.{column} there"
            raise WceError("bad_policy", detail)
