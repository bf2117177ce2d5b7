"""Real scripts that never end by themselves, each stopped within its limits with an error of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.pools import refuse_sql, wait_until
from wce.sandbox.messages import Budget, Fault, Job
from wce.sandbox.pool import Pool

SECONDS = 1.0
MARGIN_SECONDS = 2.0  # 0.5 on a machine that does nothing else
FOR_EVER = "for i in range(1000000000):\n        "
REQUEST = {"method": "GET", "path": "/x"}


# As another user, whose limits he keeps himself where the server may not, and as the same one, whose limits the server sets.
@pytest.fixture(scope="module", params=[None, os.getuid()], ids=["nobody", "same user"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    made = Pool(2, uid=request.param)
    made.start()
    wait_until(lambda: made.state().idle == 3)
    yield made
    made.close()


def script(line: str, budget: Budget | None = None) -> Job:
    source = f"def handler(request):\n    x = []\n    {line}\n"
    return Job(source, str(hash(source)), REQUEST, budget=budget or Budget(seconds=SECONDS))


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (FOR_EVER + "pass", "time"),
        (FOR_EVER + "print('x' * 1000)", "time"),
        ("y = 3\n    " + FOR_EVER + "y = y * y", "time"),
        (FOR_EVER + "x.append('x' * 100000 + str(i))", "memory"),
        ("return len([0] * (1 << 28))", "memory"),
        ("return 'x' * (1 << 24)", "output"),
    ],
    ids=["loop", "print", "big integer", "memory", "one list", "output"],
)
def test_a_runaway_is_stopped_with_an_error_of_its_own_and_the_next_call_runs(pool: Pool, line: str, kind: str) -> None:
    # Whether time or another limit comes first must not depend on what else the machine does.
    budget = Budget(seconds=SECONDS) if kind == "time" else Budget()
    started = time.monotonic()
    with pytest.raises(Fault) as caught:
        pool.call("a", script(line, budget), refuse_sql)
    seconds = time.monotonic() - started

    assert caught.value.kind == kind
    assert seconds < budget.seconds + MARGIN_SECONDS
    assert pool.call("a", script("return {'a': 1}", Budget()), refuse_sql).body == b'{"a":1}'


def test_a_text_of_more_memory_than_a_call_may_use_is_never_made(pool: Pool) -> None:
    for _ in range(10):  # where Go had reserved enough by chance, it was
        with pytest.raises(Fault) as caught:
            pool.call("a", script("return len('x' * (1 << 29))", Budget(memory_mb=128)), refuse_sql)

        assert caught.value.kind == "memory"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("return db.query('SELECT ?', ['x' * 9000000])", b"[]"),
        ("return db.query('SELECT 1 -- ' + 'x' * 9000000)", b"[]"),
        ("return len(json.encode(['x' * 8388590]))", b"8388594"),
        ("return ['x' * 8388590]", b'["%s"]' % (b"x" * 8_388_590)),
        ("abort(400, 'x' * 8388590)", None),
    ],
    ids=["parameter", "statement", "json.encode", "answer", "abort"],
)
def test_a_text_of_megabytes_has_room_in_the_memory_of_a_call(pool: Pool, line: str, said: bytes | None) -> None:
    def serve(_message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return {"ok": True}, b'{"columns": [], "rows": []}'

    if said is None:
        with pytest.raises(Fault) as caught:
            pool.call("a", script(line, Budget()), serve)
        assert (caught.value.kind, len(caught.value.message)) == ("abort", 8_388_590)
    else:
        assert pool.call("a", script(line, Budget()), serve).body == said


def test_more_than_one_message_takes_is_refused_at_its_line(pool: Pool) -> None:
    job = script("return db.batch([['INSERT INTO t VALUES (?)', ['x' * 100000]]] * 170)", Budget(seconds=60, memory_mb=512))

    with pytest.raises(Fault, match="at most 16 MiB of statements and parameters") as caught:
        pool.call("a", job, refuse_sql)

    assert (caught.value.kind, caught.value.line) == ("limit", 3)


def test_a_call_may_have_more_memory_than_the_one_before(pool: Pool) -> None:
    line = "return len(['x' * 100000 + str(i) for i in range(700)])"

    with pytest.raises(Fault, match="memory"):
        pool.call("a", script(line, Budget(memory_mb=32)), refuse_sql)

    assert pool.call("a", script(line, Budget(memory_mb=400)), refuse_sql).body == b"700"


def test_what_a_worker_keeps_of_large_answers_takes_no_room_from_the_next_calls(pool: Pool) -> None:
    rows = b'{"columns": ["a"], "rows": [' + b",".join([b'["%s"]' % (b"y" * 100)] * 10_000) + b"]}"
    job = script("return len(db.query('SELECT a FROM t'))", Budget())

    assert {pool.call("a", job, lambda _message: ({"ok": True}, rows)).body for _ in range(40)} == {b"10000"}
