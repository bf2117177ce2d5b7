"""Answers of scripts that are kept: given again while nothing that they rest on has changed, and never after it has."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from wce.core.settings import CenvSettings
from wce.core.users import UserChanges, update_user
from wce.errors import WceError
from wce.model import PUBLIC_ID, Actor, Role, State
from wce.sandbox.answers import Answers, Question
from wce.sandbox.messages import Print, Reply
from wce.sandbox.principal import Parties
from wce.sandbox.trail import Trail

READ = "return db.query('SELECT id, text FROM notes ORDER BY id')"
NOBODY = Actor(PUBLIC_ID, "public", Role.PUBLIC)


@pytest.fixture
def notes(stage: Any) -> Any:
    """Two readers of two notes."""
    stage.ann, stage.bob = stage.world.add("ann", Role.EDITOR), stage.world.add("bob", Role.EDITOR)
    stage.world.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, owner INTEGER, text TEXT)")
    stage.world.sql("CREATE TABLE others (x)")
    stage.world.sql(f"INSERT INTO notes (owner, text) VALUES ({stage.ann.user_id}, 'a'), ({stage.bob.user_id}, 'b')")
    for user in (stage.ann, stage.bob):
        stage.cenv.allow(user, "notes", can_read=True, can_write=True)
    return stage


def write(stage: Any, statement: str) -> None:
    """As every write of WCE: one that is counted."""
    with stage.world.session.transaction(stage.world.owner) as transaction:
        transaction.execute(statement)


def counted(stage: Any) -> dict[str, int]:
    """How many answers came from where."""
    found = {cache: stage.metrics.registry.get_sample_value("wce_answers_total", {"cache": cache}) for cache in ("hit", "miss", "private")}
    return {cache: int(value) for cache, value in found.items() if value}


def test_the_same_question_is_answered_without_a_run_until_something_is_committed(notes: Any) -> None:
    endpoint = notes.endpoint(READ)

    bodies = [notes.call(notes.ann, endpoint).body for _ in range(3)]
    assert counted(notes) == {"miss": 1, "hit": 2}
    write(notes, "UPDATE notes SET text = 'new' WHERE id = 1")
    after = notes.call(notes.ann, endpoint).body

    assert len(set(bodies)) == 1
    assert (b"new" in after, counted(notes)) == (True, {"miss": 2, "hit": 2})


def test_a_script_without_sql_is_asked_once_however_much_is_written(notes: Any) -> None:
    endpoint = notes.endpoint("return request.params['n'] * 2")

    for _ in range(3):
        assert notes.call(notes.ann, endpoint, params={"n": "ab"}).body == b"abab"
        write(notes, "INSERT INTO others VALUES (1)")
    assert notes.call(notes.ann, endpoint, params={"n": "x"}).body == b"xx"

    assert counted(notes) == {"miss": 2, "hit": 2}


@pytest.mark.parametrize(
    "body",
    [
        "return time.now()",
        "return uuid()",
        "return random.integer(1, 1000000)",
        "return random.token()",
        "return request.id",
        "return dict(request)",
        "return db.query_one('SELECT random() AS n')['n']",
        "return db.query_one(\"SELECT datetime('now') AS n\")['n']",
        "return db.query_one('SELECT count(*) AS n FROM _wce_script_runs')['n']",
        "db.execute('INSERT INTO others VALUES (1)')\nreturn 1",
    ],
)
def test_what_time_chance_or_a_write_has_a_part_in_is_never_kept(notes: Any, body: str) -> None:
    endpoint = notes.endpoint(body)

    for number in range(2):
        notes.call(notes.world.owner, endpoint, id=str(number))

    assert counted(notes) == {"private": 2}


def test_what_was_thrown_at_the_left_margin_is_of_its_worker_and_not_kept(notes: Any) -> None:
    endpoint = notes.endpoint("", script="SEED = random.integer(1, 1000000)\ndef handler(request):\n    return SEED\n")

    for _ in range(2):
        notes.call(notes.ann, endpoint)

    assert counted(notes) == {"private": 2}


def test_everybody_gets_the_answer_to_his_own_rights(notes: Any) -> None:
    notes.cenv.restrict("notes", "read", "owner = $user_id")
    endpoint = notes.endpoint(READ)

    first = {name: notes.call(user, endpoint).body for name, user in (("ann", notes.ann), ("bob", notes.bob), ("owner", notes.world.owner))}
    again = {name: notes.call(user, endpoint).body for name, user in (("ann", notes.ann), ("bob", notes.bob), ("owner", notes.world.owner))}

    assert first == again
    assert len(set(first.values())) == 3
    assert b'"a"' in first["ann"]
    assert b'"a"' not in first["bob"]
    with pytest.raises(WceError, match="notes"):
        notes.call(NOBODY, endpoint)


def test_a_right_that_is_taken_away_takes_the_answer_along(notes: Any) -> None:
    endpoint = notes.endpoint(READ)
    notes.call(notes.ann, endpoint)

    notes.cenv.allow(notes.ann, "notes", can_read=False, can_write=True)

    with pytest.raises(WceError):
        notes.call(notes.ann, endpoint)


def test_an_author_who_administers_no_more_takes_the_answer_along(notes: Any) -> None:
    boss = notes.world.add("boss", Role.ADMIN)
    endpoint = notes.endpoint("return db.query('SELECT * FROM others')", author=boss, run_as="definer")
    notes.call(NOBODY, endpoint)

    update_user(notes.world.session, notes.world.passwords, notes.world.owner, boss.user_id, UserChanges(role=Role.VIEWER))

    with pytest.raises(WceError):
        notes.call(NOBODY, endpoint)


def test_each_answer_is_a_run_in_the_log_with_what_was_printed(notes: Any) -> None:
    endpoint = notes.endpoint("print('hello')\nreturn 1")

    for number in range(3):
        notes.call(notes.ann, endpoint)
        assert len(notes.last("endpoint", endpoint.id)) == number + 1

    assert [run.prints[0]["text"] for run in notes.last("endpoint", endpoint.id)] == ["hello"] * 3
    assert counted(notes) == {"miss": 1, "hit": 2}


def test_the_log_of_runs_and_the_pages_that_are_kept_count_as_no_commit(notes: Any) -> None:
    endpoint = notes.endpoint(READ)
    notes.call(notes.ann, endpoint)

    notes.runs.flush(notes.world.cenv)
    notes.call(notes.ann, endpoint)

    assert counted(notes) == {"miss": 1, "hit": 1}


def test_nothing_is_kept_where_the_cenv_says_so(notes: Any) -> None:
    notes.config = replace(notes.config, page_cache=False)
    endpoint = notes.endpoint("return 1")

    for _ in range(2):
        notes.call(notes.ann, endpoint)

    assert counted(notes) == {"private": 2}


def test_a_question_with_a_body_is_asked_with_its_body(notes: Any) -> None:
    endpoint = notes.endpoint("return request.body")

    def ask(body: bytes) -> bytes:
        who = notes.cenv.who(notes.ann)
        return notes.scripts.call(notes.world.cenv, who, CenvSettings(), endpoint, {}, body).body

    assert [ask(body) for body in (b"one", b"two", b"one")] == [b"one", b"two", b"one"]
    assert counted(notes) == {"miss": 2, "hit": 1}


def test_kept_answers_are_those_that_a_run_would_give_whatever_happens_between(notes: Any) -> None:
    """The same calls with and without the memory, while rows, rights and policies change at random."""
    chance = random.Random(5309)
    endpoint = notes.endpoint(READ)
    people = [notes.ann, notes.bob, notes.world.owner]
    conditions = ["owner = $user_id", "id % 2 = 0", "1"]

    def told(user: Actor, *, keep: bool) -> object:
        notes.config = replace(notes.config, page_cache=keep)
        try:
            return notes.call(user, endpoint).body
        except WceError as error:
            return error.code

    for step in range(60):
        action = chance.randrange(8)
        if action == 0:
            write(notes, f"INSERT INTO notes (owner, text) VALUES ({chance.choice(people).user_id}, '{step}')")
        elif action == 1:
            notes.cenv.restrict("notes", "read", chance.choice(conditions), chance.choice([None, *people]))
        elif action == 2:
            write(notes, "DELETE FROM _wce_row_policies")
            write(notes, "UPDATE _wce_state SET grants = grants + 1")
        elif action == 3:
            notes.cenv.allow(chance.choice([notes.ann, notes.bob]), "notes", can_read=chance.random() < 0.5, can_write=True)
        elif action == 4:
            write(notes, f"ALTER TABLE notes ADD COLUMN c{step}")
        user = chance.choice(people)
        assert told(user, keep=True) == told(user, keep=False)

    assert counted(notes)["hit"] > 5


def test_what_was_not_asked_for_longest_makes_room() -> None:
    answers, state = Answers(5_000), State(1, 1, 1, 1, 7)

    def question(number: int) -> Question:
        return Question("c", number, "key", Parties(1, 0, "caller"), ("public", "public"), "[]", b"")

    for number in range(5):
        assert answers.keep(question(number), state, Reply(200, (), b"x", fleeting=False), Trail())
        assert answers.find(question(0), state) is not None

    assert [answers.find(question(number), state) is not None for number in range(5)] == [True, False, True, True, True]
    assert not answers.keep(question(9), state, Reply(200, (), b"x" * 300_000, fleeting=False), Trail())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, tuple((f"x-{n}", "é" * 8_000) for n in range(50)), b"", fleeting=False),
        Reply(200, (), b"", tuple(Print("print", "", 1) for _ in range(2_000)), fleeting=False),
        Reply(200, (), b"", (Print("print", "\U0001f600" * 70_000, 1),), fleeting=False),
    ],
    ids=["headers", "empty lines", "wide letters"],
)
def test_no_answer_takes_more_memory_than_it_is_counted_for(reply: Reply) -> None:
    question = Question("c", 1, "key", Parties(1, 0, "caller"), ("public", "public"), "[]", b"")

    assert not Answers().keep(question, State(1, 1, 1, 1, 7), reply, Trail())
