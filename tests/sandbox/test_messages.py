"""What crosses the pipe comes out as it went in, and anything else is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from wce.sandbox.messages import Budget, Fault, Frame, Job, Print, Reply

REPLY = Reply(201, (("content-type", "text/plain"), ("x-a", "b")), b"body", (Print("print", "hello", 3),), 7)
FAULT = Fault("runtime", "no", 2, 5, "x = y\n    ^", (Frame("handler", 2, 5),), (Print("error", "é", 1),), 4, None)


def crossed(meta: dict[str, Any]) -> dict[str, Any]:
    return dict(orjson.loads(orjson.dumps(meta)))


def test_a_reply_crosses_whole() -> None:
    assert Reply.from_meta(crossed(REPLY.to_meta()), b"body") == REPLY


def test_a_fault_crosses_whole() -> None:
    found = Fault.from_meta(crossed(FAULT.to_meta()))

    assert found.to_meta() == FAULT.to_meta()
    assert str(found) == "runtime: no (line 2, column 5)"


@pytest.mark.parametrize("name", ["message", "excerpt", "template"])
def test_what_a_script_makes_of_a_fault_is_no_longer_than_a_log_may_take(name: str) -> None:
    found = Fault.from_meta(crossed(FAULT.to_meta()) | {name: "x" * 100_000})

    assert getattr(found, name) == "x" * 4_000 + "…"


@pytest.mark.parametrize("name", ["message", "excerpt"])
def test_the_worker_sends_no_more_of_a_fault_than_is_told(name: str) -> None:
    assert len(replace(FAULT, **{name: "x" * 100_000}).to_meta()[name]) == 4_001


def test_the_words_of_an_abort_are_an_answer() -> None:
    assert len(Fault.from_meta(crossed(FAULT.to_meta()) | {"kind": "abort", "message": "x" * 100_000}).message) == 100_000


def test_a_fault_without_a_place_says_what_happened() -> None:
    assert str(Fault("time", "too slow")) == "time: too slow"


def test_a_job_crosses_without_source_and_body() -> None:
    meta = Job("handler = 1", "key", {"method": "GET"}, body=b"raw", budget=Budget(seconds=2)).to_meta()

    assert crossed(meta) == meta
    assert meta["budget"]["seconds"] == 2
    assert {"script", "body"} & meta.keys() == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 99},
        {"status": 600},
        {"status": "200"},
        {"status": True},
        {"headers": {}},
        {"headers": [["a"]]},
        {"headers": [["a", 1]]},
        {"headers": ["ab"]},
        {"prints": None},
        {"prints": [["shout", "x", 1]]},
        {"prints": [["print", "x", -1]]},
        {"queries": -1},
        {"queries": None},
        {"queries": 1.5},
    ],
)
def test_a_reply_of_another_form_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which of them does not matter
        Reply.from_meta(crossed(REPLY.to_meta()) | wrong, b"")


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "other"}, {"kind": []}, {"message": None}, {"line": "1"}, {"trace": [["f", 1]]}, {"excerpt": 1}, {"status": -1}],
)
def test_a_fault_of_another_form_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which of them does not matter
        Fault.from_meta(crossed(FAULT.to_meta()) | wrong)
