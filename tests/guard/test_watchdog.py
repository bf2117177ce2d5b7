"""Deadlines."""

from __future__ import annotations

import threading
import time

import pytest

from wce.errors import WceError
from wce.guard.watchdog import Watchdog
from wce.store.spill import Room
from wce.store.sqlite import connect, sqlite3

ENDLESS = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c"
MUCH = 1 << 50


@pytest.fixture
def watchdog():
    watchdog = Watchdog()
    yield watchdog
    watchdog.close()


@pytest.fixture
def connection():
    connection = connect("", mode="memory")
    yield connection
    connection.close()


def test_a_late_statement_is_interrupted(watchdog: Watchdog, connection) -> None:
    watch = watchdog.watch(connection)
    started = time.monotonic()
    watch.start(0.1)

    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        connection.execute(ENDLESS).fetchall()

    watch.stop()
    assert time.monotonic() - started < 5


def test_after_stop_nothing_is_interrupted(watchdog: Watchdog, connection) -> None:
    watch = watchdog.watch(connection)

    for _ in range(30):
        watch.start(0.001)
        watch.stop()
        assert connection.execute("SELECT sum(value) FROM json_each('[1,2,3]')").fetchone() == (6,)
    time.sleep(0.02)

    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_cancelled_statement_is_late_at_once_and_the_next_one_is_not(watchdog: Watchdog, connection) -> None:
    watch = watchdog.watch(connection)
    watch.cancel()
    watch.start(60)
    threading.Timer(0.05, watch.cancel).start()

    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        connection.execute(ENDLESS).fetchall()
    watch.stop()
    watch.cancel()

    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_shorter_deadline_after_a_longer_one_counts(watchdog: Watchdog, connection) -> None:
    watch = watchdog.watch(connection)
    watch.start(60)
    watch.stop()
    started = time.monotonic()
    watch.start(0.1)

    with pytest.raises(sqlite3.OperationalError):
        connection.execute(ENDLESS).fetchall()

    watch.stop()
    assert time.monotonic() - started < 5


def test_many_statements_leave_few_entries(watchdog: Watchdog, connection) -> None:
    watch = watchdog.watch(connection)

    for _ in range(1000):
        watch.start(30)
        watch.stop()

    assert len(watchdog._heap) <= 2


def test_a_closed_watch_lets_go_of_its_connection(watchdog: Watchdog) -> None:
    connection = connect("", mode="memory")
    watch = watchdog.watch(connection)
    watch.start(0.01)
    watch.close()
    connection.close()

    time.sleep(0.05)

    assert watchdog._thread is not None
    assert watchdog._thread.is_alive()


def test_close_joins_the_thread(connection) -> None:
    watchdog = Watchdog()
    watchdog.watch(connection).start(30)

    watchdog.close()

    assert not [thread for thread in threading.enumerate() if thread.name == "wce-watchdog" and thread is watchdog._thread]


def test_what_fills_the_disk_is_interrupted_and_nothing_that_does_not(connection) -> None:
    room = iter([5 << 20, 1 << 20, -1, -(1 << 19), -(5 << 20)])
    falling = Watchdog(lambda: Room(next(room, -(5 << 20)), MUCH))
    still = Watchdog(lambda: Room(-(5 << 20), -(5 << 20)))
    try:
        for watchdog, seconds, code in ((falling, 60, "disk_full"), (still, 0.1, "query_timeout")):
            watch = watchdog.watch(connection)
            watch.start(seconds)
            with pytest.raises(sqlite3.OperationalError, match="interrupted"):
                connection.execute(ENDLESS).fetchall()
            watch.stop()
            assert watch.told(WceError("query_timeout")).code == code
    finally:
        falling.close()
        still.close()


@pytest.mark.parametrize(
    ("writing", "begun", "left", "code"),
    [
        ("transaction", 100, 60, "query_timeout"),
        ("transaction", 100, 40, "disk_full"),  # from the log it has to go into the file, too
        ("transaction", 20, 20, "query_timeout"),  # it has taken nothing
        (None, 100, 10, "query_timeout"),
    ],
)
def test_a_write_is_interrupted_where_there_is_no_room_for_as_much_again(
    connection, writing: str | None, begun: int, left: int, code: str
) -> None:
    rooms = iter([begun << 20])
    watchdog = Watchdog(lambda: Room(MUCH, next(rooms, left << 20)))
    watch = watchdog.watch(connection)
    try:
        watch.start(60, writing)  # the first statement of its transaction
        watch.stop()
        watch.start(60 if code == "disk_full" else 0.2, writing)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            connection.execute(ENDLESS).fetchall()
        watch.stop()
        told = watch.told(WceError("query_timeout")).code
    finally:
        watchdog.close()

    assert told == code


def test_with_much_room_nobody_looks(connection) -> None:
    looks: list[None] = []
    watchdog = Watchdog(lambda: looks.append(None) or Room(MUCH, MUCH))
    watch = watchdog.watch(connection)
    for _ in range(100):
        watch.start(60)
        watch.stop()
    watchdog.close()

    assert len(looks) == 1
