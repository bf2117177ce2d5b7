"""granian's requests run one at a time while they are quick, on the threads that bring them, and never behind a slow one."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
from werkzeug.wsgi import ClosingIterator, FileWrapper

from tests.web.granians import SECONDS, Exchange, Headers, Pool, wait_for
from wce import lane
from wce.web import outgoing, scratch
from wce.web import turns as turns_module
from wce.web.turns import Turns

MIB = 1024 * 1024
KEPT = "/00000000-0000-4000-8000-000000000000/pages/"


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Any:
    start_response("201 CREATED", [("A", "b")])
    return environ["work"]() or [b"done"]


def keep(_: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", [])
    return [b"kept"]


def pool(threads: int = 8, **options: Any) -> Pool:
    return Pool(Turns(application, threads, **options), threads + 1)


@pytest.fixture
def make() -> Iterator[Callable[..., Pool]]:
    """Call it for granian's threads with turns; they end with the test."""
    with ExitStack() as stack:

        def make(threads: int = 8, **options: Any) -> Pool:
            made = pool(threads, **options)
            stack.callback(made.close)
            return made

        yield make


def test_quick_requests_run_one_after_the_other_on_one_thread(make: Callable[..., Pool]) -> None:
    made = make(patience_seconds=SECONDS)
    inside, most, seen, lock = 0, 0, set[int](), threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        seen.add(threading.get_ident())
        sum(range(1000))
        with lock:
            inside -= 1

    held, go = made.hold()
    begun = [made.call(work) for _ in range(20)]
    wait_for(lambda: len(made.turns._queue) == 20 or len(made.turns._resting) == 8)
    go.set()
    for exchange in begun:
        exchange.wait()

    assert most == 1
    assert seen == {held.thread}
    for _ in range(20):  # one that comes when all rest is brought by the thread that has just worked
        made.call(work).wait()
    assert most == 1
    assert len(made.threads) <= 9


def test_a_request_that_is_slow_keeps_nobody_waiting(make: Callable[..., Pool]) -> None:
    made = make()
    slow, go = made.hold()

    assert [made.call().wait()[2] for _ in range(5)] == [b"done"] * 5
    assert not slow.answered.is_set()

    go.set()
    assert slow.wait() == (201, [("A", "b"), ("Server", "")], b"done")  # an empty one: no banner


def test_one_that_came_while_it_seemed_quick_does_not_need_another_to_be_answered(make: Callable[..., Pool]) -> None:
    made = make(patience_seconds=0.05)
    _, go = made.hold()

    for exchange in [made.call() for _ in range(3)]:
        exchange.wait()

    go.set()


def test_all_threads_are_watched_also_when_one_begins_after_a_long_pause(make: Callable[..., Pool]) -> None:
    made = make(2)
    (_, first), (_, second) = made.hold(), made.hold()
    begun, third = threading.Event(), threading.Event()
    wait_for(lambda: not made.turns._awake.is_set())

    def work() -> None:
        begun.set()
        third.wait(SECONDS)

    last = made.call(work)

    first.set()
    assert begun.wait(SECONDS)
    second.set()

    made.call().wait()
    assert not last.answered.is_set()
    third.set()


def test_long_work_pauses_while_a_quick_request_is_answered_and_only_then(
    make: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "PAUSE_SECONDS", SECONDS)
    monkeypatch.setattr(lane, "TURN_SECONDS", 0.0)
    made = make(patience_seconds=SECONDS)
    quick_is_on, go, said = threading.Event(), threading.Event(), list[str]()

    def work() -> None:
        lane.pause()  # it is the quick one itself so far
        lane.waiting()
        quick_is_on.wait(SECONDS)
        go.set()
        lane.pause()
        said.append("long")

    def answer() -> None:
        quick_is_on.set()
        go.wait(SECONDS)
        said.append("quick")

    long = made.call(work)
    made.call(answer).wait()
    long.wait()

    assert said == ["quick", "long"]


def test_a_request_that_says_it_waits_lets_the_next_begin_at_once(make: Callable[..., Pool]) -> None:
    made = make(patience_seconds=SECONDS)
    _, go = made.hold(lane.waiting)
    _, more = made.hold(lane.waiting)

    made.call().wait()

    go.set()
    more.set()


def test_a_queued_one_begins_when_the_one_before_it_says_that_it_waits(make: Callable[..., Pool]) -> None:
    made = make(patience_seconds=SECONDS)
    queued, over = threading.Event(), threading.Event()

    def work() -> None:
        queued.wait(SECONDS)
        lane.waiting()
        over.wait(SECONDS)

    made.call(work)
    wait_for(lambda: made.turns._runner)
    exchanges = [made.call() for _ in range(3)]
    wait_for(lambda: len(made.turns._queue) == 3)
    queued.set()

    for exchange in exchanges:
        exchange.wait()
    over.set()


def test_nobody_receives_beside_one_that_works(make: Callable[..., Pool]) -> None:
    made = make(2, patience_seconds=SECONDS)
    for exchange in [made.call(lambda: time.sleep(0.01)) for _ in range(8)]:
        exchange.wait()
    wait_for(lambda: len(made.turns._known) == 3 and len(made.turns._resting) == 2)
    slow, over = made.hold(lane.waiting)
    quick, go = made.hold()

    over.set()
    slow.wait()

    wait_for(lambda: len(made.turns._resting) == 2)
    last = made.call()
    go.set()
    last.wait()
    assert last.thread == quick.thread


@pytest.mark.parametrize("known", [False, True])
def test_no_more_requests_than_threads_are_at_work(make: Callable[..., Pool], known: bool) -> None:
    made = make(2, in_place=keep)
    if known:  # all three of granian's threads have been here
        for exchange in [made.call(lambda: time.sleep(0.01)) for _ in range(8)]:
            exchange.wait()
    (first, go), (second, on) = made.hold(), made.hold()
    others = [made.call() for _ in range(5)]

    assert [made.call(path=KEPT).wait() for _ in range(3)] == [(200, [("Server", "")], b"kept")] * 3
    assert not any(exchange.answered.is_set() for exchange in others)

    go.set()
    for exchange in others:
        exchange.wait()
    assert not second.answered.is_set()
    assert {exchange.thread for exchange in others} == {first.thread}
    on.set()


@pytest.mark.parametrize("known", [False, True])
def test_slow_requests_of_one_cenv_leave_threads_to_another_and_are_all_answered(make: Callable[..., Pool], known: bool) -> None:
    made = make(4)
    if known:
        for exchange in [made.call(lambda: time.sleep(0.01)) for _ in range(16)]:
            exchange.wait()
    release = threading.Event()
    slow = [made.call(lambda: release.wait(SECONDS) and None, path=KEPT + "slow") for _ in range(10)]

    for _ in range(3):
        made.call(path="/00000000-0000-4000-8000-000000000001/x").wait()

    assert not any(exchange.answered.is_set() for exchange in slow)
    release.set()
    for exchange in slow:
        exchange.wait()


def test_whoever_waits_for_a_thread_of_its_share_needs_no_other_request_to_begin(make: Callable[..., Pool]) -> None:
    made = make(8)
    paths = [f"/00000000-0000-4000-8000-00000000000{number}/slow" for number in range(3)]
    held = [made.hold(path=path)[1] for path in paths * 2]
    waiting = []
    for path in paths:  # a thread that came back without one receives the next, too
        waiting.append(made.call((lambda: held[0].wait(SECONDS) and None) if path != paths[2] else lambda: None, path=path))
        wait_for(lambda: len(made.turns._queue) == len(waiting) and (made._idle or made.turns._resting))
    last = waiting.pop()

    held[2].set()  # one of the third cenv ends; one of the first takes its place, and keeps it

    assert last.answered.wait(SECONDS / 2)  # before those that are held give up
    assert not any(exchange.answered.is_set() for exchange in waiting)
    for go in held:
        go.set()
    for exchange in waiting:
        exchange.wait()


def test_of_threads_that_gave_kept_answers_one_receives_and_the_others_rest(make: Callable[..., Pool]) -> None:
    together = threading.Barrier(3)

    def meet(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        together.wait(SECONDS)
        return keep(environ, start_response)

    made = make(in_place=meet)

    answers = [made.call(path=KEPT) for _ in range(3)]

    assert [exchange.wait()[2] for exchange in answers] == [b"kept"] * 3
    wait_for(lambda: (made.turns._receiving, len(made.turns._resting)) == (1, 2))
    assert made.call().wait()[2] == b"done"


@pytest.mark.parametrize(("size", "from_file"), [(512 * 1024, False), (512 * 1024 + 1, True)])
@pytest.mark.parametrize("at_hand", [False, True])
def test_a_large_answer_keeps_no_memory_until_its_client_has_taken_it(
    make: Callable[..., Pool], size: int, from_file: bool, at_hand: bool
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    def whole(_: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        start_response("201 Created", [("A", "b")])
        return [body]

    asked = make(in_place=whole if at_hand else None).call(lambda: [body], path=KEPT)

    status, headers, sent = asked.wait()
    assert (status, headers, sent == body) == (201, [("A", "b"), ("Server", "")], True)
    assert bool(asked.file) is from_file


@pytest.mark.parametrize("at_hand", [False, True])
def test_a_large_answer_for_which_no_disk_has_room_says_so(
    make: Callable[..., Pool], at_hand: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full() -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def whole(_: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [])
        return [b"x" * 1024 * 1024]

    monkeypatch.setattr(scratch, "folder", full)
    made = make(in_place=whole if at_hand else None)

    status, headers, body = made.call(lambda: [b"x" * 1024 * 1024], path=KEPT).wait()

    assert (status, json.loads(body)["code"]) == (507, "disk_full")
    assert {"Content-Security-Policy", "X-Request-ID"} <= dict(headers).keys()
    assert "no room for an answer" in caplog.text
    assert made.call().wait()[::2] == (201, b"done")


def test_what_waits_for_the_clients_of_one_cenv_leaves_room_for_those_of_others(
    make: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "_FILES_SECONDS", 0.001)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1 << 40, used=0, free=4 * MIB))
    made, held = make(), []

    class Slow(Exchange):
        def response_file(self, status: int, headers: Headers, file: str) -> None:
            held.append(Path(file).open("rb"))  # noqa: SIM115  # until its client has taken it
            super().response_file(status, headers, file)

    def ask(cenv: int) -> int:
        path = f"/00000000-0000-4000-8000-00000000000{cenv}/query"
        return made.call(lambda: [b"x" * MIB], Slow(), path=path).wait()[0]

    assert [ask(1) for _ in range(4)] == [201, 201, 201, 507]
    assert [ask(2), ask(1)] == [201, 507]
    while held:
        held.pop().close()
    wait_for(lambda: not made.turns._outgoing)

    assert ask(1) == 201
    held.pop().close()


def test_what_is_not_at_hand_goes_the_way_of_all_others(make: Callable[..., Pool]) -> None:
    assert make(in_place=lambda *_: None).call(path=KEPT).wait()[2] == b"done"
    assert make().call(path=KEPT).wait()[2] == b"done"


def test_a_request_that_raises_is_answered_and_leaves_its_turn_to_the_next(make: Callable[..., Pool]) -> None:
    def fail() -> None:
        raise ValueError

    made = make(patience_seconds=SECONDS)

    answers = [made.call(fail).wait() for _ in range(3)]

    assert [(status, json.loads(body)["code"]) for status, _, body in answers] == [(500, "internal")] * 3
    assert all({"Content-Security-Policy", "X-Request-ID"} <= dict(headers).keys() for _, headers, _ in answers)
    assert made.call().wait()[::2] == (201, b"done")


def test_an_answer_that_cannot_be_sent_ends_no_thread(make: Callable[..., Pool], caplog: pytest.LogCaptureFixture) -> None:
    class Gone(Exchange):
        def response_bytes(self, *_: object) -> None:
            raise RuntimeError("the client is gone")

    made = make(patience_seconds=SECONDS)
    for _ in range(3):
        made.call(exchange=Gone())

    assert made.call().wait()[0] == 201
    assert "answer not sent" in caplog.text


def test_an_answer_in_pieces_goes_out_whole_and_is_closed(make: Callable[..., Pool]) -> None:
    answer = ClosingIterator([b"a", b"b"], callbacks=(closed := threading.Event()).set)

    assert make().call(lambda: answer).wait()[2] == b"ab"
    assert closed.is_set()


def test_who_rests_holds_nothing_of_what_was_asked(make: Callable[..., Pool]) -> None:
    body, made, exchange = io.BytesIO(b"body"), make(), Exchange()
    environ = {"PATH_INFO": "/", "work": lambda: None, "wsgi.input": body}
    made.hand_over(exchange, environ)

    exchange.wait()

    wait_for(lambda: not environ)
    assert body.closed


class TestAStop:
    def test_whoever_it_overtakes_is_told_so(self) -> None:
        made = pool(1, patience_seconds=SECONDS)
        running, go = made.hold()
        body = io.BytesIO()
        late = made.call(body=body)
        wait_for(lambda: made.turns._queue)

        stopping = threading.Thread(target=made.close)
        stopping.start()
        status, headers, content = late.wait()
        again = made.call()  # it is done by whoever is done with his own
        wait_for(lambda: made.turns._queue)
        go.set()
        stopping.join(SECONDS)

        assert (status, json.loads(content)["code"], dict(headers)["Retry-After"]) == (503, "busy", "1")
        assert body.closed
        assert [exchange.wait()[0] for exchange in (running, again)] == [201, 201]

    def test_all_that_rest_go_back(self) -> None:
        made = pool()
        held = [made.hold() for _ in range(8)]
        for exchange, go in held:
            go.set()
            exchange.wait()
        wait_for(lambda: len(made.turns._resting) >= 7)

        made.close()

        assert not made.turns._resting

    def test_it_does_not_wait_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(turns_module, "_STOP_SECONDS", 0.01)
        made = pool(1)
        running, go = made.hold()

        made.turns.close()

        assert not running.answered.is_set()
        go.set()
        made.close()
        running.wait()


class TestFiles:
    """They go out by their path, for granian to read as fast as the client does."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> IO[bytes]:
        (tmp_path / "x").write_bytes(b"content")
        made = (tmp_path / "x").open("rb")
        (tmp_path / "x").unlink()  # as is an export, whose name nobody needs
        return made

    def test_one_that_granian_opens_at_once(self, make: Callable[..., Pool], file: IO[bytes]) -> None:
        assert make().call(lambda: FileWrapper(file)).wait() == (201, [("A", "b"), ("Server", "")], b"content")

    def test_one_that_it_opens_later(self, make: Callable[..., Pool], file: IO[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(turns_module, "_FILES_SECONDS", 0.001)

        class Later(Exchange):
            def response_file(self, status: int, headers: Headers, file: str) -> None:
                self.response_bytes(status, headers, file.encode())

        made = make()
        path = made.call(lambda: FileWrapper(file), Later()).wait()[2].decode()
        made.call().wait()
        opened = os.open(path, os.O_RDONLY)
        wait_for(lambda: not made.turns._awake.is_set())
        assert not file.closed

        monkeypatch.setattr(outgoing, "_OPENED_SECONDS", 0.0)
        wait_for(lambda: file.closed)

        assert os.read(opened, 100) == b"content"
        os.close(opened)

    def test_one_that_is_read_is_closed(self, make: Callable[..., Pool], file: IO[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(turns_module, "_FILES_SECONDS", 0.001)
        made = make()

        made.call(lambda: FileWrapper(file)).wait()
        made.call().wait()

        wait_for(lambda: file.closed)

    def test_a_stop_closes_them(self, file: IO[bytes]) -> None:
        made = pool()
        made.call(lambda: FileWrapper(file)).wait()

        made.close()

        assert file.closed

    def test_one_without_a_descriptor_is_an_error(self, make: Callable[..., Pool]) -> None:
        made = make()

        assert made.call(lambda: FileWrapper(io.BytesIO(b"x"))).wait()[0] == 500
        assert made.call().wait()[0] == 201


class Crowd:
    """Requests of all kinds; those that hold on are fewer than there are threads, and do so until all others are answered."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.over = threading.Event()
        self.threads = self.chance.choice((1, 2, 3, 8))
        holders = [self.chance.choice((self.hold, self.wait_and_hold)) for _ in range(self.chance.randrange(self.threads))]
        others = [self.chance.choice((self.quick, self.slow, lane.waiting, self.wait)) for _ in range(self.chance.randrange(1, 20))]
        self.plan: list[Callable[[], None]] = [*holders, *others]
        if seed % 2:  # otherwise those that hold on come first
            self.chance.shuffle(self.plan)

    def quick(self) -> None:
        """Does nothing."""

    def slow(self) -> None:
        time.sleep(0.005)

    def wait(self) -> None:
        lane.waiting()
        time.sleep(0.002)

    def hold(self) -> None:
        self.over.wait(SECONDS)

    def wait_and_hold(self) -> None:
        lane.waiting()
        lane.waiting()
        self.hold()

    def come(self, made: Pool) -> tuple[list[Exchange], list[Exchange]]:
        """Those that hold on, and the others."""
        kept, pause = self.chance.choice((0, 0.2)), self.chance.choice((0, 0.3))
        holders, others = list[Exchange](), list[Exchange]()
        for work in self.plan:
            (holders if work in (self.hold, self.wait_and_hold) else others).append(made.call(work))
            if self.chance.random() < kept:
                made.call(path=KEPT).wait()
            if self.chance.random() < pause:
                time.sleep(self.chance.random() * 0.005)
        return holders, others


@pytest.mark.parametrize("seed", range(20))
def test_everybody_is_answered_while_some_hold_on(seed: int) -> None:
    crowd = Crowd(seed)
    made = pool(crowd.threads, patience_seconds=crowd.chance.choice((0.0005, 0.003)), in_place=keep)

    holders, others = crowd.come(made)
    try:
        for exchange in others:
            exchange.wait()
    finally:
        crowd.over.set()

    for exchange in holders:
        exchange.wait()
    made.close()
