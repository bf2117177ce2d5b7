"""Conditions that an administrator may not make a policy, because they would reach further than the rows of their table."""

from __future__ import annotations

import pytest

from tests.security.worlds import Pair
from wce.errors import WceError

BAD = (
    "EXISTS (SELECT 1 FROM _wce_users WHERE password_hash LIKE '$2b%')",
    "owner_id IN (SELECT user_id FROM _wce_users)",
    "EXISTS (SELECT 1 FROM '_wce_users')",
    'EXISTS (SELECT 1 FROM "_WCE_sessions")',
    "EXISTS (SELECT password_hash FROM (SELECT NULL AS password_hash WHERE 0) FULL JOIN _wce_users USING (password_hash))",
    "EXISTS (SELECT 1 FROM sqlite_master)",
    "EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'x')",
    "EXISTS (SELECT 1 FROM pragma_table_info('notes'))",
    "EXISTS (SELECT 1 FROM dbstat)",
    "EXISTS (SELECT 1 FROM sqlite_stmt)",
    "EXISTS (SELECT 1 FROM search_content)",
    "EXISTS (SELECT 1 FROM members, vault)",
    "owner_id IN members",
    "owner_id IN (SELECT user_id FROM (members))",
    "EXISTS (SELECT 1 FROM temp.members)",
    "EXISTS (SELECT 1 FROM other.members)",
    "owner_id = $nobody",
    "owner_id = ?",
    "owner_id = :user_id",
    "owner_id = @user_id",
    "load_extension('x')",
    "fts3_tokenizer('simple')",
    "last_insert_rowid() = 1",
    "changes() = 0",
    "total_changes() = 0",
    "printf('%.*c', 1000000000, 'x') = ''",
    "json_patch(data, data) = ''",
    "1) OR (1",
    "1) UNION SELECT (1",
    "1; DELETE FROM notes",
    "1 --",
    "1 /* x */",
    "1 /*",
    "",
    " ",
    "count(*) > 0",
    "row_number() OVER () = 1",
    "raise(ABORT, 'x')",
    "1 ORDER BY 1",
    "1 LIMIT 5",
    "1 GROUP BY id",
    "1 UNION SELECT 1",
    "nope = 1",
    "vault.secret = 'x'",
    "owner_id = $user_id AND",
    "owner_id = 'x",
    "1\x00",
    "\ufeff1",
    "rowid = 1",
    "EXISTS (WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM vault) SELECT * FROM x, members)",
)
GOOD = (
    "owner_id = $user_id",
    "1",
    "owner_id = $user_id OR title LIKE 'public%'",
    "owner_id IN (SELECT user_id FROM members WHERE members.group_id = 7)",
    "EXISTS (SELECT 1 FROM members AS m JOIN docs AS d ON d.group_id = m.group_id WHERE m.user_id = $user_id AND d.id = notes.id)",
    "notes.id IN (SELECT n.id FROM notes AS n WHERE n.owner_id = $user_id)",
    "json_extract(data, '$.k') > 0",
    "owner_id IS NOT DISTINCT FROM $user_id",
    "CASE $role WHEN 'viewer' THEN score < 10 ELSE 1 END",
    "$username = 'alice'",
    "EXISTS (SELECT 1 FROM vault WHERE vault.id = notes.id)",
)


@pytest.mark.parametrize("condition", BAD)
def test_a_condition_that_reaches_too_far_is_no_policy(condition: str, pair: Pair) -> None:
    with pytest.raises(WceError) as refusal:
        pair.left.guard.validate_policy(pair.left.cenv, "notes", condition)

    assert refusal.value.code == "bad_policy"
    assert "unbound" not in refusal.value.detail


@pytest.mark.parametrize("condition", GOOD)
def test_a_condition_about_rows_is_a_policy(condition: str, pair: Pair) -> None:
    pair.left.guard.validate_policy(pair.left.cenv, "notes", condition)


@pytest.mark.parametrize("table", ["v_notes", "search", "boxes", "sqlite_master", "_wce_users", "nonesuch", "search_content"])
def test_only_a_table_has_policies(table: str, pair: Pair) -> None:
    with pytest.raises(WceError) as refusal:
        pair.left.guard.validate_policy(pair.left.cenv, table, "1")

    assert refusal.value.code in ("bad_policy", "no_such_table")
