from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wce.core import audit, hooks, jobs
from wce.core.hooks import MAX_DEPTH, HookChanges, HookQueue, NewHook
from wce.core.query import Statement
from wce.errors import WceError
from wce.model import Role

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = "def handler(event):\n    pass\n"


def accept(source: str) -> None:
    """Every text is a script."""


@pytest.fixture
def shop(desk):
    desk.world.sql("CREATE TABLE Notes (id INTEGER PRIMARY KEY, title TEXT)")
    desk.world.sql("CREATE TABLE tags (id INTEGER PRIMARY KEY, note_id INTEGER REFERENCES notes (id) ON DELETE CASCADE)")
    desk.world.sql("CREATE VIEW titles AS SELECT title FROM notes")
    desk.world.store.hooks.before("hooks", HookQueue().queue)
    return desk


def save(shop, actor=None, **fields):
    world = shop.world
    new = NewHook(**{"name": "log it", "table_name": "notes", "script": SCRIPT} | fields)
    return hooks.save_hook(world.session, shop.guard.catalogue(world.cenv), accept, actor or world.owner, new)


def change(shop, hook, actor=None, **fields):
    world = shop.world
    catalogue = shop.guard.catalogue(world.cenv)
    return hooks.update_hook(world.session, catalogue, accept, actor or world.owner, hook.id, HookChanges(**fields))


def refused(call, *args, **kwargs) -> WceError:
    with pytest.raises(WceError) as caught:
        call(*args, **kwargs)
    return caught.value


def queued(shop) -> list[tuple[int, dict]]:
    """Hook and payload of every job that waits, the oldest first; they are taken."""
    found = []
    while (claim := jobs.claim(shop.world.session, shop.world.clock.now)) is not None:
        assert claim.kind == "hook"
        found.append((claim.item_id, dict(claim.payload)))
        jobs.drop(shop.world.session, claim)
    return found


def test_a_hook_is_kept_under_the_name_that_the_table_has(shop):
    made, fresh = save(shop, description="why", run_as="definer")

    assert fresh
    assert hooks.list_hooks(shop.world.session) == [made] == [hooks.find_hook(shop.world.session, made.id)]
    assert (made.name, made.table_name, made.run_as, made.enabled, made.modified_by) == ("log it", "Notes", "definer", True, 1)


def test_the_same_name_again_takes_its_place(shop):
    made, _ = save(shop)

    again, fresh = save(shop, table_name="*")

    assert (again.id, again.table_name, fresh) == (made.id, "*", False)


def test_some_of_it_may_be_changed(shop):
    made, _ = save(shop)

    changed = change(shop, made, table_name="TAGS", name="other", enabled=False)

    assert (changed.table_name, changed.name, changed.enabled, changed.script) == ("tags", "other", False, SCRIPT)


def test_a_name_that_another_one_has_is_refused(shop):
    save(shop)
    other, _ = save(shop, name="other")

    assert refused(change, shop, other, name="log it").code == "name_taken"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " a"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a" * 101}, "name"),
        ({"table_name": "nothing"}, "table_name"),
        ({"table_name": "titles"}, "table_name"),
        ({"table_name": "_wce_users"}, "table_name"),
        ({"table_name": ""}, "table_name"),
        ({"run_as": "root"}, "run_as"),
    ],
)
def test_what_breaks_a_rule_is_refused(shop, fields, field):
    error = refused(save, shop, **fields)

    assert (error.code, error.errors[0].field) == ("validation", field)
    assert hooks.list_hooks(shop.world.session) == []


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_only_administrators_write_hooks(shop, role):
    user, (made, _) = shop.world.add("someone", role), save(shop)

    for call in (
        lambda: save(shop, user),
        lambda: change(shop, made, user, enabled=False),
        lambda: hooks.delete_hook(shop.world.session, user, made.id),
    ):
        assert refused(call).code == "forbidden"


def test_somebody_elses_script_runs_as_its_caller_again(shop):
    adam = shop.world.add("adam", Role.ADMIN)
    made, _ = save(shop, run_as="definer")

    assert change(shop, made, adam, description="x").run_as == "definer"
    assert change(shop, made, adam, table_name="*").run_as == "caller"


def test_changes_are_audited_without_the_text(shop):
    made, _ = save(shop)
    change(shop, made, enabled=False)
    hooks.delete_hook(shop.world.session, shop.world.owner, made.id)

    entries = audit.find(shop.world.session, audit.AuditFilters(resource="hook")).entries
    assert [entry.action for entry in entries] == ["hook.delete", "hook.update", "hook.create"]
    assert SCRIPT not in str(entries)


def test_a_hook_follows_its_table_to_another_name(shop):
    made, _ = save(shop)
    every, _ = save(shop, name="every", table_name="*")

    shop.run(shop.world.owner, "ALTER TABLE notes RENAME TO tasks")

    assert [hooks.find_hook(shop.world.session, item.id).table_name for item in (made, every)] == ["tasks", "*"]


class TestQueue:
    """What a commit leaves behind."""

    def test_a_commit_queues_its_hooks_with_what_it_did(self, shop):
        made, _ = save(shop)
        alice = shop.world.add("alice", Role.EDITOR)
        shop.allow(alice, "notes", can_read=True, can_write=True)

        shop.run(alice, "INSERT INTO notes (title) VALUES ('a'), ('b')", "UPDATE notes SET title = 'c' WHERE id = 1")

        number = shop.world.session.one("SELECT commits FROM _wce_state")[0]
        assert queued(shop) == [
            (made.id, {"tables": {"Notes": 3}, "user_id": alice.user_id, "at": int(shop.world.clock.now), "commit": number, "depth": 1})
        ]

    def test_the_commit_itself_says_that_jobs_wait(self, shop):
        told = []
        shop.world.store.hooks.add("test", told.append)
        save(shop)

        shop.run(shop.world.owner, "INSERT INTO notes (title) VALUES ('a')")

        assert dict(told[-1].tables) == {"Notes": 1, jobs.TABLE: 1}

    def test_only_the_hooks_of_its_tables(self, shop):
        notes, _ = save(shop, name="notes")
        tags, _ = save(shop, name="tags", table_name="tags")
        every, _ = save(shop, name="every", table_name="*")
        owner = shop.world.owner

        shop.run(owner, "INSERT INTO tags VALUES (1, NULL)")
        assert [(hook, payload["tables"]) for hook, payload in queued(shop)] == [(tags.id, {"tags": 1}), (every.id, {"tags": 1})]

        shop.run(owner, "INSERT INTO notes VALUES (1, 'a')", "INSERT INTO tags VALUES (2, 1)")
        both = {"Notes": 1, "tags": 1}
        assert [(hook, payload["tables"]) for hook, payload in queued(shop)] == [
            (notes.id, {"Notes": 1}),
            (tags.id, {"tags": 1}),
            (every.id, both),
        ]

    def test_a_table_reached_by_a_cascade_counts(self, shop):
        tags, _ = save(shop, table_name="tags")
        shop.run(shop.world.owner, "INSERT INTO notes VALUES (1, 'a')")

        shop.run(shop.world.owner, "DELETE FROM notes")

        assert [(hook, payload["tables"]) for hook, payload in queued(shop)] == [(tags.id, {"tags": 0})]

    def test_what_is_rolled_back_queues_nothing(self, shop):
        save(shop)

        refused(shop.run, shop.world.owner, "INSERT INTO notes (title) VALUES ('a')", "INSERT INTO nothing VALUES (1)")

        assert queued(shop) == []

    def test_reading_and_work_on_wces_own_tables_queue_nothing(self, shop):
        save(shop, table_name="*")

        shop.run(shop.world.owner, "SELECT * FROM notes")
        shop.world.add("alice")

        assert queued(shop) == []

    def test_a_disabled_hook_is_not_queued_and_the_change_acts_at_once(self, shop):
        made, _ = save(shop)
        insert = Statement("INSERT INTO notes (title) VALUES (?)", ("a",))
        shop.run(shop.world.owner, insert)
        assert len(queued(shop)) == 1

        change(shop, made, enabled=False)
        shop.run(shop.world.owner, insert)
        assert queued(shop) == []

        change(shop, made, enabled=True)
        shop.run(shop.world.owner, insert)
        assert len(queued(shop)) == 1

    def test_a_hook_that_was_taken_back_leaves_nothing_in_the_cache(self, shop):
        world, failing = shop.world, [LookupError]

        def fail_once(_: object) -> None:
            if failing:
                raise failing.pop()

        def make_and_touch() -> None:
            with world.session.transaction(world.owner) as transaction:
                save(shop, table_name="*")
                transaction.touch("notes", 1)

        world.store.hooks.before("test", fail_once)
        with pytest.raises(LookupError):
            make_and_touch()
        save(shop, table_name="tags")  # moves the counter to the same number

        shop.run(world.owner, "INSERT INTO notes (title) VALUES ('a')")

        assert queued(shop) == []

    def test_a_table_that_was_renamed_in_vain_leaves_nothing_in_the_cache(self, shop):
        save(shop)
        world = shop.world
        world.sql("CREATE TABLE links (note INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)")

        caught = refused(shop.run, world.owner, "ALTER TABLE notes RENAME TO tasks", "INSERT INTO links VALUES (404)")
        save(shop, name="of tags", table_name="tags")  # moves the counter to the same number
        shop.run(world.owner, "INSERT INTO notes (title) VALUES ('a')")

        assert caught.code == "constraint"
        assert [payload["tables"] for _, payload in queued(shop)] == [{"Notes": 1}]

    def test_a_removed_hook_takes_its_jobs_with_it(self, shop):
        made, _ = save(shop)
        shop.run(shop.world.owner, "INSERT INTO notes (title) VALUES ('a')")

        hooks.delete_hook(shop.world.session, shop.world.owner, made.id)

        assert queued(shop) == []

    def test_commits_of_hooks_know_how_deep_they_are_and_end_somewhere(self, shop):
        made, _ = save(shop)
        world = shop.world

        def commit(depth: int) -> None:
            with world.session.transaction(world.owner) as transaction:
                transaction.depth = depth
                transaction.touch("Notes", 1)

        commit(MAX_DEPTH - 1)
        assert [payload["depth"] for _, payload in queued(shop)] == [MAX_DEPTH]

        commit(MAX_DEPTH)
        assert queued(shop) == []
        assert world.session.all("SELECT kind, item_id, error LIKE '%5 times%' FROM _wce_script_runs") == [("hook", made.id, 1)]

    def test_a_commit_without_hooks_asks_the_file_once(self, shop):
        world, asked = shop.world, []
        world.session.connection.set_trace_callback(asked.append)

        for _ in range(3):
            with world.session.transaction(world.owner) as transaction:
                transaction.touch("Notes", 1)

        world.session.connection.set_trace_callback(None)
        assert sum("_wce_hooks" in text for text in asked) == 1
        assert len(asked) == 4 * 3 + 1


WRITES_FOR_EVER = """
import sys
from pathlib import Path
from wce.config import Settings
from wce.core.hooks import HookQueue
from wce.metrics import Metrics
from wce.model import Actor, Role
from wce.store.store import Store

store = Store(Settings(storage_dir=Path(sys.argv[1]), min_free_mb=0), Metrics())
store.hooks.before("hooks", HookQueue().queue)
with store.session(sys.argv[2]) as session:
    while True:
        with session.transaction(Actor(1, "Olivia", Role.OWNER)) as transaction:
            transaction.execute("INSERT INTO notes (title) VALUES ('a')")
            transaction.touch("Notes", 1)
        print("done", flush=True)
"""


def test_a_process_that_is_killed_leaves_a_job_for_each_commit(shop):
    save(shop)
    world = shop.world
    command = [sys.executable, "-c", WRITES_FOR_EVER, str(world.store.folder.path), world.cenv]

    for _ in range(3):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            for _ in range(20):
                assert process.stdout.readline() == b"done\n"
            process.kill()

    notes, waiting = world.session.one("SELECT (SELECT count(*) FROM notes), (SELECT count(*) FROM _wce_jobs)")
    assert notes == waiting >= 60
