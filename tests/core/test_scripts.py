from __future__ import annotations

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wce.core import audit, authoring, scripts, versions
from wce.core.authoring import MAX_DESCRIPTION, MAX_SCRIPT
from wce.core.logins import anonymous
from wce.core.scripts import EndpointChanges, NewEndpoint, RoutesCache
from wce.core.users import UserChanges, delete_user, update_user
from wce.errors import Position, WceError
from wce.model import Actor, Role

NOW = 1_700_000_000
SCRIPT = "def handler(request):\n    return {}\n"


def check(source: str) -> None:
    """Stands for the sandbox, which the core knows only as something that may refuse a text."""
    if "syntax" in source:
        raise WceError("script_error", "unexpected end", position=Position(1, 3))


def save(world, actor=None, **fields):
    new = NewEndpoint(**{"path": "/notes", "method": "GET", "script": SCRIPT} | fields)
    return scripts.save_endpoint(world.session, check, actor or world.owner, new)


def change(world, endpoint, actor=None, **fields):
    return scripts.update_endpoint(world.session, check, actor or world.owner, endpoint.id, EndpointChanges(**fields))


def refused(call, *args, **kwargs) -> WceError:
    with pytest.raises(WceError) as caught:
        call(*args, **kwargs)
    return caught.value


@pytest.fixture
def adam(world):
    """Another administrator."""
    return world.add("adam", Role.ADMIN)


def test_an_endpoint_is_kept_as_it_was_given(world):
    made, fresh = save(world, description="all notes", access="public", run_as="definer", enabled=False)

    assert fresh
    assert scripts.list_endpoints(world.session) == [made] == [scripts.find_endpoint(world.session, made.id)]
    assert (made.path, made.method, made.script, made.description) == ("/notes", "GET", SCRIPT, "all notes")
    assert (made.access, made.run_as, made.enabled) == ("public", "definer", False)
    assert (made.created_at, made.modified_at, made.created_by, made.modified_by) == (NOW, NOW, 1, 1)


def test_the_same_path_and_method_again_take_its_place(world, adam):
    made, _ = save(world)
    world.clock.now += 5

    again, fresh = save(world, adam, script="other", access="admin")

    assert not fresh
    assert (again.id, again.script, again.access, again.created_by, again.modified_by) == (made.id, "other", "admin", 1, adam.user_id)
    assert again.modified_at == made.modified_at + 5
    assert len(scripts.list_endpoints(world.session)) == 1


def test_some_of_it_may_be_changed(world):
    made, _ = save(world)

    changed = change(world, made, path="/tasks/{id}", method="*", description="one")

    assert (changed.path, changed.method, changed.description, changed.script) == ("/tasks/{id}", "*", "one", SCRIPT)


def test_whoever_says_what_he_replaces_does_not_save_over_what_he_has_not_seen(world, adam):
    made, _ = save(world)
    seen = hashlib.sha256(SCRIPT.encode()).hexdigest()
    theirs = change(world, made, adam, script="theirs", instead_of=seen)

    for call in (
        lambda: change(world, made, script="mine", instead_of=seen),
        lambda: change(world, made, description="mine", instead_of=seen),
        lambda: save(world, script="mine", instead_of=seen),
        lambda: save(world, path="/gone", instead_of=seen),
    ):
        assert refused(call).code == "changed_meanwhile"

    assert scripts.list_endpoints(world.session) == [theirs]
    assert change(world, made, adam, script="theirs", instead_of=seen) == theirs  # sent again, as after a lost answer
    assert change(world, made, script="mine").script == "mine"


def test_an_empty_hash_means_that_there_is_none(world):
    made, fresh = save(world, instead_of="")

    error = refused(save, world, script="other", instead_of="")

    assert (fresh, error.code, error.errors[0].field) == (True, "name_taken", "path")
    assert scripts.list_endpoints(world.session) == [made]


def test_what_is_removed_is_gone_and_its_id_is_not_given_again(world):
    made, _ = save(world)

    scripts.delete_endpoint(world.session, world.owner, made.id)

    assert scripts.list_endpoints(world.session) == []
    assert save(world)[0].id == made.id + 1


def test_what_is_not_there_is_not_found(world):
    assert refused(scripts.find_endpoint, world.session, 99).code == "not_found"
    assert refused(scripts.delete_endpoint, world.session, world.owner, 99).code == "not_found"
    assert refused(scripts.update_endpoint, world.session, check, world.owner, 99, EndpointChanges(enabled=True)).code == "not_found"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"path": "/a/"}, "path"),
        ({"path": "/a/../b"}, "path"),
        ({"method": "TRACE"}, "method"),
        ({"method": "get"}, "method"),
        ({"access": "owner"}, "access"),
        ({"run_as": "root"}, "run_as"),
        ({"description": "x" * (MAX_DESCRIPTION + 1)}, "description"),
        ({"script": "a\0b"}, "script"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_nothing_is_kept(world, fields, field):
    error = refused(save, world, **fields)

    assert (error.code, error.errors[0].field) == ("validation", field)
    assert scripts.list_endpoints(world.session) == []


def test_a_change_that_breaks_a_rule_changes_nothing(world):
    made, _ = save(world)

    assert refused(change, world, made, path="/a//b", script="other").code == "validation"
    assert scripts.find_endpoint(world.session, made.id) == made


@pytest.mark.parametrize("script", ["x" * (MAX_SCRIPT + 1), "é" * (MAX_SCRIPT // 2 + 1)])
def test_a_script_has_at_most_so_many_bytes(world, script):
    assert refused(save, world, script=script).code == "too_large"
    assert save(world, script="x" * MAX_SCRIPT)[1]


def test_a_text_that_is_no_script_is_never_saved(world):
    made, _ = save(world)

    for call in (
        lambda: save(world, path="/b", script="syntax"),
        lambda: save(world, script="syntax"),
        lambda: change(world, made, script="syntax"),
    ):
        error = refused(call)
        assert (error.code, error.position) == ("script_error", Position(1, 3))
    assert scripts.list_endpoints(world.session) == [made]


@pytest.mark.parametrize("fields", [{"path": "/notes/{key}"}, {"path": "/notes/{key}", "enabled": False}])
def test_two_paths_that_match_the_same_requests_are_refused(world, fields):
    save(world, path="/notes/{id}", enabled=False)
    other, _ = save(world, path="/other")

    error = refused(save, world, **fields)

    assert error.errors[0].field == "path"
    assert "GET /notes/{id}" in error.detail
    assert "GET /notes/{id}" in refused(change, world, other, path="/notes/{x}").detail
    assert refused(change, world, other, path="/notes/{id}").code == "name_taken"


def test_what_differs_in_method_or_in_how_specific_it_is_lives_side_by_side(world):
    for path, method in [
        ("/notes/{id}", "GET"),
        ("/notes/{key}", "PUT"),
        ("/notes/{any}", "*"),
        ("/notes/new", "GET"),
        ("/notes/{r...}", "GET"),
    ]:
        assert save(world, path=path, method=method)[1]


def test_an_endpoint_is_not_in_its_own_way(world):
    made, _ = save(world, path="/notes/{id}")

    assert change(world, made, path="/notes/{key}").path == "/notes/{key}"


def test_a_method_changed_into_anothers_is_refused(world):
    save(world, method="GET")
    other, _ = save(world, method="POST")

    error = refused(change, world, other, method="GET")

    assert (error.code, error.errors[0].field) == ("name_taken", "path")


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_only_administrators_write_endpoints(world, role):
    user, (made, _) = world.add("someone", role), save(world)

    for call in (
        lambda: save(world, user, path="/b"),
        lambda: change(world, made, user, enabled=False),
        lambda: change(world, made, user, script="other"),
        lambda: scripts.delete_endpoint(world.session, user, made.id),
        lambda: scripts.SHELF.restore(world.session, check, user, made.id, 1),
    ):
        assert refused(call).code == "forbidden"


def test_who_was_demoted_meanwhile_saves_nothing(world, adam):
    world.sql("UPDATE _wce_users SET role = 'editor' WHERE user_id = ?", adam.user_id)

    assert refused(save, world, adam).code == "forbidden"
    assert scripts.list_endpoints(world.session) == []


class TestWhoseRights:
    """`modified_by` is the author; `definer` is his own mark."""

    def test_somebody_elses_script_runs_as_its_caller_again(self, world, adam):
        made, _ = save(world, run_as="definer")

        changed = change(world, made, adam, script="other")

        assert (changed.run_as, changed.modified_by) == ("caller", adam.user_id)

    @pytest.mark.parametrize("fields", [{"path": "/b"}, {"method": "POST"}, {"access": "public"}])
    def test_so_it_does_when_it_answers_other_requests(self, world, adam, fields):
        made, _ = save(world, run_as="definer")

        assert change(world, made, adam, **fields).run_as == "caller"

    @pytest.mark.parametrize("fields", [{"description": "x"}, {"enabled": False}])
    def test_what_does_not_concern_the_script_leaves_the_author(self, world, adam, fields):
        made, _ = save(world, run_as="definer")
        world.clock.now += 9

        changed = change(world, made, adam, **fields)

        assert (changed.run_as, changed.modified_by, changed.modified_at) == ("definer", 1, made.modified_at)

    @pytest.mark.parametrize("left", [{"enabled": False}, {"role": Role.EDITOR}, None])
    def test_who_saves_the_script_of_somebody_who_administers_no_more_is_its_author(self, world, adam, left):
        made, _ = save(world, adam)
        if left is None:
            delete_user(world.session, world.owner, adam.user_id)
        else:
            update_user(world.session, world.passwords, world.owner, adam.user_id, UserChanges(**left))

        assert change(world, made, description="x", enabled=True).modified_by in (None, adam.user_id)
        assert change(world, made, script=SCRIPT).modified_by == world.owner.user_id

    def test_who_saves_the_same_again_leaves_the_author(self, world, adam):
        made, _ = save(world, adam, run_as="definer")

        assert change(world, made, script=SCRIPT) == made

    def test_his_own_changes_keep_the_mark(self, world):
        made, _ = save(world, run_as="definer")

        assert change(world, made, script="other").run_as == "definer"

    def test_who_makes_the_mark_himself_lends_his_own_rights(self, world, adam):
        made, _ = save(world, run_as="definer")

        changed = change(world, made, adam, run_as="definer")

        assert (changed.run_as, changed.modified_by) == ("definer", adam.user_id)

    def test_saving_it_whole_without_the_mark_takes_it_away(self, world, adam):
        save(world, run_as="definer")

        again, _ = save(world, adam)

        assert (again.run_as, again.modified_by) == ("caller", adam.user_id)

    def test_an_earlier_text_that_somebody_else_brings_back_is_his(self, world, adam):
        made, _ = save(world)
        made = change(world, made, script="second", run_as="definer")
        first = versions.list_versions(world.session, "endpoint", made.id)[-1]

        back = scripts.SHELF.restore(world.session, check, adam, made.id, first.id)

        assert (back.script, back.run_as, back.modified_by) == (SCRIPT, "caller", adam.user_id)

    def test_an_author_who_is_gone_leaves_a_script_without_one(self, world, adam):
        made, _ = save(world, adam, run_as="definer")

        delete_user(world.session, world.owner, adam.user_id)

        assert scripts.find_endpoint(world.session, made.id).modified_by is None
        assert change(world, made, script="other").run_as == "caller"


ACTS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.fixed_dictionaries(
            {},
            optional={
                "script": st.sampled_from(["a", "b"]),
                "access": st.sampled_from(["public", "user"]),
                "run_as": st.sampled_from(["caller", "definer"]),
                "description": st.sampled_from(["x", "y"]),
                "enabled": st.booleans(),
            },
        ),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_a_script_runs_as_definer_only_for_whoever_marked_what_it_is_now(world, acts):
    adam = world.add("adam", Role.ADMIN) if world.session.one("SELECT 1 FROM _wce_users WHERE username = 'adam'") is None else None
    actors = [world.owner, adam or Actor(2, "adam", Role.ADMIN)]
    current, _ = save(world, script="a")
    marked = None  # by whom, in the state that it has now

    for index, fields in acts:
        before, current = current, change(world, current, actors[index], **fields)
        if fields.get("run_as") == "definer":
            marked = actors[index].user_id
        elif "run_as" in fields or (marked != actors[index].user_id and (before.script, before.access) != (current.script, current.access)):
            marked = None
        assert (current.run_as == "definer") == (marked is not None)
        assert marked is None or current.modified_by == marked

    scripts.delete_endpoint(world.session, world.owner, current.id)


def test_every_change_is_audited_with_the_hash_and_never_the_text(world):
    made, _ = save(world, access="public")
    change(world, made, script="secret text", enabled=False)
    change(world, made, enabled=False)
    scripts.delete_endpoint(world.session, world.owner, made.id)

    removed, updated, created = audit.find(world.session, audit.AuditFilters(action="endpoint.*")).entries
    assert [entry.action for entry in (created, updated, removed)] == ["endpoint.create", "endpoint.update", "endpoint.delete"]
    assert {(entry.resource_type, entry.resource_id) for entry in (created, updated, removed)} == {("endpoint", str(made.id))}
    assert (created.details["path"], created.details["access"]) == ("/notes", "public")
    assert updated.details == {"enabled": False, "script_sha256": hashlib.sha256(b"secret text").hexdigest()}
    assert removed.details == {"script_sha256": updated.details["script_sha256"]}
    assert "secret text" not in str(world.session.all("SELECT * FROM _wce_audit_log"))
    assert audit.verify(world.session).ok


class TestRoutesCache:
    """What each process holds, and when it looks again."""

    def routes(self, world, cache):
        return cache.get(world.session, anonymous(world.session).state.endpoints)

    def test_only_what_is_enabled_answers(self, world):
        save(world)
        save(world, path="/off", enabled=False)

        routes = self.routes(world, RoutesCache())

        assert routes.match("GET", "/notes").endpoint.script == SCRIPT
        assert routes.match("GET", "/off").endpoint is None

    def test_a_change_acts_at_once_and_without_one_the_file_is_left_alone(self, world):
        cache = RoutesCache()
        assert self.routes(world, cache).match("GET", "/notes").endpoint is None

        made, _ = save(world)
        first = self.routes(world, cache)
        assert first.match("GET", "/notes").endpoint == made
        assert self.routes(world, cache) is first

        scripts.delete_endpoint(world.session, world.owner, made.id)
        assert self.routes(world, cache).match("GET", "/notes").endpoint is None

    def test_what_is_newer_than_the_request_is_kept_under_its_own_number(self, world):
        cache = RoutesCache()
        version = anonymous(world.session).state.endpoints
        save(world)

        cache.get(world.session, version)

        assert cache.known(world.cenv, version) is None
        assert cache.known(world.cenv, version + 1) is not None

    def test_large_scripts_make_room_for_each_other(self, world):
        cache = RoutesCache(size_bytes=100_000)
        save(world, script="x" * 30_000)

        routes = self.routes(world, cache)

        assert routes.match("GET", "/notes").endpoint is not None
        assert len(cache) == 0


def test_a_cenv_has_at_most_a_thousand_endpoints(world):
    with world.session.transaction(world.owner) as transaction:
        for number in range(1_000):
            transaction.execute(
                "INSERT INTO _wce_endpoints (path, method, script, created_at, modified_at) VALUES (?, 'GET', '', 1, 1)", (f"/{number}",)
            )

    assert refused(save, world).code == "too_large"


def test_all_scripts_together_have_at_most_so_many_characters(world, monkeypatch):
    monkeypatch.setattr(authoring, "MAX_TOTAL", 100)
    made, _ = save(world, script="x" * 60)

    assert refused(save, world, path="/b", script="x" * 41).code == "too_large"
    assert refused(change, world, made, script="x" * 101).code == "too_large"
    assert change(world, made, script="x" * 100).script == "x" * 100
