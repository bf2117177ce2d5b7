from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wce import lane
from wce.config import SettingError
from wce.errors import WceError
from wce.store.locks import FolderLock, ProcessLocks, WriterLocks


@pytest.fixture
def locks() -> WriterLocks:
    return WriterLocks()


@pytest.fixture
def folder_lock(tmp_path: Path):
    """Locks on one folder, let go after the test."""
    made: list[FolderLock] = []

    def make(instance: str, alone=lambda: None) -> FolderLock:
        made.append(FolderLock(tmp_path, instance, alone))
        return made[-1]

    yield make
    for lock in made:
        lock.release()


def test_one_at_a_time(locks):
    inside: list[int] = []

    def work(number: int) -> None:
        with locks.hold("a", 10):
            inside.append(number)
            assert len(inside) == 1
            time.sleep(0.001)
            inside.pop()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(100)))


def test_who_asks_first_is_served_first(locks):
    served: list[int] = []

    def work(number: int) -> None:
        with locks.hold("a", 10):
            served.append(number)

    with locks.hold("a", 10):
        threads = []
        for number in range(30):
            thread = threading.Thread(target=work, args=(number,))
            thread.start()
            threads.append(thread)
            while len(locks._queues["a"]) < number + 2:
                time.sleep(0.0005)
    for thread in threads:
        thread.join()

    assert served == list(range(30))


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 0), (0.05, 1)])
def test_only_who_waits_for_long_gives_his_place_away(locks, monkeypatch, seconds, told):
    waiting = []
    monkeypatch.setattr("wce.store.locks._PATIENT_SECONDS", 0.01 if seconds else 10.0)
    ticket = locks.take("a", 1)

    def write():
        lane.serve(lambda: waiting.append(1), lambda: False)
        with locks.hold("a", 10):
            pass

    thread = threading.Thread(target=write)
    thread.start()
    while len(locks._queues["a"]) < 2:
        time.sleep(0.001)
    time.sleep(seconds)
    locks.leave("a", ticket)
    thread.join(10)

    assert len(waiting) == told


def test_another_cenv_does_not_wait(locks):
    with locks.hold("a", 0), locks.hold("b", 0):
        assert len(locks) == 2


def test_who_waits_too_long_is_told_to_come_again(locks):
    def work() -> WceError:
        with pytest.raises(WceError) as caught, locks.hold("a", 0.02):
            pass
        return caught.value

    with locks.hold("a", 1), ThreadPoolExecutor(1) as pool:
        error = pool.submit(work).result()

    assert (error.code, error.retry_after) == ("busy", 1)


def test_who_gave_up_does_not_hold_up_the_next(locks):
    outcomes: list[str] = []

    def work(seconds: float) -> None:
        try:
            with locks.hold("a", seconds):
                outcomes.append("served")
        except WceError as error:
            outcomes.append(error.code)

    with locks.hold("a", 1):
        threads = [threading.Thread(target=work, args=(seconds,)) for seconds in (0.02, 10.0)]
        for thread in threads:
            thread.start()
        threads[0].join()
    threads[1].join()

    assert outcomes == ["busy", "served"]


def test_to_wait_for_oneself_is_a_mistake_and_not_a_long_wait(locks):
    with locks.hold("a", 10):
        with pytest.raises(RuntimeError, match="already writes"), locks.hold("a", 10):
            pass
        assert len(locks) == 1


def test_an_exception_lets_go(locks):
    with pytest.raises(LookupError), locks.hold("a", 0):
        raise LookupError

    with locks.hold("a", 0):
        pass


def test_a_hundred_thousand_cenvs_leave_nothing_behind(locks):
    for number in range(100_000):
        with locks.hold(str(number), 0):
            pass

    assert len(locks) == 0


def test_processes_of_one_server_share_the_folder(folder_lock):
    folder_lock("one").acquire()
    folder_lock("one").acquire()


def test_another_server_is_kept_off_and_told_why(folder_lock, tmp_path):
    folder_lock("one").acquire()

    with pytest.raises(SettingError, match=f"{tmp_path} is in use by another server"):
        folder_lock("two").acquire()


def test_the_folder_is_free_after_release(folder_lock):
    first = folder_lock("one")
    first.acquire()
    first.release()
    first.release()

    folder_lock("two").acquire()


def test_the_last_of_several_processes_keeps_the_folder(folder_lock):
    first, second = folder_lock("one"), folder_lock("one")
    first.acquire()
    second.acquire()
    first.release()

    with pytest.raises(SettingError):
        folder_lock("two").acquire()


def test_a_worker_that_starts_again_joins_the_others(folder_lock):
    first, second = folder_lock("one"), folder_lock("one")
    first.acquire()
    second.acquire()
    first.release()

    folder_lock("one").acquire()


def test_a_server_that_stops_in_time_makes_way(folder_lock):
    old = folder_lock("one")
    old.acquire()
    timer = threading.Timer(0.2, old.release)
    timer.start()

    folder_lock("two").acquire()
    timer.join()


def test_only_the_first_is_alone(folder_lock):
    calls: list[str] = []

    folder_lock("one", lambda: calls.append("first")).acquire()
    folder_lock("one", lambda: calls.append("second")).acquire()

    assert calls == ["first"]


def test_the_lock_file_is_private(folder_lock, tmp_path):
    folder_lock("one").acquire()

    assert (tmp_path / ".wce.lock").stat().st_mode & 0o777 == 0o600


def test_processes_wait_in_a_line_and_a_turn_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "writers"
    ours = ProcessLocks(path)
    ours.open()
    script = (
        "import sys, fcntl, os, zlib\n"
        "file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "fcntl.lockf(file, fcntl.LOCK_EX, 1, zlib.crc32(b'a'))\n"
        "print('held', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        other.stdout.readline()

        given_up, free = ours.take("a", 0.02, lambda: True), ours.take("b", 0.02, lambda: None)
        other.stdin.write("\n")
        other.stdin.close()
        with ours.hold("a", 30.0):
            taken = ours.take("a", 0.0, lambda: None)  # ours already

    ours.close()
    assert (given_up, free, taken) == (False, True, True)


@pytest.mark.parametrize("seconds", [0.0, 30.0])
def test_the_first_in_line_waits_for_whoever_writes(tmp_path: Path, seconds: float) -> None:
    ours = ProcessLocks(tmp_path / "writers")
    ours.open()
    looks = [True] * 20

    first = ours.take("a", seconds, lambda: bool(looks) and looks.pop())

    ours.close()
    assert first
    assert bool(looks) == (seconds == 0.0)


def test_one_process_alone_needs_no_turns() -> None:
    alone = ProcessLocks(None)
    alone.open()

    with alone.hold("a", 0.0), alone.hold("a", 0.0):
        pass
    alone.close()
