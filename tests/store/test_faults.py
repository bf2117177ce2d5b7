"""What must hold when a process is killed, a disk is full, descriptors are few or very many want to write."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.conftest import OWNER, count
from wce.errors import WceError
from wce.store import migrate

INSERT = "INSERT INTO notes (title) VALUES (?)"


def test_200_writers_at_once_all_succeed(store, cenv, add_note, counted):
    start = threading.Barrier(200)

    def work(number: int) -> None:
        start.wait()
        add_note(str(number))

    with ThreadPoolExecutor(200) as pool:
        list(pool.map(work, range(200)))

    assert counted() == 200
    assert len(store.writers) == 0


def test_closing_a_cenv_again_and_again_loses_no_write(store, cenv, add_note, counted):
    stop = threading.Event()

    def close() -> None:
        while not stop.wait(0.001):
            store.connections.close_cenv(cenv)

    closer = threading.Thread(target=close)
    closer.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_note, map(str, range(400))))
    stop.set()
    closer.join()

    assert counted() == 400


WRITERS = """
from concurrent.futures import ThreadPoolExecutor
store.open()
def write(number):
    start = time.monotonic()
    with store.session(sys.argv[2]) as session, session.transaction(OWNER) as transaction:
        transaction.execute("INSERT INTO notes (title) VALUES (?)", (f"{os.getpid()} {number}",))
    return time.monotonic() - start
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(4) as pool:
    print(max(pool.map(write, range(150))))
store.close()
"""


def test_writers_in_several_processes_all_succeed_and_none_waits_for_long(store, cenv, spawn, counted):
    processes = [spawn(WRITERS, cenv) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"

    longest = [float(process.communicate("go\n", timeout=40)[0]) for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert counted() == 450
    assert max(longest) < 20
    with store.session(cenv) as session:
        assert session.one("SELECT commits FROM _wce_state") == (451,)


KILLED = """
import random, signal
cenv, rounds = sys.argv[2], int(sys.argv[3])
store.connections  # nothing is open yet, so that children may be forked

def child(pipe):
    store.open()
    def write(thread):
        while True:
            with store.session(cenv) as session, session.transaction(OWNER) as transaction:
                found = transaction.execute("INSERT INTO notes (title) VALUES (?) RETURNING id", ("x" * 3000,)).fetchall()
            os.write(pipe, f"{found[0][0]}\\n".encode())
    for number in range(3):
        threading.Thread(target=write, args=(number,), daemon=True).start()
    time.sleep(60)

chance, acknowledged = random.Random(7), set()
for _ in range(rounds):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            child(writer)
        finally:
            os._exit(1)
    os.close(writer)
    first = os.read(reader, 1)
    time.sleep(chance.random() * 0.08)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(reader, "rb") as told:
        acknowledged.update(int(line) for line in (first + told.read()).splitlines(keepends=True) if line.endswith(b"\\n"))
    store.open()
    with store.session(cenv) as session:
        present = {row[0] for row in session.all("SELECT id FROM notes")}
        healthy = session.all("PRAGMA quick_check")
    store.close()
    assert healthy == [("ok",)], healthy
    assert acknowledged <= present, acknowledged - present
print(len(acknowledged), len(present))
"""


@pytest.mark.slow
def test_50_kills_in_the_middle_of_writing_lose_no_acknowledged_write(store, cenv, run):
    store.close()

    acknowledged, present = map(int, run(KILLED, cenv, "50").split())

    assert 50 <= acknowledged <= present


MIGRATING = """
from wce.store import migrate
endless = "INSERT INTO notes (title) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT hex(randomblob(500)) FROM n"
steps = migrate.load() + (migrate.Migration(len(migrate.load()) + 1, "endless", ("CREATE TABLE half (a)", endless)),)
store = Store(store.settings, Metrics(), migrations=steps)
store.open()
with store.session(sys.argv[2]):
    pass
"""


def test_a_migration_that_is_killed_leaves_the_old_file(store, cenv, add_note, counted, spawn):
    add_note("kept")
    store.connections.close()
    log = Path(f"{store.path(cenv)}-wal")

    process = spawn(MIGRATING, cenv)
    deadline = time.monotonic() + 20
    while not (log.exists() and log.stat().st_size > 1_000_000):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()

    assert counted() == 1
    with store.session(cenv) as session:
        assert session.one("PRAGMA user_version") == (len(migrate.load()),)
        assert session.all("SELECT name FROM sqlite_schema WHERE name = 'half'") == []
        assert session.all("PRAGMA integrity_check") == [("ok",)]


DYING = """
store.open()
with store.session(sys.argv[2]) as session, session.transaction(OWNER) as transaction:
    transaction.execute("INSERT INTO notes (title) VALUES ('in the log only')")
os._exit(0)
"""


def test_a_log_that_is_gone_takes_the_last_writes_along_and_nothing_else(store, cenv, add_note, counted, run):
    add_note("kept")
    store.connections.close()
    run(DYING, cenv)
    log = Path(f"{store.path(cenv)}-wal")
    assert log.stat().st_size > 0

    log.unlink()

    assert counted() == 1
    with store.session(cenv) as session:
        assert session.all("PRAGMA integrity_check") == [("ok",)]
    add_note("after")
    assert counted() == 2


FULL = """
import json, resource
from wce.errors import WceError
store.open()
cenv, codes = sys.argv[2], []
size = os.stat(store.path(cenv)).st_size
def write(title):
    with store.session(cenv) as session, session.transaction(OWNER) as transaction:
        transaction.execute("INSERT INTO notes (title) VALUES (?)", (title,))
        transaction.execute("INSERT INTO notes (title) VALUES (?)", (title,))
write("before")
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, hard))
for attempt in range(3):
    try:
        write("x" * 300_000)
    except WceError as error:
        codes.append(error.code)
try:
    store.create(lambda session: session.execute("CREATE TABLE big AS SELECT zeroblob(500000)"), OWNER)
except WceError as error:
    codes.append(error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
write("after")
with store.session(cenv) as session:
    rows = session.all("SELECT title, count(*) FROM notes GROUP BY title ORDER BY 1")
    check = session.all("PRAGMA integrity_check")
print(json.dumps([codes, rows, check, sorted(os.listdir(sys.argv[1]))]))
store.close()
"""


def test_a_full_disk_undoes_the_write_says_so_and_harms_nothing(store, cenv, run):
    store.close()

    codes, rows, check, names = json.loads(run(FULL, cenv))

    assert codes == ["disk_full"] * 4
    assert rows == [["after", 2], ["before", 2]]
    assert check == [["ok"]]
    assert names == sorted([".wce.lock", f"{cenv}.db", f"{cenv}.db-shm", f"{cenv}.db-wal"])


MANY = """
import resource
from concurrent.futures import ThreadPoolExecutor
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
store = Store(store.settings, Metrics())
store.open()
cenvs = store.cenvs()
def touch(number):
    cenv = cenvs[number % len(cenvs)]
    with store.session(cenv) as session:
        assert session.one("SELECT count(*) FROM _wce_users") == (1,)
        if number % 25 == 0:
            with session.transaction(OWNER) as transaction:
                transaction.execute("INSERT INTO notes (title) VALUES ('x')")
    return 0 if number % 9 else len(os.listdir("/proc/self/fd"))
with ThreadPoolExecutor(8) as pool:
    most = max(pool.map(touch, range(len(cenvs) + 300)))
hot = cenvs[:20]  # few cenvs, many threads: SQLite keeps descriptors back
with ThreadPoolExecutor(32) as pool:
    most = max(most, *pool.map(touch, [number % 20 for number in range(600)]))
print(len(cenvs), most)
store.close()
assert len(os.listdir("/proc/self/fd")) < 20
"""


def copies(store, cenv: str, number: int, page_bytes: int) -> None:
    """Make a folder full of cenvs from one closed file; small pages keep it small on the disk."""
    with store.session(cenv) as session:
        session.execute("PRAGMA journal_mode=DELETE")
        session.execute(f"PRAGMA page_size={page_bytes}")
        session.execute("VACUUM")
        session.execute("PRAGMA journal_mode=WAL")
    store.close()
    content = (store.folder.path / f"{cenv}.db").read_bytes()
    for index in range(number - 1):
        (store.folder.path / f"00000000-0000-4000-8000-{index:012x}.db").write_bytes(content)


def test_300_cenvs_through_20_places_lose_no_write(store, cenv, settings, make_store):
    copies(store, cenv, 300, 512)
    small = make_store(replace(settings, max_open_cenvs=20))
    cenvs = small.cenvs()
    assert len(cenvs) == 300

    def write(number: int) -> None:
        with small.session(cenvs[number]) as session, session.transaction(OWNER) as transaction:
            transaction.execute(INSERT, (str(number),))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(300)))

    assert {count(small, name) for name in cenvs} == {1}


class TestDescriptors:
    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        """In memory where there is room: this is about descriptors, and 3,000 small files take a disk 20 seconds."""
        memory = Path("/dev/shm")
        roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1_000_000_000
        with tempfile.TemporaryDirectory(dir=memory if roomy else None) as made:
            yield Path(made) / "cenvs"

    @pytest.mark.slow
    def test_3000_cenvs_are_touched_with_1024(self, store, cenv, run):
        copies(store, cenv, 3000, 512)

        touched, most = map(int, run(MANY).split())

        assert touched == 3000
        assert most < 1024


IDLE = """
def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
store.open()
cenvs = store.cenvs()
def touch(cenv):
    with store.session(cenv) as session:
        session.one("SELECT * FROM _wce_sessions JOIN _wce_users USING (user_id), _wce_state WHERE session_id = ?", ("x",))
        session.all("SELECT * FROM _wce_table_permissions WHERE user_id = ?", (1,))
        with session.transaction(OWNER) as transaction:
            transaction.execute("INSERT INTO notes (title) VALUES ('x')")
for cenv in cenvs[:20]:
    touch(cenv)
before = resident()
for cenv in cenvs[20:]:
    touch(cenv)
print((resident() - before) / (len(cenvs) - 20))
store.close()
"""


def test_an_idle_open_cenv_takes_little_memory(store, cenv, run):
    copies(store, cenv, 120, 4096)

    kib = float(run(IDLE))

    print(f"{kib:.0f} KiB for each open cenv")
    assert kib <= 300


REFUSED = """
from wce.config import SettingError
from dataclasses import replace
other = Store(replace(store.settings, instance=sys.argv[2]), Metrics())
try:
    other.open()
    print("in")
except SettingError as error:
    print(error)
"""

HOLDING = """
store.open()
print("in", flush=True)
time.sleep(60)
"""


def test_another_server_is_kept_off_until_the_first_is_gone_however_it_ended(folder, spawn, run):
    folder.mkdir()
    first = spawn(HOLDING)
    assert first.stdout.readline() == "in\n"

    while_running = run(REFUSED, "another")
    sibling = run(REFUSED, "tests")
    os.kill(first.pid, 9)
    first.wait()
    afterwards = run(REFUSED, "another")

    assert "in use by another server" in while_running
    assert sibling == "in"
    assert afterwards == "in"


ENDLESS = """
store.open()
with store.session(sys.argv[2]) as session, session.transaction(OWNER) as transaction:
    transaction.execute("INSERT INTO notes (title) VALUES ('never committed')")
    print("in", flush=True)
    time.sleep(60)
"""


def test_a_writer_in_another_process_that_never_ends_is_told_as_busy(store, cenv, actor, spawn):
    assert spawn(ENDLESS, cenv).stdout.readline() == "in\n"

    with store.session(cenv) as session:
        session.execute("PRAGMA busy_timeout=50")
        with pytest.raises(WceError) as caught, store.transaction(session, actor, 0.3):
            pass

    assert (caught.value.code, caught.value.retry_after) == ("busy", 1)


def test_a_writer_that_is_killed_holds_up_nobody(store, cenv, spawn, add_note, counted):
    process = spawn(ENDLESS, cenv)
    assert process.stdout.readline() == "in\n"

    process.kill()
    process.wait()
    add_note("a")

    assert counted() == 1
