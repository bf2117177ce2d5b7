"""`python -m bench.inside`: CPU time of one request inside one process, without sockets: the steadiest figure on a busy machine."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from bench import floor, floor_target, wce_target
from bench.load import Request
from wce import log
from wce.config import from_environment
from wce.metrics import FOLDER_VARIABLE

TASKS: Final = (
    "read by key",
    "read by key, run each time",
    "list of 100",
    "list of 100, run each time",
    "insert",
    "update",
    "/me",
    "page",
    "cached page",
    "script",
)
Call = Callable[[], None]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


def _start(status: str, *_: object) -> None:
    if not status.startswith("2"):
        raise RuntimeError(status)


def call_of(application: Any, request: Request) -> Call:
    """One call sends the next variant, as a server would hand it over."""
    fixed: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "5309",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:5309",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.errors": io.StringIO(),
    }
    for name, text in request.headers.items():
        key = name.upper().replace("-", "_")
        fixed[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = text
    variants = [(path, body.encode()) for path, body in request.variants]
    turn = 0

    def call() -> None:
        nonlocal turn
        path, body = variants[turn % len(variants)]
        turn += 1
        environ = {**fixed, "PATH_INFO": path, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        answer = application(environ, _start)
        b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()

    return call


@contextlib.contextmanager
def wce_calls(folder: Path, processes: int) -> Iterator[dict[str, Call]]:
    from wce.web import factory  # noqa: PLC0415  # the folder of the figures must be known before

    environment = {**wce_target.ENVIRONMENT, "WCE_JWT_SECRET": "k" * 32, "WCE_STORAGE_DIR": str(folder / "cenvs")}
    settings = from_environment(environment)
    metrics = folder / "metrics"
    metrics.mkdir()
    if processes > 1:
        settings = replace(settings, processes=processes, metrics_dir=str(metrics))
        os.environ[FOLDER_VARIABLE] = str(metrics)
    handler = log.configure("info", str(folder / "wce.log"), pid=os.getpid() if processes > 1 else None)
    app = factory.create_app(settings, bcrypt_rounds=4)
    app.extensions["wce"].start()  # a script is tried when it is saved
    with _served(app) as base:
        cenv = wce_target.new_cenv(base)
        requests = wce_target.requests_of(wce_target.fill(base, cenv))
    try:
        yield {task: call_of(app, requests[task]) for task in TASKS}
    finally:
        app.extensions["wce"].close()
        handler.close()


@contextlib.contextmanager
def _served(app: Any) -> Iterator[str]:
    """The application on a port for as long as it is filled."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def floor_calls(folder: Path) -> dict[str, Call]:
    path = folder / "floor.sqlite"
    floor_target.fill(path)
    os.environ["FLOOR_DATABASE"] = str(path)
    app = floor.create_app()
    requests = floor_target.requests()
    return {task: call_of(app, requests[task]) for task in TASKS}


def microseconds(call: Call, count: int) -> float:
    started = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - started) / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.inside", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--count", type=int, default=60, help="requests a round")
    parser.add_argument("--processes", type=int, default=1, help="2: with everything that several processes share")
    parser.add_argument("--task", choices=TASKS, action="append")
    arguments = parser.parse_args()
    tasks = arguments.task or TASKS
    with tempfile.TemporaryDirectory() as name, wce_calls(Path(name), arguments.processes) as wce:
        bare = floor_calls(Path(name))
        for task in tasks:
            wce[task]()
            bare[task]()
            taken: list[tuple[float, float]] = []
            for _ in range(arguments.rounds):
                taken.append((microseconds(wce[task], arguments.count), microseconds(bare[task], arguments.count)))
            ours, theirs = (statistics.median(column) for column in zip(*taken, strict=True))
            best = tuple(min(column) for column in zip(*taken, strict=True))
            ratio = statistics.median(other / own for own, other in taken)
            least = best[1] / best[0]
            print(
                f"{task:14} WCE {ours:6.0f} µs, least {best[0]:.0f}; floor {theirs:6.0f}, least {best[1]:.0f}: × {ratio:.2f}, {least:.2f}"
            )


if __name__ == "__main__":
    main()
