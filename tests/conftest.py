"""What any test may use: the folder of the project, and real servers on a port of their own."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, Playwright, sync_playwright

from wce.log import LOGGER
from wce.store import walindex

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30
STOP_SECONDS = 35  # the server gives running requests 30
# What these ask runs in other processes or nowhere, or nearer tests cover it with less; without coverage they take half as long.
# So do those that are marked as slow, most of which are random.
UNCOVERED = frozenset({"browser", "e2e", "examples", "security", "test_layers.py", "test_style.py"})
# Without these Chromium asks hosts of its maker for news, which a closed network refuses, many at a time.
BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Server:
    """A server process that answers on `url`; `output` holds what it printed and logged."""

    url: str
    process: subprocess.Popen[bytes]
    storage: Path
    output: Path


# The same examples in every run; deadlines say nothing on a machine that others use, too.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(ROOT / "tests").parts[0] in UNCOVERED or item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.no_cover)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end, so nobody looks through it for garbage, and less often through the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """What sets up the log does so for its whole process; the next test finds it as it was."""
    handlers, level, propagate = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate
    yield
    LOGGER.handlers[:] = handlers
    LOGGER.setLevel(level)
    LOGGER.propagate = propagate


@pytest.fixture(autouse=True)
def _the_short_way_from_the_first_request_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server takes it after some hundred; what it leaves out has to be right in every test."""
    monkeypatch.setattr(walindex, "_WORTH", 1)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@contextmanager
def serving(folder: Path, environ: dict[str, str]) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "output"
    # Nothing of the developer's own WCE_* reaches a test.
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("WCE_", "ALLOW_NEW"))}
    own = {"WCE_PORT": "0", "WCE_STORAGE_DIR": str(folder / "cenvs"), "PYTHONUNBUFFERED": "1"}
    with output.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=inherited | own | environ, stdout=sink, stderr=sink)
        try:
            yield Server(_address(process, output), process, folder / "cenvs", output)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            finally:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[bytes], output: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = re.search(r"http://127\.0\.0\.1:[1-9][0-9]*", output.read_text(encoding="utf-8"))
        if found:
            return found.group()
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError("the server did not start:\n" + output.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Call it with environment variables for a server of one's own; it is stopped when the tests of this worker end."""
    with ExitStack() as stack:

        def start(**environ: str) -> Server:
            return stack.enter_context(serving(tmp_path_factory.mktemp("server"), environ))

        yield start


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server]) -> Server:
    """One server for every test that only needs one, with limits that a test does not run into."""
    return start_server(WCE_RATE_LIMIT_NEW="1000 per minute", WCE_RATE_LIMIT_LOGIN="1000 per minute")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; every test makes a context of its own in it."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def launch(playwright: Playwright) -> Browser:
    """Without windows where there is one without: the same pages take two fifths less of the processors' time."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert path, "no chromium: apt-get install chromium-headless-shell"
    return playwright.chromium.launch(executable_path=path, args=BROWSER)
