from __future__ import annotations

import base64

import pytest

from wce.core import audit
from wce.core.audit import AuditFilters
from wce.errors import WceError
from wce.model import Actor, AuditEntry, Role

DAY = 86_400


def write(world, *entries: AuditEntry, actor: Actor | None = None) -> None:
    with world.session.transaction(actor or world.owner) as transaction:
        for entry in entries:
            audit.record(transaction, entry)


def fill(world, count: int) -> None:
    for number in range(count):
        world.clock.now += DAY
        write(world, AuditEntry("note", "thing", str(number)))


def found(world, limit: int = 100, **filters) -> list[str]:
    return [entry.resource_id for entry in audit.find(world.session, AuditFilters(**filters), limit=limit).entries]


def write_and_fail(world, entry: AuditEntry) -> None:
    with world.session.transaction(world.owner) as transaction:
        audit.record(transaction, entry)
        raise ZeroDivisionError


# Writing


def test_an_entry_tells_who_did_what_when_and_from_where(world):
    actor = Actor(5, "alice", Role.EDITOR, "s1", "192.0.2.1", "curl")
    write(world, AuditEntry("note", "table", "songs", {"rows": 3}), actor=actor)

    entry = audit.find(world.session, AuditFilters()).entries[0]

    assert (entry.timestamp, entry.user_id, entry.username) == (int(world.clock.now), 5, "alice")
    assert (entry.action, entry.resource_type, entry.resource_id, entry.details) == ("note", "table", "songs", {"rows": 3})
    assert (entry.ip_address, entry.user_agent) == ("192.0.2.1", "curl")


def test_an_act_that_is_rolled_back_leaves_no_entry(world):
    with pytest.raises(ZeroDivisionError):
        write_and_fail(world, AuditEntry("note"))

    assert world.actions() == ["cenv.create"]


def test_an_act_in_a_savepoint_that_is_rolled_back_leaves_no_entry(world):
    with world.session.transaction(world.owner) as transaction:
        audit.record(transaction, AuditEntry("outer"))
        with pytest.raises(ZeroDivisionError):
            write_and_fail(world, AuditEntry("inner"))

    assert world.actions() == ["cenv.create", "outer"]


def test_recording_does_not_disturb_the_last_rowid_of_the_act(world):
    world.sql("CREATE TABLE songs (id INTEGER PRIMARY KEY)")

    with world.session.transaction(world.owner) as transaction:
        transaction.execute("INSERT INTO songs VALUES (77)")
        audit.record(transaction, AuditEntry("insert"))
        last = transaction.execute("SELECT last_insert_rowid()").fetchone()

    assert last == (77,)


def test_details_are_taken_when_the_act_is_recorded(world):
    details = {"rows": 1}
    with world.session.transaction(world.owner) as transaction:
        audit.record(transaction, AuditEntry("note", details=details))
        details["rows"] = 2

    assert audit.find(world.session, AuditFilters()).entries[0].details == {"rows": 1}


def test_a_long_user_agent_is_cut(world):
    write(world, AuditEntry("note"), actor=Actor(1, "Olivia", Role.OWNER, user_agent="x" * 5_000))

    assert len(audit.find(world.session, AuditFilters()).entries[0].user_agent) == 300


# The chain


def test_an_untouched_log_verifies(world):
    fill(world, 5)

    assert audit.verify(world.session) == audit.Verification(True, 6)


@pytest.mark.parametrize(
    ("damage", "first_bad_id"),
    [
        ("UPDATE _wce_audit_log SET resource_id = 'x' WHERE id = 3", 3),
        ("UPDATE _wce_audit_log SET timestamp = timestamp + 1 WHERE id = 3", 3),
        ("UPDATE _wce_audit_log SET user_id = NULL WHERE id = 3", 3),
        ("UPDATE _wce_audit_log SET hash = 'x' WHERE id = 3", 3),
        ("UPDATE _wce_audit_log SET id = 99 WHERE id = 6", 99),
        ("DELETE FROM _wce_audit_log WHERE id = 3", 4),
        ("DELETE FROM _wce_audit_log WHERE id = 1", 2),
        ("DELETE FROM _wce_audit_log WHERE id = 6", 6),
        ("DELETE FROM _wce_audit_log WHERE id > 2", 3),
        (
            "INSERT INTO _wce_audit_log (id, timestamp, action, hash) SELECT 7, timestamp, action, hash FROM _wce_audit_log LIMIT 1",
            7,
        ),
        ("UPDATE _wce_state SET audit_hash = ''", 7),
    ],
)
def test_tampering_is_found_where_it_begins(world, damage, first_bad_id):
    fill(world, 5)

    world.sql(damage)

    verification = audit.verify(world.session)
    assert (verification.ok, verification.first_bad_id) == (False, first_bad_id)
    assert verification.reason


def test_two_rows_that_changed_places_are_found(world):
    fill(world, 5)

    world.sql("UPDATE _wce_audit_log SET id = -id WHERE id IN (3, 4)")
    world.sql("UPDATE _wce_audit_log SET id = 7 + id WHERE id IN (-3, -4)")

    assert audit.verify(world.session).first_bad_id == 3


def test_an_emptied_log_is_found(world):
    world.sql("DELETE FROM _wce_audit_log")

    assert not audit.verify(world.session).ok


def test_what_is_written_after_a_cut_tail_is_found_too(world):
    fill(world, 5)
    world.sql("DELETE FROM _wce_audit_log WHERE id = 6")

    write(world, AuditEntry("note"))

    assert audit.verify(world.session).first_bad_id == 6


# Retention


def test_trimming_removes_the_old_beginning_and_the_rest_still_verifies(world):
    fill(world, 5)

    removed = audit.trim(world.session, world.owner, int(world.clock.now) - 2 * DAY)

    assert removed == 3
    assert found(world, action="note") == ["4", "3", "2"]
    assert audit.find(world.session, AuditFilters(action="audit.trim")).entries[0].details["removed"] == 3
    assert audit.verify(world.session) == audit.Verification(True, 4)


def test_trimming_everything_keeps_the_ids_growing(world):
    fill(world, 5)

    audit.trim(world.session, world.owner, int(world.clock.now) + 1)

    (entry,) = audit.find(world.session, AuditFilters()).entries
    assert (entry.id, entry.action) == (7, "audit.trim")
    assert audit.verify(world.session) == audit.Verification(True, 1)


def test_trimming_again_and_again_still_verifies(world):
    for _ in range(3):
        fill(world, 3)
        audit.trim(world.session, world.owner, int(world.clock.now))

    assert audit.verify(world.session).ok


def test_nothing_old_enough_means_nothing_removed_and_nothing_said(world):
    fill(world, 2)

    assert audit.trim(world.session, world.owner, 1) == 0
    assert "audit.trim" not in world.actions()


def test_a_young_row_protects_what_comes_after_it_even_when_the_clock_went_back(world):
    write(world, AuditEntry("note", "", "young"))
    world.clock.now -= 100 * DAY
    write(world, AuditEntry("note", "", "older by the clock"))

    removed = audit.trim(world.session, world.owner, int(world.clock.now) + 50 * DAY)

    assert removed == 0
    assert audit.verify(world.session).ok


def test_one_trim_is_bounded(world, monkeypatch):
    monkeypatch.setattr(audit, "_MAX_TRIMMED", 2)
    fill(world, 5)

    assert audit.trim(world.session, world.owner, int(world.clock.now)) == 2
    assert audit.verify(world.session).ok


def test_a_beginning_that_somebody_else_removed_is_found(world):
    fill(world, 5)

    world.sql("INSERT INTO _wce_audit_tombstones SELECT id, hash, 3, 0 FROM _wce_audit_log WHERE id = 3")
    world.sql("DELETE FROM _wce_audit_log WHERE id <= 3")

    verification = audit.verify(world.session)
    assert (verification.ok, verification.reason) == (False, "a removed beginning is not accounted for")


# Finding


def test_newest_first_page_by_page(world):
    fill(world, 7)
    pages, cursor = [], ""

    while cursor is not None:
        page = audit.find(world.session, AuditFilters(action="note"), limit=3, cursor=cursor)
        pages.append([entry.resource_id for entry in page.entries])
        cursor = page.next_cursor

    assert pages == [["6", "5", "4"], ["3", "2", "1"], ["0"]]


def test_a_full_last_page_has_no_next(world):
    fill(world, 3)

    assert audit.find(world.session, AuditFilters(action="note"), limit=3).next_cursor is None


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["c", "b", "a"]),
        ({"user": "Alice"}, ["b", "a"]),
        ({"user": "5"}, ["b", "a"]),
        ({"user": "123"}, ["c"]),
        ({"user": "nobody"}, []),
        ({"user": "9" * 30}, []),
        ({"action": "user.create"}, ["a"]),
        ({"action": "user.*"}, ["b", "a"]),
        ({"action": "user"}, []),
        ({"action": "%"}, []),
        ({"action": "*"}, ["c", "b", "a"]),
        ({"resource": "table"}, ["c"]),
        ({"resource": "b"}, ["b"]),
        ({"resource": "table/c"}, ["c"]),
        ({"resource": "user/c"}, []),
        ({"action": "user.*", "resource": "b"}, ["b"]),
    ],
)
def test_filters(world, filters, expected):
    world.sql("DELETE FROM _wce_audit_log")
    alice, digits = Actor(5, "alice", Role.ADMIN), Actor(6, "123", Role.ADMIN)
    write(world, AuditEntry("user.create", "user", "a"), AuditEntry("user.update", "user", "b"), actor=alice)
    write(world, AuditEntry("insert", "table", "c"), actor=digits)

    assert found(world, **filters) == expected


def test_since_is_inclusive_and_until_is_not(world):
    fill(world, 4)
    last = int(world.clock.now)

    assert found(world, since=last - 2 * DAY, until=last) == ["2", "1"]


def test_times_and_cursors_out_of_all_bounds_find_nothing_or_all(world):
    fill(world, 2)
    beyond = base64.urlsafe_b64encode(b"9" * 20).decode().rstrip("=")

    assert found(world, since=10**30) == found(world, until=-(10**30)) == []
    assert len(found(world, since=-(10**30), until=10**30)) == 3
    assert len(audit.find(world.session, AuditFilters(), cursor=beyond).entries) == 3


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_limit_out_of_range_is_refused(world, limit):
    with pytest.raises(WceError) as caught:
        audit.find(world.session, AuditFilters(), limit=limit)

    assert caught.value.errors[0].field == "limit"


@pytest.mark.parametrize("cursor", ["x", "é", "!!!!", "eA", "MQ==MQ==", "a" * 1_000])
def test_a_cursor_that_is_none_is_refused(world, cursor):
    with pytest.raises(WceError) as caught:
        audit.find(world.session, AuditFilters(), cursor=cursor)

    assert caught.value.errors[0].field == "cursor"
